"""The search for the minima of many pixels: bounded Levenberg–Marquardt steps side by side.

Pixels leave the batch as they converge. A minimum counts as found when the same integration with halved
steps agrees with it: the cost stays the same to a millionth, and the best step would hardly lower it. Where
it does not, the search goes on with the halved steps, a few times over; what is still unresolved is left to
the exact solution.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from helpers.maps.curves import K1, K2, K3, N0, OFFSET, SCALE, Data, Form, Sums, evaluate
from helpers.maps.grid import Grid
from helpers.maps.starts import other_starts, starts
from helpers.maps.steps import bounded_step

_BLOCK = 1024  # pixels that are integrated together
_MOST = 60  # rounds of a search
_WANTED = 1e-8  # of the cost: what a step would still gain where a search is content
_AGREED = 1e-7  # of the cost: likewise, with halved steps
_SAME = 1e-6  # of the cost: what halved steps may change of it
_ROUNDING = 1e-17  # of Σ(y/σ)²: a gain below it is one of rounding
_SMOOTH = 100.0  # times that: what the integration may be off where there is no noise
_NO_STRUCTURE = 1e4  # times that: residuals so small are those of the integration
_HALVINGS = 3
_STEPS_ALONE = 200  # of an integration side by side that cost as much as the exact solution of one pixel
_FEW = 3  # doubtful pixels, for which other starts are searched one by one
_SHRINK = 0.1  # a density or scale does not fall further in one step
_STUCK = 1e20
_STEEP = 3.0  # e-folds before the second point, at the first slope
_STRUCTURED = 4.0  # standard errors of the correlation between neighbouring residuals
_SAME_COST = 1e-9
_UNSEEN = 100.0  # times the largest signal of the data
_NEXT_TO_ZERO = 1e-6
_SINGULAR = 1e-26  # determinant of curvatures with a unit diagonal
_ALIKE = 1e-11  # of the unit diagonal: smallest pivot of curvatures that tell parameters apart


@dataclass(eq=False)
class Found:
    """Minima of pixels in natural units.

    Attributes
    ----------
    x : ndarray, shape (6, pixels)
    sums : Sums
        At the minima.
    trusted : ndarray of bool, shape (pixels,)
        Whether the batch's minimum stands; the others are for the exact solution.
    evaluations : ndarray of int, shape (pixels,)
    """

    x: np.ndarray
    sums: Sums
    trusted: np.ndarray
    evaluations: np.ndarray

    def put(self, which, other: Found, chosen) -> None:
        """Replace some pixels."""
        self.x[:, which] = other.x[:, chosen]
        self.sums.put(which, other.sums, chosen)
        self.trusted[which] = other.trusted[chosen]


def bounded_places(form: Form) -> tuple[int, ...]:
    """Places among the free parameters of those that may end at 0: the rates, of counts the background."""
    some = (K1, K2, K3, OFFSET) if form.counts else (K1, K2, K3)
    return tuple(place for place, index in enumerate(form.free) if index in some)


def minima(grid: Grid, t: np.ndarray, form: Form, known: np.ndarray, data: Data, *, given: bool) -> Found:
    """Find the minimum of every pixel.

    Parameters
    ----------
    grid : Grid
    t : ndarray, shape (m,)
        Times since the pulse, in the grid's unit.
    form : Form
    known : ndarray, shape (6, pixels)
        Values of what is not fitted and, if `given`, the start of the rates.
    data : Data
    given : bool
    """
    found = _resolved(grid, form, *_begin(grid, t, form, known, data, given), data)
    doubtful = found.trusted & _doubtful(found, form, len(t), _noise_floor(data, form))
    if doubtful.sum() < _FEW:
        found.trusted &= ~doubtful
    else:
        _search_again(grid, form, data, found, np.flatnonzero(doubtful))
    found.trusted &= ~_for_the_exact_solution(grid, form, data, found)
    return found


def refined(grid: Grid, form: Form, begin: np.ndarray, data: Data) -> Found:
    """Find minima near points that lie close to them, shape (6, pixels); doubtful ones are not trusted."""
    found = _resolved(grid, form, *_evaluated(grid, form, begin, data), data)
    found.trusted &= ~_for_the_exact_solution(grid, form, data, found)
    return found


def _begin(grid: Grid, t, form: Form, known, data: Data, given: bool) -> tuple[np.ndarray, Sums]:
    points = starts(t, grid.dark, form, known, data)
    rates = [j for j in (K1, K2, K3) if j in form.free]
    if given:
        for each in points:
            each[rates] = known[rates]
    return _lowest(grid, form, points, data)


def _lowest(grid: Grid, form: Form, points: list[np.ndarray], data: Data) -> tuple[np.ndarray, Sums]:
    """Return for every pixel the one of some points that costs least, and the sums there."""
    best, lowest = _evaluated(grid, form, points[0], data)
    for each in points[1:]:
        x, sums = _evaluated(grid, form, each, data)
        better = sums.cost < lowest.cost
        best = np.where(better, x, best)
        lowest.put(better, sums, better)
    return best, lowest


def _evaluated(grid: Grid, form: Form, x: np.ndarray, data: Data) -> tuple[np.ndarray, Sums]:
    """Return x with its linear parameters at their best, and the sums there."""
    pixels = x.shape[1]
    whole = Sums.empty(len(form.free), pixels)
    for first in range(0, pixels, _BLOCK):
        part = slice(first, first + _BLOCK)
        whole.put(part, evaluate(grid, form, x[:, part], data.take(part)))
    return (x, whole) if form.counts else _settled(form, x, whole)


@np.errstate(all="ignore")
def _settled(form: Form, x, sums: Sums) -> tuple[np.ndarray, Sums]:
    """Put scale and offset at their best values; the sums follow without another evaluation."""
    places = list(form.linear)
    if not places:
        return x, sums
    inner = sums.squares[np.ix_(places, places)]
    move, gain = bounded_step(inner, sums.slope[places], np.zeros((len(places), x.shape[1])), ())
    factor = np.ones(x.shape[1])
    if SCALE in form.free:
        factor = (x[SCALE] + move[places.index(form.free.index(SCALE))]) / x[SCALE]
    usable = np.isfinite(gain) & (gain > 0) & (factor > _SHRINK)
    move, gain, factor = (
        np.where(usable, move, 0.0),
        np.where(usable, gain, 0.0),
        np.where(usable, factor, 1.0),
    )
    x = x.copy()
    for place, each in zip(places, move, strict=True):
        x[form.free[place]] += each
    slope = sums.slope + np.einsum("abn,bn->an", sums.squares[:, places], move)
    squares = sums.squares.copy()
    for place in range(len(form.free)):
        if place not in places:  # these columns go with the scale
            squares[place] *= factor
            squares[:, place] *= factor
            slope[place] *= factor
    cost = np.maximum(sums.cost - gain, 0.0)
    return x, Sums(cost, squares, slope, np.maximum(sums.residuals - 2 * gain, 0.0), sums.neighbours)


def _noise_floor(data: Data, form: Form) -> np.ndarray:
    if form.counts:
        return np.zeros(data.y.shape[1])
    return _ROUNDING * ((data.y * data.weights) ** 2).sum(axis=0)


def _search(grid: Grid, form: Form, x: np.ndarray, sums: Sums, data: Data, floor) -> Found:
    """Minimise every pixel's cost on one grid from points where the sums are known."""
    pixels, free, bounded = x.shape[1], list(form.free), bounded_places(form)
    undamped = () if form.counts else form.linear
    found = Found(x.copy(), sums, np.zeros(pixels, bool), np.ones(pixels, int))
    damping, raised = np.full(pixels, 1e-4), np.full(pixels, 2.0)
    going = np.flatnonzero(np.isfinite(sums.cost))
    for _ in range(_MOST):
        if not len(going):
            break
        part, here = found.sums.take(going), found.x[:, going]
        _, rest = bounded_step(part.squares, part.slope, here[free], bounded)
        done = rest <= _WANTED * part.cost + floor[going]
        found.trusted[going[done]] = True
        kept = ~done & (damping[going] < _STUCK)
        going, part, here = going[kept], part.take(kept), here[:, kept]
        if not len(going):
            break
        step, gain = bounded_step(part.squares, part.slope, here[free], bounded, damping[going], undamped)
        trial = here.copy()
        trial[free] += step
        for index in (N0, SCALE):
            trial[index] = np.maximum(trial[index], _SHRINK * here[index])
        trial, new = _evaluated(grid, form, trial, data.take(going))
        found.evaluations[going] += 1
        fall = part.cost - new.cost
        better = (fall > 0) & np.isfinite(new.cost)
        ratio = np.clip(np.where(better, fall, 0.0) / np.maximum(gain, 1e-300), 0.0, 1.0)
        lower, higher = going[better], going[~better]
        damping[lower] *= np.maximum(1 / 9, 1 - (2 * ratio[better] - 1) ** 3)
        raised[lower] = 2.0
        damping[higher] *= raised[higher]
        raised[higher] *= 2
        found.x[:, lower] = trial[:, better]
        found.sums.put(lower, new, better)
    return found


