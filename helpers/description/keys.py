"""The keys of a description: what each means and takes, and the check of its value."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from helpers.description.toml_errors import nearest, plain_number, without_prefix
from helpers.units import density_in_cm3, is_time

KINDS = ("TRPL counts", "TA", "TRMC", "density")
LOSSES = ("linear", "soft_l1", "huber", "cauchy")
RATES = ("G", "k1", "k2", "k3")
SINGLE = "single"
_KIND_NAMES = {
    "trpl counts": "TRPL counts",
    "trpl": "TRPL counts",
    "tcspc": "TRPL counts",
    "ta": "TA",
    "transient absorption": "TA",
    "trmc": "TRMC",
    "microwave conductivity": "TRMC",
    "terahertz": "TRMC",
    "thz": "TRMC",
    "optp": "TRMC",
    "density": "density",
}
_MODES = ("fixed", "free", "shared")
_ORIGINS = ("first", "peak", "edge")
_FITTED = ("fitted", "shared", "free")
_RESERVED = re.compile(r"con|prn|aux|nul|com\d|lpt\d", re.IGNORECASE)  # no file on Windows may be called so

Check = Callable[[Any], Any]  # returns the value as the description holds it, or raises ValueError(reason)


@dataclass(frozen=True)
class Key:
    """What a key means, what it takes, and the check that a value passes."""

    meaning: str
    takes: str
    check: Check


def shown(value: Any) -> str:
    """Return a value as the file would write it, cut where it is long."""
    if isinstance(value, float):
        return f"{value:.12g}"
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else text[:57] + "..."


def number(
    *, above: float | None = None, least: float | None = None, below: float | None = None, hint: str = ""
) -> Check:
    """Return a check for a finite number within limits."""

    def check(value: Any) -> float:
        if isinstance(value, str):
            meant = plain_number(value)
            raise ValueError(f"write {meant} without quotes" if meant else "give a number, without quotes")
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError("give a number")
        try:
            result = float(value)
        except OverflowError:
            result = math.inf
        if not math.isfinite(result):
            raise ValueError("give a finite number")
        if above is not None and result <= above:
            raise ValueError(hint or f"give a number above {above:g}")
        if least is not None and result < least:
            raise ValueError(hint or f"give a number that is not below {least:g}")
        if below is not None and result >= below:
            raise ValueError(hint or f"give a number below {below:g}")
        return result

    return check


def word(*choices: str) -> Check:
    """Return a check for one of some words, in whatever case."""

    def check(value: Any) -> str:
        wanted = " or ".join(f'"{choice}"' for choice in choices)
        if not isinstance(value, str):
            raise ValueError(f"choose {wanted}")
        for choice in choices:
            if value.strip().lower() == choice.lower():
                return choice
        meant = nearest(value, list(choices))
        raise ValueError(f'write "{meant}"' if meant else f"choose {wanted}")

    return check


def word_or_number(*choices: str, check_number: Check) -> Check:
    """Return a check for a number or one of some words."""
    check_word = word(*choices)

    def check(value: Any) -> Any:
        wanted = f"give a number or {' or '.join(map(shown, choices))}"
        if isinstance(value, str) and plain_number(value) is None:
            if (meant := without_prefix(value, "Hz")) is not None and SINGLE in choices:
                raise ValueError(f"write {meant}, a number in Hz without quotes")
            if nearest(value.strip(), list(choices)) is None:
                raise ValueError(wanted)
            return check_word(value)
        if not isinstance(value, str) and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise ValueError(wanted)
        return check_number(value)

    return check


def text(value: Any) -> str:
    """Return a text of one line that is not empty."""
    if not isinstance(value, str):
        raise ValueError("give a text, between quotes")
    if not value.strip():
        raise ValueError("it is empty; write something between the quotes, or delete the line")
    if re.search(r"[\x00-\x1f\x7f]", value):
        raise ValueError(
            "it holds a tab, a line break or the like, as \\t between double quotes makes one;"
            " write a Windows path with /, or between single quotes"
        )
    return value.strip()


def remark(value: Any) -> str:
    """Return a free text of any number of lines."""
    if not isinstance(value, str):
        raise ValueError("give a text, between quotes")
    return value


def unit_of_time(value: Any) -> str:
    """Return a unit of time."""
    if not is_time(text(value)):
        raise ValueError('give a unit of time: "ns", "us", "ps", "fs", "ms" or "s"')
    return text(value)


def unit_of_density(value: Any) -> str:
    """Return a unit of density."""
    if density_in_cm3(text(value)) is None:
        raise ValueError('give a density, such as "cm^-3", "10^16 cm^-3" or "m^-3"')
    return text(value)


def kind(value: Any) -> str:
    """Return the kind of a measurement as `KINDS` writes it."""
    name = re.sub(r"[\s_-]+", " ", text(value)).lower()
    if name in _KIND_NAMES:
        return _KIND_NAMES[name]
    meant = nearest(name, _KIND_NAMES)
    kinds = ", ".join(f'"{each}"' for each in KINDS)
    raise ValueError(f'write "{_KIND_NAMES[meant]}"' if meant else f"choose one of {kinds}")


def sign(value: Any) -> str:
    """Return the sign of a signal in words."""
    if not isinstance(value, bool | str) and value in (1, -1):
        return "positive" if value == 1 else "negative"
    meant = {"+": "positive", "-": "negative", "bleach": "negative"}.get(str(value).strip().lower())
    if meant:
        raise ValueError(f'write "{meant}"')
    return word("positive", "negative")(value)


def span(value: Any) -> tuple[float, float]:
    """Return two times, the first one smaller."""
    if not isinstance(value, list) or len(value) != 2:
        raise ValueError("give two numbers with decimal points in brackets, for instance [0.5, 100]")
    first, last = (number()(each) for each in value)
    if first >= last:
        raise ValueError("the first number must be smaller than the second; write the earlier time first")
    return first, last


def several_numbers_or_words(value: Any) -> Any:
    """Return a number or a word of `time_zero`, or a tuple of them."""
    if isinstance(value, list):
        check = word_or_number(*_ORIGINS, check_number=number())
        return tuple(check(each) for each in value)
    return word_or_number(*_ORIGINS, *_FITTED[:2], check_number=number())(
        "fitted" if value == "free" else value
    )


def response(value: Any) -> str | dict[str, Any]:
    """Return the file of a response, or its file and unit or its shape by name."""
    if not isinstance(value, dict):
        return file_name(value) if isinstance(value, str) else text(value)
    for name in value:
        if name not in RESPONSE:
            meant = nearest(str(name), list(RESPONSE))
            remedy = f"write {meant}" if meant else f"it has {', '.join(RESPONSE)}"
            raise ValueError(f"{name} is unknown in it; {remedy}")
    found = {}
    for name, each in value.items():
        try:
            found[name] = RESPONSE[name].check(each)
        except ValueError as reason:
            raise ValueError(f"{name} = {shown(each)}: {reason}") from None
    return found


def column_names(value: Any) -> tuple[int | str, ...]:
    """Return two or three columns, by number or name."""
    advice = 'give two or three columns (time, signal, sigma), for instance [0, 2] or ["time", "counts"]'
    if not isinstance(value, list) or len(value) not in (2, 3):
        raise ValueError(advice)
    for each in value:
        is_number = isinstance(each, int) and not isinstance(each, bool) and each >= 0
        if not is_number and not isinstance(each, str):
            raise ValueError(f"{advice}; numbers are whole and begin with 0 for the first column")
    if len(set(value)) < len(value):
        raise ValueError("a column stands in it twice; name each once")
    return tuple(value)


def parameter_names(value: Any) -> tuple[str, ...]:
    """Return names of parameters, each once."""
    if not isinstance(value, list):
        names = re.findall(r"[A-Za-z]\w*", value) if isinstance(value, str) else []
        raise ValueError(f"give a list of names, for instance {shown(names or ['G'])}")
    for each in value:
        if not isinstance(each, str) or not each.isidentifier():
            raise ValueError(f'{shown(each)} is no name of a parameter; give names in quotes, such as "k3"')
        if value.count(each) > 1:
            raise ValueError(f'"{each}" stands in it twice; name it once')
    return tuple(value)


def term_names(value: Any) -> tuple[str, ...]:
    """Return names of terms of the rate law."""
    names = parameter_names(value)
    if strange := [name for name in names if name not in RATES]:
        raise ValueError(f'"{strange[0]}" is no term of the law; name some of {", ".join(RATES)}')
    return names


def number_of_n0(value: Any) -> str:
    """Return the mode of the initial density; its number has a key of its own."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise ValueError(f"a density stands in the key n0_cm3, in cm^-3; write n0_cm3 = {shown(value)}")
    if isinstance(value, str) and plain_number(value) is not None:
        raise ValueError(
            f"a density stands in the key n0_cm3, in cm^-3; write n0_cm3 = {plain_number(value)}"
        )
    return word(*_MODES, "unknown")(value)


