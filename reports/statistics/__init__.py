"""Estimates and their intervals, from numbers alone. Knows no campaign, prints nothing, draws no random number but the
bootstrap's, whose seed is the data.

Imports `engine.outcome` for the type of a histogram, NumPy and scipy.special where they are used; nothing above.

One sample: `intervals` (rates and quantiles, exact; distribution functions; least squares). Several families, each by
its weight: `strata` (rates, ratios, quantiles, means), then `bernstein` and `bootstrap`, between which `means` chooses.
At every look, for --stop: `anytime` (the bound of one rate), `sequences`, `anytime_ratio`, `anytime_quantile`,
`anytime_mean`. Two campaigns: `two_samples`.

Read `intervals` first, then `strata`. Each file names its theorem and its paper; tests hold the coverage, each with a
control that must fail.
"""
