"""Machines from files, in the formats that people have of them, and as QEMU arguments.

Imports engine, strategies.reading and, for names of machines, strategies.draw.topologies; not trace. importing.py tells
a format by its content; a reader a format (sysfs.py with tree.py, hwloc.py with xml_events.py, numactl.py, lscpu.py,
qemu_import.py with qemu_words.py) yields Facts, and facts.py makes a Topology of them and of the user's Answers
(answers.py, zoneinfo.py): nothing is guessed in silence, each assumption is a note. topology_json.py reads what says
everything, the machine of a recorded run, with page_frames.py and boot_log.py. qemu_export.py goes the other way.
machine.py has what all share.
"""
