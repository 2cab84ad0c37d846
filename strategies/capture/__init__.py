"""What is taken on somebody's machine: scripts to run there, and the archive that they make.

Imports engine and strategies.reading. snapshot.sh and machine.sh are printed by `percpu-fuzz snapshot-script`;
archive.py hands out what an archive has of a recorded run. What the scripts write is read where the rest of its kind
is: snapshots by strategies.trace.states, the machine by strategies.machines.
"""
