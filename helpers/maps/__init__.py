"""Fits of many decays at once: maps of rates from images of traces.

many       `fit_many`
fit_map    `FitMap`: images of values and errors, one pixel as a fit, table, files
replicates  refits of one decay to other data, for the bootstrap
crew       chunks of work on any executor, sent again where a worker dies
chunk      the fits of some pixels
batch      the search for many minima side by side
starts     where it begins
steps      small bounded quadratic problems
curves     the rate law of many pixels, and the sums that a search needs
grid       the common time steps
screening  pixels that no law is fitted to
pattern    the measurement of a typical pixel
pixels     decays, wherever they are kept
plan       what all pixels have in common
options    options of a measurement as a file can hold them
storage    maps in HDF5 files
"""

from helpers.maps.fit_map import FitMap
from helpers.maps.many import fit_many

__all__ = ["FitMap", "fit_many"]
