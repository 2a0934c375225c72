"""The instrument's response: how it spreads in time what comes at once."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.polynomial.legendre import leggauss
from scipy.special import erfc, erfcx

from helpers.measurement.convolution import (
    Blocks,
    Panels,
    Sums,
    box_sums,
    gaussian_sums,
    panels_for,
    plain_sums,
    widening,
)

FWHM_PER_SIGMA = math.sqrt(8 * math.log(2))
_REACH = 6.0  # standard deviations of a Gaussian
_TAILS = 30.0  # time constants of a tail, after which 1e-13 of it is left
_GRID = 40_001
_POINTS_A_BIN = 5
_MOST_SAMPLES, _ORDER_OF_SAMPLES = 400, 10  # of a recording, each of which makes a panel of so many nodes


@dataclass(frozen=True, eq=False)
class Samples:
    """A measured response: heights at times counted from its largest value, 0 at both ends, of area 1."""

    t: np.ndarray
    height: np.ndarray
    step: float  # distance of the samples at the largest value, as they were recorded
    name: str = ""
    words: str = ""  # how it was understood
    sha256: str = ""

    def __repr__(self) -> str:
        return f"Samples({self.name!r}: {len(self.t)})"

    @cached_property
    def blocks(self) -> Blocks:
        """The samples, prepared for the convolution."""
        return Blocks(self.t, self.height)


@dataclass(frozen=True, eq=False)
class Response:
    """Response g(t) of an instrument, of area 1; the signal is the convolution g ∗ S(n).

    A Gaussian (`fwhm`), one with an exponential tail (`fwhm` and `tail`), an exponential (`tail` alone, as
    the ring-down of a cavity), or a measured one (`measured_response.measured`).

    Parameters
    ----------
    fwhm : float, optional
        Full width at half maximum of the Gaussian, in the traces' unit of time.
    tail : float, optional
        Time constant τ of the exponential exp(−t/τ)/τ.
    tail_share : float
        Share of the response that has the tail, (1 − a)·Gaussian + a·(Gaussian ∗ exponential).
    bin_width : float, optional
        Width of the channels over which the signal is averaged besides.
    samples : Samples, optional
        A measured response in place of the others.

    Notes
    -----
    Time zero is the centre of the Gaussian, the start of the exponential, or the largest value of a measured
    response.

    Raises
    ------
    ValueError
        For times that are not positive, or shapes that contradict each other.

    Examples
    --------
    >>> Response(fwhm=0.2, tail=0.5)
    Response(Gaussian of 0.2 (full width at half maximum) with an exponential tail of 0.5)
    """

    fwhm: float | None = None
    tail: float | None = None
    tail_share: float = 1.0
    bin_width: float | None = None
    samples: Samples | None = None

    def __post_init__(self) -> None:
        for name, means in (
            ("fwhm", "response_fwhm"),
            ("tail", "response: tail"),
            ("bin_width", "bin_width"),
        ):
            value = getattr(self, name)
            if value is not None and not (np.isfinite(value) and value > 0):
                raise ValueError(f"{means} = {value:g}: give a positive time, or None for none")
        if not 0 < self.tail_share <= 1:
            raise ValueError(
                f"response: tail_share = {self.tail_share:g}: give the share of the response that has the"
                " tail, above 0 and at most 1"
            )
        if self.tail_share < 1 and (self.fwhm is None or self.tail is None):
            raise ValueError(
                "response: tail_share is that of a Gaussian with a tail; give fwhm and tail, too"
            )
        if self.samples is not None and (self.fwhm is not None or self.tail is not None):
            raise ValueError("response: a measured one needs no fwhm and no tail; leave them out")

    def __repr__(self) -> str:
        return f"Response({self.in_words() or 'none'})"

    def in_words(self, unit: str = "") -> str:
        """Say what the response is; times in `unit`."""
        shown = [f"{each:.4g} {unit}".rstrip() if each else "" for each in (self.fwhm, self.tail)]
        words = ""
        if self.samples is not None:
            name = f"{self.samples.name!r}, " if self.samples.name else ""
            words = f"measured, {name}{f'{self.width:.3g} {unit}'.rstrip()} (full width at half maximum)"
        elif self.fwhm is not None:
            words = f"Gaussian of {shown[0]} (full width at half maximum)"
            if self.tail is not None:
                share = f", {100 * self.tail_share:.3g} % of it" if self.tail_share < 1 else ""
                words += f"{share} with an exponential tail of {shown[1]}"
        elif self.tail is not None:
            words = f"exponential of {shown[1]}"
        if self.bin_width is not None:
            over = f"mean over channels of {self.bin_width:.4g} {unit}".rstrip()
            words = f"{words}, {over}" if words else over
        return words

    @property
    def is_shaped(self) -> bool:
        """Whether there is more than a mean over channels."""
        return self.fwhm is not None or self.tail is not None or self.samples is not None

    def with_bins(self, width: float | None) -> Response:
        """Return the response with a mean over channels of this width besides."""
        return self if width is None else replace(self, bin_width=width)

    @property
    def _sigma(self) -> float:
        return (self.fwhm or 0.0) / FWHM_PER_SIGMA

    @property
    def before(self) -> float:
        """Time before time zero from which on the response is not zero."""
        start = -float(self.samples.t[0]) if self.samples is not None else _REACH * self._sigma
        return start + 0.5 * (self.bin_width or 0.0)

    @property
    def after(self) -> float:
        """Time after time zero at which next to nothing of the response is left."""
        end = float(self.samples.t[-1]) if self.samples is not None else _REACH * self._sigma
        return end + _TAILS * (self.tail or 0.0) + 0.5 * (self.bin_width or 0.0)

    @property
    def shortest(self) -> float:
        """Shortest time in it."""
        times = [self.fwhm, self.tail, self.bin_width, self.width]
        return min(each for each in times if each)

    @cached_property
    def width(self) -> float:
        """Full width at half maximum."""
        if not self.is_shaped:
            return float(self.bin_width or 0.0)
        if self.samples is None and self.tail is None:
            return float(self.fwhm or 0.0)
        if self.fwhm is None and self.tail is not None:
            return self.tail * math.log(2)
        v, g = self._grid
        above = np.flatnonzero(g >= 0.5 * g.max())
        return float(v[above[-1]] - v[above[0]])

    @cached_property
    def median(self) -> float:
        """Time after time zero at which half of the response has come: half of the rise of a slow decay."""
        if self.tail is None and self.samples is None:
            return 0.0
        v, g = self._grid
        running = np.cumsum(g)
        return float(np.interp(0.5 * running[-1], running, v))

    @property
    def _grid(self) -> tuple[np.ndarray, np.ndarray]:
        v = np.linspace(-self.before, self.after, _GRID)
        return v, self.at(v)[0]

    @cached_property
    def peak(self) -> float:
        """Largest height."""
        if self.samples is not None:
            return float(self.samples.height.max())
        if self.fwhm is None:
            return 1 / (self.tail or self.bin_width or 1.0)
        if self.tail is None:
            return 1 / (self._sigma * math.sqrt(2 * math.pi))
        return float(self._grid[1].max())

    def at(self, v) -> tuple[np.ndarray, np.ndarray]:
        """Heights g(v) and their slopes, without a mean over channels.

        Examples
        --------
        >>> Response(tail=2.0).at([-1.0, 0.0])[0].tolist()
        [0.0, 0.5]
        """
        v = np.asarray(v, float)
        if self.samples is not None:
            return self._of_samples(v)
        if self.fwhm is None and self.tail is None:
            raise ValueError("there is no response whose heights could be asked for; give one")
        if self.fwhm is None:
            height = np.where(v >= 0, np.exp(-np.maximum(v, 0) / self.tail) / self.tail, 0.0)
            return height, -height / self.tail
        sigma = self._sigma
        gauss = np.exp(-0.5 * (v / sigma) ** 2) / (sigma * math.sqrt(2 * math.pi))
        slope = -v / sigma**2 * gauss
        if self.tail is None:
            return gauss, slope
        tailed = self._tailed(v)
        share = self.tail_share
        return (
            (1 - share) * gauss + share * tailed,
            (1 - share) * slope + share * (gauss - tailed) / self.tail,
        )

    def _tailed(self, v: np.ndarray) -> np.ndarray:
        """Gaussian ∗ exponential, the exponentially modified Gaussian, in forms that do not overflow."""
        sigma, tail = self._sigma, float(self.tail or 1.0)
        z = (sigma / tail - v / sigma) / math.sqrt(2)
        early = np.exp(-0.5 * (v / sigma) ** 2) * erfcx(np.maximum(z, 0.0))
        power = np.where(z < 0, 0.5 * (sigma / tail) ** 2 - v / tail, 0.0)
        return np.where(z >= 0, early, np.exp(power) * erfc(z)) / (2 * tail)

    def _of_samples(self, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        t, height = self.samples.t, self.samples.height  # type: ignore[union-attr]
        inside = (v >= t[0]) & (v < t[-1])
        line = np.clip(np.searchsorted(t, v, side="right") - 1, 0, len(t) - 2)
        return np.interp(v, t, height, left=0.0, right=0.0), np.where(
            inside, (np.diff(height) / np.diff(t))[line], 0.0
        )

    def spread_panels(self, end: float) -> Panels | None:
        """Panels of u on each of which the convolution g ∗ F is smooth; None where it takes too many.

        A recorded response bends at each sample, and so does the second derivative of the convolution.
        """
        if self.bin_width is not None:
            return None
        if self.samples is not None:
            t = self.samples.t
            if len(t) > _MOST_SAMPLES:
                return None
            return Panels(np.append(t, widening(float(t[-1]), float(t[-1] - t[-2]), end)), _ORDER_OF_SAMPLES)
        if self.fwhm is None:
            return panels_for(end, self.shortest)
        inner = np.linspace(-self.before, self.before, int(2 * _REACH) + 1)
        return Panels(np.append(inner, widening(self.before, self._sigma, end)))

    def sums(self, u: np.ndarray, period: float | None) -> Sums:
        """Return the sums that convolve F with all of the response but its tail."""
        if self.bin_width is None:
            return self._plain_sums(u, period)
        if self.samples is None and self.fwhm is None:
            return box_sums(u, self.bin_width, period)
        count = _POINTS_A_BIN * math.ceil(self.bin_width / self._detail)
        x, weights = leggauss(count)
        row, time, weight, slope = self._plain_sums((u[:, None] + 0.5 * self.bin_width * x).ravel(), period)
        shares = 0.5 * weights[row % count]
        return Sums(row // count, time, weight * shares, slope * shares)

    @property
    def _detail(self) -> float:
        """Time over which the response is smooth."""
        return self.width if self.samples is None else 2 * float(np.diff(self.samples.t).min())

    def _plain_sums(self, u: np.ndarray, period: float | None) -> Sums:
        if self.samples is not None:
            return self.samples.blocks.sums(u, period)
        return plain_sums(u, period) if self.fwhm is None else gaussian_sums(u, self._sigma, period)

    def refuse_period(self, period: float) -> None:
        """Refuse a period that this response fills; a tail may reach over several."""
        widths = [4 * _REACH * self._sigma, self.bin_width or 0.0]
        if self.samples is not None:
            widths.append(float(np.ptp(self.samples.t)))
        if period < max(widths):
            what = "the response" if self.fwhm is None else f"a response of FWHM {self.fwhm:g}"
            raise ValueError(f"{what} fills the period {period:g}; check both times")
