"""What the title of a column says: a time and its unit, something else, an error, a logarithm.

Titles come from instruments and spreadsheets in several languages. What is not recognised says nothing; it is
asked for, not guessed.
"""

from __future__ import annotations

import re
import unicodedata

from helpers.units import density_in_cm3, is_time, known_time_unit

_LONGEST = 200  # characters of a title that are looked at
_BRACKETED = re.compile(r"[\[({<|]\s*([^\[\](){}<>|]+?)\s*[\])}>|]")
_IN_UNIT = re.compile(
    r"(?<![^\W_])(?:in|en|em|units?|einheit|unité|unidad|unità|单位)(?![^\W_])[\s:=]*(.+)$", re.I
)
_AT_END = re.compile(r"(?P<before>.*?)(?P<mark>[\s/_.,;:=-]+)(?P<unit>[^\s/_.,;:=()\[\]-]+)[\s.]*$")
_CAMEL = re.compile(r"(?<=[a-z])(?:[FPNUMµμ][Ss]|(?:[Nn]ano|[Mm]icro|[Pp]ico|[Mm]illi)?[Ss]ec(?:onds)?|S)$")
_GLUED = re.compile(r"(?:t|time|delay|zeit)([fpnumμ]s)", re.IGNORECASE)
_POWER = re.compile(
    r"(?:[x×*·]\s*)?(?:1[x×*·])?(?:1?e|10\s*(?:\^|\*\*)?)\s*[({]?[-−]\d+[)}]?\s*[·*×]?\s*s(?:ec\w*)?(?![^\W\d_])",
    re.I,
)
_MULTIPLE = re.compile(
    r"(?:[\[({]|/)\s*([x×*·]?\s*(?:\d+(?:[.,]\d+)?(?:e[-+]?\d+)?|10\s*(?:\^|\*\*)\s*[-−+]?\d+)\s*[·*×]?\s*"
    r"([^\W\d_]+))\s*(?:[\])}]|$)",
    re.IGNORECASE,
)
_CLEAR = re.compile(
    r"[fpnuµμ]s|[npu]sec|(?:nano|micro|mikro|pico|piko|femto|milli|mili)s\w+|[纳奈微皮飞毫]秒", re.I
)
_TIME = re.compile(
    r"(?<![^\W_])(?:τ|tau)(?![^\W\d_])|(?<![^\W\d_])(?:times?|timestamp|time[A-Z]\w*)(?![a-z])"
    r"|delay|zeit|temps(?![a-z])|d[ée]lai|tiempo|tempo(?!r)|retard|ritardo|verz[öo]gerung|elapsed|horizontal|x.?axis"
    r"|时间|時間|延迟|延遲|延时|время|задержк|tijd|vertraging|czas|tid(?![a-z])|zaman|čas|(?<![a-z])lag(?![a-z])",
    re.IGNORECASE,
)
_SYMBOL = re.compile(r"(?<![^\W_])[δΔ∆d]?t(?![^\W\d_])")  # T is as often a temperature or a transmission
_OF_SIGNAL = re.compile(r"(?<=[^\W_])\s*[(\[]\s*t\s*[)\]]|/\s*d?t(?![^\W_])")  # n(t), dn/dt
_MOMENT = re.compile(
    r"(?<![\w^.-])[+-]?\d+(?:[.,]\d+)?\s?(?:[fpnumμ]s(?:ec)?|s|min)$|^[+-]?\d+[.,\d]*\s?[fpnuμm]?s\b"
)
_TIME_IS_NO_PART = re.compile(r"temperat|temporal|lifetime|tempéra", re.IGNORECASE)
_NO_TIME = re.compile(
    r"temperat|tempéra|(?<![a-z])temp(?![a-z])|wave|wellenl|longueur|longitud|lunghezza|lambda|λ|(?<![a-z])wl(?![a-z])"
    r"|波长|波長|energ|énerg|photon|能量|fre[qc]|fréq|frequenz|频率|(?<![^\W\d_])[νν](?![^\W\d_])|volt|spannung|tensi[oó]n"
    r"|电压|current|strom(?![a-z])|courant|corriente|电流|resist|power|leistung|puissance|potencia|功率|fluence|fluenz"
    r"|stage|stepper|motor|mirror.?pos|posi[tc]i|位置|温度|distan|abstand|距离|angle|winkel|delay.?line|thickness|height"
    r"|channel|(?<![a-z])chan(?![a-z])|kanal|canal|通道|pixel|index|sequence|(?<![a-z])seq(?![a-z])|sample(?!.*time)|point(?!.*time)|number"
    r"|nummer|numéro|número|(?<![a-z])(?:no|nr|num|n°|row|line|zeile|ligne|fila|scan|run|step|frame|shot|cycle|bin)s?(?![a-z])"
    r"|count|intens|signal|ampli|absorb|transmi|reflec|conduct|pressure|druck|field|feld|humid|(?<![a-z])pl(?![a-z])"
    r"|unnamed|log(?:10|e)?(?![a-z])|(?<![a-z])ln(?![a-z])",
    re.IGNORECASE,
)
_WHATEVER_UNIT = re.compile(  # no unit of time makes a time of these
    r"temperat|tempéra|wave|wellenl|longueur|lambda|λ|波长|energ|énerg|fre[qc]|fréq|频率|volt|spannung|电压|power"
    r"|count|intens|fluence|(?<![a-z])log(?:10|e)?(?![a-z])|(?<![a-z])ln(?![a-z])",
    re.IGNORECASE,
)
_SPECTRAL = re.compile(
    r"wave|wellenl|longueur|longitud|lunghezza|lambda|λ|energ|énerg|photon|fre[qc]|fréq|波长|波長|能量", re.I
)
_SPECTRAL_UNIT = re.compile(r"(nm|[mkM]?eV|cm\^?[-−⁻]?[1¹]|1/cm|[MGTk]?Hz|Å|angstrom)", re.IGNORECASE)
_OTHER_UNIT = re.compile(
    r"°?[CFK]|deg(?:rees?|\.)?(?:\s?[CFK])?|kelvin|celsius|[numkcµμ]?m(?:eter|etre|etres|eters)?|[munkµμ]?V(?:olts?)?"
    r"|[munkpµμ]?A(?:mps?)?|[munkpµμ]?W(?:atts?)?|[munkpµμ]?J|[mkMG]?eV|[mkMGT]?Hz(?:ertz)?|cm\^?[-−⁻]?[1-3¹²³]|1/cm\^?[23]?"
    r"|[munkMG]?Ohm|Ω|Å|rad|mrad|°|%|percent|dB\w?|[m∆Δ]?OD|a\.?\s?u\.?|arb\.?\s?u\w*\.?|counts?|cts|cps|counts/s|ch"
    r"|channels?|pixels?|px|steps?|pulses?|shots?|frames?|points?|pts|samples?|bar|m?Torr|m?T(?:esla)?|[µμum]J/cm\^?[2²]"
    r"|inch|in|mil|ft|days?|weeks?|months?|years?|fringes?|bins?|index|#|1/n?s|s\^?-1|Hz\w*|V/\w+|cm/s"
)  # case counts: "ms" is a time, "mS" a conductance
_SIGMA = re.compile(
    r"(?<![^\W\d_])[xyn]?_?err(?:ors?|s|or.?bars?)?(?![^\W\d_])"
    r"|(?<![^\W\d_])(?:std|stdev|std.?dev|stddev|sd|se|sem|s\.\s?[de]\.(?:\s?m\.)?)(?![^\W\d_])"
    r"|st(?:andard|d)?\.?[ _-]?(?:dev|err)\w*|deviation|uncert|unc\.|sigma|σ|±|\+/?-"
    r"|fehler|unsicher|standardabw|abweichung|erreur|incert|[ée]cart[ -]?type"
    r"|desviaci[oó]n|deviazione|scarto|errore|erro(?![a-z])|desvio"
    r"|误差|誤差|不确定度|不確定度|不確かさ|标准差|標準差|标准偏差|標準偏差|погрешн|ошибк"
    r"|onzeker|afwijking|niepewn|b[łl][ąa]d(?![a-z])|hata(?![a-z])",
    re.IGNORECASE,
)
_NOT_ONE_SIGMA = re.compile(
    r"varian|(?:sigma|σ|std|sd|s\.d\.|err(?:or)?)\s*(?:\^|\*\*)?\s*[2²]|squared|²|weight|gewicht|1\s*/|inverse|[2-9]\s*\W?\s*(?:sigma|σ|sd|s\.d)"
    r"|rel(?:ative|\.)?(?![a-z])|relativ|percent|%|confid|(?<![a-z])ci(?![a-z])|9[059]|upper|lower|high|low(?![a-z])|min(?![a-z])|max"
    r"|(?<![a-z])(?:x|t|time|delay|zeit)[\s_-]*(?:err|fehl|unc|std|sigma)|[+-]\s?err|err\w*\s?[+-]|(?:err|fehl)\w*[\s_-]*(?:code|flag|count|rate|number|anzahl|quote|log)",
    re.IGNORECASE,
)
_LOGARITHM = re.compile(
    r"(?<![^\W_])(?:log|lg|ln)(?:[_\s]?(?:10|2|e|₁₀|₂))?(?![a-z])|logarithm|(?<![^\W_])log(?:10)?(?=[A-Z])"
    r"|(?<![^\W_])ln(?=[A-Z])|(?<![^\W_])(?:log(?:10)?|ln)_|(?<![^\W_])dBm?(?![^\W_])|decibel|dezibel|对数|對數"
)
_LOGARITHM_ANY_CASE = re.compile(r"(?<![^\W_])(?:log(?:10)?|ln|lg)(?![^\W\d_])|logarit", re.IGNORECASE)


