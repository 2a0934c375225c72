"""How many digits of a number are kept, so that the same fit is the same text on every processor."""

from __future__ import annotations

import math

# Two searches for one minimum end within some 1e-7 standard errors of each other, and so do two processors.
# Rounded far above that, the same fit is the same text everywhere.
DIGITS, _MOST_DIGITS = 6, 12
# Of a value beyond its error, and beyond what its error would be if all others were known: parameters that
# trade off need more digits than their errors tell, or the values together are no minimum any more.
_BEYOND_ERROR, _BEYOND_ERROR_ALONE = 4, 2
DIGITS_OF_ERRORS = 3
DATA_DIGITS = 9  # of what was given and not searched: times, data, fixed values


def rounded(value: float, digits: int = DIGITS) -> float:
    """Return the value with so many significant digits.

    Examples
    --------
    >>> rounded(1.23456789), rounded(1.23456789, 2)
    (1.23457, 1.2)
    """
    shown = float(f"{value:.{digits - 1}e}") + 0.0
    return value if math.isinf(shown) else shown  # the largest doubles would round to infinity


def rounded_value(value: float, error: float, alone: float) -> float:
    """Return a fitted value with the digits that its error leaves: 1/1000 of it, or 6 where there is none.

    Parameters
    ----------
    value, error : float
    alone : float
        The error if all other parameters were known, of which 1/10 is kept at least.

    Examples
    --------
    >>> rounded_value(1.23456789, 0.1, 0.1), rounded_value(1.23456789, math.inf, 0.1)
    (1.2346, 1.23457)
    """
    if value == 0 or not (0 < error < math.inf and 0 < alone < math.inf):
        return rounded(value)
    size = math.floor(math.log10(abs(value)))
    digits = size - math.floor(math.log10(error)) + _BEYOND_ERROR
    digits_alone = size - math.floor(math.log10(alone)) + _BEYOND_ERROR_ALONE
    return rounded(value, min(_MOST_DIGITS, max(1, digits, digits_alone)))
