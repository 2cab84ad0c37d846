"""What percpu-fuzz costs on this machine: `percpu-fuzz bench`.

measure.py: rounds in turn, by CPU time, each beside a yardstick; what they come to. core.py and core.c: the small model
that the step engine is measured against. engine_parts.py, beside_spin.py, command_parts.py, parent_part.py,
time_to_bug.py: what is measured; state_machine.py: what the hunting stream stands beside. machine.py: where.
comparing.py: an earlier JSON beside today's. docs/adr/0025 says why so.
"""