def plain(title: str) -> str:
    """Return a title with one form of each sign (full width, raised, dots of R) and single blanks."""
    text = unicodedata.normalize("NFKC", title[:_LONGEST]).replace("µ", "μ")
    return re.sub(r"\s+", " ", re.sub(r"\.{2,}", " ", text)).strip(" \"'#:;,")


def time_unit_in(title: str) -> str:
    """Return the unit of time that a title names, as the title writes it where `seconds` knows it; else "".

    Examples
    --------
    >>> [time_unit_in(each) for each in ("Delay [ps]", "TIME (US)", "timeUs", "n (cm^-3)")]
    ['ps', 'us', 'us', '']
    """
    if multiple_in(title):
        return ""
    if power := _POWER.search(plain(title)):
        return _known(power[0])
    if _MOMENT.search(plain(title)):
        return ""
    for group in _BRACKETED.findall(title[:_LONGEST]):
        if found := _known(group):
            return found
    text = plain(title)
    found = next(filter(None, map(_known, _words_of_unit(text))), "")
    if not found and "/" not in text:
        words = re.split(r"[^\w]+|_", text)
        found = next((_known(word) for word in words if _CLEAR.fullmatch(word)), "")
    return found


def _words_of_unit(text: str) -> list[str]:
    """Return what may be a unit in a title without brackets: all of it, what follows "in", its end."""
    words = [text]
    if inside := _IN_UNIT.search(text):
        words.append(inside[1])
    if at_end := _AT_END.match(text):
        before, mark = at_end["before"], at_end["mark"]
        is_rate = "/" in mark and not (_names_time(before) or before.lower() in ("x", "τ"))
        words += [] if is_rate else [at_end["unit"]]
    if glued := _GLUED.fullmatch(text):
        words.append(glued[1])
    if (camel := _CAMEL.search(text)) and says_time(text[: camel.start()]):
        words.append(camel[0])
    return words


