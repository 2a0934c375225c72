"""The slider panel of any law and any measurement.

panel     `MeasurementPanel`
rows      the law's parameters and n0 as rows of widgets
frame     the widgets and what the buttons do, whatever is drawn and fitted
controls  one parameter's row: marks, number, error, slider
verdicts  what a fit says of each row
history   undo and redo
page      what the browser does: layout, size of the picture, names for screen readers, keys
model     the model where the rows stand, with scale and background at their best
picture   traces, curves and residuals
drawing   how such a picture is redrawn in a few milliseconds
pixels    how it is packed for the browser
texts     units and shares as HTML

Kept guesses lie in the file of `helpers.guesses`, from which notebooks and fits read them.
"""

from helpers.panel.panel import MeasurementPanel

__all__ = ["MeasurementPanel"]
