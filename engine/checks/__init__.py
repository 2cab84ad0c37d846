"""What must hold, judged from outside: a checker reads the State, and nothing that the model does depends on it.

Imports engine.core and engine.kernel (the same arithmetic); engine.kernel may not import it. invariants.py: after each
step, the rows that it touched; conservation.py: at rest and at the end, sums over all rows. What can only be seen at
its own step is judged there, in engine.kernel, through engine.core.evidence. docs/MODEL.md says which function judges
what.
"""
