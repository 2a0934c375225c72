"""The first report of a measurement: from its description to one page.

page      `make`: fits, examines and writes
figures   its pictures
tables    `save_table`: the values of a fit for a paper
"""

from helpers.report.page import make
from helpers.report.tables import save_table

__all__ = ["make", "save_table"]
