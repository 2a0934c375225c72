"""Text files as instruments and spreadsheets write them, and what has to come of each.

`FILES` maps a name to a `File`: its content, the options that a user gives, and either the numbers that are
read or words of the refusal. tests/test_corpus.py reads each as a script and as a notebook does. Nothing here
is copied from an instrument: layouts are re-made with numbers of our own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

T = [0.5 * k for k in range(24)]
N = [round(1000 * math.exp(-t / 4), 3) for t in T]
M = [round(400 * math.exp(-t / 2), 3) for t in T]
SIGMA = [round(1 + 0.01 * n, 3) for n in N]
NS = {"t_unit": "ns"}
US = {"t_unit": "us"}


@dataclass(frozen=True)
class File:
    """One file: content, options and what is expected of it.

    Parameters
    ----------
    content : str or bytes
    options : dict
        Of `load_trace`; those of a description have the same names.
    refused : str
        A regular expression of the message; "" where the file is read.
    warned : str
        Likewise of a warning; "" where none may come.
    t, signal, sigma : list of float
        The numbers that are read.
    unit : str
        The unit of the times.
    """

    content: str | bytes
    options: dict[str, Any] = field(default_factory=lambda: dict(NS))
    refused: str = ""
    warned: str = ""
    t: list[float] = field(default_factory=lambda: T)
    signal: list[float] = field(default_factory=lambda: N)
    sigma: list[float] | None = None
    unit: str = "ns"


def rows(*columns, separator=",", decimal=".", form=repr):
    """Return rows of numbers as text; columns of unequal length leave empty fields."""
    columns = columns or (T, N)
    height = max(map(len, columns))
    cells = [
        [form(c[k]).replace(".", decimal) if k < len(c) and c[k] is not None else "" for c in columns]
        for k in range(height)
    ]
    return "\n".join(separator.join(line) for line in cells) + "\n"


def put(text, row, line):
    """Return a text with one line, counted from 1, replaced."""
    lines = text.split("\n")
    lines[row - 1] = line
    return "\n".join(lines)


def indian(value):
    """Return a number with lakhs and crores: 12,34,567.5."""
    whole, _, rest = f"{value:.1f}".partition(".")
    head, tail = whole[:-3], whole[-3:]
    groups = [head[max(k - 2, 0) : k] for k in range(len(head), 0, -2)][::-1]
    return ",".join([*groups, tail]) + "." + rest


def headed(*titles, separator=",", columns=(), **options):
    """Return a table with a line of titles."""
    return separator.join(titles) + "\n" + rows(*columns, separator=separator, **options)


def of_units():
    """Return files that say the unit of their times, or that the column is no time."""
    known = {
        "TIME (US),CH1": "us",
        "Time [ps],PL [counts]": "ps",
        "timeUs,signal": "us",
        "t_ns,pl": "ns",
        "delay_fs,dA": "fs",
        "Delay (ps),dT/T": "ps",
        "Time (µs),Intensity": "us",
        "Time (μs),Intensity": "us",
        "Zeit in Mikrosekunden,Signal": "us",
        "Zeit / ns,Intensität": "ns",
        "temps (ms),signal": "ms",
        "Tiempo [µs],Señal": "us",
        "tempo (s),segnale": "s",
        "时间 (纳秒),强度": "ns",
        "时间/微秒,强度": "us",
        "время (мкс),сигнал": "us",
        "Time (10^-9 s),PL": "ns",
        "Time..ps.,PL": "ps",
        "nanoseconds,counts": "ns",
        "Time (minutes),PL": "min",
    }
    for k, (header, unit) in enumerate(known.items()):
        text = header + "\n" + rows()
        yield f"unit {k} taken: {header}", File(text, {}, unit=unit)
        wrong = "us" if unit != "us" else "ns"
        yield (
            f"unit {k} against: {header}",
            File(text, {"t_unit": wrong}, f"in .*s?, not in {wrong}.*change t_unit"),
        )
    no_times = [
        *(
            "Temperature (K)",
            "Stage (mm)",
            "Voltage (V)",
            "Position",
            "Wavelength (nm)",
            "Energy (eV)",
            "Channel",
        ),
        *(
            "Frequency (Hz)",
            "Temperatur (°C)",
            "Spannung (V)",
            "Longueur d'onde (nm)",
            "Delay stage (mm)",
            "电压 (V)",
        ),
        *(
            "Time (steps)",
            "log10(t)",
            "Pixel",
            "Wavenumber (cm-1)",
            "Field (T)",
            "Power (mW)",
            "T (K)",
            "Motor position",
        ),
    ]
    for title in no_times:
        first = title.split("(")[0].split("'")[0].strip()
        yield (
            f"no time: {title}",
            File(f"{title},Signal\n" + rows(), dict(NS), rf"the header calls column 1 .*{first}"),
        )
    for title in ("Time (100 ns)", "Time/1e-8 s", "t (x10 us)", "Time [10^-7 s]"):
        yield f"a multiple: {title}", File(f"{title},Signal\n" + rows(), dict(NS), "in steps of .*multiply")
    said = {
        "Horizontal Units,mm\nX,Y\n": "'mm'",
        "XAxis,Wavelength(nm)\n": "'Wavelength.nm.'.*spectrum",
        "# X Units: V\n": "'V'",
        "YAxis,log10(Counts)\nXAxis,Time(ns)\n": "a logarithm",
    }
    for lines, words in said.items():
        yield f"said above: {lines!r}", File(lines + rows(), dict(NS), words)
    samples = "X,CH1,Start,Increment\nSequence,Volt,0.0,2e-9\n" + rows(range(24), N).replace("\n", ",,\n")
    yield "samples of an oscilloscope", File(samples, dict(NS), "Sequence|counts channels or samples")
    bare = "#X,CH1,Start,Increment\n#Sequence,Volt,0.0,2e-9\n" + rows(range(24), N)
    yield (
        "samples of an oscilloscope, its header a comment",
        File(bare, dict(NS), "counts channels or samples"),
    )
    above = {
        "Model,TBS1102\nHorizontal Units,s\nHorizontal Scale,4e-07\nVertical Units,V\nTIME,CH1": "s",
        "x-axis,1\nsecond,Volt": "s",
        "Source,CH1\nSecond,Volt": "s",
        "Labels,F1\nXAxis,Time(us)\nYAxis,Counts\n": "us",
        "# t_unit: us\n# operator: A": "us",
        "# Time [ps]\n# PL [counts]": "ps",
        "Sample A\nTime,Channel A\n(us),(mV)\n": "us",
        "Time,PL\nps,counts\nRun 1,F700": "ps",
        "# all times are in microseconds\nt,n": "us",
        "X Units: ms\nY Units: V\nt,V1": "ms",
        "LECROYWS432,51232,Waveform\nSegments,1,SegmentSize,5002\nTime,Ampl": "s",
        "# Zeit in Sekunden\nt,n": "s",
        "The time is measured in microseconds after the pulse.": "us",
        "# Column 1: Time (us)\n# Column 2: PL": "us",
        "timeus,n": "us",
        "XUNIT us": "us",
        "Zeit;Signal\nms;V\n".replace(";", ","): "ms",
    }
    for k, (lines, unit) in enumerate(above.items()):
        text = lines + "\n" + rows()
        yield f"above {k} taken", File(text, {}, unit=unit)
        yield f"above {k} against", File(text, {"t_unit": "ns" if unit != "ns" else "us"}, "change t_unit")
    yield (
        "acquisition time is no unit",
        File("# Acquisition time: 60 s\n# Integration time (ms): 100\nt,n\n" + rows()),
    )
    yield "resolution is no unit", File("Time resolution: 16 ps\nDate,12.03.2019\nt,n\n" + rows())
    yield "unit below", File("t,n\n" + rows() + "# times in us\n", dict(NS), "the line .* in us, not in ns")
    yield "two units", File("# Time (us)\nTime (ns),n\n" + rows(), warned="row 1.*in us, .*in ns")
    yield (
        "seconds called ns",
        File(
            rows([1e-9 * t for t in T], N),
            warned='span 1.15e-08 ns, too short.*t_unit="s"',
            t=[1e-9 * t for t in T],
        ),
    )
    yield (
        "seconds called s",
        File(rows([1e-9 * t for t in T], N), {"t_unit": "s"}, t=[1e-9 * t for t in T], unit="s"),
    )
    yield (
        "ns called s",
        File(
            rows([1e7 * t for t in T], N),
            {"t_unit": "s"},
            warned="too long for this unit",
            t=[1e7 * t for t in T],
            unit="s",
        ),
    )
    yield "no unit anywhere", File(headed("t", "n"), {}, warned='no unit of the times.*t_unit="ns"', unit="")
    yield (
        "calibration beside channels",
        File(
            "Time calibration = 5.48E-11 sec/ch\nChan\tData\n" + rows(range(24), N, separator="\t"),
            t=[0.0548 * k for k in range(24)],
        ),
    )
    yield (
        "width of channels in words",
        File("# 0.016 ns/channel\nx,y\n" + rows(range(24), N), dict(NS), "counts channels.*0.016 ns"),
    )


def of_cells():
    """Return files with errors of spreadsheets, gaps and other cells that are no numbers."""
    errors = [
        *(
            "#N/A",
            "#DIV/0!",
            "#REF!",
            "#VALUE!",
            "#NAME?",
            "#NUM!",
            "#NULL!",
            "#WERT!",
            "#NV",
            "#BEZUG!",
            "#ZAHL!",
        ),
        *(
            "#VALEUR!",
            "#NOM?",
            "#¡VALOR!",
            "#¿NOMBRE?",
            "#N/D",
            "#VALORE!",
            "#Н/Д",
            "Err:502",
            "####",
            "#SPILL!",
        ),
    ]
    for k, error in enumerate(errors):
        row = (1, 5, 24)[k % 3]
        for where, line in (
            ("signal", f"{T[row - 1]},{error}"),
            ("time", f"{error},5.5"),
            ("row", f"{error},{error}"),
        ):
            text = put(rows(), row, line)
            yield (
                f"{error} in {where}, row {row}",
                File(text, refused=rf"row {row}: .* is not a finite number"),
            )
        yield f"{error} below titles", File("t,n\n" + put(rows(), 1, f"{error},{error}"), refused="row 2: ")
    peak = rows()
    for row in (1, 2, 3):
        peak = put(peak, row, "#N/A,#N/A")
    yield "three rows of errors at the peak", File(peak, refused="row 1: '#N/A' .*spreadsheet")
    yield "a row of one error", File(put(rows(), 7, "#NV,"), refused="row 7: '#NV'")
    yield (
        "a row of one error, semicolons",
        File(put(rows(separator=";", decimal=","), 7, '"#NV";'), refused="row 7: '#NV'"),
    )
    for text in (
        "-",
        "--",
        "n/a",
        "NaN",
        "inf",
        "",
        "OVER",
        "<0.1",
        "1.2.3",
        "5 V",
        "True",
        "=A2",
        "1e400",
        "∞",
    ):
        yield f"cell {text!r}", File(put(rows(), 6, f"2.5,{text}"), refused="row 6: ")
    yield (
        "errors in another column",
        File(
            put(
                put(headed("t (ns)", "a", "b", columns=(T, N, M)), 4, "1.0,778.801,#N/A"),
                5,
                "1.5,687.289,#DIV/0!",
            ),
            {"columns": ["t (ns)", "a"]},
        ),
    )
    yield (
        "errors in the wished column",
        File(
            put(headed("t (ns)", "a", "b", columns=(T, N, M)), 4, "1.0,778.801,#N/A"),
            {"columns": ["t (ns)", "b"]},
            r"row 4: '#N/A' .*column 3 \('b'\)",
        ),
    )
    yield (
        "first row of another column in error",
        File(put(rows(T, N, M), 1, "0.0,1000.0,#N/A"), {**NS, "columns": [0, 1]}),
    )
    yield "empty rows of Excel", File(rows() + ",\n,\n,,\n")
    yield "empty rows in the middle", File(rows().replace("\n4.0,", "\n,\n\n4.0,"))
    yield "END", File("t,n\n" + rows() + "END\n")
    yield "*END", File(rows() + "*END\n\n")
    yield "END in the middle", File(put(rows(), 9, "END"), refused="row 9: 'END'")
    yield "total by name", File(rows() + f"Total,{sum(N):.3f}\n", refused="row 25: 'Total'.*sum up")
    yield (
        "total without a name",
        File(rows() + f"12.0,{sum(N):.3f}\n", refused="row 25: .*sum of all rows above"),
    )
    yield (
        "total beside an empty field",
        File(rows() + f",{sum(N):.3f}\n", refused="row 25: .*column 1 is empty"),
    )
    yield (
        "total in German",
        File(rows(separator=";", decimal=",") + "Summe;4508,2\n", refused="row 25: 'Summe'.*sum up"),
    )
    yield "metadata at t = 0", File("0,16\n" + rows(), refused="row 2: .*row 1 may be a number of points")
    yield (
        "metadata at t = 0, averaged",
        File("0,16\n" + rows(), {**NS, "repeated": "mean"}, "row 2: .*row 1 may be a number of points"),
    )
    yield (
        "metadata before negative times",
        File(
            "0,532\n" + rows([t - 2 for t in T], N),
            refused="row 2: .*if row 1 is no point of the decay, delete it",
        ),
    )
    yield (
        "metadata out of line",
        File(
            "0,51200\n" + rows(T[1:], N[1:]),
            warned="row 1: the signal 51200 is more than",
            signal=[51200.0, *N[1:]],
        ),
    )
    yield "rows backwards", File(rows(T[::-1], N[::-1]), refused="row 2: .*turn their order")
    for title in ("log10(PL)", "ln(n)", "PL (dB)", "Log counts", "normalised log PL", "lg I", "logPL"):
        yield f"logarithm {title}", File(headed("t (ns)", title), {}, "a logarithm.*powers")


def of_columns():
    """Return files with standard errors, several signals, and columns that have to be asked about."""
    for title in (
        "sigma",
        "Error",
        "std",
        "s.d.",
        "uncertainty",
        "±",
        "+/-",
        "Fehler",
        "erreur",
        "误差",
        "incertitude",
    ):
        yield f"sigma: {title}", File(headed("t (ns)", "n", title, columns=(T, N, SIGMA)), {}, sigma=SIGMA)
    for title in ("noise", "b", "weight", "1/sigma", "2 sigma", "variance", "rel. error"):
        yield f"asked: {title}", File(headed("t (ns)", "n", title, columns=(T, N, SIGMA)), {}, r"columns=\[")
    yield (
        "asked: sigma before the signal",
        File(headed("t (ns)", "sigma", "PL", columns=(T, SIGMA, N)), {}, r"columns=\["),
    )
    yield (
        "asked: error of the times",
        File(headed("t (ns)", "n", "time error", columns=(T, N, SIGMA)), {}, r"columns=\["),
    )
    nameless = rows(T, N, SIGMA)
    yield "nameless third", File(nameless, refused=r"columns=\[0, 1, 2\].*columns=\[0, 1\]")
    yield "nameless third, taken", File(nameless, {**NS, "columns": [0, 1, 2]}, sigma=SIGMA)
    yield "nameless third, aside", File(nameless, {**NS, "columns": [0, 1]})
    side = rows(T[:10], N[:10], T, M)
    yield "unequal lengths, first", File(side, {**NS, "columns": [0, 1]}, t=T[:10], signal=N[:10])
    yield "unequal lengths, second", File(side, {**NS, "columns": [2, 3]}, signal=M)
    other = rows(T, M, T[:10], N[:10])
    yield "unequal lengths, last is shorter", File(other, {**NS, "columns": [2, 3]}, t=T[:10], signal=N[:10])
    trimmed = "\n".join(line.rstrip(",") for line in other.split("\n"))
    yield "unequal lengths without commas", File(trimmed, {**NS, "columns": [2, 3]}, t=T[:10], signal=N[:10])
    yield (
        "unequal lengths, one time",
        File(
            headed("t (ns)", "a", "b", columns=(T, N[:15], M)),
            {"columns": ["t (ns)", "a"]},
            t=T[:15],
            signal=N[:15],
        ),
    )
    yield (
        "a gap in the chosen column",
        File(
            headed("t (ns)", "a", "b", columns=(T, [*N[:5], None, *N[6:]], M)),
            {"columns": ["t (ns)", "a"]},
            "row 7: .*column 2 .*is empty",
        ),
    )
    yield (
        "wavelengths along the top",
        File(
            headed("Time (ps)", "450", "500", "550", columns=(T, N, M, SIGMA)),
            {"columns": [0, 2]},
            signal=M,
            unit="ps",
        ),
    )
    yield (
        "wavelengths along the top, asked",
        File(
            headed("Time (ps)", "450", "500", "550", columns=(T, N, M, SIGMA)),
            {},
            r'columns=\["Time \(ps\)", "450"\]',
        ),
    )
    spectra = [
        "Wavelength (nm),-1,0,1,5,10",
        *(f"{450 + 10 * k},0.1,{5 - 0.1 * k:g},4,3,2" for k in range(12)),
    ]
    yield (
        "wavelengths down the side",
        File("\n".join(spectra), refused="wavelengths.*down the side.*transposed=True"),
    )
    yield (
        "wavelengths down the side, read",
        File(
            "\n".join(spectra),
            {**NS, "transposed": True, "columns": ["time", "470"]},
            t=[-1, 0, 1, 5, 10],
            signal=[0.1, 4.8, 4, 3, 2],
        ),
    )
    corner = "\n".join(["0,-1,0,1,5,10", *spectra[1:]])
    yield "a corner of zero", File(corner, refused="wavelengths.*down the side.*transposed=True")
    yield (
        "time in the second column",
        File(headed("PL", "Time (ns)", columns=(N, T)), {}, r'columns=\["Time \(ns\)", "PL"\]'),
    )
    yield (
        "row numbers first",
        File(headed("", "t (ns)", "n", columns=(range(24), T, N)), {}, r'columns=\["t \(ns\)", "n"\]'),
    )
    yield (
        "row numbers first, chosen",
        File(headed("", "t (ns)", "n", columns=(range(24), T, N)), {"columns": ["t (ns)", "n"]}),
    )
    head = [
        "Record Length,24,",
        "Sample Interval,0.5,",
        "Trigger Point,1,",
        "Source,CH1,",
        "Horizontal Units,s,",
        ",,",
    ]
    beside = [
        f"{head[k] if k < len(head) else ',,'},{t},{n}" for k, (t, n) in enumerate(zip(T, N, strict=True))
    ]
    yield "settings beside the numbers", File("\n".join(beside), {"columns": [3, 4]}, unit="s")
    yield (
        "settings beside the numbers, against",
        File("\n".join(beside), {**NS, "columns": [3, 4]}, "in s, not in ns"),
    )
    yield (
        "words beside the numbers",
        File(headed("t (ns)", "n", "flag", columns=(T, N, ["ok"] * 24), form=str), {}),
    )


def of_dialects():
    """Return files with the separators, decimal marks, thousands and digits of several countries."""
    large = [round(1e4 * n, 1) for n in N]

    def thousands(mark, decimal):
        return lambda value: f"{value:,.1f}".replace(",", "_").replace(".", decimal).replace("_", mark)

    yield "Swiss thousands", File(rows(T, large, separator=";", form=thousands("'", ".")), signal=large)
    yield (
        "Swiss thousands, typographic",
        File(rows(T, large, separator=";", form=thousands("’", ".")), signal=large),
    )
    yield (
        "French thousands",
        File(
            "t;n\n" + rows(T, large, separator=";", decimal=",", form=thousands("\u202f", ".")), signal=large
        ),
    )
    yield (
        "French thousands, Latin-1",
        File(
            rows(T, large, separator=";", decimal=",", form=thousands("\u00a0", ".")).encode("latin-1"),
            signal=large,
        ),
    )
    yield (
        "German thousands",
        File(rows(T, large, separator=";", form=thousands(".", ",")).replace("_", "."), signal=large),
    )
    yield "Indian thousands", File(rows(T, large, separator="\t", form=indian), signal=large)
    quoted = rows(T, large, form=lambda value: f'"{value:,.1f}"')
    yield "American thousands in quotes", File(quoted, signal=large)
    whole = [int(n) for n in N]
    yield (
        "thousands or decimals",
        File(put(rows(T, whole, separator="\t"), 1, "0.0\t1,234"), refused="row 1: .*decimal"),
    )
    yield "thousands bare between commas", File(put(rows(), 1, "0,1,234"), refused="row 1: 3 field")
    eastern = str.maketrans("0123456789.", "٠١٢٣٤٥٦٧٨٩٫")
    yield "Arabic digits", File(rows(separator=";").translate(eastern))
    yield "full width digits", File(rows().translate(str.maketrans("0123456789", "０１２３４５６７８９")))
    yield "minus signs", File(rows([t - 2 for t in T], N).replace("-", "−"), t=[t - 2 for t in T])
    yield "decimal comma", File(headed("Zeit (ns)", "PL", separator=";", decimal=","), {})
    yield (
        "decimal comma, told point",
        File(rows(separator=";", decimal=","), {**NS, "decimal": "."}, 'give decimal=","'),
    )
    yield "decimal comma, told comma", File(rows(separator=";", decimal=","), {**NS, "decimal": ","})
    yield "decimal point, told comma", File(rows(separator="\t"), {**NS, "decimal": ","}, 'give decimal="."')
    yield "decimal comma between commas", File(rows(decimal=","), refused="columns|decimal")
    yield "UTF-16", File(headed("Time (µs)", "PL").encode("utf-16"), {}, unit="us")
    yield "Latin-1", File(headed("Time (µs)", "PL").encode("latin-1"), {}, unit="us")
    yield "CP437", File(headed("Time (µs)", "PL").encode("cp850"), {}, unit="us")
    yield "lost micro sign", File(headed("Time (?s)", "PL"), dict(NS), "in us, not in ns")
    yield (
        "Fortran",
        File(rows(form=lambda x: f"{x:.3E}".replace("E", "D")), signal=[float(f"{n:.3E}") for n in N]),
    )
    yield "quoted cells", File(rows(form=lambda x: f'"{x!r}"'))
    yield "two files in one", File("t,n\n" + rows() + "t,n\n" + rows(), refused="row 26: 't'")
    yield "a page of an error", File("<!DOCTYPE html><html>404</html>", refused="HTML")
    yield "JSON", File('{"t": [0, 1]}', refused="JSON")
    yield "one column", File("\n".join(map(str, N)), refused="one column|channel_width")
    yield "dates", File("2019-03-01 00:00:00,5\n2019-03-01 00:00:01,4\n", refused="no numeric data")


FILES: dict[str, File] = dict([*of_units(), *of_cells(), *of_columns(), *of_dialects()])
