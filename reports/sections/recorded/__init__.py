"""Pages of recorded kernels, from the rows that strategies.trace, fidelity and calibrate make.

traced (a workload on a variant), fidelity (how far a row of memory.stat is met), calibration (weights as they were
fitted). May import render/ and the words that sections/ shares.
"""
