"""Any rate equation the user writes, f(t, n, args), fitted to a trace (`solve` comes from integration)."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from helpers.kinetics.integration import RTOL
from helpers.kinetics.integration import solve as solve
from helpers.least_squares import Minimum, Problem, covariance, minimise, triangle_of
from helpers.traces import Trace

# Relative change of a parameter for its derivative: well above the solver's error, well below curvature.
_DIFFERENCE = 1e-4


@dataclass(frozen=True, eq=False)
class EquationFit:
    """A fitted equation: its arguments, their errors and how well it describes the trace.

    `args`, `stderr` and `names` go together; stderr is NaN for a fixed argument or one on its bound
    `lower`. `n0` is the fitted (or given) initial state. `parameters` counts what was fitted.
    """

    trace: Trace
    names: tuple[str, ...]
    args: np.ndarray
    n0: np.ndarray
    stderr: np.ndarray
    covariance: np.ndarray
    cost: float
    rmse: float
    parameters: int
    converged: bool
    message: str
    evaluations: int
    model: np.ndarray
    problem: Problem
    minimum: Minimum

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={value:.6g}" for name, value in zip(self.names, self.args, strict=False))
        state = "converged" if self.converged else "NOT converged"
        return f"EquationFit({self.trace.name!r}: {values}, rmse={self.rmse:.4g}, {state})"

    @property
    def residuals(self) -> np.ndarray:
        """Data − model at the data's times."""
        return self.trace.signal - self.model

    @property
    def aicc(self) -> float:
        """Akaike's criterion for small samples, by `aicc` with the parameters that were fitted."""
        return aicc(self.trace, self.cost, self.parameters)


def aicc(trace: Trace, cost: float, parameters: int) -> float:
    """AICc of a least-squares fit with `parameters` fitted numbers and cost ½·Σr²; lower is better.

    χ² + 2p with known sigma, m·ln(Σr²/m) + 2p (p counts sigma too) without; + 2p(p + 1)/(m − p − 1).
    Infinite where there are too few points. Source: Burnham & Anderson (2002), sections 2.2 and 2.4.
    """
    points = len(trace)
    known = trace.sigma is not None
    count = parameters + (0 if known else 1)
    if points - count - 1 <= 0:
        return np.inf
    misfit = 2 * cost if known else points * np.log(2 * cost / points)
    return float(misfit + 2 * count + 2 * count * (count + 1) / (points - count - 1))


def fit(
    f: Callable,
    trace: Trace,
    args0: Sequence[float],
    *,
    n0=None,
    fit_n0: bool | Sequence[bool] | None = None,
    names: Sequence[str] | None = None,
    fixed: str | Sequence[str] = (),
    lower: float | Sequence[float] = 0.0,
    observe: Callable | None = None,
    max_step: float | None = None,
    max_evaluations: int = 100,
) -> EquationFit:
    """Least-squares fit of the arguments of dn/dt = f(t, n, args) to a trace: min ½·Σ((S(tᵢ) − Sᵢ)/σᵢ)².

    Parameters
    ----------
    f : callable (t, n, args) -> rate or sequence of rates
    trace : Trace
        Its first time is the equation's t = 0.
    args0 : sequence of numbers
        Guess of the arguments; their sizes set the scale of the search, a zero is scaled by the others.
    n0 : number or sequence, optional
        Initial state; by default the trace's first value, for an equation of one state.
    fit_n0 : bool or one bool for each state, optional
        Which initial values are fitted too (they stay ≥ 0); by default a single state's is.
    names : sequence of str, optional
        Names of the arguments, for `fixed`, tables and messages; by default a0, a1, …
    fixed : str or sequence of str
        Names of arguments that keep their guess.
    lower : number or one for each argument
        Lower bounds; -inf for an argument that may have any sign.
    observe : callable (n) -> signal, optional
        Signal seen of the states, n of shape (m,) or (m, s); by default the first state.
    max_step : number, optional
        Longest step of `solve`, for a short drive f(t, ...).

    Returns
    -------
    EquationFit
        `converged` is False, and `message` says why, where no minimum was found. A trial point at which
        the equation cannot be solved counts as a bad point and the search turns elsewhere.

    Raises
    ------
    ValueError
        For arguments that do not fit together; the message names them.

    Examples
    --------
    >>> t = np.linspace(0, 2, 40)
    >>> fit(lambda t, n, args: -args[0] * n, Trace(t, np.exp(-3 * t)), [1.0]).args.round(5).tolist()
    [3.0]
    """
    layout = _layout(trace, args0, n0, fit_n0, names, fixed, lower)
    model_at = _model(f, trace, layout, observe, max_step)
    problem = _problem(trace, layout, model_at)
    minimum = minimise(problem, layout.start, free=layout.free, max_evaluations=max_evaluations)
    return _as_fit(trace, layout, problem, minimum, model_at)


