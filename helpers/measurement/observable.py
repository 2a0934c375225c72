"""What a detector sees of a density: the law between carriers and signal, in units of its scale."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

_DIFFERENCE = 1e-6


class _Form(NamedTuple):
    """A law f(n, p0) between density and signal: value, slope by n, inverse, formula, power of n's unit."""

    value: Callable
    slope: Callable
    density: Callable
    formula: Callable
    power: int


def _root_of_pairs(signal: np.ndarray, p0: float) -> np.ndarray:
    """Density n ≥ 0 with n·(n + p0) = signal, without the cancellation at small signals."""
    signal = np.maximum(signal, 0.0)
    root = np.sqrt(p0**2 + 4 * signal) + p0
    return np.divide(2 * signal, root, out=np.zeros_like(signal), where=root > 0)


_LINEAR = _Form(
    value=lambda n, p0: n,
    slope=lambda n, p0: np.ones_like(n),
    density=lambda signal, p0: signal,
    formula=lambda p0: "n",
    power=1,
)
# All that is known of a kind; a new one is a new entry.
_FORMS = {
    "density": _LINEAR,
    "mobility": _LINEAR,
    "photoluminescence": _Form(
        value=lambda n, p0: n * (n + p0),
        slope=lambda n, p0: 2 * n + p0,
        density=_root_of_pairs,
        formula=lambda p0: "n·(n + p0)" if p0 else "n²",
        power=2,
    ),
}
KINDS = (*_FORMS, "own")


