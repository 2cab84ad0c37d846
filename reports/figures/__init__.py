"""Numbers of a campaign: one file a noun, each a function over plain values with the theorem of its interval.

Begin with figures.py: `Figures(campaign)` names everything that is computed and has each of it computed once, by its
neighbours. families.py has the strata that most of them take: a family's weight, what was counted of it, its machines.
estimates (distributions), rates (invariants), headroom, left_over, misplaced, by_stratum and cells are of the
measurement stream; discovery and operations are not; certificate collects what is bounded. compare takes two campaigns;
stopping bounds figures while a campaign runs; traced is of another command.

May import statistics/, the tables and records beside it (campaign, quantities, ...) and engine/; never a section.
"""
