"""Every interleaving of a small program, or every placement of a small area. May import run, draw and engine.

scopes         the small programs that are shipped, and every program of so many tasks and operations
world          what is searched: a scenario on the engine, or a program of the micro-machine (micro), which is small
               enough for brute force to tell whether the search misses anything
model          what the search asks of either: who may step, step, what is broken (compiled)
state_words    a state as the words that count, and its hash; table: a set of hashes; record: memory of a search
footprints     which fields a step can write, read from its source: nothing else is compared after it
depth_first    all interleavings, with sleep sets; breadth_first: shortest violations first (compiled)
search         drives either in short calls, grows what is full, says what was completed; from a path that was found to
               a scenario that replays
precharge      stands alone: precharge formulas against every way that pages can lie
"""
