"""What may be behind structured residuals, by where they lie in time and fluence."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from helpers.film.rate_notes import notes
from helpers.fitting import Fit
from helpers.uncertainty.residual_tests import Misfit, misfit

_BLOCKS = 4  # parts of each span of time, so that residuals of both signs do not cancel
_LIKELY = 0.4  # share of the excess that makes a pattern
_CLEAR = 5.0  # standard errors by which the mean of the points before the pulse is off
_BEFORE = 0.02  # of the excess, from which on what is before the pulse counts
_CALM = 30.0  # excess over all spans of a trace, five standard deviations of what chance makes
_MANY = 3  # spans in which the times after the pulse are cut, even in the logarithm


@dataclass(frozen=True)
class Pattern:
    """Where the excess of squared residuals lies, in shares of all of it.

    Attributes
    ----------
    early, middle, late : float
        In the first, second and third part of the logarithmic time after the pulse.
    before : float
        Before the pulse; negative where the data lie below the curve there.
    low, high : float
        In the traces of lower and of higher initial density; both 0.5 for a single trace.
    is_above : bool
        Whether the data of the lowest density lie above the curve early.
    is_calm : bool
        Whether the trace of the highest density has no excess to speak of, beside others that have.
    traces : int
    """

    early: float
    middle: float
    late: float
    before: float
    low: float
    high: float
    is_above: bool
    is_calm: bool
    traces: int

    def in_words(self) -> str:
        """Return the pattern in words.

        Examples
        --------
        >>> Pattern(0.9, 0.1, 0.0, 0.0, 0.6, 0.4, True, False, 4).in_words()
        'early, in all traces, the data first above the curve'
        """
        words = [name for name in ("early", "middle", "late") if getattr(self, name) > _LIKELY]
        words = ["at middle times" if each == "middle" else each for each in words] or ["at all times"]
        if abs(self.before) > _BEFORE:
            words.append(f"and before the pulse ({'above' if self.before > 0 else 'below'} the curve)")
        if self.traces > 1:
            side = "low" if self.low > 0.85 else "high" if self.high > 0.85 else ""
            words.append(f"mainly at {side} fluence" if side else "in all traces")
        if self.early > _LIKELY:
            words.append(f"the data first {'above' if self.is_above else 'below'} the curve")
        return ", ".join(words).replace(", and", " and")


@dataclass(frozen=True)
class Candidate:
    """A cause that fits the pattern of the residuals.

    Attributes
    ----------
    cause : str
        "time zero", "response", "depth", "spot", "traps", "doping", "pile-up", "earlier pulses",
        "correlated noise" or "the law".
    score : float
        How well it fits the pattern, from 0 to 1; no probability.
    words : str
        The cause, and the measurement that would tell it from the others.
    """

    cause: str
    score: float
    words: str

    def __repr__(self) -> str:
        return f"Candidate({self.cause}, {self.score:.2f})"

    def __str__(self) -> str:
        return self.words


def candidates(fit: Fit, test: Misfit | None = None) -> list[Candidate]:
    """Name the causes that fit the pattern of structured residuals, and what would tell them apart.

    Parameters
    ----------
    fit : Fit
        Of any law.
    test : Misfit, optional
        `misfit(fit)`, if it is there already.

    Returns
    -------
    list of Candidate
        The best fitting first; none where the residuals are like noise. A cause that the measurement's facts
        rule out (`Measurement.sample`, such as a depth that diffusion levels out at once) is not named.

    Examples
    --------
    >>> from helpers.fitting import fit
    >>> from helpers.traces import Trace
    >>> t = np.linspace(0, 4, 200)
    >>> candidates(fit(Trace(t, np.exp(-t) + 0.01 * np.random.default_rng(1).standard_normal(200))))
    []
    """
    test = misfit(fit) if test is None else test
    if not test.found:
        return []
    if test.correlation:
        words = (
            f"Correlated noise: neighbouring points have the correlation {test.correlation:.2f}, as a filter,"
            " a boxcar or smoothing makes it. Measure unfiltered, or twice: noise differs, a misfit stays."
        )
        return [Candidate("correlated noise", 1.0, words)]
    seen = pattern(fit)
    excluded = _excluded(fit)
    found = [
        Candidate(cause, round(score, 3), words)
        for cause, (scored, words) in _CAUSES.items()
        if (score := scored(seen)) > _LIKELY and cause not in excluded
    ]
    if not found:
        words = (
            "The law: no cause of the measurement fits the pattern. Fit a law with other processes and"
            " compare the"
            " two, or fit each trace alone: where each fits, the traces do not share their rates."
        )
        return [Candidate("the law", 0.0, words)]
    return sorted(found, key=lambda each: -each.score)


def pattern(fit: Fit) -> Pattern:
    """Return where the excess Σ(Z² − 1) of block sums Z of the residuals lies, in time and over the traces.

    Examples
    --------
    >>> from helpers.fitting import fit
    >>> from helpers.traces import Trace
    >>> t = np.linspace(0, 4, 200)
    >>> pattern(fit(Trace(t, np.exp(-t) + 0.3 * np.exp(-50 * t)))).early > 0.5
    True
    """
    rows = [_of_trace(fit, j, residuals) for j, residuals in enumerate(fit.residuals(in_sigma=True))]
    excess = np.maximum(np.array([each for each, _, _ in rows]), 0.0)
    total = float(excess.sum()) or 1.0
    before, early, middle, late = (float(each) for each in excess.sum(axis=0) / total)
    sums = np.array([each for _, each, _ in rows])
    is_off = np.abs(sums).max() > _CLEAR
    sign = float(np.sign(sums[np.argmax(np.abs(sums))]))
    order = np.argsort(fit.n0)
    by_trace = excess.sum(axis=1)[order] / total
    half = len(order) // 2
    low = float(by_trace[:half].sum()) if half else 0.5
    high = float(by_trace[len(order) - half :].sum()) if half else 0.5
    return Pattern(
        early=early,
        middle=middle,
        late=late,
        before=sign * before if is_off else 0.0,
        low=low,
        high=high,
        is_above=rows[order[0]][2] > 0,
        is_calm=half > 0 and float(excess.sum(axis=1)[order[-1]]) < _CALM,
        traces=len(rows),
    )


def _of_trace(fit: Fit, j: int, residuals: np.ndarray) -> tuple[list[float], float, float]:
    """Excess before the pulse and in three spans after it; sums before it and early, in standard errors."""
    measurement, trace = fit.measurement, fit.traces[j]
    width = measurement.response_fwhm or 0.0
    since = trace.t - float(measurement.time_zero[j])
    after = since > 0
    first = max(float(np.median(np.diff(trace.t))), width)
    last = max(float(since[-1]), 2 * first)
    ends = first * (last / first) ** (np.arange(1, _MANY + 1) / _MANY)
    begin = -2 * width if width else 0.0
    spans = [since < begin, (since >= begin) & (since <= ends[0])]
    spans += [(since > low) & (since <= high) & after for low, high in pairwise(ends)]
    sums = [_sum(residuals[span]) for span in spans]
    return [_excess(residuals[span]) for span in spans], sums[0], sums[1]


def _sum(residuals: np.ndarray) -> float:
    return float(residuals.sum()) / math.sqrt(max(len(residuals), 1))


def _excess(residuals: np.ndarray) -> float:
    blocks = [each for each in np.array_split(residuals, _BLOCKS) if len(each)]
    return sum(_sum(each) ** 2 - 1 for each in blocks)


def _excluded(fit: Fit) -> set[str]:
    """Causes that the facts of the measurement, or the law itself, rule out."""
    measurement, causes = fit.measurement, set()
    if getattr(measurement, "time_zero_mode", "fixed") != "fixed":
        causes.add("time zero")
    if measurement.noise != "poisson":
        causes.add("pile-up")
    if "N_t" in fit.law.names:
        causes.add("traps")
    for note in notes(fit, checked=True):
        known = note.subject != "depth" or measurement.sample.diffusion_cm2_s is not None
        if not note.matters and known and note.subject in ("depth", "spot", "pile-up") and note.numbers:
            causes.add(note.subject)
    return causes


def _low(seen: Pattern) -> float:
    """Return how much of the misfit is at low fluence, and not the early misfit of all traces."""
    return seen.low * (1 - seen.early / 2 if seen.is_calm else 1 - seen.early)


def _slow(seen: Pattern) -> float:
    """Return how much of the misfit is late, or at low fluence and not early."""
    return max(seen.late, _low(seen), min(-20 * seen.before, 1.0))


# Each cause with its score for a pattern, and the measurement that tells it from the others.
_CAUSES: dict[str, tuple[Callable[[Pattern], float], str]] = {
    "time zero": (
        lambda seen: seen.early,
        "Time zero: the pulse comes earlier or later than the fit takes it. Give the instrument's response"
        " and"
        " let the fit find time zero, or begin the window later: rates that then change were wrong.",
    ),
    "response": (
        lambda seen: seen.early * 0.99,
        "Response: it is wider than the fit takes it, or has a tail. Record it with a scatterer in the"
        " sample's"
        " place at the emission's wavelength, and give that recording.",
    ),
    "depth": (
        lambda seen: seen.early * (0.98 if seen.is_above else 0.6),
        "Depth: the pulse is absorbed near the front and diffusion levels the density out slowly. Excite at a"
        " wavelength that is absorbed evenly, or from the back: only then does the early part change.",
    ),
    "spot": (
        lambda seen: seen.high * (1 - seen.early / 2),
        "Spot: the fluence differs within the area that is seen. Collect from the middle of the spot only"
        " (a pinhole), or widen the spot at the same fluence: the decay must then change.",
    ),
    "traps": (
        _slow,
        "Traps that fill: few carriers are caught at once, many fill the traps. Fit the law of finite traps"
        " to the"
        " whole series, and measure lower fluences and longer times, where filled and empty traps differ"
        " most.",
    ),
    "doping": (
        lambda seen: _slow(seen) * 0.97,
        "Doping: light goes with n·(n + p0), so that decays of low fluence become single exponentials of"
        " twice the"
        " time. Measure p0 (Hall effect, capacitance) and give it, or compare light with absorption or"
        " microwave"
        " conductivity, which see n alone.",
    ),
    "pile-up": (
        lambda seen: _low(seen) * 0.95 if seen.before > -5 * _BEFORE else 0.0,
        "Pile-up: only the first photon after each pulse is timed. Measure the same decay at a tenth of the"
        " count"
        " rate (a filter before the detector): a decay that then looks slower was piled up.",
    ),
    "earlier pulses": (
        lambda seen: min(20 * seen.before, 1.0),
        "Earlier pulses: light before the pulse is left from the one before. Give repetition_Hz, or halve"
        " it: the"
        " decay must not change.",
    ),
}