def multiple_in(title: str) -> str:
    """Return what a title gives as its unit although it is a multiple of one, "100 ns", or ""."""
    found = _MULTIPLE.search(plain(title))
    return found[1].strip() if found and _known(found[2]) and not _known(found[1]) else ""


def _known(word: str) -> str:
    word = word.strip()
    return word if is_time(word) else known_time_unit(word) or ""


def other_unit_in(title: str) -> str:
    """Return a unit in a title that is none of time ("K", "mm", "counts"), or ""."""
    text = plain(title)
    groups = [group.strip() for group in _BRACKETED.findall(text)]
    if not groups and (at_end := re.search(r"[/_,]\s*([^\s/_,()\[\]]+)$|\s([^\s/_,()\[\]]{1,3})$", text)):
        groups = [at_end[1] or at_end[2]]
    if not groups and (len(text) > 1 or text in "VK"):  # a bare T or m is rather a name
        groups = [text]
    return next((group for group in groups if _OTHER_UNIT.fullmatch(group) and not _known(group)), "")


def bracketed(title: str) -> str:
    """Return what stands in brackets at the end of a title, "PL [counts]", where it can be a unit."""
    groups = _BRACKETED.findall(title[:_LONGEST])
    if not groups or title.rstrip()[-1] not in "])}>":
        return ""
    unit = groups[-1].strip()
    is_amount = re.match(r"[+-]?[\d.,]+\s*\D", unit) and density_in_cm3(unit) is None
    return "" if is_amount else unit


