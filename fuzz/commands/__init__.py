"""One file a command: what it takes, as click's options, and what it does with it, in a function NAME_command.

cli.py imports a file when its command is used, so each may import whatever it needs. What several commands take or say
is in shared.py. A command parses, calls one function of campaign/, findings/, shrink/, store/ or strategies, prints and
returns the exit status (errors.py). No command imports another one, but merge, which ends as run does.

To read: run.py, replay.py; the others as they are needed.
"""
