"""What CI systems take of a campaign: JUnit XML, SARIF, KTAP, JSON lines, GitHub annotations.

Imports figures and sections of reports, as other documents do; json and ElementTree of the standard library.

Read `verdicts` first: one verdict an invariant, a batch that could not be run, or a broken harness.
`formats` writes them in each format, and names these for `--report`. All are ASCII and pure functions of a campaign and
its exit status.
"""
