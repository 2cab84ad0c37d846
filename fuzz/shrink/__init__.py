"""A scenario that breaks an invariant made smaller: machine, program, placement and schedule together.

May import the files of fuzz/ itself, strategies and engine; findings and the command `shrink` import it.

To read: attempt.py is the one gate that every candidate goes through; shrinker.py goes from one smaller attempt to the
next, with neighbours from candidates.py and machines.py and delta debugging. actors.py names who steps, whatever the
numbers. bridge.py lets Hypothesis go on from there, over scenarios as lists of numbers (numbers.py).
"""
