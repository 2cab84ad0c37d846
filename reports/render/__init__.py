"""From a page to bytes, and from values to pictures. Knows no campaign and no figure of one.

Imports `numbers` and `lanes` of reports, `statistics` for the band of a distribution function, the engine's names of
steps; jinja2 and markupsafe for HTML.

Read `page` first: what sections, tables, figures and bars are. Then the three that render any page: `text` (ASCII of 78
columns), `markdown`, `html` (one file without script or address; its template and style are in templates/).
Pictures are SVG: `svg` has elements, axes and curves, `pictures` distributions, curves, heat maps and ranges. `lanes`
lays an interleaving out as rows, for text and as a picture.
"""
