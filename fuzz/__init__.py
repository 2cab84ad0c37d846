"""Campaigns: the command line, the processes that run batches, the store that keeps them, the findings made of them.

May import everything below it, reports, strategies and engine; nothing imports it. Inside, imports point one way:
commands > campaign > findings | store > shrink > the files of this folder, which all of it shares.

To read: entry.py and cli.py find a command in commands/; settings.py is the table of `run`'s options, options.py reads
each, command_line.py and configuration.py say which are in force; schedule.py is the order of batches, a pure
function; then campaign/.
"""
