"""The integrals behind the rate law's exact solution, cell by cell.

The law is autonomous, so time is an integral over the density and no ODE solver is needed. With the
equilibrium density n_e taken out, dn/dt = −(n − n_e)·q(n) where q = k1 + k2(n + n_e) + k3(n² + n·n_e + n_e²)
has no negative term. In w = −ln((n − n_e)/(n0 − n_e)), the number of e-folds gone, everything is a running
integral of one sign: t(w) = ∫ dw'/q, and for each rate θ with f_θ = ∂(dn/dt)/∂θ = (1, −n, −n², −n³)
∂n/∂θ = q·∫ exp(w' − w)·f_θ/q² dw'.
The integrals are kept cell by cell as polynomials through Gauss–Legendre nodes; t(w) is inverted by Newton.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.polynomial import legendre, polynomial
from scipy.signal import lfilter

_NODES = 8
# 1/q has its poles at least π/2 off the path in a decay, but only ln 2 before its start in a growth.
_CELLS_PER_EFOLD_OF_DECAY, _CELLS_PER_EFOLD_OF_GROWTH, _FEWEST_CELLS = 12, 24, 4
_MOST_EFOLDS = 745.0  # exp(-745) is the smallest positive double


class Cells:
    """Running integrals of one decay or growth over w, in equal cells, for times up to 1.

    All in scaled units: start n0, equilibrium n_e, coefficients g, a, b, c of dn/dt = g − a·n − b·n² − c·n³
    with a > 0, and the first time asked for.
    """

    def __init__(self, n0, n_e, g, a, b, c, t_first) -> None:
        self.n0, self.n_e, self.g = n0, n_e, g
        # q = k1 + k2(n + n_e) + k3(n² + n·n_e + n_e²), sorted by powers of n
        self.q_powers = (a + self.n_e * (b + self.n_e * c), b + self.n_e * c, c)
        w_end = self._efolds_needed(a, b, c, t_first)
        density = _CELLS_PER_EFOLD_OF_DECAY if self.n0 >= self.n_e else _CELLS_PER_EFOLD_OF_GROWTH
        count = max(_FEWEST_CELLS, math.ceil(w_end * density))
        self.width = w_end / count
        self.w_start = self.width * np.arange(count)
        self.n_nodes = self._density(self.w_start[:, None] + self.width * _U_NODES)
        self.lifetime = 1 / self._q(self.n_nodes)
        self.t_means = _RUNNING_MEAN @ self.lifetime.T  # (8, cells)
        # Summed in long doubles: an error of t is, times q, a relative error of n hundreds of e-folds down.
        durations = np.cumsum(self.width * self.t_means.sum(axis=0), dtype=np.longdouble)
        self.t_edges = np.concatenate([[0.0], durations.astype(float)])

    def _efolds_needed(self, a, b, c, t_first) -> float:
        """Bound on w(t = 1), cut where the density has become the equilibrium to the last digit."""
        bound = self._most_efolds(a, b, c, 1.0)
        if self.n_e > 0:
            drop = max(self.n0 - self.n_e, 0.0)
            bound = min(bound, self._most_efolds(a, b, c, t_first) + 50 + math.log1p(drop / self.n_e))
        return min(bound * (1 + 1e-12), _MOST_EFOLDS)

    def _most_efolds(self, a, b, c, t) -> float:
        """Bound on w(t): in a decay each of q's terms as if it acted alone, in a growth q at its end."""
        n_e, drop = self.n_e, self.n0 - self.n_e
        if drop < 0:
            return float(self._q(min(n_e, self.n0 + self.g * t))) * t
        q_end = a + n_e * (2 * b + 3 * n_e * c)
        return q_end * t + math.log1p((b + 3 * c * n_e) * drop * t) + 0.5 * math.log1p(2 * c * drop**2 * t)

    def _density(self, w):
        # n_e + (n0 − n_e)·exp(−w) would lose everything where n_e ≫ n0.
        return self.n0 * np.exp(-w) - self.n_e * np.expm1(-w)

    def _q(self, n):
        q0, q1, q2 = self.q_powers
        return q0 + n * (q1 + n * q2)

    def at(self, t, with_jacobian: bool) -> tuple[np.ndarray, np.ndarray | None]:
        """Return n at the times t and, if asked, its derivatives by g, a, b, c and n0."""
        cell = np.searchsorted(self.t_edges[1:-1], t, side="right")
        u, beyond = self._invert(t, cell)
        w = self.w_start[cell] + self.width * u
        w[beyond] = np.inf
        n = self._density(w)
        jacobian = self._sensitivities(cell, u, w, n) if with_jacobian else None
        return n, jacobian

    def _invert(self, t, cell):
        """Place u in [0, 1] within each time's cell where t(w) = t, by Newton on the cell's polynomial."""
        means = self.t_means[:, cell]
        wanted = (t - self.t_edges[cell]) / self.width
        beyond = wanted > means.sum(axis=0) * (1 + 1e-9)
        u = np.minimum(wanted / means.sum(axis=0), 1.0)
        w_start = self.w_start[cell]
        for _ in range(3):  # cells are short: an error of 2 % falls to 1e-16 in three steps
            excess = u * _horner(means, 2 * u - 1) - wanted
            u = np.clip(u - excess * self._q(self._density(w_start + self.width * u)), 0.0, 1.0)
        return u, beyond

    def _sensitivities(self, cell, u, w, n):
        growth = np.exp(self.width * _U_NODES) * self.lifetime**2
        integrands = np.array(
            [growth, growth * self.n_nodes, growth * self.n_nodes**2, growth * self.n_nodes**3]
        )
        means = _RUNNING_MEAN @ integrands.transpose(0, 2, 1)  # (4, 8, cells)
        # S(w) = ∫ exp(w' − w)·f/q² dw' at the edges: a recursion, so that exp(w') can never overflow.
        decay = math.exp(-self.width)
        edges = lfilter([decay], [1.0, -decay], self.width * means.sum(axis=1), axis=-1)
        edges = np.concatenate([np.zeros((4, 1)), edges[:, :-1]], axis=1)
        running = edges[:, cell] + self.width * u * _horner(means.transpose(1, 0, 2)[:, :, cell], 2 * u - 1)
        q = self._q(n)
        jacobian = np.empty((len(u), 5))
        jacobian[:, :4] = (_SIGNS * running * (q * np.exp(-self.width * u))).T
        jacobian[:, 4] = np.exp(-w) * q / self._q(self.n0)
        return jacobian


