"""Adapter of the first fits to the search of `fits.minimise`: problems given as functions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from helpers.fits import likelihood
from helpers.fits.likelihood import LOSSES, Likelihood
from helpers.fits.minimise import (
    CONVERGED_OFFSET,
    Minimum,
    computed,
    covariance,
    linear_step,
    minimise,
    triangle_of,
)

__all__ = [
    "CONVERGED_OFFSET",
    "LOSSES",
    "Minimum",
    "Problem",
    "computed",
    "covariance",
    "linear_step",
    "minimise",
    "residual_variance",
    "robust_triangle",
    "triangle_of",
]


@dataclass(frozen=True, eq=False)
class Problem:
    """A least-squares problem in named parameters, non-negative but for those in `signed`; value = x · scale.

    `evaluate(x)` returns (cost, triangle), the triangle of shape (p + 1, p + 1) from `triangle_of`; a point
    where the model cannot be computed has cost inf and triangle None. `size` is the number of residuals,
    `floor` the length that rounding alone gives them (1e-13 of the data's own length, say).
    """

    names: tuple[str, ...]
    scales: np.ndarray
    evaluate: Callable[[np.ndarray], tuple[float, np.ndarray | None]]
    size: int
    floor: float = 0.0
    signed: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        # The search wants masks; here parameters are named, and none is settled for it.
        mask = np.array([name in self.signed for name in self.names])
        object.__setattr__(self, "signed", mask)
        object.__setattr__(self, "linear", np.zeros(len(self.names), bool))

    def settle(self, x: np.ndarray, free: np.ndarray) -> np.ndarray:
        """Return x as it is: no parameter is linear."""
        return x

    def __repr__(self) -> str:
        return f"Problem({', '.join(self.names)}; {self.size} residuals)"


def robust_triangle(jacobian, residuals, loss: str, f_scale: float) -> tuple[float, np.ndarray]:
    """Cost ½·C²·Σρ(r²/C²) of a robust loss, and the triangle whose step is its Gauss–Newton step.

    ρ(z) is z (linear), 2(√(1+z) − 1) (soft_l1), Huber's, or ln(1 + z) (cauchy); C = f_scale. Each row is
    weighted with √ρ'; the second derivative is left out, so that the step is always downhill.
    """
    if loss == "linear":
        return 0.5 * float(residuals @ residuals), triangle_of(jacobian, residuals)
    z = (residuals / f_scale) ** 2
    rho, slope, _ = LOSSES[loss](z)
    weight = np.sqrt(slope)
    return 0.5 * f_scale**2 * float(rho.sum()), triangle_of(jacobian * weight[:, None], residuals * weight)


def residual_variance(residuals, freedom: int, loss: str, f_scale: float) -> tuple[float, float]:
    """Variance of a residual as the loss sees it, and its factor for a covariance; see `fits.likelihood`."""
    spread = Likelihood("sigma", 1.0, loss, float(f_scale)).spread(residuals, np.zeros(len(residuals)))
    return likelihood.residual_variance([spread], len(residuals), freedom)
