"""Separable least squares: parameters that enter a model linearly are solved for, not searched.

A scale and an offset enter the signal linearly: for given rates they are a small linear problem. Kaufman's
form of variable projection (BIT 15, 49–57, 1975) takes the model's derivatives off the linear columns and
leaves the others a problem of their own, with the exact gradient and the errors of the joint fit. All
happens on each trace's triangle, a few numbers that stand for its thousands of residuals.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from helpers.least_squares import triangle_of

_DEPENDENT = 1e-10  # a column that lies so much in the ones before it is one of them


@dataclass(frozen=True, eq=False)
class Block:
    """Triangle of one trace's [own linear | shared linear | derivatives | rest], and its way to the whole.

    The residuals are own·q + shared·c + rest. `chain`, shape (d, p), turns the trace's d derivatives into
    those by the p parameters of the whole; with `scaled_by_first` they are also multiplied by the
    coefficient of the first own column, with `scaled_by_shared` by that of the first shared one.
    """

    triangle: np.ndarray
    own: int
    shared: int
    chain: np.ndarray
    scaled_by_first: bool = False
    scaled_by_shared: bool = False

    @property
    def linear(self) -> int:
        """Number of linear columns."""
        return self.own + self.shared

    def slopes(self, own, shared) -> np.ndarray:
        """Return the derivatives by the parameters of the whole, in the triangle's rows."""
        factor = own[0] if self.scaled_by_first else shared[0] if self.scaled_by_shared else 1.0
        return self.triangle[:, self.linear : -1] @ (factor * self.chain)

    def rest(self, own, shared) -> np.ndarray:
        """Return the residuals in the triangle's rows."""
        return self.triangle[:, : self.linear] @ np.concatenate([own, shared]) + self.triangle[:, -1]

    def kept(self) -> np.ndarray:
        """Return which rows are left when the own columns have taken theirs."""
        kept = np.ones(len(self.triangle), bool)
        head = self.triangle[: self.own, : self.own]
        kept[: self.own] = np.abs(np.diag(head)) <= _DEPENDENT * np.linalg.norm(head, axis=0)
        return kept


def compress(linear: Sequence[np.ndarray], jacobian: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """Triangle of [linear | jacobian | rest] for a `Block`."""
    return triangle_of(np.column_stack([*linear, jacobian]), rest)


def solve_linear(blocks: Sequence[Block]) -> tuple[list[np.ndarray], np.ndarray]:
    """Coefficients of the own columns of each block and of the shared ones that make ½Σr² smallest.

    Examples
    --------
    >>> t = np.arange(3.0)  # residuals 2·t − y of y = 6·t, with the 2 to be found anew
    >>> block = Block(compress([t], np.zeros((3, 1)), -6 * t), 1, 0, np.eye(1))
    >>> solve_linear([block])[0][0].round(6).tolist()
    [6.0]
    """
    shared = np.zeros(blocks[0].shared)
    if len(shared):
        rows = np.vstack([block.triangle[block.kept()] for block in blocks])
        columns = rows[:, blocks[0].own : blocks[0].linear]
        # In raw units a scale's column is 1e38 times an offset's: only in lengths of 1 do both count.
        size = np.linalg.norm(columns, axis=0)
        size = np.where(size > 0, size, 1.0)
        shared = np.linalg.lstsq(columns / size, -rows[:, -1], rcond=_DEPENDENT)[0] / size
    return [_own_coefficients(block, shared) for block in blocks], shared


def _own_coefficients(block: Block, shared) -> np.ndarray:
    own = np.zeros(block.own)
    missing = block.rest(own, shared)
    kept = block.kept()
    for row in reversed(range(block.own)):
        if not kept[row]:
            own[row] = -(missing[row] + block.triangle[row, : block.own] @ own) / block.triangle[row, row]
    return own


def eliminate(blocks: Sequence[Block]) -> tuple[float, np.ndarray]:
    """Cost ½Σr² at the best linear coefficients, and the triangle of the parameters that are left."""
    own, shared = solve_linear(blocks)
    linear, rows, rests = [], [], []
    for block, coefficients in zip(blocks, own, strict=True):
        kept = block.kept()
        linear.append(block.triangle[kept, block.own : block.linear])
        rows.append(block.slopes(coefficients, shared)[kept])
        rests.append(block.rest(coefficients, shared)[kept])
    slopes, rest = np.vstack(rows), np.concatenate(rests)
    if len(shared):
        basis = _basis(np.vstack(linear))
        slopes, rest = slopes - basis @ (basis.T @ slopes), rest - basis @ (basis.T @ rest)
    return 0.5 * float(rest @ rest), triangle_of(slopes, rest)


def _basis(columns) -> np.ndarray:
    size = np.linalg.norm(columns, axis=0)
    left, singular, _ = np.linalg.svd(columns / np.where(size > 0, size, 1.0), full_matrices=False)
    return left[:, singular > _DEPENDENT]


def joint_triangle(blocks: Sequence[Block]) -> np.ndarray:
    """Triangle of all parameters at once: those searched, each block's own linear ones, the shared ones."""
    own, shared = solve_linear(blocks)
    count = sum(block.own for block in blocks)
    slopes, rest, first = [], [], 0
    for block, coefficients in zip(blocks, own, strict=True):
        placed = np.zeros((len(block.triangle), count))
        placed[:, first : first + block.own] = block.triangle[:, : block.own]
        first += block.own
        common = block.triangle[:, block.own : block.linear]
        slopes.append(np.column_stack([block.slopes(coefficients, shared), placed, common]))
        rest.append(block.rest(coefficients, shared))
    return triangle_of(np.vstack(slopes), np.concatenate(rest))
