"""Where the backing pages of a recorded run lay: recorded, told by page events of the trace, or modelled.

Imports what strategies.trace imports, and its events. placement.py reads placement.json and has the records;
placement_check.py asks whether it is this machine's and this trace's; page_events.py makes the same records from page
events as they pass; pages_in_time.py hands records out in the order of time; placement_model.py is for pages that
nobody tells of.
"""
