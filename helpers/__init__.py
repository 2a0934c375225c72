"""Helpers of the recombination workbook. Each package says on its first page what it offers and where it is.

traces        `Trace`, `load_trace`, `load_traces`: measured decays, read from a file or refused by row
kinetics      laws dn/dt = f(t, n): the rate law exactly, an equation of one's own numerically
description   what a TOML file says of a measurement, understood or refused by line
measurement   `Measurement`: traces and how they were taken; `described.load_measurement`
guesses       starts kept beside the data of their measurement
fitting       `fit`: a law joined to a measurement
uncertainty   `profile`, `bootstrap`, `compare_terms`, `compare`, `misfit`, `advise`
records       `save` and `load` of fits
plots         every figure of decays and fits
panel         `MeasurementPanel`: the sliders
report        the page that `python run.py fit` writes
networks      the Keras studies, apart from the rest
units, paths, progress, entries   used by all: units, folders and whole files, progress bars, entries of JSON

A package imports only from those named above it; pyproject.toml lists the layers, and a test holds them.
"""
