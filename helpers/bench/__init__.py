"""The slider panel of any law and any measurement.

panel    `MeasurementPanel`
rows     the law's parameters and n0 as rows of widgets
model    the model where the rows stand, with scale and background at their best
picture  traces, curves and residuals, redrawn in a few milliseconds
kept     the file of guesses
"""

from helpers.bench.panel import MeasurementPanel

__all__ = ["MeasurementPanel"]
