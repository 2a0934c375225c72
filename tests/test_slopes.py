"""Decay rates read off the points, and the terms of the law in them: right without noise and with it."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.kinetics import solve
from helpers.paths import DATA
from helpers.traces import Trace, load_trace
from helpers.traces.slopes import decay_rates, decay_terms

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


class TestTerms:
    """The coefficients at which the lines of notebook 01 are drawn."""

    @pytest.mark.parametrize(
        "truth", [(0.3, 2.0, 5.0), (0.3, 2.0, 0), (0.3, 0, 5.0), (0.3, 0, 0), (0, 2.0, 0), (0, 0, 3.0)]
    )
    def test_without_noise_every_term_is_found_and_no_other(self, truth):
        t = np.concatenate([[0], np.geomspace(1e-3, 20, 1000)])
        found = decay_terms(*decay_rates(Trace(t, solve(t, 1.0, (0, *truth)))))
        np.testing.assert_allclose(found, truth, rtol=0.05, atol=0.02)

    @pytest.mark.parametrize("truth", [(1.02e-2, 1.03e-3, 1.1e-7), (0.05, 1e-4, 1e-6), (0.02, 0, 0)])
    def test_with_the_noise_of_the_sample_the_terms_are_those_of_the_truth(self, truth):
        t = np.concatenate([np.arange(0, 400) / 20, np.arange(40, 200) / 2, np.arange(50, 241) * 2.0])
        clean, found = solve(t, 800.0, (0, *truth)), []
        for seed in range(40):
            relative, constant = np.random.default_rng(seed).standard_normal((2, t.size))
            noisy = Trace(t, clean * (1 + 0.003 * relative) + 0.3 * constant)
            found.append(decay_terms(*decay_rates(noisy)))
        k1, k2, k3 = np.mean(found, axis=0)
        assert k1 == pytest.approx(truth[0], rel=0.05)
        assert k2 == pytest.approx(truth[1], rel=0.1, abs=1e-6)
        assert k3 == pytest.approx(truth[2], rel=0.2, abs=1e-9)

    def test_the_sample_shows_the_rates_that_it_was_made_with(self):
        decay = load_trace(DATA / "sample_data.csv", t_unit="ns").from_peak()
        k1, k2, k3 = decay_terms(*decay_rates(decay))
        assert k1 == pytest.approx(1.02e-2, rel=0.06)
        assert k2 == pytest.approx(1.03e-3, rel=0.02)
        assert k3 == pytest.approx(1.1e-7, rel=0.25)

    def test_units_do_not_matter(self):
        n, rate, error = decay_rates(Trace(T, 1 / (1 + 2 * T)))
        in_cm = decay_terms(1e18 * n, 1e27 * rate, 1e27 * error)
        np.testing.assert_allclose(in_cm, decay_terms(n, rate, error) * [1e9, 1e-9, 1e-27], rtol=1e-9)

    def test_a_rate_without_scatter_does_not_outweigh_all_others(self):
        n = np.array([1.0, 2.0, 5.0, 10.0])
        rate = 0.5 * n * [1.02, 1, 1, 1]
        assert decay_terms(n, rate, [0, 0.01, 0.025, 0.05])[0] == pytest.approx(0.5, rel=0.02)
