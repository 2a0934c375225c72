"""Figures: one function for each, which draws on `ax` (by default new ones) and returns it.

measurement  before any fit: traces, the order of the decay, curves of guesses
fit          data, fitted curves and residuals
cost_map     the cost over two parameters, with the paths of searches
errors       correlations, profiles, bootstrap, the ladder of terms
processes    a drawing of the three processes
physics      what a fit says of the processes: shares, lifetimes, quantum yield
maps         images of rates, and what became of each pixel
planning     which densities to measure, with the errors to expect
saving       `save`: a figure as a file for a paper
style        colours, looks, axes
"""

from helpers.plots.cost_map import plot_cost_map
from helpers.plots.errors import plot_cloud, plot_correlation, plot_ladder, plot_profiles
from helpers.plots.fit import plot_fit
from helpers.plots.maps import plot_image, plot_map, plot_status
from helpers.plots.measurement import plot_decay_order, plot_measurement, plot_starts, plot_variations
from helpers.plots.physics import (
    plot_decay_orders,
    plot_lifetime,
    plot_quantum_yield,
    plot_series,
    plot_shares_over_density,
    plot_shares_over_time,
)
from helpers.plots.planning import plot_plan
from helpers.plots.processes import draw_processes
from helpers.plots.saving import save
from helpers.plots.style import (
    COLOURS,
    CURVES,
    DATA,
    MODEL,
    SCALES,
    STAR,
    STYLE,
    axes_for,
    look,
    use_style,
)

__all__ = [
    "COLOURS",
    "CURVES",
    "DATA",
    "MODEL",
    "SCALES",
    "STAR",
    "STYLE",
    "axes_for",
    "draw_processes",
    "look",
    "plot_cloud",
    "plot_correlation",
    "plot_cost_map",
    "plot_decay_order",
    "plot_decay_orders",
    "plot_fit",
    "plot_image",
    "plot_ladder",
    "plot_lifetime",
    "plot_map",
    "plot_measurement",
    "plot_plan",
    "plot_profiles",
    "plot_quantum_yield",
    "plot_series",
    "plot_shares_over_density",
    "plot_shares_over_time",
    "plot_starts",
    "plot_status",
    "plot_variations",
    "save",
    "use_style",
]