@dataclass(frozen=True, eq=False)
class _Layout:
    """Arguments and initial state in one row: value = origin + scale · x, with x ≥ 0 where not signed."""

    names: tuple[str, ...]
    origin: np.ndarray
    scale: np.ndarray
    start: np.ndarray
    free: np.ndarray
    signed: np.ndarray
    args: int
    single: bool

    def values(self, x) -> np.ndarray:
        return self.origin + self.scale * x

    def split(self, values):
        state = values[self.args :]
        return values[: self.args], float(state[0]) if self.single else state


def _layout(trace, args0, n0, fit_n0, names, fixed, lower) -> _Layout:
    args0 = np.atleast_1d(np.asarray(args0, float))
    single = n0 is None or np.ndim(n0) == 0
    state = np.atleast_1d(np.asarray(trace.signal[0] if n0 is None else n0, float))
    names = tuple(names) if names else tuple(f"a{index}" for index in range(len(args0)))
    if len(names) != len(args0):
        raise ValueError(f"{len(names)} names for {len(args0)} arguments; give one name for each of args0")
    fixed = {fixed} if isinstance(fixed, str) else set(fixed)
    if unknown := fixed - set(names):
        raise ValueError(f"fixed = {sorted(unknown)}: the arguments are {', '.join(names)}")
    lower = np.broadcast_to(np.asarray(lower, float), args0.shape)
    wrong = ~((args0 >= lower) & np.isfinite(args0))
    if wrong.any():
        raise ValueError(f"{names[wrong.argmax()]} must be finite and >= its bound; change args0 or lower")
    fit_n0 = np.broadcast_to(np.asarray(single if fit_n0 is None else fit_n0, bool), state.shape)
    values = np.concatenate([args0, state])
    # A value that starts at zero has no size of its own; `_difference_steps` looks for one.
    scale = np.where(values != 0, np.abs(values), 1.0)
    lowest = np.concatenate([lower, np.zeros(len(state))])
    signed = lowest == -np.inf
    origin = np.where(signed, 0.0, np.minimum(lowest, values))
    free = np.concatenate([[name not in fixed for name in names], fit_n0]).astype(bool)
    states = ["n0"] if single else [f"n0[{index}]" for index in range(len(state))]
    start = (values - origin) / scale
    return _Layout((*names, *states), origin, scale, start, free, signed, len(args0), single)


def _model(f, trace, layout, observe, max_step) -> Callable:
    """Signal of the model at the trace's times for a row of values; None where it cannot be computed."""

    def signal_at(values):
        args, state = layout.split(values)
        return _observed(solve(f, trace.elapsed, state, args, max_step=max_step), observe)

    def model_at(values):
        try:
            signal = signal_at(values)
        except (ArithmeticError, ValueError):
            return None
        return signal if np.isfinite(signal).all() else None

    # A first call in the open: a slip in f or observe is the user's to see; what cannot be computed is not.
    with contextlib.suppress(ArithmeticError), np.errstate(all="ignore"):
        signal_at(layout.values(layout.start))
    return model_at


