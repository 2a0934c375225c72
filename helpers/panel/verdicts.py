"""What a fit says of each row of the panel: its error, a limit, or that it is not determined."""

from __future__ import annotations

import math
from collections.abc import Mapping

from helpers.fitting import Fit
from helpers.kinetics import RateLaw
from helpers.uncertainty import Profile, profile

HELD, UNUSED = "held", "not in use"
_POINTS = 8  # of each profile: as many as its intervals need


def profile_of(fit: Fit, rows: Mapping[str, str | None], *, slow: bool = False) -> Profile | None:
    """Profile the rows that a fit varied; None where that takes longer than one waits beside a slider.

    Parameters
    ----------
    fit : Fit
    rows : mapping of row to the parameter's name in the fit, or None
    slow : bool
        Whether to wait for it.

    Notes
    -----
    A profile takes some ten fits for each parameter. The rate law's take a second; an equation's, which is
    integrated numerically, up to a minute.
    """
    free = dict(zip(fit.names, fit.free, strict=True))
    names = [name for name in rows.values() if name is not None and free.get(name)]
    if not (slow or isinstance(fit.law, RateLaw)) or not names:
        return None
    return profile(fit, names, points=_POINTS)


def verdicts(
    fit: Fit, curves: Profile | None, rows: Mapping[str, str | None], used: Mapping[str, bool]
) -> dict[str, str]:
    """Short words for each row: "± error", "< limit (95 %)", "not determined", "held", "not in use".

    By the profile likelihood where `curves` has the parameter, else by the standard error.

    Parameters
    ----------
    fit : Fit
    curves : Profile or None
    rows : mapping of row to the parameter's name in the fit, or None
    used : mapping of row to whether it is in use
    """
    table = None if curves is None else curves.table()["result"]
    free, words = dict(zip(fit.names, fit.free, strict=True)), {}
    for row, name in rows.items():
        if not used[row]:
            words[row] = UNUSED
        elif name is None:  # each trace has its own
            words[row] = "see the message"
        elif not free.get(name):
            words[row] = HELD
        elif table is not None and name in table:
            words[row] = _of_profile(table[name])
        else:
            words[row] = _of_error(float(fit.stderr[name]), str(fit.status[name]))
    return words


def _of_profile(result: str) -> str:
    """Return the error out of "value ± error", or a limit as it is.

    Examples
    --------
    >>> _of_profile("0.289 ± 0.01"), _of_profile("< 3.1 (95 %)")
    ('± 0.01', '< 3.1 (95 %)')
    """
    _, sign, error = result.partition("±")
    return f"± {error.strip()}" if sign else result


def _of_error(error: float, status: str) -> str:
    """Return the error, or why there is none: NaN beside a bound, where an interval alone is true.

    Examples
    --------
    >>> _of_error(0.1, "free"), _of_error(math.inf, "free"), _of_error(math.nan, "free")
    ('± 0.1', 'not determined', 'see the interval')
    """
    if status == "bound":
        return "at its bound"
    if math.isnan(error):
        return "see the interval"
    return f"± {error:.2g}" if math.isfinite(error) else "not determined"
