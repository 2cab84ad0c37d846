"""Recorded runs against the model: does it charge, place and refuse as the kernel did, and what does a variant charge?

Imports engine, strategies.run.drive, draw, trace and machines; not calibrate. fidelity.py has the five figures of a
run; each has a file of its own, which are three machines, for they answer different questions:

- replay.py drives the engine (one_task.py) through the charged areas: rows of memory.stat (stat_rows.py)
  and what was charged (charge_tally.py); trace_replay.py does it for `percpu-fuzz trace`;
- areas.py asks an emulation of the allocator (allocator.py, allocator_chunk.py) for each place, in the order of
  decisions (area_steps.py);
- fallback.py holds pages against zonelists, charge_failures.py failures against limits.

hook_check.py compares recorded hook arithmetic (hook_records.py) with the engine's hooks, record by record.
"""