def says_time(title: str) -> bool:
    """Say whether a title calls its column a time, in one of several languages; "T = 5 ps" names a moment."""
    text = plain(title)
    if _MOMENT.search(text):
        return False
    return _names_time(text) or bool(time_unit_only(text))


def _names_time(text: str) -> bool:
    text = _OF_SIGNAL.sub(" ", _TIME_IS_NO_PART.sub(" ", text))
    return bool(_TIME.search(text) or _SYMBOL.search(text))


def time_unit_only(title: str) -> str:
    """Return the unit of time that is the whole title ("ns", "[us]"), or ""."""
    return _known(plain(title).strip("[](){}<> "))


def says_no_time(title: str) -> bool:
    """Say whether a title calls its column something that is no time: a temperature, a position, a signal."""
    text = plain(title)
    if _WHATEVER_UNIT.search(text) or says_logarithm(title):
        return not (says_time(text) and time_unit_in(text)) or says_logarithm(title)
    if time_unit_in(text):
        return False
    return bool(other_unit_in(text) or (_NO_TIME.search(text) and not _names_a_time(text)))


def says_channel(title: str) -> bool:
    """Say whether a title calls its column the numbers of channels.

    Examples
    --------
    >>> says_channel("Chan"), says_channel("Channel"), says_channel("merchant")
    (True, True, False)
    """
    return bool(
        re.match(r"(chan(nels?)?|kan[aä]le?|canal|通道)(?![a-z])", plain(title).strip(), re.IGNORECASE)
    )


def _names_a_time(text: str) -> bool:
    return _names_time(text) and not re.search(r"stage|line", text, re.I)


def says_spectrum(title: str) -> bool:
    """Say whether a title calls its column wavelengths, energies or the like."""
    text = plain(title)
    unit = other_unit_in(text)
    return bool(_SPECTRAL.search(text) or (unit and _SPECTRAL_UNIT.fullmatch(unit)))


def says_sigma(title: str, signal: str = "") -> bool:
    """Say whether a title calls its column the standard error of the signal, and nothing like a variance.

    Examples
    --------
    >>> [says_sigma(each) for each in ("sigma", "Fehler", "误差", "1/sigma^2", "PL 2", "error code")]
    [True, True, True, False, False, False]
    """
    text = plain(title)
    bare = re.sub(r"\s*[\[(][^\])]*[\])]\s*$", "", text)
    of = plain(signal)
    if of and text in {f"δ{of}", f"u({of})", f"s({of})", f"u_{of}", f"s_{of}", f"σ_{of}"}:
        return True
    return bool(_SIGMA.search(text)) and not _NOT_ONE_SIGMA.search(bare)


def says_error(title: str) -> bool:
    """Say whether a title is about an error in any form: a variance, a weight, a share."""
    return bool(_SIGMA.search(plain(title))) or bool(re.search(r"varian|weight|confid", title, re.IGNORECASE))


def says_logarithm(title: str) -> bool:
    """Say whether a title calls its column a logarithm or decibels."""
    text = plain(title)
    return bool(_LOGARITHM.search(text) or _LOGARITHM_ANY_CASE.search(text))
