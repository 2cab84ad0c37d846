"""Steps, claims and checkers of a user's own: a file's text becomes an engine with some of its functions replaced.

Imports all of the engine, and nothing of the engine imports it; the one trace that it leaves there is core/hooks.py.
In order: marks.py (what a file marks its functions with), rules.py (what may stand in a step, and how a loop that never
ends and an index that is none are made errors), file.py (the file is run, its functions are taken), graft.py (a copy of
the graph of functions below an entry, some replaced), engines.py (the plain and the compiled engine of a variant),
helpers.py (what steps are written with). percpu_fuzz/own.py is what files import. docs/own-patch.md is the tutorial.
"""
