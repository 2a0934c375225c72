"""Fits kept as small readable files (`.par`): written whole, the same bytes on every run, read back.

files          `save`, `load`, `paths_for`
record         `FitRecord`: a saved fit; `FitRecord.on` makes the fit of it again, without a search
writing        what is kept of a fit
reading        the entries of a file, each checked
first_version  files of workbook 1.0.0 as today's
matching       whether data, law and measurement are those of a saved fit
stamps         what tells data and laws from others: names, units, hashes
rounding       how many digits are kept
"""

from helpers.records.files import load, paths_for, save
from helpers.records.record import FitRecord

__all__ = ["FitRecord", "load", "paths_for", "save"]
