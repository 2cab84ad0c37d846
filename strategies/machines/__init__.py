"""Machines from files, in the formats that people have of them, and as QEMU arguments.

Imports engine, strategies.reading and, for names of machines, strategies.draw.topologies; not trace. importing.py tells
a format by its content; a reader a format (sysfs.py with tree.py, xml/, numactl.py, lscpu.py, boot_facts.py, qemu/)
yields Facts, and facts.py makes a Topology of them and of the user's Answers (answers.py, zoneinfo.py, percpu_stats.py,
sizes.py): nothing is guessed in silence, each assumption is a note, and all that is missing is asked for at once.
pasted.py takes away what a mail puts around a text.
topology_json.py reads what says everything, the machine of a recorded run, with page_frames.py and boot_log.py.
qemu/export.py goes the other way. machine.py has what all share.
"""
