"""Violating cases as people are shown them: picked, drawn again, shrunk, explained, written, one file for each cause.

May import shrink; campaign and commands import it. It knows no store: it is given outcomes.

To read: pick.py chooses cases and writes files; showing.py makes one case fit to be shown and names its shape, with
lanes.py (its steps) and explain.py (its story); helpers.py are the processes that do it. handoff.py and
regression.py make a mail and a test of a finding; provenance.py says in each file how it is replayed.
"""
