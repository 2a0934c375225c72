"""Decay rates read off the points: right without noise, honest with it."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.slopes import decay_rates
from helpers.traces import Trace

T = np.concatenate([np.arange(0, 200) / 100, np.arange(20, 200) / 10])


@pytest.mark.parametrize(
    ("decay", "law"),
    [
        (lambda t: np.exp(-0.3 * t), lambda n: 0.3 * n),
        (lambda t: 1 / (1 + 2 * t), lambda n: 2 * n**2),
        (lambda t: 1 / np.sqrt(1 + 6 * t), lambda n: 3 * n**3),
    ],
    ids=["order 1", "order 2", "order 3"],
)
def test_without_noise_each_order_shows_its_rate(decay, law):
    n, rate, _ = decay_rates(Trace(T, decay(T)))
    np.testing.assert_allclose(rate, law(n), rtol=0.05)
    slope = np.polyfit(np.log(n), np.log(rate), 1)[0]
    assert slope == pytest.approx(np.polyfit(np.log(n), np.log(law(n)), 1)[0], abs=0.02)


def test_errors_cover_the_truth_as_often_as_errors_should():
    draw = np.random.default_rng(20190110)
    away = []
    for _ in range(200):
        n, rate, error = decay_rates(
            Trace(T, np.exp(-0.3 * T) + 0.01 * draw.standard_normal(T.size)), least=12
        )
        early = n > 0.3  # further down the list ends at random, which favours large slopes
        away.append((rate - 0.3 * n)[early] / error[early])
    away = np.concatenate(away)
    assert abs(np.mean(away)) < 0.1
    assert np.mean(np.abs(away) < 1) == pytest.approx(0.66, abs=0.04)  # Student's t, 10 degrees of freedom


def test_a_slow_start_sampled_densely_is_not_lost():
    draw = np.random.default_rng(3)
    t = np.arange(0, 20, 0.005)
    n, rate, _ = decay_rates(Trace(t, np.exp(-0.3 * t) + 0.01 * draw.standard_normal(t.size)))
    assert n.max() > 0.95
    np.testing.assert_allclose(rate[n > 0.3], 0.3 * n[n > 0.3], rtol=0.5)


def test_the_list_ends_where_noise_takes_over():
    draw = np.random.default_rng(7)
    t = np.arange(0, 100, 0.05)
    n, rate, error = decay_rates(Trace(t, np.exp(-t) + 0.01 * draw.standard_normal(t.size)))
    assert (rate > 2 * error).all()
    assert 0.002 < n.min() < 0.1


@pytest.mark.parametrize("signal", [np.ones(100), np.arange(100.0), -np.exp(-np.arange(100.0))])
def test_what_does_not_decay_is_refused(signal):
    with pytest.raises(ValueError, match="flat: no decay stands out"):
        decay_rates(Trace(np.arange(100.0), signal, name="flat"))


def test_too_few_points_are_refused():
    with pytest.raises(ValueError, match="no decay stands out"):
        decay_rates(Trace([0, 1, 2], [3, 2, 1]))
