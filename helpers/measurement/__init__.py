"""What was measured, and how: traces, observable, noise, densities, times.

measurement   `Measurement`: one trace or several, and how they were taken
described     the same from a description, a TOML file beside the data
observable    `Observable`: from a density to a signal
quantity      `Quantity`: a number for each trace, fixed, free or shared
arguments     checks of what is given to `Measurement`
consistency   what cannot hold together in it
noise         counts, standard errors, or nothing known
edge          where a trace rises
sample        what is known of film, spot and counting beside what a fit needs
pulse_times   when the pulses come: given, found in the traces, or left to the fit
excitation    from a laser pulse to a density
instrument    `Response`: how the instrument spreads in time what comes at once
measured_response  the same from a recording
convolution   the convolution of a decay with it, as sums over nodes
response      the clock: the data's times, and what the model makes of them
pulses        trains of pulses
"""

from helpers.measurement.instrument import Response
from helpers.measurement.measurement import KINDS, Measurement, as_measurement
from helpers.measurement.observable import Observable
from helpers.measurement.quantity import Quantity

__all__ = ["KINDS", "Measurement", "Observable", "Quantity", "Response", "as_measurement"]
