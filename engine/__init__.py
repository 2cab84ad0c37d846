"""The system under test: a machine, a program, a variant of the accounting, and what a case of them does, step by step.

Imports numpy, numba and msgspec and nothing else of this project; has no clock, no random generator and no output.
Where compiled functions and plain Python meet is engine.core.compiled.

To read, first what a case is: topology.py (the machine), program.py (what its tasks do), variant.py (which
accounting), scenario.py (all of that and a schedule), outcome.py (what a batch of cases left),
charge_tally.py (what a recorded workload did). Then core/ (how it is
stored), kernel/ (what the kernel does in one step, a file for each of its parts), case/ (from the first step to the
last), checks/ (what must hold). import-linter holds the order: case > checks > kernel > the files here > core.
docs/MODEL.md has every step.
"""
