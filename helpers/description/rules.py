"""What a description must say, and what in it cannot hold together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from helpers.description.keys import FILM
from helpers.description.toml_text import Document

if TYPE_CHECKING:
    from helpers.description import Description


def refuse_contradictions(document: Document, given: Description) -> None:
    """Refuse what cannot hold together, or is not possible yet."""
    count = len(given.traces)
    origins = given.time_zero if isinstance(given.time_zero, tuple) else None
    own = any(trace.time_zero is not None for trace in given.traces)
    relative = given.sigma_relative_percent or 0.0
    has_sigma = given.sigma_relative_percent is not None or given.sigma_floor is not None
    rules = (
        (
            given.response is not None and given.response_fwhm is not None,
            "response_fwhm",
            "response says what the instrument's response is already; delete one of the two lines",
        ),
        (
            given.response_background is not None
            and (
                given.response is None or (isinstance(given.response, dict) and "file" not in given.response)
            ),
            "response_background",
            "it belongs to a recorded response; add response = ..., the name of its file, or delete the line",
        ),
        (
            origins is not None and len(origins) != count,
            "time_zero",
            f"time_zero holds {len(origins or ())} entries for {count} trace(s); give one for each trace, or"
            " a single one without brackets",
        ),
        (
            origins is not None and own,
            "time_zero",
            "time_zero stands in a trace, too; delete it there, or delete this list",
        ),
        (
            has_sigma and given.noise in ("poisson", "even", "estimated"),
            "noise",
            f"sigma_relative_percent and sigma_floor say how large the noise is, which contradicts noise ="
            f' "{given.noise}"; delete this line',
        ),
        (
            relative > 0 and given.sigma_floor is None,
            "sigma_relative_percent",
            "without sigma_floor the noise would be zero where the signal is; add sigma_floor = ..., the"
            " noise without signal",
        ),
        (
            has_sigma and relative == 0 and given.sigma_floor is None,
            "sigma_relative_percent",
            "the noise would be zero; give a number above 0 and sigma_floor, or delete the line",
        ),
        (
            given.sign == "negative" and given.kind in ("TRPL counts", "density"),
            "sign",
            f'a signal of the kind "{given.kind}" is not negative; delete the line',
        ),
        (
            given.n0 == "unknown" and given.kind == "density",
            "n0",
            'n0 = "unknown" is for a signal of unknown scale; a density begins at its own first value,'
            " delete the line",
        ),
    )
    for is_wrong, key, reason in rules:
        if is_wrong:
            raise document.error((key,), reason)
    _refuse_mixed(document, given)
    _refuse_two_densities(document, given)
    _refuse_sigma_alone(document, given)
    _refuse_equal_traces(document, given)
    _refuse_part_of_a_film(document, given)
    _refuse_rates_of_traps(document, given)


def _refuse_rates_of_traps(document: Document, given: Description) -> None:
    """Refuse what belongs to the rate law in a fit of the law of traps; a generation held at 0 is in both."""
    for name, choice in given.fits.items():
        if choice.law != "traps":
            continue
        where = ("fit",) if document.line("fit", "law") else ("fit", name)
        if choice.terms is not None:
            raise document.error(
                (*where, "terms"),
                'terms are those of the rate law, and law = "traps" is another one; delete one of the two'
                ' lines. A process is left out by its name, as in fixed = ["k3", "k_r", "k_d"]',
            )
        for key, names in (("guess", choice.guess or {}), ("fixed", choice.fixed or ())):
            if "k1" in names or (key == "guess" and "G" in names):
                raise document.error(
                    (*where, key),
                    f"{key} names {'k1' if 'k1' in names else 'G'}, which the law of traps has not: its"
                    " parameters are k2, k3, k_t, N_t, k_d, k_r; name some of them, or delete the line",
                )


def _refuse_part_of_a_film(document: Document, given: Description) -> None:
    """Refuse fluences beside a film that lacks what turns them into densities."""
    needs = given.traces[0].fluence_uJ_cm2 is not None and given.n0 != "unknown"
    if given.film is None or not needs:
        return
    if lacking := [name for name in FILM if getattr(given.film, name) is None]:
        asked = "; and ".join(
            f"{name} is missing: {FILM[name].meaning}; add {name} = ..." for name in lacking
        )
        raise document.error(("film",), f"below [film], {asked}")


def _refuse_sigma_alone(document: Document, given: Description) -> None:
    """Refuse a dataset of standard errors without those that they belong to."""
    for j, trace in enumerate(given.traces):
        if trace.sigma is not None and None in (trace.time, trace.signal):
            way = ("trace", j, "sigma") if document.line("trace") else ("sigma",)
            raise document.error(
                way,
                "sigma names a dataset of an HDF5 file, beside time and signal; in another file the standard"
                " errors are the third of the columns: columns = [0, 1, 2]",
            )


def _refuse_two_densities(document: Document, given: Description) -> None:
    for j, trace in enumerate(given.traces):
        way = ("trace", j, "n0_cm3") if document.line("trace") else ("n0_cm3",)
        if trace.n0_cm3 is not None and trace.fluence_uJ_cm2 is not None:
            raise document.error(
                way, "fluence_uJ_cm2 and n0_cm3 both say what the pulse makes; keep one of them"
            )
        if trace.n0_cm3 is not None and given.n0 == "unknown":
            raise document.error(way, 'n0_cm3 is given although n0 = "unknown"; delete one of them')
    if given.kind == "density" and given.signal_unit and given.density_unit not in (None, given.signal_unit):
        raise document.error(
            ("signal_unit",),
            "the signal is the density itself, and density_unit names another unit; delete signal_unit",
        )


def _refuse_equal_traces(document: Document, given: Description) -> None:
    for j, trace in enumerate(given.traces):
        for i, other in enumerate(given.traces[:j], 1):
            same_place = (trace.place, trace.columns) == (other.place, other.columns)
            if same_place and trace.file.resolve() == other.file.resolve():
                reason = (
                    f"{trace.file.name} is the file of trace {i} already; name another file, or say which"
                    " sheet, curve, signal or columns of it this trace is"
                )
                raise document.error(("trace", j, "file"), reason)
            if trace.name is not None and trace.name == other.name:
                reason = f"{trace.name!r} is the name of trace {i} already; give another name"
                raise document.error(("trace", j, "name"), reason)


def _refuse_mixed(document: Document, given: Description) -> None:
    """Refuse fluences or densities that some traces have and others lack."""
    for key in ("fluence_uJ_cm2", "n0_cm3"):
        lacking = [j for j, trace in enumerate(given.traces) if getattr(trace, key) is None]
        if lacking and len(lacking) < len(given.traces):
            names = ", ".join(f"{j + 1} ({given.traces[j].file.name})" for j in lacking)
            raise document.error(
                ("trace", lacking[0]),
                f"{key} is missing in trace {names}; give it in every trace, or in none",
            )


def ask_for_missing(document: Document, given: Description) -> None:
    """Ask for what changes a rate and has no default, all of it at once."""
    wanted = [*_missing_for_counts(given), *_missing_for_density(given)]
    if wanted:
        listed = "".join(f"\n- {each}." for each in wanted)
        raise document.error((), f"what changes the rates has no default, and is missing here:{listed}")


def _missing_for_counts(given: Description) -> list[str]:
    wanted = []
    if given.kind == "TRPL counts" and given.p0_cm3 is None:
        wanted.append(
            "p0_cm3: density of carriers in the dark from doping in cm^-3. Luminescence goes with n(n + p0),"
            " and k1 halves when doping is left out. Add at the top of the file p0_cm3 = 0 for an"
            " undoped film"
        )
    if given.kind == "TRPL counts" and given.repetition_Hz is None:
        wanted.append(
            "repetition_Hz: pulses per second. Carriers that are left from one pulse add to the next ones."
            ' Add at the top of the file repetition_Hz = 1e6 (your number), or repetition_Hz = "single" for'
            " pulses so far apart that the sample recovers"
        )
    return wanted


def _missing_for_density(given: Description) -> list[str]:
    """Return what is missing to know the density just after the pulse; a calibrated signal says it itself."""
    if given.n0 == "unknown":
        return []
    if given.traces[0].fluence_uJ_cm2 is not None:
        if given.film is not None:
            return []
        keys = "; ".join(f"{name} = ... ({key.meaning})" for name, key in FILM.items())
        return [
            f"the film that absorbs the pulse. Add at the end of the file a line [film], and below it {keys}"
        ]
    is_known = given.traces[0].n0_cm3 is not None
    if is_known or (given.kind == "density" and given.n0 not in ("fixed", "shared")):
        return []
    wanted = (
        "the density just after the pulse: k2 goes with 1/n0 and k3 with 1/n0^2. Give each trace"
        " fluence_uJ_cm2 = ... in µJ/cm^2, and the film below a line [film]; or give each trace n0_cm3 = ..."
    )
    if given.kind == "density":
        return [f"{wanted} in cm^-3; or delete the line n0, then it is fitted"]
    return [
        f'{wanted} in cm^-3; or add at the top of the file n0 = "unknown", then the fit gives k1, k2·n0 and'
        " k3·n0^2"
    ]