@dataclass(frozen=True)
class Observable:
    """Signal S = ±f(n) of a density, in units of its scale.

    ==================  ==============  ===========================================================
    kind                f(n)            measured by
    ==================  ==============  ===========================================================
    density             n               a calibrated transient absorption
    mobility            n               terahertz or microwave conductivity, ∝ Σμ·n
    photoluminescence   n·(n + p0)      radiative recombination; n² where doping is negligible
    own                 function(n)     anything else
    ==================  ==============  ===========================================================

    Parameters
    ----------
    kind : str
    p0 : float
        Density of the majority carriers in the dark (for "photoluminescence" only), in the unit of n.
    sign : {1, -1, None}
        Sign of the signal; None lets a measurement take it from its data.
    function : callable (n) -> signal, optional
        For "own": n has the shape (m,) for a law of one state, else (m, s); one real number comes back for
        each time.

    Raises
    ------
    ValueError
        For an unknown kind or sign, a missing or superfluous function, or a doping that is negative or has
        no meaning for the kind.

    Notes
    -----
    Doping changes the rate law as well: k2·n·(n + p0) = k2·p0·n + k2·n², so that a fitted k1 then holds
    k2·p0 beside the traps' rate.

    Examples
    --------
    >>> Observable("photoluminescence", p0=1.0).signal(np.array([1.0, 3.0]))[0].tolist()
    [2.0, 12.0]
    """

    kind: str = "density"
    p0: float = 0.0
    sign: int | None = None
    function: Callable | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"observable = {self.kind!r}: choose one of {', '.join(KINDS)}")
        if self.sign not in (1, -1, None):
            raise ValueError(f"sign = {self.sign!r}: give 1, -1, or None to take it from the data")
        if (self.kind == "own") != callable(self.function):
            raise ValueError('observable: give function=... together with the kind "own", and only then')
        if not (np.isfinite(self.p0) and self.p0 >= 0):
            raise ValueError(f"p0 = {self.p0:g}: the doping must be finite and not negative")
        if self.p0 > 0 and not self.is_quadratic:
            raise ValueError(f"p0 = {self.p0:g}: doping changes photoluminescence only, not {self.kind}")

    def __repr__(self) -> str:
        doping = f", p0={self.p0:g}" if self.p0 else ""
        sign = {1: "", -1: ", negative", None: ", sign from the data"}[self.sign]
        return f"Observable({self.kind}{doping}{sign})"

    @property
    def is_quadratic(self) -> bool:
        """Whether it takes two carriers to make the signal."""
        return self.kind == "photoluminescence"

    @property
    def formula(self) -> str:
        """The law f(n) in words.

        Examples
        --------
        >>> Observable("photoluminescence").formula, Observable("photoluminescence", p0=1.0).formula
        ('n²', 'n·(n + p0)')
        """
        return "a function of n" if self.kind == "own" else _FORMS[self.kind].formula(self.p0)

    def unit(self, density_unit: str) -> str:
        """Return the unit of f(n) for densities in `density_unit`.

        Examples
        --------
        >>> Observable("photoluminescence").unit("cm^-3")
        '(cm^-3)^2'
        """
        if self.kind == "own":
            return "own"
        power = _FORMS[self.kind].power
        return density_unit if power == 1 else f"({density_unit})^{power}"

    def signal(self, n, trapped: tuple[int, ...] = ()) -> tuple[np.ndarray, np.ndarray]:
        """Signal S(n) in units of the scale, and its slope dS/dn.

        Parameters
        ----------
        n : array_like, shape (m,) or (m, s)
            Densities; of several states all but "own" see the first.
        trapped : tuple of int
            States whose partners in the other band photoluminescence meets, too: n·(n + p0 + Σ n_t).

        Returns
        -------
        signal : ndarray, shape (m,)
        slope : ndarray, shape of n
        """
        n, sign = np.asarray(n, float), self.sign or 1
        if self.function is not None:
            return self._own(n)
        seen = n if n.ndim == 1 else n[:, 0]
        form = _FORMS[self.kind]
        if self.is_quadratic and trapped and n.ndim == 2:
            return self._with_trapped(n, trapped, sign)
        value, by_seen = form.value(seen, self.p0), form.slope(seen, self.p0)
        if n.ndim == 1:
            return sign * value, sign * by_seen
        slope = np.zeros_like(n)
        slope[:, 0] = sign * by_seen
        return sign * value, slope

    def _with_trapped(self, n: np.ndarray, trapped: tuple[int, ...], sign: int):
        partners = n[:, 0] + self.p0 + n[:, trapped].sum(axis=1)
        slope = np.zeros_like(n)
        slope[:, 0] = partners + n[:, 0]
        slope[:, trapped] = n[:, :1]
        return sign * n[:, 0] * partners, sign * slope

    def _own(self, n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        value, columns = self._called(n), n[:, None] if n.ndim == 1 else n
        slope, size = np.empty_like(columns), np.abs(columns).max(axis=0)
        for state in range(columns.shape[1]):
            step = _DIFFERENCE * np.where(
                columns[:, state] != 0, np.abs(columns[:, state]), size[state] or 1.0
            )
            above, below = columns.copy(), columns.copy()
            above[:, state] += step
            # Not below an empty state, where a function such as n**1.5 has no value.
            below[:, state] -= np.where(columns[:, state] == 0, 0.0, step)
            rise = self._called(above.reshape(n.shape)) - self._called(below.reshape(n.shape))
            slope[:, state] = rise / (above[:, state] - below[:, state])
        return value, slope.reshape(n.shape)

    def _called(self, n: np.ndarray) -> np.ndarray:
        signal = self.function(n)  # type: ignore[misc]
        if np.shape(signal) != (len(n),) or np.iscomplexobj(signal):
            what = "None" if signal is None else f"shape {np.shape(signal)} from n of shape {n.shape}"
            raise ValueError(f"the observable returned {what}; return one real number for each time")
        return (self.sign or 1) * np.asarray(signal, float)

    def density(self, signal) -> np.ndarray | None:
        """Density n with S(n) = signal, or None for an observable of one's own.

        Noise on the wrong side of zero gives 0 for photoluminescence.

        Examples
        --------
        >>> Observable("photoluminescence", p0=1.0).density(np.array([2.0, 12.0])).tolist()
        [1.0, 3.0]
        """
        if self.function is not None:
            return None
        return _FORMS[self.kind].density((self.sign or 1) * np.asarray(signal, float), self.p0)


def as_observable(observable) -> Observable:
    """Return an observable as such: given, named by its kind, or made of a function."""
    if isinstance(observable, Observable):
        return observable
    if callable(observable):
        return Observable("own", function=observable)
    return Observable(observable)
