"""Hypothesis strategies of what the engine takes, for tests here and elsewhere. May import plan and what it imports.

topologies     machines
programs       programs and fallback patterns, decoded from the one table of choices
scenarios      schedules and whole scenarios

They draw what can exist, throw nothing away, and shrink towards the simplest. Nothing else imports this folder.
"""
