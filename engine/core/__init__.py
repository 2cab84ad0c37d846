"""How a case is stored and compiled; of percpu memory it knows the names of fields and steps, no rule.

Imports nothing else of the engine. In order: declare.py (a record is declared once, for numba and for plain Python),
records.py (Topo, Prog and State: every field), labels.py (steps, in words too, kinds of operations and gfp bits by
number), stages.py (what the numbers in State's fields mean), primitives.py (what a step is made of), derived.py
(functions that follow from what is declared: which step a label runs, what a row holds before the first),
evidence.py (what a step leaves for the checks), hooks.py (where steps of a user's own come in), planted.py (mistakes
planted to see that they are found), compiled.py (`@compiled`, `@compiled_entry`, the cache, the plain twin). Only the
last reaches what stands behind it inside numba, and only when something is run compiled: dispatchers.py, linking.py,
record_access.py, shortcuts.py, vectors.py. entries.py is the entries by name; compile_listeners.py is who hears of it.
"""
