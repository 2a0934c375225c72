"""The rate law dn/dt = G − k1·n − k2·n² − k3·n³: its exact solution, sensitivities and terms.

The law is autonomous, so time is an integral over the density and no ODE solver is needed. With the
equilibrium density n_e taken out, dn/dt = −(n − n_e)·q(n) where q = k1 + k2(n + n_e) + k3(n² + n·n_e + n_e²)
has no negative term. In w = −ln((n − n_e)/(n0 − n_e)), the number of e-folds gone, everything is a running
integral of one sign: t(w) = ∫ dw'/q, and for each rate θ with f_θ = ∂(dn/dt)/∂θ = (1, −n, −n², −n³)
∂n/∂θ = q·∫ exp(w' − w)·f_θ/q² dw'.
The integrals are kept cell by cell as polynomials through Gauss–Legendre nodes; t(w) is inverted by Newton.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.polynomial import legendre, polynomial
from scipy.signal import lfilter

_NODES = 8
# 1/q has its poles at least π/2 off the path in a decay, but only ln 2 before its start in a growth.
_CELLS_PER_EFOLD_OF_DECAY, _CELLS_PER_EFOLD_OF_GROWTH, _FEWEST_CELLS = 12, 24, 4
_MOST_EFOLDS = 745.0  # exp(-745) is the smallest positive double
_VANISHING_K1 = 1e-20  # in units of 1/T: far below rounding, and no coefficient pattern divides by zero


@dataclass(frozen=True)
class Rates:
    """The four coefficients of dn/dt = G − k1·n − k2·n² − k3·n³; unpacks in that order.

    Units follow the trace: G in density/time, k1 in 1/time, k2 in 1/(density·time), k3 in 1/(density²·time).

    Raises
    ------
    ValueError
        If a coefficient is negative, infinite or not a number.

    Examples
    --------
    >>> list(Rates(k1=1e-2, k2=1e-3))
    [0.0, 0.01, 0.001, 0.0]
    """

    G: float = 0.0
    k1: float = 0.0
    k2: float = 0.0
    k3: float = 0.0

    def __post_init__(self) -> None:
        for name in ("G", "k1", "k2", "k3"):
            value = float(getattr(self, name))
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(
                    f"{name} = {value:g}: every rate coefficient must be finite and not negative"
                )
            object.__setattr__(self, name, value)

    def __iter__(self) -> Iterator[float]:
        return iter((self.G, self.k1, self.k2, self.k3))

    def __repr__(self) -> str:
        return f"Rates(G={self.G:.6g}, k1={self.k1:.6g}, k2={self.k2:.6g}, k3={self.k3:.6g})"


def solve(t, n0: float, rates) -> np.ndarray:
    """Density n(t) of dn/dt = G − k1·n − k2·n² − k3·n³ with n(0) = n0, to about 10 digits.

    Parameters
    ----------
    t : array_like, shape (m,)
        Times since n was n0; any order, duplicates allowed, not negative.
    n0 : float
        Density at t = 0, not negative.
    rates : Rates or sequence of four numbers
        G, k1, k2, k3 in units that match t and n0.

    Returns
    -------
    ndarray, shape (m,)

    Raises
    ------
    ValueError
        For a negative or non-finite time, density or coefficient.

    Examples
    --------
    >>> solve([0.0, 1.0, 9.0], 1.0, Rates(k2=1.0)).round(6).tolist()
    [1.0, 0.5, 0.1]
    """
    return _evaluate(t, n0, rates, with_jacobian=False)[0]


def solve_with_jacobian(t, n0: float, rates) -> tuple[np.ndarray, np.ndarray]:
    """Density n(t) and its derivatives ∂n/∂(G, k1, k2, k3, n0), both from the same running integrals.

    Parameters and errors are those of `solve`.

    Returns
    -------
    n : ndarray, shape (m,)
    jacobian : ndarray, shape (m, 5)

    Examples
    --------
    >>> n, jacobian = solve_with_jacobian([1.0], 1.0, Rates(k1=1.0))
    >>> jacobian.round(4).tolist()  # ∂n/∂k1 = −t·exp(−k1·t), ∂n/∂n0 = exp(−k1·t)
    [[0.6321, -0.3679, -0.2325, -0.159, 0.3679]]
    """
    return _evaluate(t, n0, rates, with_jacobian=True)


def equilibrium(rates) -> float:
    """Density n_e ≥ 0 at which generation and recombination balance: k1·n + k2·n² + k3·n³ = G.

    Infinite where there is generation and no recombination.

    Examples
    --------
    >>> equilibrium(Rates(G=2.0, k1=1.0, k2=1.0))
    1.0
    """
    G, k1, k2, k3 = Rates(*rates)
    if G == 0:
        return 0.0
    bounds = [(G / k) ** (1 / power) for power, k in ((1, k1), (2, k2), (3, k3)) if k > 0]
    if not bounds:
        return math.inf
    n = min(bounds)
    # Newton from above on a convex function: every step stays above the root until rounding stops it.
    for _ in range(100):
        slope = k1 + n * (2 * k2 + n * 3 * k3)
        smaller = n - (n * (k1 + n * (k2 + n * k3)) - G) / slope
        if not smaller < n:
            break
        n = smaller
    return n


def rate_terms(n, rates) -> np.ndarray:
    """Sizes of the four terms G, k1·n, k2·n², k3·n³ at the densities n, shape (4, m).

    Examples
    --------
    >>> rate_terms([2.0], Rates(1.0, 1.0, 1.0, 1.0)).ravel().tolist()
    [1.0, 2.0, 4.0, 8.0]
    """
    n = np.asarray(n, float)
    G, k1, k2, k3 = Rates(*rates)
    return np.array([np.full_like(n, G), k1 * n, k2 * n**2, k3 * n**3])


def shares(t_end: float, n0: float, rates) -> np.ndarray:
    """Shares of trap, radiative and Auger recombination up to t_end: ∫k_j·nʲdt / ∫Σk_j·nʲdt.

    Three numbers that add up to 1 (zeros where nothing recombines).

    Examples
    --------
    >>> shares(1.0, 1.0, Rates(k1=1.0)).tolist()
    [1.0, 0.0, 0.0]
    """
    # A decay spends most of its carriers early: times are spaced evenly in their cube root.
    nodes, weights = legendre.leggauss(64)
    root = (nodes + 1) / 2
    terms = rate_terms(solve(t_end * root**3, n0, rates), rates)[1:]
    carriers = terms @ (weights * root**2)
    total = carriers.sum()
    return carriers / total if total > 0 else carriers


def _evaluate(t, n0, rates, *, with_jacobian):
    t = _checked_times(t)
    n0 = float(n0)
    if not (math.isfinite(n0) and n0 >= 0):
        raise ValueError(f"n0 = {n0:g}: the initial density must be finite and not negative")
    rates = Rates(*rates)
    span = float(t.max(initial=0.0))
    if span == 0:
        unmoved = np.zeros((*t.shape, 5))
        unmoved[..., 4] = 1.0
        return np.full(t.shape, n0), unmoved
    # In units of the span T and a density N all numbers are of order one or of plain meaning.
    density = n0 + rates.G * span or 1.0
    with np.errstate(over="ignore", invalid="ignore"):
        scales = np.append(span * np.power(density, [0.0, 1.0, 2.0, 3.0]), 1.0)
        g, a, b, c = np.array([*rates]) * scales[:4] / density
    if not math.isfinite(g + a + b + c):
        raise ValueError(
            "n0, t and the rates are too large together (overflow); use a larger unit of density"
        )
    first = float(t.min()) / span
    cells = _Cells(n0 / density, float(g), float(a) + _VANISHING_K1, float(b), float(c), first)
    n, jacobian = cells.at((t / span).ravel(), with_jacobian)
    if with_jacobian:
        jacobian = (jacobian * scales).reshape(*t.shape, 5)
    return (n * density).reshape(t.shape), jacobian


def _checked_times(t) -> np.ndarray:
    t = np.asarray(t, float)
    bad = ~(np.isfinite(t) & (t >= 0))
    if bad.any():
        raise ValueError(
            f"t = {t[bad].flat[0]:g}: times must be finite and not negative, counted from the moment n = n0"
        )
    return t


class _Cells:
    """Running integrals over w in equal cells, for t up to 1 (scaled units)."""

    def __init__(self, n0: float, g: float, a: float, b: float, c: float, t_first: float) -> None:
        self.n0, self.g = n0, g
        self.n_e = equilibrium((g, a, b, c))
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

    def at(self, t, with_jacobian):
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
