"""What a case is drawn from. May import engine; everything else here stands on it.

A case is a list of integers, its choices. Read in this order:

choices      the one table: positions of the list, values of each, weights of the two streams
decode       a list drawn at random, and what it means: choices to a Prog record (compiled)
rng          the one generator
topologies   named machines, and the families that are the strata of measurement
weights      what the families' weights stand for, and weights of one's own
faults       rates of injected failures that were asked for, written into the weights
calibration  weights fitted to recorded runs, as data; goodness says how well they fit
"""
