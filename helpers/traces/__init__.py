"""Measured decays: times, signal and standard errors, from a file or from arrays.

trace      `Trace`
loading    `load_trace`: a file as a trace
columns    which columns are time, signal and standard error, and in which units
reading    rows of numbers, header and units of a text file
table      `Table`: the columns of a file of any kind, before they are checked
dialects   what separates the numbers and marks their decimals
texts      bytes as lines of text
slopes     decay rates read off a trace
"""

from helpers.traces.loading import load_trace
from helpers.traces.slopes import decay_rates, decay_terms
from helpers.traces.trace import Trace

__all__ = ["Trace", "decay_rates", "decay_terms", "load_trace"]
