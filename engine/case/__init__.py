"""A case from the first step to the last: reset, who may step, the step, operations, teardown.

Imports engine.core, engine.kernel for what a step does, and engine.checks for what the measured allocation truly lies
on. In order: reset.py (a State before the first step), runnable.py (which tasks may step now), step.py (performs one
task's step), operations.py (how operations begin and end), teardown.py (free, drain, remove, release). The loop around
these is strategies/run/walk.py; who steps next is decided there, never here.
"""
