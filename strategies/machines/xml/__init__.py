"""Machines that tools write as XML: hwloc.py (lstopo), virsh.py (virsh capabilities), on events.py."""
