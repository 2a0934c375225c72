"""Fits of a law to a measurement.

fits          `fit`, `fit_from_guesses`, `table`
result        `Fit`: values, errors, residuals, curves, table
search        what is varied, and what is said of the end of a search
other_starts  where a minimum looks doubtful, and where to search from again
start         `suggest`, the automatic guess
parameters    the named numbers of a fit
problem       cost and Jacobian of a law for a measurement
likelihood    noise and loss
variance_function  how the noise depends on the signal, from residuals
weighing      weights for noise that nobody measured
order         whether neighbouring residuals agree more than chance allows
minimise      Levenberg–Marquardt with bounds at zero
cost_surface  the shape of the cost around a fit
"""

from helpers.fitting.fits import fit, fit_from_guesses, table
from helpers.fitting.likelihood import LOSSES, Likelihood
from helpers.fitting.minimise import Minimum
from helpers.fitting.parameters import Parameter
from helpers.fitting.problem import Problem
from helpers.fitting.result import Fit
from helpers.fitting.start import suggest

__all__ = [
    "LOSSES",
    "Fit",
    "Likelihood",
    "Minimum",
    "Parameter",
    "Problem",
    "fit",
    "fit_from_guesses",
    "suggest",
    "table",
]
