"""One self-contained page about a measurement: how it was understood, the law, its rates and their errors."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from helpers import film, plots, records, uncertainty
from helpers.description import Description, FitChoice, find, read
from helpers.fitting import Fit, fit_from_guesses
from helpers.fitting.fits import with_one_noise
from helpers.kinetics import RATES, TrapLaw
from helpers.measurement import Measurement
from helpers.measurement.described import load_measurement, load_traces
from helpers.measurement.quantity import amount
from helpers.paths import RESULTS, write_text
from helpers.plots import STYLE
from helpers.report.figures import as_html, draw_fit, draw_measurement
from helpers.report.tables import save_table

_DPI = 110
_OTHER_STARTS = (0.1, 10.0)  # times the automatic guess: the result must not depend on it
_HEADINGS = {"from n0": "error from n0", "from n0 in cgs": "error from n0 in cgs"}
_STYLE = """
body { font-family: sans-serif; line-height: 1.45; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0; font-size: 0.9rem; }
th, td { padding: 0.25rem 0.7rem; text-align: right; border-bottom: 1px solid #ddd; }
th:first-child, td:first-child { text-align: left; }
pre { background: #f4f4f4; padding: 0.8rem; overflow-x: auto; }
.warning { border-left: 4px solid #D55E00; padding-left: 0.8rem; }
"""


class ReportExistsError(ValueError):
    """Results of another description stand where these would go."""


def make(
    what: str | Path,
    *,
    build: str | Path,
    results: str | Path = RESULTS,
    replace_results: bool = False,
    say: Callable[[str], None] = lambda words: None,
) -> list[Path]:
    """Fit what a description asks for and write its report and results.

    Parameters
    ----------
    what : str or Path
        A description, by its path or its name.
    build : str or Path
        Folder of the reports; each measurement gets a folder of its own in it.
    results : str or Path
        Folder of the results: NAME/FIT/fit.par, with the description beside it.
    replace_results : bool
        Whether results of a description that has changed since may be replaced.
    say : callable
        Told what is being done.

    Returns
    -------
    list of Path
        The pages, one for each fit of the description (and each trace, where each is fitted alone).

    Raises
    ------
    ValueError, OSError
        Where the description or its data are not understood, or would replace results of another one.
    """
    description = read(find(str(what)))
    pages = []
    for name, choice in description.fits.items():
        measurement = load_measurement(description, name)
        alone = measurement.several == "each alone" and len(measurement) > 1
        parts = list(enumerate(measurement.alone())) if alone else [(None, measurement)]
        for number, part in parts:
            label = name if number is None else f"{name}_{number + 1}"
            say(f"{measurement.name}: {label} ...")
            whole = load_traces(description)
            whole = whole if number is None else whole[number : number + 1]
            pages.append(
                _one(description, choice, label, part, whole, Path(build), Path(results), replace_results)
            )
    return pages


def _one(description, choice, label, measurement, whole, build, results, replace_results) -> Path:
    stem = description.path.stem
    folder = results / stem / label
    if not replace_results:
        _refuse_other(folder, description, measurement)
    fit, starts = best_fit(measurement, choice)
    page = build / stem / ("report.html" if label == "fit" else f"report_{label}.html")
    write_text(page, _page(description, choice, fit, starts, whole))
    _write_for_a_paper(fit, page)
    records.save(fit, folder / "fit.par")
    write_text(folder / "description.toml", description.text)
    return page


def _write_for_a_paper(fit: Fit, page: Path) -> None:
    """Write the rates as CSV and LaTeX and the picture of the fit as PDF beside the page, under its name."""
    for ending in (".csv", ".tex"):
        save_table(fit, page.with_suffix(ending))
    with mpl.rc_context(STYLE):
        figure = draw_fit(fit)
    plots.save(figure, page.with_suffix(".pdf"))
    plt.close(figure)


def _refuse_other(folder: Path, description: Description, measurement: Measurement) -> None:
    """Refuse to replace results of another description, or of other data under the same one."""
    path, record = folder / "description.toml", folder / "fit.par"
    what = ""
    if path.exists() and path.read_text(encoding="utf-8") != description.text:
        what = f"another description, or an earlier form of {description.path.name}"
    elif record.exists() and not _is_of(record, measurement):
        what = "other data under the same description"
    if what:
        raise ReportExistsError(
            f"{folder} holds results of {what}; rename the description, or give the fit another name in it"
            " ([fit.NAME]), or add --replace to put the new results in their place"
        )


def _is_of(path: Path, measurement: Measurement) -> bool:
    try:
        return records.load(path).belongs_to(measurement)
    except ValueError:  # no record that can be read
        return False


def best_fit(measurement: Measurement, choice: FitChoice) -> tuple[Fit, list[Fit]]:
    """Fit from the description's guess and from the automatic one; return the best fit, and all of them."""
    if choice.law == "traps":
        return _best_fit_of_traps(measurement, choice)
    held = None if choice.fixed is None else list(choice.fixed)
    guesses: list = [None]
    if choice.terms is not None:
        dropped = [name for name in RATES if name not in choice.terms]
        held = sorted({*(held or []), *dropped, "G"} - set(choice.terms))
        guesses = [dict.fromkeys(dropped, 0.0)] if dropped else [None]
    if choice.guess:
        guesses.append(dict(choice.guess))
    options = _options(choice, held)
    return _best_of(measurement, fit_from_guesses(measurement, guesses, **options), options)


def _best_fit_of_traps(measurement: Measurement, choice: FitChoice) -> tuple[Fit, list[Fit]]:
    """Fit the law of finite traps, whose generation is 0; a guess may name some of its parameters only."""
    held = [name for name in choice.fixed or () if name != "G"] or None
    options = _options(choice, held) | {"law": TrapLaw(measurement.observable.p0 or 0.0)}
    given = choice.guess or {}
    stay = {name: value for name, value in given.items() if held and name in held}
    guesses = [stay, given] if given != stay else [stay]
    return _best_of(measurement, fit_from_guesses(measurement, guesses, **options), options)


def _options(choice: FitChoice, held: list[str] | None) -> dict[str, Any]:
    return {"fixed": held, "loss": choice.loss or "linear", "f_scale": choice.f_scale or 1.0}


def _best_of(measurement: Measurement, fits: list[Fit], options) -> tuple[Fit, list[Fit]]:
    """Return the best fit, and all of them with those from a tenth and ten times of the first one's guess."""
    away = [_rates_times(fits[0], factor) for factor in _OTHER_STARTS]
    fits = with_one_noise(fits + fit_from_guesses(measurement, away, **options))
    return min(fits, key=lambda each: (not each.converged, each.cost)), fits


def _rates_times(fit: Fit, factor: float) -> dict[str, float]:
    """Another start: every free rate larger by a factor."""
    free = dict(zip(fit.names, fit.free, strict=True))
    return {name: fit.guess[name] * (factor if free[name] else 1.0) for name in fit.law.names}


def _page(description: Description, choice: FitChoice, fit: Fit, starts: list[Fit], whole) -> str:
    with mpl.rc_context(STYLE):
        parts = [
            _text("h1", fit.measurement.name),
            *_understood(description, choice, fit, whole),
            *_described(fit),
            *_fitted(fit, starts),
            *_examined(fit),
            *_held(fit),
        ]
    title = html.escape(fit.measurement.name)
    head = f'<head><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style></head>'
    return f'<!DOCTYPE html>\n<html lang="en">{head}<body>\n' + "\n".join(parts) + "\n</body></html>\n"


def _understood(description, choice, fit: Fit, whole) -> Iterable[str]:
    yield _text("h2", "The measurement as understood")
    yield _list(fit.measurement.describe())
    held = ", ".join(fit.fixed) or "nothing"
    yield _text("p", f"Held in the fit: {held}. Loss: {choice.loss or 'linear'}.")
    yield _figure(
        draw_measurement(fit.measurement, whole, fit.time_zero if fit.converged else None),
        "Each trace as it was read, with the points that are used, the baseline, time zero and the window",
    )
    yield f"<details><summary>{html.escape(description.path.name)}</summary><pre>"
    yield f"{html.escape(description.text)}</pre></details>"


def _described(fit: Fit) -> Iterable[str]:
    yield _text("h2", "Does the law describe the data?")
    if not fit.converged:
        yield _text("p", f"The fit has not converged ({fit.message}): its numbers are no minimum.", "warning")
        return
    test = uncertainty.misfit(fit)
    if test.correlation:
        words = (
            "Perhaps: the residuals are like noise in which neighbouring points have the correlation"
            f" {test.correlation:.2f}. Either the noise is correlated or the law is a little wrong; every"
            " error below is too small."
        )
        yield _text("p", words, "warning")
    elif test.found:
        words = (
            "No: the residuals are structured, so that the law misses something. Every number below is then"
            " the number of a wrong law, and its error is too small."
        )
        yield _text("p", words, "warning")
    else:
        yield _text("p", "The order of the residuals gives no reason to doubt the law.")
    if test.found:
        where = uncertainty.pattern(fit).in_words()
        yield _text("p", f"The misfit lies {where}. What fits this pattern, and what would tell it apart:")
        yield _list(map(str, uncertainty.candidates(fit, test)))
    if fit.problem.is_absolute:
        words = f"Reduced χ² {fit.reduced_chi2:.3g} (1 is expected) with {fit.freedom} degrees of freedom."
    else:
        size = amount(f"{fit.rmse:.3g}", fit.measurement.signal_unit)
        words = f"The noise is not known; the residuals have the root mean square {size}."
        if fit.measurement.noise == "estimated":
            words += f" Estimated from them: {fit.noise}."
    yield _text("p", words)


def _fitted(fit: Fit, starts: list[Fit]) -> Iterable[str]:
    yield _text("h2", "The fit")
    yield _figure(draw_fit(fit), "Data and fitted curves; below, the residuals of each trace in σ")
    same = sum(each.converged and each.cost <= fit.cost * (1 + 1e-6) for each in starts)
    words = f"{same} of {len(starts)} starts ended in this minimum: the automatic guess, a tenth and ten"
    words += " times of it, and the description's own guess where it has one."
    yield _text("p", words)
    yield _table(fit.table().rename(columns=_HEADINGS).map(_number))


def _examined(fit: Fit) -> Iterable[str]:
    yield _text("h2", "How well is each rate known?")
    if not fit.converged:
        yield _text("p", "Errors are not examined, because the fit has not converged.", "warning")
        return
    names = [name for name in fit.law.names if fit.free[fit.problem.index(name)]]
    curves = uncertainty.profile(fit, names)
    yield _table(curves.table().map(_number))
    axes = plots.plot_profiles(curves)
    yield _figure(
        axes[0].figure, "Profile of each rate: how much worse the fit becomes away from its best value"
    )
    yield _list(uncertainty.advise(curves.fit, curves))
    yield _text("h2", "Which terms do the data ask for?")
    try:
        ladder = uncertainty.compare_terms(curves.fit)
    except ValueError as reason:
        yield _text("p", str(reason))
        return
    yield _text("p", ladder.verdict)
    yield _table(ladder.table.map(_number))


def _held(fit: Fit) -> Iterable[str]:
    yield _text("h2", "What do the rates hold?")
    if not fit.converged:
        yield _text("p", "This is not judged, because the fit has not converged.", "warning")
        return
    found = film.notes(fit, checked=True)
    if matters := [str(note) for note in found if note.matters]:
        yield _text(
            "p", "What is known of film, spot and counting changes the meaning of these rates:", "warning"
        )
        yield _list(matters)
    else:
        yield _text(
            "p", "Nothing that is known of film, spot and counting changes the meaning of these rates."
        )
    if rest := [str(note) for note in found if not note.matters]:
        yield _text("p", "Checked without effect, or open:")
        yield _list(rest)


def _number(value) -> str:
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, float | np.floating):
        return "–" if np.isnan(value) else f"{value:.4g}"
    return str(value)


def _text(tag: str, words: str, kind: str = "") -> str:
    attribute = f' class="{kind}"' if kind else ""
    return f"<{tag}{attribute}>{html.escape(words)}</{tag}>"


def _list(sentences: Iterable[str]) -> str:
    return "<ul>" + "".join(_text("li", each) for each in sentences) + "</ul>"


def _table(table: pd.DataFrame) -> str:
    return table.to_html(border=0, escape=True)


def _figure(figure: Figure, words: str) -> str:
    image = as_html(figure, words, dpi=_DPI)
    return f"<figure>{image}<figcaption>{html.escape(words, quote=True)}.</figcaption></figure>"
