"""A case from its first step to its last. May import schedulers, draw and engine. Read in this order:

walk           the loop around the engine's step: choose a task, let it step, check (compiled)
cases          the cases of a batch in one call: draw, reset, walk, count (compiled)
sampling       the same without checks, up to the last charge: wasted precharge alone (compiled)
tally          what is kept of each case; features: which steps followed each other across tasks
outcomes       from a tally to an Outcome, which is plain data
steps          the same loop in plain Python, for whoever looks at each step
replay         a scenario along its schedule, in plain Python; recorded_walk: the same compiled, for shrinking
drive          one task alone, operation by operation: recorded workloads and hooks (compiled)
survey         memcg operations of one alloc and free, counted by machine
"""
