"""What was recorded of a kernel's run: a trace, and what lies beside it, as operations that any engine can replay.

Imports engine, strategies.reading, strategies.machines and strategies.draw.calibration; not fidelity, not calibrate.
Read recorded_run.py first (which files there are, and what is made of them), then the way of a trace: tracefs.py
(bytes to lines, and a line's head; payload.py reads the rest), events.py (what a line says), workload.py
(events paired), operations.py (what the workload did), trace_stream.py (all of it in one pass, with the checks of one
pass). Memory grows with what lives, not with what has passed. Beside that: states.py (snapshots of memory.stat),
cgroup_limits.py, rewrite.py (the same trace in the shape of other tools), pages/ (where backing pages lie).
"""
