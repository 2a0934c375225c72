"""What is kept of a fit, rounded so that the same fit is the same text on every processor."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

import numpy as np

from helpers.fitting import Fit
from helpers.fitting.variance_function import VarianceFunction
from helpers.records.record import FitRecord, by_name
from helpers.records.rounding import DATA_DIGITS, DIGITS, DIGITS_OF_ERRORS, rounded, rounded_value
from helpers.records.stamps import described, law_stamp, stamp


def record_of(fit: Fit) -> FitRecord:
    """Return what is kept of a fit, rounded so that the same fit is the same text on every processor."""
    rows = zip(fit.values, fit.conditional_stderr, _errors_alone(fit), fit.status, strict=True)
    values = [
        rounded_value(value, error, alone) if status == "free" else rounded(value, DATA_DIGITS)
        for value, error, alone, status in rows
    ]
    errors = [rounded(error, DIGITS_OF_ERRORS) for error in fit.stderr]
    guess = [
        rounded(fit.guess[name], DATA_DIGITS if status == "fixed" else DIGITS)
        for name, status in fit.status.items()
    ]
    return FitRecord(
        law=law_stamp(fit.law),
        measurement=described(fit.measurement),
        traces=tuple(stamp(trace) for trace in fit.traces),
        guess=by_name(fit.names, guess, "guess"),
        values=by_name(fit.names, values, "value"),
        stderr=by_name(fit.names, errors, "stderr"),
        status=fit.status,
        units=fit.units,
        cost=rounded(fit.cost),
        rmse=rounded(fit.rmse),
        loss=fit.loss,
        f_scale=float(fit.f_scale),
        converged=bool(fit.converged),
        message=fit.message,
        versions=versions(),
        noise=_estimated_noise(fit),
    )


def _estimated_noise(fit: Fit) -> tuple[VarianceFunction, ...] | None:
    functions = [each.function for each in fit.problem.likelihoods]
    found = tuple(
        VarianceFunction(rounded(each.constant), rounded(each.linear), rounded(each.square))
        for each in functions
        if each is not None
    )
    return found or None


def versions() -> dict[str, str]:
    """Return the versions of the programs that make a fit."""
    return {
        "workbook": _version_of("recombination-workbook"),
        "numpy": _version_of("numpy"),
        "scipy": _version_of("scipy"),
    }


def _version_of(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:  # the helpers were found by a path of the user's own
        return "unknown"


def _errors_alone(fit: Fit) -> np.ndarray:
    """Return the error that each parameter would have if all others were known."""
    if fit.minimum.triangle is None:
        return np.full(len(fit.names), np.nan)
    with np.errstate(divide="ignore"):
        lengths = np.linalg.norm(fit.minimum.triangle[:, :-1], axis=0)
        return fit.problem.scales * np.sqrt(fit.variance) / lengths