def _resolved(grid: Grid, form: Form, x: np.ndarray, sums: Sums, data: Data) -> Found:
    """Minimise on the grid, hold the minima against halved steps, and go on with these where needed."""
    floor = _noise_floor(data, form)
    found = _search(grid, form, x, sums, data, floor)
    whole = replace(found, trusted=np.zeros_like(found.trusted))
    todo, free, bounded = np.flatnonzero(found.trusted), list(form.free), bounded_places(form)
    for level in range(_HALVINGS):
        grid = grid.halved()
        some = data.take(todo)
        x, sums = _evaluated(grid, form, whole.x[:, todo], some)
        step, gain = bounded_step(sums.squares, sums.slope, x[free], bounded)
        change = np.abs(sums.cost - whole.sums.cost[todo])
        agreed = np.isfinite(sums.cost) & (gain <= _AGREED * sums.cost + _SMOOTH * floor[todo])
        agreed &= change <= _SAME * sums.cost + _SMOOTH * floor[todo]
        x[free] += np.where(agreed, step, 0.0)
        sums.cost -= np.where(agreed & ~np.array(form.counts), gain, 0.0)
        whole.x[:, todo] = x
        whole.sums.put(todo, sums)
        whole.trusted[todo] = agreed
        whole.evaluations[todo] += 1
        todo = todo[~agreed]
        if len(todo) * _STEPS_ALONE < len(grid.t) or level == _HALVINGS - 1:
            break
        again = _search(grid, form, x[:, ~agreed], sums.take(~agreed), data.take(todo), floor[todo])
        whole.x[:, todo] = again.x
        whole.sums.put(todo, again.sums)
        whole.evaluations[todo] += again.evaluations
        todo = todo[again.trusted]
    return whole


