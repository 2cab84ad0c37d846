"""What is drawn and who steps next; recorded data read, replayed and fitted. May import engine.

reading      files that nobody vouches for, plain or gzip
draw         what a case is drawn from: one table of choices, machines, failures, the generator
schedulers   who steps next, a file for each way
run          a case from its first step to its last: compiled in batches, replayed, or step by step in plain Python
plan         which batch draws what, and what the hunting stream learns
explore      every interleaving of a small program
given        all of it as Hypothesis strategies, for tests here and elsewhere
machines     topologies from files that the kernel, libvirt, QEMU or hwloc wrote
trace        a recorded trace as typed events and as operations
fidelity     recorded runs against the engine; calibrate: weights of the table of choices fitted to them

Each may import what stands above it, but machines, explore and the folders on recorded data know no plan. import-linter
holds that (pyproject.toml). Begin with draw/choices.py and run/walk.py.
"""