def curve(value: Any) -> int | str:
    """Return the number or the name of a curve in a file."""
    if isinstance(value, bool) or not isinstance(value, int | str) or (isinstance(value, int) and value < 0):
        raise ValueError("give the number or the name of one curve in the file")
    return value if isinstance(value, int) else text(value)


def yes_or_no(value: Any) -> bool:
    """Return true or false."""
    if not isinstance(value, bool):
        raise ValueError("write true or false, without quotes")
    return value


def file_name(value: Any) -> str:
    """Return the name of one file."""
    if isinstance(value, list) and value and all(isinstance(each, str) for each in value):
        rows = ", ".join(f'{{ file = "{each}" }}' for each in value)
        raise ValueError(f"several files stand in the key trace; write trace = [ {rows} ]")
    return text(value)


def guess(value: Any) -> dict[str, float]:
    """Return a guess by name, from a table or the four numbers G, k1, k2, k3."""
    if isinstance(value, list) and len(value) == len(RATES):
        value = dict(zip(RATES, value, strict=True))
    if not isinstance(value, dict):
        raise ValueError("give four numbers, for instance [0, 1e-2, 1e-3, 1e-7], or { k1 = 1e-2, k2 = 1e-3 }")
    result = {}
    for name, each in value.items():
        if not name.isidentifier():
            raise ValueError(f"{shown(name)} is no name of a parameter; write a name such as k1")
        try:
            result[name] = number(least=0 if name in RATES else None)(each)
        except ValueError as error:
            raise ValueError(f"{name} = {shown(each)}: {error}") from None
    return result


