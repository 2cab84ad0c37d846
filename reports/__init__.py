"""What is said of stored outcomes: statistics, and reports in every format. Runs nothing, draws nothing, times nothing.

Read campaign.py first (stored rows, folded into sums), then figures/figures.py (everything that is computed of them,
each of it once) and sections/pages.py (figures put into words, tables and pictures: a page).

- campaign, evidence: what is stored; quantities, invariants: what is measured and asked, a row each.
- statistics/: intervals and tests for plain samples; knows no campaign.
- figures/: campaign -> numbers. sections/: numbers -> page. render/: page -> text, Markdown, HTML; knows no campaign.
- report_json, ci: what of the files that a run leaves is no page.

Imports go from the last of these to the first, and from here to engine/ only.
"""
