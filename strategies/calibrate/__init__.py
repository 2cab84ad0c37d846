"""Fits what the measurement stream draws to recorded runs, and says how well it fits (docs/adr/0012).

Imports engine, strategies.draw and strategies.trace. calibrate.py has the tables, what each is counted from, and how
fits are judged; lifetimes.py counts how long charged areas live, recorded and as drawn; pages_and_limits.py counts
where pages lay and what limits left; counts.py adds runs up. What comes out is strategies.draw.calibration's
Calibration.
"""