def _doubtful(found: Found, form: Form, points: int, floor: np.ndarray) -> np.ndarray:
    """Which minima may not be the lowest: neighbouring residuals agree, or nothing recombines."""
    structured = found.sums.neighbours * np.sqrt(points) > _STRUCTURED * found.sums.residuals
    structured &= found.sums.residuals > _NO_STRUCTURE * floor
    rates = [j for j in (K1, K2, K3) if j in form.free]
    empty = ~found.x[rates].any(axis=0) if rates else np.zeros_like(structured)
    return structured | empty


def _search_again(grid: Grid, form: Form, data: Data, found: Found, which: np.ndarray) -> None:
    """Search from other starts and keep the lowest minimum of each pixel."""
    some = data.take(which)
    for group in other_starts(found.x[:, which], form, grid.gap):
        other = _resolved(grid, form, *_lowest(grid, form, group, some), some)
        lower = other.trusted & (other.sums.cost < found.sums.cost[which] * (1 - _SAME_COST))
        found.evaluations[which] += other.evaluations
        found.put(which[lower], other, lower)


@np.errstate(all="ignore")
def _for_the_exact_solution(grid: Grid, form: Form, data: Data, found: Found) -> np.ndarray:
    """Which minima need another look: over before the second point, run away, parameters that act alike."""
    k1, k2, k3, n0, scale, _ = found.x
    steep = (k1 + n0 * (k2 + n0 * k3)) * grid.gap > _STEEP
    shape = n0 * (n0 + data.doping) if form.squared else n0
    largest = np.abs(data.y).max(axis=0)
    away = scale * shape > _UNSEEN * largest
    return steep | away | _alike(form, found)


def _alike(form: Form, found: Found) -> np.ndarray:
    """Whether the curvature of the cost leaves a direction open."""
    inverse = covariances(form, found.x, found.sums)
    diagonal = np.einsum("aan->an", inverse) * np.einsum("aan->an", found.sums.squares)
    return (diagonal > 1 / _ALIKE).any(axis=0)


@np.errstate(all="ignore")
def covariances(form: Form, x: np.ndarray, sums: Sums, *, released: bool = False) -> np.ndarray:
    """Inverse of JᵀWJ over the parameters off their bounds, shape (p, p, pixels); NaN rows for the others.

    With `released` those on their bounds count as well.
    """
    count, pixels = len(form.free), x.shape[1]
    held = np.zeros((count, pixels), bool)
    for place in bounded_places(form):
        held[place] = (x[form.free[place]] <= 0) & (not released)
    size = np.sqrt(sums.squares[range(count), range(count)])
    held |= ~(size > 0)
    size = np.where(held, 1.0, size)
    matrix = sums.squares / size / size[:, None]
    matrix = np.where(held[:, None] | held[None], 0.0, matrix)
    matrix[range(count), range(count)] = 1.0
    stack = np.ascontiguousarray(np.moveaxis(matrix, -1, 0))
    usable = np.asarray(np.isfinite(stack).all(axis=(1, 2)))
    usable[usable] = np.linalg.det(stack[usable]) > _SINGULAR
    inverse = np.full_like(stack, np.inf)
    inverse[usable] = np.linalg.inv(stack[usable])
    result = np.moveaxis(inverse, 0, -1) / size / size[:, None]
    return np.where(held[:, None] | held[None], np.nan, result)


def next_to_zero(form: Form, x: np.ndarray) -> np.ndarray:
    """Return x with rates that no data tell from 0 at 0."""
    x = x.copy()
    for j in (K1, K2, K3):
        if j in form.free:
            x[j] = np.where(x[j] < _NEXT_TO_ZERO, 0.0, x[j])
    return x
