"""The result of a fit as a table for a paper: values rounded to their errors, as CSV or LaTeX."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from helpers.fitting import Fit
from helpers.paths import write_text
from helpers.uncertainty import Profile
from helpers.uncertainty.profiles import Curve

_HEAD = ("parameter", "value", "error", "unit", "remark")


class _Row(NamedTuple):
    name: str
    value: str
    error: str
    unit: str
    remark: str


def save_table(fit: Fit, path: str | Path, *, curves: Profile | None = None, cgs: bool = False) -> Path:
    """Write the values of a fit, rounded to two digits of their errors, to a .csv or .tex file.

    Parameters
    ----------
    fit : Fit
    path : str or Path
        Its ending says which: .csv, or .tex for a LaTeX tabular.
    curves : Profile, optional
        Profiles of the fit. With them a parameter has its 95 % interval as remark, or its limit.
    cgs : bool
        Whether values are given in cm and s where that is possible, or in the units of the data.

    Returns
    -------
    Path
        Of the file.

    Raises
    ------
    ValueError
        For another ending.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from helpers.fitting import fit
    >>> from helpers.traces import Trace
    >>> found = fit(Trace([0, 1, 2, 3], [8, 4.1, 2, 0.9], t_unit="ns"), fixed=["G", "k2", "k3"])
    >>> with TemporaryDirectory() as folder:
    ...     print(save_table(found, Path(folder) / "fit.csv").read_text(encoding="utf-8").splitlines()[2])
    k1,0.693,0.017,1/ns,
    """
    path = Path(path)
    kind = path.suffix.lower()
    if kind not in (".csv", ".tex"):
        raise ValueError(f"{path.name}: give a name that ends with .csv or .tex")
    rows = [_row(fit, name, curves, cgs) for name in fit.values.index]
    return write_text(path, _as_csv(rows) if kind == ".csv" else _as_latex(rows))


def _row(fit: Fit, name: str, curves: Profile | None, cgs: bool) -> _Row:
    parameter = fit.problem.parameters[fit.problem.index(name)]
    is_cgs = cgs and np.isfinite(parameter.cgs)
    factor, unit = (parameter.cgs, parameter.cgs_unit) if is_cgs else (1.0, parameter.unit)
    value, error = fit.values[name] * factor, fit.stderr[name] * factor
    status = str(fit.status[name])
    remark = "" if status == "free" else status
    if fit.see_interval[name]:
        remark = "see the interval"
    if curves is not None and name in curves:
        remark = _interval(curves[name], factor)
    if np.isfinite(error) and error > 0:
        return _Row(name, *rounded_pair(value, error), unit, remark)
    return _Row(name, f"{value:.4g}", "", unit, remark)


def _interval(curve: Curve, factor: float) -> str:
    low, high = (end * factor for end in curve.interval95)
    if curve.verdict == "determined":
        return f"{low:.4g} to {high:.4g} (95 %)"
    if curve.verdict == "upper limit":
        return f"at most {high:.3g} (95 %)"
    if curve.verdict == "lower limit":
        return f"at least {low:.3g} (95 %)"
    return curve.verdict


def rounded_pair(value: float, error: float) -> tuple[str, str]:
    """Return value and error as text, both to the second digit of the error.

    Examples
    --------
    >>> rounded_pair(0.0102034, 0.000232), rounded_pair(1.2345e-10, 4.2e-12)
    (('0.01020', '0.00023'), ('1.234e-10', '0.042e-10'))
    """
    power = int(np.floor(np.log10(max(abs(value), error))))
    power = 0 if -4 <= power <= 4 else power
    digits = max(1 - int(np.floor(np.log10(error))) + power, 0)
    end = f"e{power:+03d}" if power else ""
    first, second = (f"{each / 10.0**power:.{digits}f}{end}" for each in (value, error))
    return first, second


def _as_csv(rows: list[_Row]) -> str:
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(_HEAD)
    writer.writerows(rows)
    return file.getvalue()


def _as_latex(rows: list[_Row]) -> str:
    lines = [r"\begin{tabular}{llll}", r"\hline", r"parameter & value & unit & remark \\", r"\hline"]
    for row in rows:
        number = _latex_number(row.value, row.error)
        words = row.remark.replace("%", r"\%")
        lines.append(rf"{_latex_name(row.name)} & {number} & {_latex_unit(row.unit)} & {words} \\")
    return "\n".join([*lines, r"\hline", r"\end{tabular}", ""])


def _latex_name(name: str) -> str:
    match = re.fullmatch(r"(k)(\d)|(n)(0)(?:_(\w+))?", name)
    if match is None:
        return name.replace("_", r"\_")
    letter, number = match[1] or match[3], match[2] or match[4]
    return rf"${letter}_{{{number + (',' + match[5] if match[5] else '')}}}$"


def _latex_number(value: str, error: str) -> str:
    number, _, power = value.partition("e")
    if error:
        number = rf"({number} \pm {error.partition('e')[0]})" if power else rf"{number} \pm {error}"
    return rf"${number} \times 10^{{{int(power)}}}$" if power else f"${number}$"


def _latex_unit(unit: str) -> str:
    raised = re.sub(r"\^(-?\d+)", r"$^{\1}$", unit)
    return re.sub(r"[µμ]", r"$\\mu$", raised).replace("_", r"\_").replace("%", r"\%")
