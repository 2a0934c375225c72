"""The rate law dn/dt = G − k1·n − k2·n² − k3·n³: its exact solution, sensitivities and terms."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.polynomial import legendre

from helpers.kinetics.exact_solution import Cells
from helpers.kinetics.law import Coefficient, Law

RATES = ("G", "k1", "k2", "k3")
_NODES, _WEIGHTS = legendre.leggauss(64)
_OVER_AT_ONCE = 3.0  # e-folds before the second point
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
        for name in RATES:
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


def four_rates(rates) -> Rates:
    """Return rates, or the four numbers G, k1, k2, k3 in this order, as Rates.

    Raises
    ------
    ValueError
        For anything else.
    """
    if isinstance(rates, Rates):
        return rates
    values = tuple(rates) if isinstance(rates, Iterable) else ()
    if len(values) != len(RATES):
        raise ValueError(f"rates = {rates!r}: give the four numbers {', '.join(RATES)}")
    return Rates(*values)


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


class RateLaw(Law):
    """Law dn/dt = G − k1·n − k2·n² − k3·n³, solved exactly (see `exact_solution`).

    n0 is the density just after a single pulse; in a train of pulses it is what each pulse adds. After a
    pulse there is no generation, so that G is held at 0 unless a fit is asked to vary it.

    Examples
    --------
    >>> n, derivatives = RateLaw().solve([0.0, 1.0], np.array([1.0]), (0, 0, 1.0, 0))
    >>> n[:, 0].tolist(), derivatives.shape
    ([1.0, 0.5], (2, 1, 5))
    """

    key = "dn/dt = G - k1*n - k2*n^2 - k3*n^3"
    parameters = tuple(Coefficient(name, order) for order, name in enumerate(RATES))
    held = ("G",)
    droppable = RATES
    is_smooth = True

    def __repr__(self) -> str:
        return "RateLaw(G, k1, k2, k3)"

    def solve(self, t, start, values, *, wanted=None, steps=None):  # noqa: D102 (see Law)
        n, jacobian = solve_with_jacobian(t, start[0], values)
        return n[:, None], jacobian[:, None, :]

    def slope(self, t, n, values):  # noqa: D102 (see Law)
        generation, *losses = rate_terms(n, values)
        return generation - sum(losses)

    def sizes(self, span, density, guess):  # noqa: D102 (see Law)
        return natural_rates(span, density)

    def before(self, values):
        """Equilibrium density n_e before any pulse, 0 without generation, and its derivatives."""
        n_e = equilibrium(values)
        if n_e == 0:
            # Next to no generation n_e is G/k1. Without traps it rises with the root of G, whose slope at 0
            # is no number: then 0 lets a search begin elsewhere.
            by_generation = 1 / values[1] if values[1] > 0 else 0.0
            return np.zeros(1), np.array([[by_generation, 0.0, 0.0, 0.0]])
        if not math.isfinite(n_e):
            raise ValueError("with generation and no recombination there is no equilibrium before the pulse")
        _, k1, k2, k3 = values
        powers = np.array([1.0, -n_e, -(n_e**2), -(n_e**3)])
        return np.array([n_e]), powers[None, :] / (k1 + n_e * (2 * k2 + n_e * 3 * k3))

    def start(self, values, n0):
        """Density n0 just after a single pulse."""
        return np.array([n0]), np.array([[0.0, 0.0, 0.0, 0.0, 1.0]])

    def slowed(self, x, free, first):
        """Rates, in `natural_rates`, that are not at equilibrium before the second data point.

        There the cost is a plateau without gradient. The law's last and slowest rate is that at equilibrium,
        k1 + 2·k2·n_e + 3·k3·n_e²; the free rates are divided so that it acts midway (on a log axis) in the
        data, whose second point comes at `first`, in units of the span.

        Examples
        --------
        >>> RateLaw().slowed(np.array([0.0, 1e6, 0.0, 0.0]), np.ones(4, bool), 0.01).tolist()
        [0.0, 10.0, 0.0, 0.0]
        """
        if not np.isfinite(x).all():
            return x
        n_e = equilibrium(x)
        with np.errstate(over="ignore", invalid="ignore"):
            slowest = x[1] + (2 * x[2] + 3 * x[3] * n_e) * n_e if np.isfinite(n_e) else 0.0
        if not _OVER_AT_ONCE < slowest * first < np.inf:
            return x
        return np.where(free, x / (slowest * np.sqrt(first)), x)

    def form(self, values) -> Rates:
        """Four numbers as Rates."""
        return Rates(*values)

    def values(self, guess) -> np.ndarray:
        """Return the four numbers of Rates, or of a sequence."""
        return np.array([*four_rates(guess)])


def natural_rates(span: float, density: float) -> np.ndarray:
    """Units N/T, 1/T, 1/(N·T), 1/(N²·T) of G, k1, k2, k3 for data of the span T and the density N.

    Raises
    ------
    ValueError
        Where one of them, or T itself, is beyond what doubles hold.

    Examples
    --------
    >>> natural_rates(2.0, 10.0).tolist()
    [5.0, 0.5, 0.05, 0.005]
    """
    span, density = np.float64(span), np.float64(density)
    with np.errstate(all="ignore"):
        units = np.array([density / span, 1 / span, 1 / (span * density), 1 / (span * density**2)])
    if not (np.isfinite(units) & (units >= np.finfo(float).tiny)).all():
        raise ValueError(
            f"times over {span:.3g} and densities up to {density:.3g} make rates that no number holds;"
            " use other units of time and density"
        )
    return units


def equilibrium(rates) -> float:
    """Density n_e ≥ 0 at which generation and recombination balance: k1·n + k2·n² + k3·n³ = G.

    Infinite where there is generation and no recombination.

    Examples
    --------
    >>> equilibrium(Rates(G=2.0, k1=1.0, k2=1.0))
    1.0
    """
    G, k1, k2, k3 = four_rates(rates)
    if G == 0:
        return 0.0
    bounds = [(G / k) ** (1 / power) for power, k in ((1, k1), (2, k2), (3, k3)) if k > 0]
    if not bounds:
        return math.inf
    n = min(bounds)
    # Newton from above on a convex function: every step stays above the root until rounding stops it.
    for _ in range(100):
        slope = k1 + n * (2 * k2 + n * 3 * k3)
        if slope == 0:  # of a density so small that its square vanishes
            break
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
    G, k1, k2, k3 = four_rates(rates)
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
    root = (_NODES + 1) / 2
    terms = rate_terms(solve(t_end * root**3, n0, rates), rates)[1:]
    carriers = terms @ (_WEIGHTS * root**2)
    total = carriers.sum()
    return carriers / total if total > 0 else carriers


def internal_quantum_yield(n, rates) -> np.ndarray:
    """Share k2·n²/(k1·n + k2·n² + k3·n³) of the carriers that recombine radiatively at the density n.

    Examples
    --------
    >>> internal_quantum_yield([2.0, np.inf], (0, 1.0, 1.0, 0.25)).tolist()
    [0.5, 0.0]
    """
    _, k1, k2, k3 = rates
    n = np.asarray(n, float)
    # Divided by k2·n², so that it has its limits where nothing recombines yet (0) and at infinite density.
    with np.errstate(divide="ignore"):
        others = (k1 / n if k1 > 0 else 0.0) + (k3 * n if k3 > 0 else 0.0)
        return np.asarray(k2 / (k2 + others))


def density_of_best_yield(rates) -> float:
    """Density √(k1/k3) at which the internal quantum yield is largest; infinite without Auger recombination.

    Examples
    --------
    >>> density_of_best_yield((0, 1.0, 1.0, 0.25))
    2.0
    """
    _, k1, _, k3 = rates
    return math.sqrt(k1 / k3) if k3 > 0 else math.inf


def _evaluate(t, n0, rates, *, with_jacobian):
    t = _checked_times(t)
    n0 = checked_density(n0)
    rates = four_rates(rates)
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
    scaled = float(g), float(a) + _VANISHING_K1, float(b), float(c)
    cells = Cells(n0 / density, equilibrium(scaled), *scaled, first)
    n, jacobian = cells.at((t / span).ravel(), with_jacobian)
    if with_jacobian:
        jacobian = (jacobian * scales).reshape(*t.shape, 5)
    return (n * density).reshape(t.shape), jacobian


def checked_density(n0) -> float:
    """Return an initial density as a float, or refuse it."""
    n0 = float(n0)
    if not (math.isfinite(n0) and n0 >= 0):
        raise ValueError(f"n0 = {n0:g}: the initial density must be finite and not negative")
    return n0


def _checked_times(t) -> np.ndarray:
    t = np.asarray(t, float)
    bad = ~(np.isfinite(t) & (t >= 0))
    if bad.any():
        raise ValueError(
            f"t = {t[bad].flat[0]:g}: times must be finite and not negative, counted from the moment n = n0"
        )
    return t
