"""Which batch draws what. May import run, schedulers, draw and engine. Read in this order:

batch          Batch, a frozen value: everything that the cases of one batch depend on
plan           Plan, a frozen value: the configuration, which gives the Batch of every number
recipe         plans from what was asked for, and again in another process
portfolio      how hunting batches are shared out over schedulers, and how large batches are
learning       what hunting batches teach by epochs: seats of schedulers, known behaviours, cases worth varying
pilot          how many cases each family of the measurement stream gets: learnt from its first batches
batches        Batches: runs batches to Outcomes in one process
redraw         a case found again from batch and number, replayed, as a finding
mutants        planted mistakes, which the checkers must see; canary: a few of them in every campaign
user_scheduler a scheduler from the user's file
"""
