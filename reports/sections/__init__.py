"""Figures in words, tables and pictures: a section is a function from Figures to render.page.Section.

pages.py lists the sections of a campaign in the order in which they are read: violations, how long until a clean
campaign says "fixed", findings and waste, then what else the precharge costs, calls into memcg, what the campaign
bounds, and how it was run. compare, diff and explored are pages of other commands; recorded/ has those
of recorded kernels. run_words, rate_words and estimate_tables have what several sections say alike.

Each figure is put into words once, for text, Markdown and HTML. Nothing is computed here that could be a figure.
May import figures/, render/ and what those may; only ci/ and fuzz/ import it.
"""
