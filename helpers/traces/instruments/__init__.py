"""Files of instruments and of programs that hold tables: each kind as the columns of a `Table`.

recognition   `read_instrument`: which kind of file a file is, and its reader
excel         Excel workbooks
labview       LabVIEW measurement files
picoharp      histograms of PicoQuant as text
becker_hickl  curves of Becker & Hickl as text
horiba        decays of Horiba's DataStation as text
edinburgh     decays of Edinburgh Instruments as text
counts        counts without times, where the user says how wide a channel is
picoquant     histograms and photons of PicoQuant (.phu, .ptu), through ptufile
sdt           curves of Becker & Hickl (.sdt), through sdtfile
hdf5          datasets of HDF5 files
channels      times of channels, and the choice among several curves
fields        lines of text as columns of numbers
packages      packages that only some files need
refusal       what a library raises, in one plain sentence
selection     `Selection`: what of a file is wanted
"""

from helpers.traces.instruments.recognition import read_instrument
from helpers.traces.instruments.selection import Selection

__all__ = ["Selection", "read_instrument"]
