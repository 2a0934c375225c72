"""The first report of a measurement: from its description to one page.

page      `make`: fits, examines and writes
figures   its pictures
"""

from helpers.report.page import make

__all__ = ["make"]
