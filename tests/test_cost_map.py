"""The map of the cost: a valley much narrower than the map is drawn as one, not as a chain of islands."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.contour import ContourSet
from scipy.ndimage import label

from helpers import plots
from helpers.fitting import cost_surface
from helpers.fitting import fit as fitted
from helpers.measurement import Measurement
from helpers.paths import DATA
from helpers.traces import load_trace

DECAY = load_trace(DATA / "sample_data.csv", t_unit="ns", signal_unit="10^16 cm^-3").from_peak()
NAMES = ("k2", "k3")


@pytest.fixture(scope="module")
def fit():
    return fitted(Measurement(DECAY, noise="even"), (0, 1e-3, 5e-4, 1.2e-7), record_path=True)


@pytest.fixture(scope="module")
def contours(fit):
    ax = plots.plot_cost_map(fit, [cost_surface.path_of(fit)])
    (found,) = (each for each in ax.collections if isinstance(each, ContourSet))
    yield found
    plt.close("all")


def is_closed(line):
    return np.allclose(line[0], line[-1])


def test_the_lines_of_each_level_are_one_closed_curve_or_end_on_the_frame(contours):
    assert len(contours.levels) >= 8
    for level, lines in zip(contours.levels, contours.allsegs, strict=True):
        closed = [line for line in lines if is_closed(line)]
        assert not closed or len(lines) == 1, f"islands at {level:.3g} times the smallest cost"
    assert is_closed(contours.allsegs[0][0])


def test_the_innermost_line_goes_round_the_minimum(contours, fit):
    (line,) = contours.allsegs[0]
    assert (line.min(axis=0) < [fit.rates.k2, fit.rates.k3]).all()
    assert (line.max(axis=0) > [fit.rates.k2, fit.rates.k3]).all()


def test_the_cost_on_each_line_is_what_the_line_says(contours, fit):
    for level, lines in zip(contours.levels, contours.allsegs, strict=True):
        points = np.concatenate(lines)[::5]
        cost = cost_surface.cost_at(fit, NAMES, *points.T) / fit.cost
        np.testing.assert_allclose(cost, level, rtol=0.2)


def test_what_is_lower_than_a_level_is_one_region(fit):
    limits = 1.5 * fit.rates.k2, 1.5 * fit.rates.k3
    height = cost_surface.cost_at(fit, NAMES, *cost_surface.grid_along_valley(fit, NAMES, limits)) / fit.cost
    for level in 10.0 ** np.arange(0.5, 3.5, 0.5):
        assert label(height < level)[1] == 1
