"""Traps of a finite density, with release: a law of two states, carriers n and trapped ones n_t."""

from __future__ import annotations

import math

import numpy as np

from helpers.kinetics import collocation
from helpers.kinetics.law import Coefficient, Law

NAMES = ("k2", "k3", "k_t", "N_t", "k_d", "k_r")
_NEVER_FILLED = 10.0  # traps per carrier, from which on a search that does not end follows k_t·N_t
_FIRST = 1e-2  # of the shortest time of the equations: the first step that is tried


class TrapLaw(Law):
    """Law of finite traps: dn/dt = −k2·n·h − k3·n³ − c, dn_t/dt = c − k_r·n_t·h, h = n + p0 + n_t.

    h are the holes. The traps catch c = k_t·n·(N_t − n_t) − k_d·n_t electrons: k_t is the trapping
    coefficient, N_t the density of the traps and k_d the rate at which they release; k_r is the recombination
    of a trapped electron with a hole. Luminescence goes with n·(n + p0 + n_t), a mobile density with n. A
    pulse finds the traps empty.

    Parameters
    ----------
    p0 : float
        Doping in the unit of the densities; that of the measurement.

    Raises
    ------
    ValueError
        For a doping that is negative or not finite.

    Notes
    -----
    k3 and k_r are held, at 0, unless a fit is asked otherwise. The law becomes the rate law where the traps
    stay empty (k_r·h ≫ k_t·n, so that n_t ≪ n): k1 = k_t·N_t + k2·p0; and where they do not catch (k_t = 0):
    k1 = k2·p0. Solved by `collocation` to about 2e-9 of the largest state, with the derivatives.

    References
    ----------
    Stranks et al., "Recombination kinetics in organic-inorganic perovskites: excitons, free charge, and
    subgap states", Phys. Rev. Applied 2, 034007 (2014); Herz, "Charge-carrier dynamics in
    organic-inorganic metal halide perovskites", Annu. Rev. Phys. Chem. 67, 65 (2016).

    Examples
    --------
    >>> values = TrapLaw().values({"k2": 0, "k_t": 1.0, "N_t": 1.0})
    >>> n, _ = TrapLaw().solve(np.array([0.0, 40.0]), np.array([3.0, 0.0]), values)
    >>> n.round(6).tolist()  # the traps are filled, and 2 of 3 carriers left
    [[3.0, 0.0], [2.0, 1.0]]
    """

    key = "traps: dn/dt = -k2*n*(n+p0+nt) - k3*n^3 - kt*n*(Nt-nt) + kd*nt"
    parameters = (
        Coefficient("k2", order=2),
        Coefficient("k3", order=3),
        Coefficient("k_t", order=2),
        Coefficient("N_t", is_density=True),
        Coefficient("k_d", order=1),
        Coefficient("k_r", order=2),
    )
    states = 2
    trapped = (1,)
    held = ("k3", "k_r")
    droppable = ("k2", "k3", "k_t", "k_d", "k_r")
    accuracy = 1e-8
    is_smooth = True

    def __init__(self, p0: float = 0.0) -> None:
        if not (math.isfinite(p0) and p0 >= 0):
            raise ValueError(f"p0 = {p0}: the doping must be finite and not negative")
        self.p0 = float(p0)

    def __repr__(self) -> str:
        return f"TrapLaw({', '.join(self.names)}{f'; p0={self.p0:g}' if self.p0 else ''})"

    def solve(self, t, start, values, *, wanted=None, steps=None):  # noqa: D102 (see Law)
        t, start, values = (np.asarray(each, float) for each in (t, start, values))
        if not (np.isfinite(values).all() and np.isfinite(start).all()):
            raise ArithmeticError("the law of traps needs finite numbers; change the guess")
        end, count = float(t.max(initial=0.0)), len(values)
        if end <= 0 or not start.any():
            n = np.broadcast_to(start, (len(t), 2)).copy()
            derivatives = np.zeros((len(t), 2, count + 2))
            derivatives[:, :, count:] = np.eye(2)
            if start.any() or end <= 0:
                return n, derivatives
            start = start + np.array([1e-12 * (values[3] or 1.0), 0.0])  # next to the empty film: its slopes
        with np.errstate(all="ignore"):
            pair = _Traps(values, self.p0)
            rate = max(map(abs, pair.jacobian(float(start[0]), float(start[1])))) or 1 / end
            solved = collocation.solve(pair, start, end, min(_FIRST / rate, end))
            return solved.at(t)

    def slope(self, t, n, values):  # noqa: D102 (see Law)
        return np.array(_Traps(np.asarray(values, float), self.p0).slope(float(n[0]), float(n[1])))

    def sizes(self, span, density, guess):  # noqa: D102 (see Law)
        natural = [
            density if each.is_density else density ** (1 - (each.order or 0)) / span
            for each in self.parameters
        ]
        guess = np.asarray(guess, float)
        return np.where(guess != 0, np.abs(guess), natural)

    def from_rates(self, rates, density: float) -> dict[str, float]:
        """Return a guess from the rate law's fit: as many traps as carriers, which catch at k1.

        Parameters
        ----------
        rates : (G, k1, k2, k3)
        density : float
            A typical initial density.

        Examples
        --------
        >>> TrapLaw().from_rates((0, 0.1, 1e-3, 0), 10.0)
        {'k2': 0.001, 'k3': 0.0, 'k_t': 0.01, 'N_t': 10.0, 'k_d': 0.005, 'k_r': 0.0}
        """
        _, k1, k2, _ = rates
        k1 = k1 or k2 * density
        guess = {"k2": k2 or k1 / density, "k3": 0.0, "k_t": k1 / density}
        return guess | {"N_t": float(density), "k_d": 0.05 * k1, "k_r": 0.0}

    def why_no_end(self, values, density):  # noqa: D102 (see Law)
        k_t, N_t = values[2:4]
        if not N_t > _NEVER_FILLED * density:
            return ""
        return (
            f"no minimum: N_t grows without an end, to {N_t:.3g} by now, {N_t / density:.3g} times the"
            f" largest n0, while k_t·N_t = {k_t * N_t:.3g} stays; traps that are never filled show this"
            " product only. Fit traces of higher fluences with this one, or hold N_t at a known value"
            " (`guess` and `fixed`)"
        )

    def refuse_doping(self, p0: float) -> None:
        """Refuse a measurement of another doping than the law's."""
        if not math.isclose(p0, self.p0, rel_tol=1e-9):
            raise ValueError(
                f"the law has the doping p0 = {self.p0:g} and the measurement p0 = {p0:g}; give"
                f" law=TrapLaw(p0={p0:g})"
            )

    def values(self, guess) -> np.ndarray:
        """Return the numbers of a guess in order; a mapping may leave parameters out, which are 0."""
        if hasattr(guess, "keys"):
            if unknown := set(guess) - set(self.names):
                raise ValueError(
                    f"guess: there is no {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}"
                )
            guess = [guess.get(name, 0.0) for name in self.names]
        return super().values(guess)


