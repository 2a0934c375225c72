"""A form that makes a description from files: pick them, see them, say what was measured, write the file.

chooser      `MeasurementChooser`: the widgets
preview      what a file holds: its first rows, its columns, a proposal for each entry of the form
template     a template of data/templates/ filled in
"""

from helpers.chooser.chooser import MeasurementChooser

__all__ = ["MeasurementChooser"]