def _observed(n, observe) -> np.ndarray:
    """Signal of shape (m,) seen of the states."""
    if observe is None:
        return n[:, 0] if n.ndim == 2 else n
    signal = observe(n)
    if np.shape(signal) != (len(n),) or np.iscomplexobj(signal):
        what = "None" if signal is None else f"shape {np.shape(signal)} from n of shape {n.shape}"
        raise ValueError(f"observe returned {what}; return one real number for each of the {len(n)} times")
    return np.asarray(signal, float)


def _problem(trace, layout, model_at) -> Problem:
    weights = np.ones(len(trace)) if trace.sigma is None else 1 / trace.sigma
    steps = _difference_steps(layout, model_at)

    def evaluate(x):
        model = model_at(layout.values(x))
        if model is None:
            return np.inf, None
        jacobian = np.zeros((len(trace), len(x)))
        for index in np.flatnonzero(layout.free):
            step = max(_DIFFERENCE * abs(layout.values(x)[index]) / layout.scale[index], steps[index])
            slope = _slope(model_at, layout, x, index, step, model)
            if slope is None:
                return np.inf, None
            jacobian[:, index] = slope * weights
        residuals = (model - trace.signal) * weights
        return 0.5 * float(residuals @ residuals), triangle_of(jacobian, residuals)

    # The solver's tolerance, not rounding, is the floor of the residuals here.
    floor = 10 * RTOL * float(np.linalg.norm(trace.signal * weights))
    signed = tuple(np.array(layout.names)[layout.signed])
    return Problem(layout.names, layout.scale, evaluate, len(trace), floor, signed)


def _slope(model_at, layout, x, index, step, model):
    """Differentiate the model by x[index]: central, or forward where a step back would cross the bound."""
    move = np.where(np.arange(len(x)) == index, step, 0.0)
    above = model_at(layout.values(x + move))
    if x[index] < step and not layout.signed[index]:
        return None if above is None else (above - model) / step
    below = model_at(layout.values(x - move))
    return None if above is None or below is None else (above - below) / (2 * step)


def _difference_steps(layout, model_at) -> np.ndarray:
    """Smallest difference step of each parameter: where it starts at zero, one that the model feels.

    The step is sought decade by decade until the model changes by between 1e-6 and 1e-3 of itself.
    """
    steps = np.full(len(layout.start), 1e-3 * _DIFFERENCE)
    values = layout.values(layout.start)
    base = model_at(values)
    if base is None:
        return steps
    for index in np.flatnonzero(layout.free & (values == 0)):
        step = 1.0
        for _ in range(80):
            moved = values.copy()
            moved[index] += step * layout.scale[index]
            beside = model_at(moved)
            change = np.inf if beside is None else np.linalg.norm(beside - base) / np.linalg.norm(base)
            if 1e-6 < change < 1e-3:
                break
            step *= 0.1 if change >= 1e-3 else 10.0
        steps[index] = step
    return steps


def _as_fit(trace, layout, problem, minimum, model_at) -> EquationFit:
    values = layout.values(minimum.x)
    model = model_at(values)
    model = np.full(len(trace), np.nan) if model is None else model
    active = layout.free & ((minimum.x > 0) | layout.signed)
    freedom = len(trace) - int(active.sum())
    matrix = np.full((len(values), len(values)), np.nan)
    if minimum.triangle is not None:
        variance = 1.0 if trace.sigma is not None else 2 * minimum.cost / freedom if freedom > 0 else np.inf
        matrix = covariance(minimum.triangle, active, scales=layout.scale, variance=variance)
    return EquationFit(
        trace=trace,
        names=layout.names,
        args=values[: layout.args],
        n0=values[layout.args :],
        stderr=np.sqrt(np.diag(matrix)),
        covariance=matrix,
        cost=minimum.cost,
        rmse=float(np.sqrt(np.mean((trace.signal - model) ** 2))),
        parameters=int(layout.free.sum()),
        converged=minimum.converged,
        message=minimum.message,
        evaluations=minimum.evaluations,
        model=model,
        problem=problem,
        minimum=minimum,
    )
