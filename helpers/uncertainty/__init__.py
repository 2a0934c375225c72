"""What a fit's numbers are worth; every function takes a `Fit` of any law and any measurement.

profiles        `profile`, `contour`: intervals by the likelihood, of any parameter
profile_path    the walk behind a profile
thresholds      how far chance alone lifts the cost, near bounds too
resampling      `bootstrap`: the scatter over fits of simulated data
model_choice    `compare_terms`, `compare`: which terms, which law
misfit_causes   `candidates`: what may be behind structured residuals
planning        `plan`: which fluences to measure, by the errors to expect
residual_tests  `misfit`: whether the law describes the data
advice          `advise`: all of it in plain sentences
"""

from helpers.uncertainty.advice import advise
from helpers.uncertainty.misfit_causes import Candidate, Pattern, candidates, pattern
from helpers.uncertainty.model_choice import Ladder, compare, compare_terms
from helpers.uncertainty.planning import Plan, plan
from helpers.uncertainty.profiles import Curve, Profile, contour, profile
from helpers.uncertainty.resampling import Bootstrap, bootstrap
from helpers.uncertainty.residual_tests import Misfit, TraceTest, misfit

__all__ = [
    "Bootstrap",
    "Candidate",
    "Curve",
    "Ladder",
    "Misfit",
    "Pattern",
    "Plan",
    "Profile",
    "TraceTest",
    "advise",
    "bootstrap",
    "candidates",
    "compare",
    "compare_terms",
    "contour",
    "misfit",
    "pattern",
    "plan",
    "profile",
]
