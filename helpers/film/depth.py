"""Carriers in the depth of a film: diffusion, two surfaces, recombination and traps, by the method of lines.

∂n/∂t = D·∂²n/∂z² − k1·n − k2·n·(n + p0 + n_t) − k3·n³ − k_t·n·(N_t − n_t) + k_d·n_t
∂n_t/∂t = k_t·n·(N_t − n_t) − k_d·n_t − k_r·n_t·(n + p0 + n_t)
with D·∂n/∂z = S₁·n at the front and −D·∂n/∂z = S₂·n at the back. Units are cm and s throughout.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.integrate import solve_ivp

_CELLS = 160
_RTOL, _ATOL = 1e-8, 1e-12  # of a step, and of the first density
_MOST_PULSES, _SETTLED = 2000, 1e-7  # until the density after a pulse is that after the one before


@dataclass(frozen=True)
class Traps:
    """Traps of a finite density: capture k_t·n·(N_t − n_t), release k_d·n_t, loss k_r·n_t·holes.

    Parameters
    ----------
    density : float
        N_t in cm^-3.
    capture : float
        k_t in cm³/s.
    release : float
        k_d in 1/s.
    recombination : float
        k_r in cm³/s.

    Examples
    --------
    >>> Traps(1e16, 1e-9)
    Traps(density=1e+16, capture=1e-09, release=0.0, recombination=0.0)
    """

    density: float
    capture: float
    release: float = 0.0
    recombination: float = 0.0


@dataclass(frozen=True, eq=False)
class Film:
    """What a film is made of, in cm and s.

    Parameters
    ----------
    thickness : float
        d in cm.
    absorption : float
        α in 1/cm at the wavelength of the pulse.
    diffusion : float
        Ambipolar diffusion coefficient D in cm²/s.
    rates : (float, float, float)
        k1 in 1/s, k2 in cm³/s, k3 in cm⁶/s, of the bulk.
    front, back : float
        Surface recombination velocities in cm/s.
    p0 : float
        Doping in cm^-3.
    traps : Traps, optional

    Raises
    ------
    ValueError
        For a number that is negative or not finite, or a thickness, absorption or diffusion of 0.
    """

    thickness: float
    absorption: float
    diffusion: float
    rates: tuple[float, float, float]
    front: float = 0.0
    back: float = 0.0
    p0: float = 0.0
    traps: Traps | None = None

    def __post_init__(self) -> None:
        for name in ("thickness", "absorption", "diffusion"):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) > 0):
                raise ValueError(f"{name} = {getattr(self, name)}: give a positive number, in cm and s")
        if len(self.rates) != 3:
            raise ValueError(f"rates = {self.rates}: give three numbers, k1, k2 and k3, in cm and s")
        rest = dict(zip(("k1", "k2", "k3"), self.rates, strict=True))
        rest |= {"front": self.front, "back": self.back, "p0": self.p0}
        rest |= {f"traps: {name}": each for name, each in vars(self.traps or Traps(0, 0)).items()}
        for name, value in rest.items():
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"{name} = {value}: give a number that is not negative, in cm and s")

    def __repr__(self) -> str:
        words = f"{self.thickness * 1e7:g} nm, D {self.diffusion:g} cm^2/s, S {self.front:g} and"
        return f"Film({words} {self.back:g} cm/s)"


@dataclass(frozen=True, eq=False)
class Decay:
    """Densities after one pulse, in cm^-3.

    Attributes
    ----------
    t : ndarray, shape (m,)
        In s since the pulse.
    z : ndarray, shape (c,)
        Depths in cm: the middles of cells of the same width.
    n, trapped : ndarray, shape (m, c)
    p0 : float
    """

    t: np.ndarray
    z: np.ndarray
    n: np.ndarray
    trapped: np.ndarray
    p0: float

    def __repr__(self) -> str:
        return f"Decay({len(self.t)} times, {len(self.z)} depths)"

    @property
    def mean(self) -> np.ndarray:
        """Mean of n over the depth, shape (m,)."""
        return self.n.mean(axis=1)

    @property
    def light(self) -> np.ndarray:
        """Mean of n·(n + p0 + n_t) over the depth, shape (m,), in cm^-6."""
        return (self.n * (self.n + self.p0 + self.trapped)).mean(axis=1)


def solve_film(t, n0: float, film: Film, *, period: float | None = None, cells: int = _CELLS) -> Decay:
    """Densities n(z, t) in a film after a pulse of the mean density n0, absorbed as exp(−α·z).

    Parameters
    ----------
    t : array_like, shape (m,)
        Times in s since the pulse, not negative, increasing.
    n0 : float
        Mean over the depth of the density that the pulse makes, in cm^-3.
    film : Film
    period : float, optional
        Time in s from pulse to pulse; then the pulse is one of a long train. A single one by default.
    cells : int
        Number of cells; the error falls with its square.

    Returns
    -------
    Decay

    Raises
    ------
    ValueError
        For times that are negative or do not increase, an n0 that is not positive, or a train in which the
        density does not settle.
    ArithmeticError
        Where the solver fails.

    Notes
    -----
    Finite volumes in space, LSODA (BDF with a banded Jacobian) in time.

    Examples
    --------
    >>> film = Film(300e-7, 1e5, 0.5, (1e7, 0, 0))
    >>> (solve_film([0, 1e-7], 1e16, film).mean / 1e16).round(4).tolist()
    [1.0, 0.3679]
    """
    t = np.asarray(t, float)
    if t.ndim != 1 or not t.size or not (np.isfinite(t).all() and t[0] >= 0 and (np.diff(t) > 0).all()):
        raise ValueError("t: give increasing times since the pulse in s, not negative")
    if not (math.isfinite(n0) and n0 > 0):
        raise ValueError(f"n0 = {n0:g}: give the mean density after the pulse in cm^-3, positive")
    edges = np.linspace(0, film.thickness, cells + 1)
    added = -np.diff(np.exp(-film.absorption * edges))
    added *= n0 / added.mean()
    lines = _Lines(film, film.thickness / cells, cells)
    start = np.concatenate([added, np.zeros(cells)])
    if period is not None:
        start = _settled(lines, start, added, period, n0)
    states = lines.at(t, start, n0)
    return Decay(t, (edges[1:] + edges[:-1]) / 2, states[:, :cells], states[:, cells:], film.p0)


def _settled(lines: _Lines, start, added, period: float, n0: float) -> np.ndarray:
    """States just after a pulse in the steady state of a train, found pulse by pulse."""
    if not (math.isfinite(period) and period > 0):
        raise ValueError(f"period = {period:g}: give the time from pulse to pulse in s, positive")
    cells = len(added)
    for _ in range(_MOST_PULSES):
        following = lines.at(np.array([period]), start, n0)[0]
        following[:cells] += added
        if np.abs(following - start).max() <= _SETTLED * np.abs(following).max():
            return following
        start = following
    raise ValueError(f"the density does not settle within {_MOST_PULSES} pulses; give a longer period")


class _Lines:
    """The film's equations on cells: n and n_t of each cell side by side, so that the Jacobian is banded."""

    def __init__(self, film: Film, width: float, cells: int) -> None:
        self.film, self.cells = film, cells
        self.across = film.diffusion / width**2
        # Half a cell lies between a cell's middle and the surface: 1/(1/S + h/(2·D)) per width.
        self.out = [
            each / (1 + each * width / (2 * film.diffusion)) / width for each in (film.front, film.back)
        ]
        self.traps = film.traps or Traps(0.0, 0.0)

    def slope(self, t: float, states: np.ndarray) -> np.ndarray:
        """Return derivatives by the time, states and result ordered (n, n_t) cell by cell."""
        k1, k2, k3 = self.film.rates
        n, trapped = states[0::2], states[1::2]
        holes = n + self.film.p0 + trapped
        traps = self.traps
        caught = traps.capture * n * (traps.density - trapped) - traps.release * trapped
        result = np.empty_like(states)
        change = result[0::2]
        change[:] = -n * (k1 + k2 * holes + k3 * n * n) - caught
        flow = self.across * np.diff(n)
        change[:-1] += flow
        change[1:] -= flow
        change[0] -= self.out[0] * n[0]
        change[-1] -= self.out[1] * n[-1]
        result[1::2] = caught - traps.recombination * trapped * holes
        return result

    def at(self, t: np.ndarray, start: np.ndarray, n0: float) -> np.ndarray:
        """States at times, each row all n and then all n_t."""
        mixed = np.column_stack([start[: self.cells], start[self.cells :]]).ravel()
        if t[-1] == 0:
            return start[None, :].copy()
        answer = solve_ivp(
            self.slope,
            (0.0, t[-1]),
            mixed,
            method="LSODA",
            t_eval=t,
            rtol=_RTOL,
            atol=_ATOL * n0,
            lband=2,
            uband=2,
        )
        if answer.status != 0 or answer.y.shape[1] != len(t) or not np.isfinite(answer.y).all():
            raise ArithmeticError(f"the film could not be solved: {answer.message}")
        return np.concatenate([answer.y[0::2], answer.y[1::2]]).T