def fit_name(name: str) -> str:
    """Return the name of a fit, which its folder of results bears."""
    if not re.fullmatch(r"[\w-]{1,60}", name) or _RESERVED.fullmatch(name):
        raise ValueError(
            f"[fit.{name}]: the results lie in a folder of this name; use letters, digits, _ and - only,"
            " for instance [fit.robust]"
        )
    return name


_POSITIVE, _NOT_NEGATIVE, _ANY = number(above=0), number(least=0), number()
_NOT_ZERO_SCALE = number(
    above=0, hint="give a number above 0; the sign of the signal is said by the key sign"
)
_SHARE = number(least=0, below=1, hint="give a share from 0 to below 1, for instance 0.2 for 20 %")
_TAIL_SHARE = number(
    above=0, below=1 + 1e-12, hint="give a share above 0, at most 1, for instance 0.3 for 30 %"
)
_A_TEXT = "a text in quotes"

FILM = {
    "wavelength_nm": Key("wavelength of the pulse in nm", "a number above 0", _POSITIVE),
    "thickness_nm": Key("thickness of the film in nm", "a number above 0", _POSITIVE),
    "absorption_per_cm": Key(
        "absorption coefficient at this wavelength in 1/cm", "a number above 0", _POSITIVE
    ),
    "reflection": Key(
        "share of the pulse that the film reflects, from 0 to 1", "a number from 0 to below 1", _SHARE
    ),
}
# What no fit needs, but what says what its rates hold.
FILM_MORE = {
    "diffusion_cm2_s": Key(
        "ambipolar diffusion coefficient of the carriers in cm^2/s", "a number above 0", _POSITIVE
    ),
    "surface_velocity_cm_s": Key(
        "recombination velocity of each of the two surfaces in cm/s", "a number, 0 or larger", _NOT_NEGATIVE
    ),
    "bulk_lifetime_ns": Key("lifetime of the carriers without surfaces in ns", "a number above 0", _POSITIVE),
    "refractive_index": Key(
        "refractive index of the film at its own emission",
        "a number above 1",
        number(above=1),
    ),
}
FILM_TABLE = FILM | FILM_MORE
TRACE = {
    "file": Key("name of the file with the data, beside the description", _A_TEXT, file_name),
    "fluence_uJ_cm2": Key(
        "energy of one pulse per area at the sample in µJ/cm^2", "a number above 0", _POSITIVE
    ),
    "n0_cm3": Key("density that one pulse makes in cm^-3", "a number above 0", _POSITIVE),
    "name": Key("name of the trace in pictures and tables", _A_TEXT, text),
    "time_zero": Key(
        "when the pulse comes, in t_unit",
        'a number, "first", "peak" or "edge"',
        word_or_number(*_ORIGINS, check_number=_ANY),
    ),
    "scale": Key("signal for one unit of what it is proportional to", "a number above 0", _NOT_ZERO_SCALE),
    "offset": Key("signal without carriers", "a number", _ANY),
    "sheet": Key("name of the sheet in an Excel workbook", _A_TEXT, text),
    "curve": Key(
        "one of several curves in a file, as the file numbers or names them", "a number or a text", curve
    ),
    "time": Key("path of the dataset of times in an HDF5 file", _A_TEXT, text),
    "signal": Key("path of the dataset of the signal in an HDF5 file", _A_TEXT, text),
    "sigma": Key("path of the dataset of standard errors in an HDF5 file", _A_TEXT, text),
    "columns": Key(
        "columns of time, signal and sigma of this trace: columns = [0, 2]",
        "two or three numbers or names",
        column_names,
    ),
}
RESPONSE = {
    "file": Key("name of the file with the recorded response", _A_TEXT, file_name),
    "t_unit": Key("unit of the times in that file", 'a unit such as "ps"', unit_of_time),
    "background": Key("times in that file with background only", "two numbers, such as [0, 2]", span),
    "fwhm": Key("full width at half maximum of a Gaussian in t_unit", "a number above 0", _POSITIVE),
    "tail": Key("time constant of an exponential tail in t_unit", "a number above 0", _POSITIVE),
    "tail_share": Key("share of the response that has the tail", "a number above 0, at most 1", _TAIL_SHARE),
}
_LAWS = 'one of "rates", "traps"'
FIT = {
    "fixed": Key("parameters that are held", 'a list of names, such as ["G"]', parameter_names),
    "guess": Key("start of the fit, in the units of the data", "four numbers or { name = number }", guess),
    "loss": Key("how outliers are weighed", 'one of "linear", "soft_l1", "huber", "cauchy"', word(*LOSSES)),
    "f_scale": Key("residual from which on a robust loss acts, in sigma", "a number above 0", _POSITIVE),
    "window": Key("times that this fit uses, in t_unit", "two numbers, such as [0, 100]", span),
    "law": Key("the law: the rate law, or that of traps of a finite density", _LAWS, word("rates", "traps")),
    "terms": Key("terms of the law that stay in it", 'a list of names, such as ["k1", "k2"]', term_names),
}
_MODE_OR_NUMBER = '"fixed", "free", "shared" or a number'
TOP = {
    "kind": Key("what was measured", "one of " + ", ".join(f'"{each}"' for each in KINDS), kind),
    "several": Key(
        "what several traces share",
        '"one law" (one fit of all) or "each alone"',
        word("one law", "each alone"),
    ),
    "name": Key("name of the measurement", _A_TEXT, text),
    "t_unit": Key("unit of the times", 'a unit such as "ns"', unit_of_time),
    "signal_unit": Key("unit of the signal", _A_TEXT, text),
    "density_unit": Key("unit of the densities", 'a unit such as "10^16 cm^-3"', unit_of_density),
    "time_zero": Key(
        "when the pulse comes, in t_unit",
        'a number, "edge", "fitted", "shared", "first", "peak", or a list of one for each trace',
        several_numbers_or_words,
    ),
    "window": Key("first and last time that are used, in t_unit", "two numbers, such as [0, 100]", span),
    "baseline": Key("times before the pulse, with background only", "two numbers, such as [-10, -1]", span),
    "response": Key(
        "the instrument's response: a recording of it, or its shape in t_unit",
        'a file name such as "irf.csv", { file = "irf.csv", t_unit = "ps" } or { fwhm = 0.2, tail = 0.5 }',
        response,
    ),
    "response_background": Key(
        "times in the file of the response, on its own axis, with background only",
        "two numbers, such as [0, 2]",
        span,
    ),
    "scatter": Key(
        "height of scattered light of the pulse in the signal",
        _MODE_OR_NUMBER,
        word_or_number(*_MODES, check_number=_NOT_NEGATIVE),
    ),
    "bin_width": Key(
        "width of the channels that the signal was collected in, in t_unit", "a number above 0", _POSITIVE
    ),
    "response_fwhm": Key(
        "full width at half maximum of the response in t_unit", "a number above 0", _POSITIVE
    ),
    "repetition_Hz": Key(
        "pulses per second",
        'a number above 0, or "single" for pulses so far apart that the sample recovers',
        word_or_number(
            SINGLE, check_number=number(above=0, hint='give pulses per second, or write "single"')
        ),
    ),
    "p0_cm3": Key(
        "density of carriers in the dark from doping in cm^-3", "a number, 0 if undoped", _NOT_NEGATIVE
    ),
    "sign": Key("sign of the signal", '"positive" or "negative"', sign),
    "spot_diameter_um": Key(
        "diameter of a Gaussian spot of the laser in µm, where 1/e^2 of its centre's fluence is left",
        "a number above 0",
        _POSITIVE,
    ),
    "collected_diameter_um": Key(
        "diameter of the area in µm from which the signal comes", "a number above 0", _POSITIVE
    ),
    "count_rate_Hz": Key("detected photons per second, of TCSPC", "a number above 0", _POSITIVE),
    "fluence_error_percent": Key("error of the fluences in %", "a number, 0 or larger", _NOT_NEGATIVE),
    "noise": Key(
        "what is known of the noise",
        '"estimated" (from the residuals), "poisson", "sigma" or "even"',
        word("poisson", "sigma", "even", "estimated"),
    ),
    "sigma_relative_percent": Key("noise in % of the signal", "a number, 0 or larger", _NOT_NEGATIVE),
    "sigma_floor": Key("noise without signal, in the signal's unit", "a number above 0", _POSITIVE),
    "scale": Key(
        "signal for one unit of what it is proportional to",
        _MODE_OR_NUMBER,
        word_or_number(*_MODES, check_number=_NOT_ZERO_SCALE),
    ),
    "offset": Key("signal without carriers", _MODE_OR_NUMBER, word_or_number(*_MODES, check_number=_ANY)),
    "n0": Key(
        "whether the initial density is fitted",
        '"fixed", "free", "shared" or "unknown"',
        number_of_n0,
    ),
    "columns": Key(
        "columns of time, signal and sigma: columns = [0, 1, 2]",
        "two or three numbers or names",
        column_names,
    ),
    "channel_width": Key(
        "time from one channel to the next in t_unit, where a file holds counts without times",
        "a number above 0",
        _POSITIVE,
    ),
    "decimal": Key("decimal mark in the data", '"." or ","', word(".", ",")),
    "transposed": Key(
        "whether the rows of a matrix are wavelengths and its columns times", "true or false", yes_or_no
    ),
    "repeated": Key("what to do with rows of the same time", '"refuse" or "mean"', word("refuse", "mean")),
    "comment": Key("remarks", _A_TEXT, remark),
    "source": Key("where the data come from", _A_TEXT, remark),
}
PLACE = ("sheet", "curve", "time", "signal", "sigma")  # where in its file a trace stands
SINGLE_TRACE = ("file", "fluence_uJ_cm2", "n0_cm3", *PLACE)  # of one trace, may stand at the top, too
TABLES = {
    "film": "the absorbing film: a line [film], with its keys below it",
    "fit": "choices of a fit: a line [fit], with its keys below it",
    "trace": 'the traces: trace = [ { file = "p1.csv", fluence_uJ_cm2 = 1 }, { file = "p2.csv", ... } ]',
}
# What people call these things; `nearest` would not find them.
OTHER_NAMES = {
    "doping": "p0_cm3",
    "irf": "response",
    "prompt": "response",
    "irf_file": "response",
    "fwhm": "response_fwhm",
    "channel_width": "bin_width",
    "scattered_light": "scatter",
    "background": "baseline",
    "type": "kind",
    "title": "name",
    "files": "trace",
    "data": "file",
    "time_unit": "t_unit",
    "unit": "t_unit",
    "t0": "time_zero",
    "frequency": "repetition_Hz",
    "rep_rate": "repetition_Hz",
    "sample": "film",
    "fits": "fit",
    "polarity": "sign",
    "n_0": "n0_cm3",
    "unit_of_time": "t_unit",
    "worksheet": "sheet",
    "tab": "sheet",
    "channel": "curve",
    "detector": "curve",
    "block": "curve",
    "dataset": "signal",
    "bin_width": "channel_width",
    "time_per_channel": "channel_width",
    "ns_per_channel": "channel_width",
    "sigma_column": "columns",
    "error": "columns",
    "err": "columns",
    "model": "terms",
    "d_nm": "thickness_nm",
    "d": "thickness_nm",
    "tau": "bulk_lifetime_ns",
    "n_refr": "refractive_index",
    "srv": "surface_velocity_cm_s",
    "counts_per_second": "count_rate_Hz",
    "cps": "count_rate_Hz",
}
# Likewise the beginnings of names, behind which people write units.
OTHER_BEGINNINGS = {
    "irf_b": "response_background",
    "irf": "response_fwhm",
    "fwhm": "response_fwhm",
    "rep_rate": "repetition_Hz",
    "reprate": "repetition_Hz",
    "laser": "repetition_Hz",
    "frequency": "repetition_Hz",
    "power": "fluence_uJ_cm2",
    "photons": "fluence_uJ_cm2",
    "excitation": "fluence_uJ_cm2",
    "lambda": "wavelength_nm",
    "alpha": "absorption_per_cm",
    "absorbance": "absorption_per_cm",
    "doping": "p0_cm3",
    "background": "baseline",
    "diffusion": "diffusion_cm2_s",
    "surface": "surface_velocity_cm_s",
    "spot": "spot_diameter_um",
    "beam": "spot_diameter_um",
    "count_rate": "count_rate_Hz",
    "countrate": "count_rate_Hz",
}
# What the reader of the files finds by itself.
FOUND_BY_ITSELF = ("delimiter", "separator", "sep", "skip_rows", "skiprows", "header", "encoding", "comments")
ALL = {**FILM_TABLE, **FIT, **TRACE, **TOP}
TAKES = {name: f"{key.takes} ({key.meaning})" for name, key in ALL.items()} | TABLES
