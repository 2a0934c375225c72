"""The model of a fluence series: common rates, each trace's own n0, scale and offset.

signal_j(t) = scale_j · f(n(t; n0_j, G, k1, k2, k3)) + offset_j for the traces j of a series.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from helpers.kinetics import RATES, Rates, natural_rates
from helpers.least_squares import Problem, computed, covariance
from helpers.observables import Clock, Observable
from helpers.separable import Block, compress, eliminate, joint_triangle, solve_linear
from helpers.traces import Trace

MODES = ("fixed", "free", "shared")
_FEWEST_COUNTS = 0.5  # expected counts below this get no more weight than this


@dataclass(frozen=True, eq=False)
class SeriesModel:
    """A series of traces and what is searched in it.

    Attributes
    ----------
    traces, clocks : sequences of Trace and Clock
    weights : sequence of ndarray
        1/sigma for each point of each trace.
    observable : Observable
    n0, scale, offset : ndarray, shape (m,)
        Their given values, one for each of the m traces.
    n0_mode, scale_mode, offset_mode : {"fixed", "free", "shared"}
        "shared" keeps the given ratios of n0 and of the scale (and one offset), with one factor to be found.
    """

    traces: Sequence[Trace]
    clocks: Sequence[Clock]
    weights: Sequence[np.ndarray]
    observable: Observable
    n0: np.ndarray
    scale: np.ndarray
    offset: np.ndarray
    n0_mode: str
    scale_mode: str
    offset_mode: str

    def __repr__(self) -> str:
        modes = f"n0 {self.n0_mode}, scale {self.scale_mode}, offset {self.offset_mode}"
        return f"SeriesModel({len(self.traces)} traces, {self.observable.kind}, {modes})"

    @property
    def names(self) -> tuple[str, ...]:
        """The searched parameters: rates and initial densities."""
        return RATES + self._numbered("n0", shared=self.n0_mode == "shared")

    @property
    def linear_names(self) -> tuple[str, ...]:
        """The parameters solved for: each trace's own scale and offset in turn, then the shared ones."""
        kinds = (("scale", self.scale_mode), ("offset", self.offset_mode))
        own = [kind for kind, mode in kinds if mode == "free"]
        numbered = [f"{kind}_{j + 1}" for j in range(len(self.traces)) for kind in own]
        return (*numbered, *(kind for kind, mode in kinds if mode == "shared"))

    def _numbered(self, name: str, *, shared: bool) -> tuple[str, ...]:
        return (name,) if shared else tuple(f"{name}_{j + 1}" for j in range(len(self.traces)))

    @cached_property
    def x_scales(self) -> np.ndarray:
        """Units of the searched parameters: 1/T, 1/(N·T), 1/(N²·T) with N the largest n0, and the n0."""
        span = max(float(clock.nodes.max()) for clock in self.clocks)
        top = float(self.n0.max())
        return np.append(natural_rates(span, top), self.n0[:1] if self.n0_mode == "shared" else self.n0)

    @property
    def size(self) -> int:
        """Number of residuals."""
        return sum(len(trace) for trace in self.traces)

    @np.errstate(over="ignore")  # of an absurd guess: a start that cannot be computed
    def start(self, rates) -> np.ndarray:
        """Dimensionless start from these rates and the given n0."""
        return np.concatenate([[*rates], self.x_scales[4:]]) / self.x_scales

    def physical(self, x) -> tuple[Rates, np.ndarray]:
        """Rates and the n0 of each trace at the dimensionless point x."""
        values = x * self.x_scales
        if self.n0_mode == "shared":
            return Rates(*values[:4]), self.n0 * (values[4] / self.n0[0])
        return Rates(*values[:4]), values[4:]

    def problem(self) -> Problem:
        """Least-squares problem in the searched parameters, scales and offsets eliminated."""

        @np.errstate(all="ignore")
        def evaluate(x):
            try:
                return computed(x, *eliminate(self.blocks(x)))
            except ValueError:  # a trial step beyond what doubles hold, or a train that never settles
                return np.inf, None

        pairs = zip(self.traces, self.weights, strict=True)
        length = np.sqrt(sum(float(np.sum((t.signal * w) ** 2)) for t, w in pairs))
        return Problem(self.names, self.x_scales, evaluate, self.size, 1e-13 * length)

    def blocks(self, x) -> list[Block]:
        """Each trace's triangle at x."""
        return [self._block(j, *state) for j, state in enumerate(self._states(x, self.clocks))]

    def _states(self, x, clocks):
        """Signals in units of their scales, and their derivatives."""
        rates, n0 = self.physical(x)
        pairs = zip(clocks, n0, strict=True)
        return [clock.shape_with_jacobian(self.observable, value, rates) for clock, value in pairs]

    def _block(self, j: int, shape, jacobian) -> Block:
        weight = self.weights[j]
        rest = -self.traces[j].signal * weight
        columns: dict[str, list[np.ndarray]] = {"free": [], "shared": []}
        size = 1.0 if self.scale_mode == "free" else self.scale[j]
        for mode, value, column in (
            (self.scale_mode, 1.0, size * shape * weight),
            (self.offset_mode, self.offset[j], weight),
        ):
            if mode == "fixed":
                rest = rest + value * column
            else:
                columns[mode].append(column)
        triangle = compress(columns["free"] + columns["shared"], jacobian * (size * weight)[:, None], rest)
        return Block(
            triangle,
            own=len(columns["free"]),
            shared=len(columns["shared"]),
            chain=self._chain(j),
            scaled_by_first=self.scale_mode == "free",
            scaled_by_shared=self.scale_mode == "shared",
        )

    def _chain(self, j: int) -> np.ndarray:
        chain = np.zeros((5, len(self.x_scales)))
        chain[range(4), range(4)] = self.x_scales[:4]
        if self.n0_mode == "shared":
            chain[4, 4] = self.n0[j]
        else:
            chain[4, 4 + j] = self.x_scales[4 + j]
        return chain

    def linear(self, x) -> tuple[np.ndarray, np.ndarray]:
        """Scale and offset of each trace at x."""
        return self._linear(self.blocks(x))

    def _linear(self, blocks) -> tuple[np.ndarray, np.ndarray]:
        coefficients, shared = solve_linear(blocks)
        own = np.array(coefficients)
        if self.scale_mode == "free":
            scale, own = own[:, 0], own[:, 1:]
        elif self.scale_mode == "shared":
            scale, shared = self.scale * shared[0], shared[1:]
        else:
            scale = self.scale
        if self.offset_mode == "free":
            return scale, own[:, 0]
        return scale, np.full(len(own), shared[0]) if self.offset_mode == "shared" else self.offset

    def linear_values(self, x) -> np.ndarray:
        """Values of `linear_names` at x."""
        own, shared = solve_linear(self.blocks(x))
        return np.concatenate([*own, shared])

    def curves(self, x, clocks: Sequence[Clock] | None = None) -> list[np.ndarray]:
        """Signals of the model, at the data's times or at those of other clocks."""
        states = self._states(x, self.clocks)
        linear = self._linear([self._block(j, *state) for j, state in enumerate(states)])
        shown = states if clocks is None else self._states(x, clocks)
        return [scale * state[0] + offset for state, scale, offset in zip(shown, *linear, strict=True)]

    @np.errstate(over="ignore", invalid="ignore")  # of squares of errors in extreme units
    def covariance(self, x, active) -> np.ndarray:
        """(JᵀJ)⁻¹ over the active searched parameters and all linear ones; NaN rows for the others."""
        linear = len(self.linear_names)
        active = np.concatenate([active, np.ones(linear, bool)])
        scales = np.concatenate([self.x_scales, np.ones(linear)])
        return covariance(joint_triangle(self.blocks(x)), active) * np.outer(scales, scales)

    def counting(self, x) -> SeriesModel:
        """Return the model with Poisson weights 1/√(counts that the model expects at x)."""
        expected = (np.maximum(curve, _FEWEST_COUNTS) for curve in self.curves(x))
        return replace(self, weights=[1 / np.sqrt(counts) for counts in expected])