def _horner(coefficients, s):
    value = coefficients[-1].copy()
    for coefficient in coefficients[-2::-1]:
        value *= s
        value += coefficient
    return value


def _running_mean_matrix() -> np.ndarray:
    """Matrix from a cell's node values to the coefficients, in s = 2u − 1, of (1/u)·∫₀ᵘ f du'.

    The mean, not the integral, keeps full relative precision as u goes to 0. Legendre's identity
    (2k + 1)·∫₋₁ˢ P_k = P_(k+1) − P_(k−1) gives each column; both sides hold the factor 1 + s.
    """
    nodes, weights = legendre.leggauss(_NODES)
    matrix = np.zeros((_NODES, _NODES))
    for k in range(_NODES):
        projection = (2 * k + 1) / 2 * weights * legendre.legval(nodes, np.eye(_NODES)[k])
        integral = legendre.leg2poly(legendre.legint(np.eye(_NODES)[k], lbnd=-1))
        mean = polynomial.polydiv(integral, [1.0, 1.0])[0]
        matrix[: len(mean)] += np.outer(mean, projection)
    return matrix


_U_NODES = (legendre.leggauss(_NODES)[0] + 1) / 2
_RUNNING_MEAN = _running_mean_matrix()
_SIGNS = np.array([[1.0], [-1.0], [-1.0], [-1.0]])