class _Traps(collocation.Pair):
    """The two equations at some values."""

    def __init__(self, values: np.ndarray, p0: float) -> None:
        self.rates, self.p0 = tuple(map(float, values)), p0

    def slope(self, n, m):
        k2, k3, k_t, N_t, k_d, k_r = self.rates
        holes = n + self.p0 + m
        caught = k_t * n * (N_t - m) - k_d * m
        return -n * (k2 * holes + k3 * n * n) - caught, caught - k_r * m * holes

    def slopes(self, y):
        return np.stack(self.slope(y[..., 0], y[..., 1]), axis=-1)

    def jacobian(self, n, m):
        k2, k3, k_t, N_t, k_d, k_r = self.rates
        empty = k_t * (N_t - m)
        return (
            -k2 * (2 * n + self.p0 + m) - 3 * k3 * n * n - empty,
            (k_t - k2) * n + k_d,
            empty - k_r * m,
            -k_t * n - k_d - k_r * (n + self.p0 + 2 * m),
        )

    def by_values(self, y):
        _, _, k_t, N_t, _, _ = self.rates
        n, m = y[..., 0], y[..., 1]
        holes, zero = n + self.p0 + m, np.zeros_like(n)
        empty = n * (N_t - m)
        first = [-n * holes, -(n**3), -empty, -k_t * n, m, zero]
        second = [zero, zero, empty, k_t * n, -m, -m * holes]
        return np.stack([np.stack(first, axis=-1), np.stack(second, axis=-1)], axis=-2)
