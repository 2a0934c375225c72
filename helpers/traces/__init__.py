"""Measured decays: times, signal and standard errors, from a file or from arrays.

trace        `Trace`
loading      `load_trace`, `load_traces`: a file as a trace, or all traces of a file
columns      which columns are time, signal and standard error
column_units the units of the columns
matrices     spectra at many times: wavelengths on one side
cells        the chosen columns as numbers, every row sound or refused
instruments  files of instruments, workbooks and the like as columns
reading      text files as columns
header       the lines that name columns and units
preamble     what the lines above say of the unit of the times
titles       what the title of a column says
dialects     what separates the numbers and marks their decimals
numbers      numbers with marked thousands, and in other scripts
table        `Table`: the columns of a file of any kind, before they are checked
texts        bytes as lines of text
slopes       decay rates read off a trace
"""

from helpers.traces.loading import load_trace, load_traces
from helpers.traces.slopes import decay_rates, decay_terms
from helpers.traces.trace import Trace

__all__ = ["Trace", "decay_rates", "decay_terms", "load_trace", "load_traces"]
