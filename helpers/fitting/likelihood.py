"""The likelihood of a trace: its noise and the loss, in the one place where they meet."""

from __future__ import annotations

import math
import numbers
from dataclasses import dataclass

import numpy as np
from scipy.special import xlogy

from helpers.fitting.variance_function import VarianceFunction

_EPS = np.finfo(float).eps
_LEAST_CURVATURE = _EPS
_LEAST_CURVATURE_OF_COUNTS = 1e-3  # of the expected one
_DEVIANCE_TERMS = 9  # of a series whose ratio is at most 1e-2


def _huber(z):
    root = np.sqrt(np.maximum(z, 1.0))
    return np.where(z <= 1, z, 2 * root - 1), 1 / root, np.where(z <= 1, 1.0, 0.0)


# Of z = r²/C²: ρ, ρ' and ψ' = ρ' + 2z·ρ''.
LOSSES = {
    "linear": lambda z: (z, np.ones_like(z), np.ones_like(z)),
    "soft_l1": lambda z: (2 * (np.sqrt(1 + z) - 1), (1 + z) ** -0.5, (1 + z) ** -1.5),
    "huber": _huber,
    "cauchy": lambda z: (np.log1p(z), 1 / (1 + z), (1 - z) / (1 + z) ** 2),
}


@dataclass(frozen=True, eq=False)
class Likelihood:
    """Cost of a trace's data given what the model expects.

    Parameters
    ----------
    noise : {"poisson", "sigma", "even", "estimated"}
        "poisson": half the deviance Σ[μ − y + y·ln(y/μ)] of counts y, of which μ are expected. The others:
        ½·Σr² with r = (μ − y)/σ.
    sigma : ndarray or float
        Standard errors; for "even" the size that a residual is counted in. Not used for counts.
    loss : {"linear", "soft_l1", "huber", "cauchy"}
        ½·C²·Σρ(r²/C²) in place of ½·Σr²; for counts r are the signed deviance residuals.
    f_scale : float
        C, the residual (in sigma, for counts in √μ) from which on the loss is lenient.
    function : VarianceFunction, optional
        What `sigma` was made of where the noise was estimated.

    Raises
    ------
    ValueError
        For an unknown loss, or an f_scale that is not positive.

    Examples
    --------
    >>> cost, _, _ = Likelihood("poisson").rows(np.array([2.0]), np.array([1.0]))
    >>> round(cost, 6)  # 2 − 1 + ln(1/2)
    0.306853
    """

    noise: str
    sigma: np.ndarray | float = 1.0
    loss: str = "linear"
    f_scale: float = 1.0
    function: VarianceFunction | None = None

    def __post_init__(self) -> None:
        if self.loss not in LOSSES:
            raise ValueError(f"loss = {self.loss!r}: choose one of {', '.join(LOSSES)}")
        is_number = isinstance(self.f_scale, numbers.Real) and not isinstance(self.f_scale, bool)
        if not (is_number and 0 < self.f_scale < np.inf):
            raise ValueError(
                f"f_scale = {self.f_scale!r}: give a positive number, the residual that counts as large"
            )
        object.__setattr__(self, "f_scale", float(self.f_scale))

    def __repr__(self) -> str:
        loss = "" if self.loss == "linear" else f", {self.loss} from {self.f_scale:g} on"
        return f"Likelihood({self.noise}{loss})"

    @property
    def is_absolute(self) -> bool:
        """Whether the size of the noise is known, so that errors need not be scaled with the residuals."""
        return self.noise not in ("even", "estimated")

    @property
    def is_quadratic(self) -> bool:
        """Whether the cost is a sum of squares with fixed weights."""
        return self.noise != "poisson" and self.loss == "linear"

    def rows(self, expected: np.ndarray, data: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """Cost, the weights w of the Jacobian's rows, and residuals r with ∇cost = Σ w·J·r.

        Parameters
        ----------
        expected, data : ndarray, shape (m,)

        Returns
        -------
        cost : float
            Infinite where counts are expected to be negative, or none where some were seen.
        weights, residuals : ndarray, shape (m,)
        """
        if self.noise == "poisson":
            return self._counts(expected, data)
        residuals = (expected - data) / self.sigma
        weights = np.broadcast_to(1 / np.asarray(self.sigma), residuals.shape)
        if self.loss == "linear":
            return 0.5 * float(residuals @ residuals), weights, residuals
        cost, root = self._robust(residuals**2)
        return cost, weights * root, residuals * root

    def curved_rows(self, expected: np.ndarray, data: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """Like `rows`, but for counts with weights whose squares are the cost's own curvature y/μ².

        `rows` has its expectation 1/μ, whose steps go too far where the model is poor: they settle a scale in
        a hundred steps and more, these in some ten. As long as the sums of the two differ the size of the
        signal is what is wrong, and there the expected curvature is the better one.
        """
        cost, weights, residuals = self.rows(expected, data)
        is_near = math.isfinite(cost) and 0.5 * data.sum() < expected.sum() < 2 * data.sum()
        if self.noise != "poisson" or self.loss != "linear" or not is_near:
            return cost, weights, residuals
        # y/μ² over 1/μ; never 0, because a bin without counts has a slope but no curvature.
        ratio = np.sqrt(np.maximum(data * weights**2, _LEAST_CURVATURE_OF_COUNTS))
        return cost, weights * ratio, residuals / ratio

    def _counts(self, expected, data):
        if (expected < 0).any() or ((expected == 0) & (data > 0)).any():
            return math.inf, np.zeros_like(expected), np.zeros_like(expected)
        seen = expected > 0
        safe = np.where(seen, expected, 1.0)
        deviance = np.where(seen, 2 * _half_deviance(safe, data), 0.0)
        # Where nothing is expected and nothing seen the cost still rises with what is expected, by 1.
        weights = np.where(seen, 1 / np.sqrt(safe), 1.0)
        residuals = np.where(seen, (safe - data) * weights, 1.0)
        if self.loss == "linear":
            return 0.5 * float(deviance.sum()), weights, residuals
        cost, root = self._robust(deviance)
        return cost, weights * root, residuals * root

    def _robust(self, squares) -> tuple[float, np.ndarray]:
        rho, slope, _ = LOSSES[self.loss](squares / self.f_scale**2)
        return 0.5 * self.f_scale**2 * float(rho.sum()), np.sqrt(slope)

    def scaled(self, expected: np.ndarray, data: np.ndarray) -> np.ndarray:
        """Residuals (data − expected)/σ; for counts Pearson's (y − μ)/√μ."""
        if self.noise == "poisson":
            sizes = np.sqrt(np.where(expected > 0, expected, 1.0))
            return (data - expected) / sizes
        return (data - expected) / self.sigma

    def squares(self, expected: np.ndarray, data: np.ndarray) -> float:
        """Σr² without the loss; for counts the deviance."""
        plain = self if self.loss == "linear" else Likelihood(self.noise, self.sigma)
        return 2 * plain.rows(expected, data)[0]

    def spread(self, expected: np.ndarray, data: np.ndarray) -> tuple[float, float, float]:
        """Σψ², Σψ' and Σρ' of the loss, from which `residual_variance` takes the noise."""
        residuals = self.scaled(expected, data)
        _, slope, turn = LOSSES[self.loss]((residuals / self.f_scale) ** 2)
        return float(np.sum((residuals * slope) ** 2)), float(np.sum(turn)), float(np.sum(slope))

    def draw(self, expected: np.ndarray, rng: np.random.Generator, *, size: float = 1.0) -> np.ndarray:
        """Draw data: counts, or the expected signal with normal noise of `size` sigmas."""
        if self.noise == "poisson":
            return rng.poisson(np.maximum(expected, 0.0)).astype(float)
        return expected + size * np.asarray(self.sigma) * rng.standard_normal(len(expected))


def _half_deviance(expected, data):
    """μ − y + y·ln(y/μ), without cancellation where μ is close to y."""
    ratio = (expected - data) / expected
    near = np.abs(ratio) < 1e-2
    small = np.where(near, ratio, 0.0)
    # With y = μ(1 − e) it is μ·Σ eᵏ/(k(k − 1)), k = 2, 3, …
    series = np.zeros_like(small)
    for k in range(_DEVIANCE_TERMS, 1, -1):
        series = series * small + 1 / (k * (k - 1))
    plain = expected - data + xlogy(data, np.where(data > 0, data, 1.0) / expected)
    return np.where(near, expected * small**2 * series, plain)


def residual_variance(
    spreads: list[tuple[float, float, float]], size: int, freedom: int
) -> tuple[float, float]:
    """Variance of a residual as the loss sees it, Σψ²/ν ÷ (mean ψ'), and its factor for a covariance.

    ψ = r·ρ'(r²/C²) is what a residual pulls with. The rows of the triangle carry √ρ', so that a covariance
    is this variance times mean ρ' ÷ mean ψ'. Source: Huber (1981), "Robust Statistics", section 7.6.

    Parameters
    ----------
    spreads : list of (Σψ², Σψ', Σρ')
        From `Likelihood.spread`, one for each trace.
    size, freedom : int
        Number of residuals, and of those beyond the fitted parameters.

    Examples
    --------
    >>> residual_variance([(8.0, 10.0, 10.0)], 10, 8)
    (1.0, 1.0)
    """
    if freedom <= 0:
        return math.inf, 1.0
    pull, turn, slope = (sum(each) for each in zip(*spreads, strict=True))
    mean_turn = max(turn / size, _LEAST_CURVATURE)
    return pull / freedom / mean_turn, slope / size / mean_turn
