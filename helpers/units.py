"""What the units of a trace mean, and how they are written beside a number or an axis."""

from __future__ import annotations

import re
import unicodedata

_SECONDS = {
    "s": 1.0,
    "ms": 1e-3,
    "us": 1e-6,
    "µs": 1e-6,  # micro sign
    "μs": 1e-6,  # Greek mu
    "ns": 1e-9,
    "ps": 1e-12,
    "fs": 1e-15,
    "sec": 1.0,
    "usec": 1e-6,
    "nsec": 1e-9,
    "psec": 1e-12,
    "min": 60.0,
    "h": 3600.0,
}
_PREFIXES = {
    "fs": r"femto|f|飞|飛|フェムト|фемто|ф",
    "ps": r"pico|piko|p|皮|ピコ|пико|п",
    "ns": r"nano|n|纳|奈|納|ナノ|нано|н",
    # "?" and the like are what becomes of the micro sign in a wrong encoding
    "us": r"mi[ck]ro|\\?mu|u|μ|âμ|æ|\?|\ufffd|微|マイクロ|микро|мк",
    "ms": r"mill?i|m|毫|ミリ|милли|м",
    "s": "",
}
_SECOND = (
    r"s|secs?|sek|seg|second(?:s|e|es|i|o)?|sekund(?:e|en|er|y|a)?|segundos?|秒|秒钟"
    r"|с|сек|секунд\w?|saniye|sn"
)
_SPELLINGS = {unit: re.compile(rf"(?:{prefix})[\s-]?(?:{_SECOND})") for unit, prefix in _PREFIXES.items()}
_SPELLINGS["min"] = re.compile(r"mins?|minut(?:e|en|es|os|i|a|o)?|分|分钟|分鐘|мин")
_SPELLINGS["h"] = re.compile(r"h|hrs?|hours?|stunden?|heures?|horas?|or[ae]|小时|小時|ч")
_SCALED = re.compile(
    r"[x×*·]?\s*(?:1?e|(?:1[x×*·])?10\s*(?:\^|\*\*)?)\s*\(?\{?([-−]?\d{1,2})\}?\)?[\s*·×]*s(?:ec\w*)?",
    re.IGNORECASE,
)
_POWERS = {0: "s", -3: "ms", -6: "us", -9: "ns", -12: "ps", -15: "fs"}
_LOWER_MU = str.maketrans({"µ": "μ", "Μ": "μ"})
_DENSITY = re.compile(
    r"(?:(?:10(?:\^|\*\*)(?P<power>[+-]?\d+)|(?P<factor>\d+(?:\.\d*)?(?:e[+-]?\d+)?))[\s*×·]*)?"
    r"(?P<reciprocal>1/)?(?P<length>cm|m)(?P<exponent>(?:\^|\*\*)?-?3|⁻?³)",
    re.IGNORECASE,
)
_TO_CM3 = {"cm": 1.0, "m": 1e-6}
_POWER = re.compile(r"\^([+-]?\d+)")


def seconds(unit: str) -> float:
    """Return the length of one time unit in seconds.

    Raises
    ------
    ValueError
        If the unit is none of s, ms, us (µs), ns, ps, fs, min, h, or of sec, usec, nsec, psec.

    Examples
    --------
    >>> seconds("ns")
    1e-09
    """
    try:
        return _SECONDS[unit.strip()]
    except KeyError:
        raise ValueError(f"unknown time unit {unit!r}: use one of {', '.join(_SECONDS)}") from None


def is_time(unit: str) -> bool:
    """Say whether `seconds` knows the unit.

    Examples
    --------
    >>> is_time("µs"), is_time("counts")
    (True, False)
    """
    return unit.strip() in _SECONDS


def known_time_unit(word: str) -> str | None:
    """Return the unit of time that a word of a file means, as `seconds` writes it, or None.

    Understands what instruments and spreadsheets write: any case ("US", "Nsec"), words in several languages
    ("Mikrosekunden", "纳秒"), powers of ten ("10^-9 s") and a micro sign that lost its encoding. "MS" is a
    millisecond: no decay is measured in megaseconds.

    Examples
    --------
    >>> known_time_unit("NS"), known_time_unit("Mikrosekunden"), known_time_unit("K")
    ('ns', 'us', None)
    """
    plain = unicodedata.normalize("NFKC", word).strip().strip("$.").replace("\\,", "").replace("$", "")
    plain = plain.translate(_LOWER_MU).lower()
    for unit, spelling in _SPELLINGS.items():
        if spelling.fullmatch(plain):
            return unit
    scaled = _SCALED.fullmatch(plain)
    return _POWERS.get(int(scaled[1].replace("−", "-"))) if scaled else None


def density_in_cm3(unit: str) -> float | None:
    """Return one density unit in cm^-3, or None where the unit is no density (counts, "", mOD).

    Understands a power of ten or a number before cm^-3, cm-3, cm⁻³, 1/cm^3 and their like in metres.

    Examples
    --------
    >>> density_in_cm3("10^16 cm^-3"), density_in_cm3("m^-3"), density_in_cm3("counts")
    (1e+16, 1e-06, None)
    """
    found = _DENSITY.fullmatch(unit.strip())
    if found is None:
        return None
    is_inverse = "-" in found["exponent"] or "⁻" in found["exponent"]
    if is_inverse == bool(found["reciprocal"]):
        return None  # cm^3 is a volume, and so is 1/cm^-3
    number = f"1e{found['power']}" if found["power"] else found["factor"] or "1"
    return float(number) * _TO_CM3[found["length"].lower()]


def rate_units(t_unit: str, signal_unit: str) -> tuple[str, str, str, str]:
    """Return the units of G, k1, k2 and k3 for a trace's units.

    Examples
    --------
    >>> rate_units("ns", "cm^-3")
    ('cm^-3/ns', '1/ns', '1/(ns cm^-3)', '1/(ns (cm^-3)^2)')
    """
    density, t = signal_unit or "signal", t_unit or "time"
    return f"{density}/{t}", f"1/{t}", f"1/({t} {density})", f"1/({t} ({density})^2)"


def rates_in_cgs(rates, t_unit: str, signal_unit: str) -> tuple[float, float, float, float]:
    """Return G, k1, k2, k3 in cm^-3/s, 1/s, cm^3/s and cm^6/s.

    Raises
    ------
    ValueError
        If the time unit is unknown or the signal's unit is no density.

    Examples
    --------
    >>> rates_in_cgs((0, 1.0, 1.0, 1.0), "ns", "10^16 cm^-3")
    (0.0, 1000000000.0, 1e-07, 1e-23)
    """
    density = density_in_cm3(signal_unit)
    if density is None:
        raise ValueError(f"{signal_unit!r} is no density: name one such as '10^16 cm^-3', 'cm^-3' or 'm^-3'")
    G, k1, k2, k3 = rates
    frequency = 1 / seconds(t_unit)
    return G * density * frequency, k1 * frequency, k2 * frequency / density, k3 * frequency / density**2


def axis_label(name: str, unit: str) -> str:
    """Return "name (unit)" with the unit's powers raised, or the bare name where there is no unit.

    Examples
    --------
    >>> axis_label("n", "10^16 cm^-3")
    'n (10$^{16}$ cm$^{-3}$)'
    """
    raised = _POWER.sub(r"$^{\1}$", unit)
    return f"{name} ({raised})" if unit else name
