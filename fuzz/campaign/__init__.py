"""A campaign while it runs: batches out to workers, rows into the store, until it is time to end.

May import findings, store and shrink; only commands import it.

To read: campaign.py is the whole of a session in one function; session.py what it starts from, ending.py what it ends
with. loop.py turns between dispatcher.py (which batch next, what became of it) and workers: processes of this machine
(workers.py) or of a cluster (cluster.py), which answer with events.py. log.py brings their records into one file;
screen.py shows the live counters; reserve.py measures what time is to be left for rendering.py and for findings;
here.py samples the machine at hand. mutants.py and exploration.py serve one command each.
"""
