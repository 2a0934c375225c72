"""What the fit asks of a law: its parameters, its solution and the derivatives of that."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Coefficient:
    """One parameter of a law.

    Parameters
    ----------
    name : str
    order : int, optional
        Number j of carriers that meet: the coefficient of nʲ has the unit 1/(time·densityʲ⁻¹), so that a
        generation rate has order 0. None where the unit is not known.
    lower : float
        Lower bound; -inf for a parameter of any sign.
    unit : str, optional
        Unit where there is no order.
    is_density : bool
        Whether it is a density itself, in the measurement's unit.

    Examples
    --------
    >>> Coefficient("k2", order=2)
    Coefficient(name='k2', order=2, lower=0.0, unit='', is_density=False)
    """

    name: str
    order: int | None = None
    lower: float = 0.0
    unit: str = ""
    is_density: bool = False


class Law(ABC):
    """A rate equation dn/dt = f(t, n; values) of one or more states; it knows no signal and no trace.

    Attributes
    ----------
    key : str
        What the law is called in files and tables.
    parameters : tuple of Coefficient
    excited : tuple of int
        States to which a pulse adds the density n0; the first of them is what a density signal shows.
    trapped : tuple of int
        States that cannot move or emit, but leave a partner in the other band: luminescence goes with
        n·(n + p0 + Σ of them).
    held : tuple of str
        Parameters that a fit holds unless it is asked otherwise.
    droppable : tuple of str
        Parameters whose terms can be left out (set to 0) in a comparison of terms.
    accuracy : float
        Relative error of the solution; the search takes residuals below it for rounding.
    is_smooth : bool
        Whether a decay is a smooth function of time whatever the values, which few nodes describe. A function
        of one's own may hold an oscillation or a step.
    """

    key: str
    parameters: tuple[Coefficient, ...]
    states: int = 1
    excited: tuple[int, ...] = (0,)
    trapped: tuple[int, ...] = ()
    held: tuple[str, ...] = ()
    droppable: tuple[str, ...] = ()
    accuracy: float = 1e-13
    is_smooth: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters, in order."""
        return tuple(each.name for each in self.parameters)

    @abstractmethod
    def solve(
        self, t: np.ndarray, start: np.ndarray, values: np.ndarray, *, wanted=None, steps=None
    ) -> tuple[np.ndarray, np.ndarray]:
        """States n(t) and their derivatives by the parameters and the start.

        Parameters
        ----------
        t : ndarray, shape (m,)
            Times since the start, not negative.
        start : ndarray, shape (s,)
            States at t = 0.
        values : ndarray, shape (p,)
            Values of the parameters.
        wanted : ndarray of bool, shape (p + s,), optional
            Derivatives that are needed; others may be left at 0.
        steps : ndarray, shape (p + s,), optional
            Smallest steps of difference quotients, from `steps`; an exact law needs none.

        Returns
        -------
        n : ndarray, shape (m, s)
        derivatives : ndarray, shape (m, s, p + s)

        Raises
        ------
        ValueError, ArithmeticError
            Where the law cannot be solved for these values.
        """

    @abstractmethod
    def slope(self, t: float, n, values) -> np.ndarray:
        """Return dn/dt at the time t and the states n."""

    @abstractmethod
    def sizes(self, span: float, density: float, guess: np.ndarray) -> np.ndarray:
        """Natural size of each parameter for data over the time `span` and of the density `density`."""

    def before(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """States in the dark before any pulse, shape (s,), and their derivatives by the values, (s, p)."""
        return np.zeros(self.states), np.zeros((self.states, len(values)))

    def start(self, values: np.ndarray, n0: float) -> tuple[np.ndarray, np.ndarray]:
        """States just after a single pulse, and their derivatives by the values and n0, shape (s, p + 1)."""
        dark, slopes = self.before(values)
        added = np.zeros(self.states)
        added[list(self.excited)] = 1.0
        return dark + n0 * added, np.column_stack([slopes, added])

    def steps(self, t: np.ndarray, start: np.ndarray, values: np.ndarray) -> np.ndarray | None:
        """Smallest difference steps that the solution feels, shape (p + s,); None for an exact law."""
        return None

    def slowed(self, x: np.ndarray, free: np.ndarray, first: float) -> np.ndarray:
        """Parameters x (in natural sizes) that the data resolve; x itself where nothing is to be done."""
        return x

    def why_no_end(self, values: np.ndarray, density: float) -> str:
        """Say why a search that stopped at these values has no end, and what to do; "" where it is not known.

        Parameters
        ----------
        values : ndarray, shape (p,)
        density : float
            The largest initial density.
        """
        return ""

    def from_rates(self, rates, density: float) -> dict[str, float] | None:
        """Return a guess from the rate law's G, k1, k2, k3 and a typical density, if there is one."""
        return None

    def refuse_doping(self, p0: float) -> None:
        """Raise ValueError where the law takes another doping than that of the light, p0."""
        return

    def form(self, values: np.ndarray):
        """Values in the form in which users of this law give and read them."""
        return np.array(values, float)

    def values(self, guess) -> np.ndarray:
        """Return the numbers of a guess in order, shape (p,), or refuse it.

        Raises
        ------
        ValueError
            If there is not one finite number within its bound for each parameter.
        """
        numbers = np.atleast_1d(np.asarray(guess, float))
        if numbers.shape != (len(self.parameters),):
            raise ValueError(
                f"guess = {guess!r}: give {len(self.parameters)} numbers, for {', '.join(self.names)}"
            )
        for each, value in zip(self.parameters, numbers, strict=True):
            if not (np.isfinite(value) and value >= each.lower):
                raise ValueError(
                    f"{each.name} = {value:g}: the guess must be finite and not below {each.lower:g};"
                    " change the guess or the bound"
                )
        return numbers
