"""Traces, and the files they come from: what can be read is read exactly, all else is refused by row."""

import gzip
import os
import re
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from helpers.paths import ROOT
from helpers.traces import Trace, load_trace, load_traces

pytestmark = pytest.mark.filterwarnings("ignore:.*no unit of the times stands in the file")

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
T = [float(t) for t in range(12)]
N = [1.5, 50.25, 1200.0, 900.5, 760.726, 603.682, 494.11, 414.0, 353.553, 306.454, 268.957, -0.25]
ROWS = [f"{t:g},{n!r}" for t, n in zip(T, N, strict=True)]
SIGMA = [1 + 0.1 * k for k in range(12)]


def write(folder, content, name="decay.csv"):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def rows(separator=",", decimal=".", template="{}"):
    cells = [
        [template.format(value).replace(".", decimal) for value in pair] for pair in zip(T, N, strict=True)
    ]
    return "\n".join(separator.join(pair) for pair in cells)


def spoilt(row, text):
    return "\n".join([*ROWS[: row - 1], text, *ROWS[row:]])


def assert_refused(path, words, row=None, **options):
    with pytest.raises((ValueError, OSError)) as caught:
        load_trace(path, **options).from_peak()
    message = str(caught.value)
    assert path.name in message or path.stem in message
    assert re.search(words, message), message
    if row:
        assert f"row {row}:" in message


def read_or_refused(path):
    try:
        return load_trace(path)
    except ValueError as refusal:
        if path.stem not in str(refusal):
            raise
        return None


# ---------------------------------------------------------------------------------------------- Trace


def test_a_trace_keeps_its_own_read_only_copy():
    t = np.array([0.0, 1.0, 2.0])
    trace = Trace(t, [3, 2, 1], name="x")
    t[0] = 9
    assert trace.t[0] == 0
    assert trace.signal.dtype == float
    with pytest.raises(ValueError, match="read-only"):
        trace.signal[0] = 1


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (([0, 1, 1], [3, 2, 1]), "follows 1 at point 3; the times must increase"),
        (([0, 2, 1], [3, 2, 1]), "time 1 follows 2"),
        (([0, 1, 2], [3, 2]), "3 times but 2 values of signal"),
        (([0, 1, 2], [3, np.nan, 1]), "signal is not finite at point 2"),
        (([0, np.inf, 2], [3, 2, 1]), "t is not finite at point 2"),
        (([0, 1, 2], [3, 2, 1], [1, 0, 1]), "sigma must be positive"),
        (([0, 1, 2], [3, 2, 1], [1, 1]), "2 values of sigma"),
        (([[0, 1, 2]], [3, 2, 1]), "one dimension"),
        (([0], [3]), "at least 2 points"),
        ((["0", "1"], [3, 2]), "real numbers"),
        (([0, 1], [3, 2j]), "real numbers"),
    ],
)
def test_what_can_be_no_decay_is_refused_in_words(fields, words):
    with pytest.raises(ValueError, match=words) as caught:
        Trace(*fields, name="mine")
    assert "'mine'" in str(caught.value)


def test_the_decay_begins_at_the_first_largest_value():
    trace = Trace([-1, 0, 1, 2, 3], [1, 9, 4, 9, 2], sigma=[1, 2, 3, 4, 5], t_unit="ns")
    decay = trace.from_peak()
    assert decay.t.tolist() == [0, 1, 2, 3]
    assert decay.signal.tolist() == [9, 4, 9, 2]
    assert decay.sigma.tolist() == [2, 3, 4, 5]
    assert decay.t_unit == "ns"
    assert Trace([5, 6], [2, 1]).from_peak().elapsed.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("signal", "words"),
    [
        ([1, 2, 3], "largest signal is the last point"),
        ([-1, -5, -3], "no signal is positive.*turn the sign"),
        ([7, 7, 7], "constant"),
        ([0, 0, 0], "constant"),
        ([0, -1, -2], "no signal is positive"),
    ],
)
def test_a_signal_without_decay_is_refused(signal, words):
    with pytest.raises(ValueError, match=words):
        Trace([0, 1, 2], signal).from_peak()


def test_a_saturated_detector_is_told():
    with pytest.warns(UserWarning, match="saturated"):
        Trace([0, 1, 2, 3, 4], [1, 5, 5, 5, 2]).from_peak()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Trace([0, 1, 2, 3], [1, 5, 5, 2]).from_peak()  # twice may be chance in counted data


def test_crop_includes_its_ends():
    trace = Trace([0, 1, 2, 3], [4, 3, 2, 1])
    assert trace.crop(1, 2).t.tolist() == [1, 2]
    assert trace.crop(t_min=2).signal.tolist() == [2, 1]
    assert len(trace.crop()) == 4
    with pytest.raises(ValueError, match=r"1 points between 2\.5 and 9.*from 0 to 3"):
        trace.crop(2.5, 9)


def test_a_baseline_is_the_mean_before_the_pulse():
    trace = Trace([-3, -2, -1, 0, 1], [1, 2, 3, 12, 7], sigma=[3, 4, 12, 1, 2])
    flat = trace.subtract_baseline(-3, -1)
    assert flat.signal.tolist() == [-1, 0, 1, 10, 5]
    error = np.sqrt(9 + 16 + 144) / 3  # of the mean of three
    np.testing.assert_allclose(flat.sigma, np.hypot(trace.sigma, error))
    assert trace.subtract_baseline(t_max=-2.5).signal[0] == 0
    assert Trace(trace.t, trace.signal).subtract_baseline(-3, -1).sigma is None


def test_a_given_level_is_exact():
    trace = Trace([0, 1], [5, 4], sigma=[1, 2]).subtract_baseline(level=2)
    assert trace.signal.tolist() == [3, 2]
    assert trace.sigma.tolist() == [1, 2]


@pytest.mark.parametrize("options", [{}, {"t_min": 0, "level": 1.0}, {"t_min": 8}])
def test_a_baseline_needs_one_source(options):
    with pytest.raises(ValueError, match=r"window|0 points between"):
        Trace([0, 1], [5, 4]).subtract_baseline(**options)


@given(
    st.lists(st.floats(1e-3, 10), min_size=2, max_size=80),
    st.integers(1, 30),
    st.floats(-5, 5),
    st.floats(-3, 3),
)
def test_bins_keep_a_straight_line_and_all_the_weight(steps, points_per_decade, offset, slope):
    t = offset + np.cumsum(steps)
    sigma = 0.5 + np.arange(t.size) % 7
    binned = Trace(t, 2 + slope * t, sigma).log_binned(points_per_decade)
    np.testing.assert_allclose(binned.signal, 2 + slope * binned.t, rtol=1e-9, atol=1e-9)
    assert (binned.t[0], binned.signal[0]) == (t[0], 2 + slope * t[0])  # the peak stays a point
    np.testing.assert_allclose(np.sum(1 / binned.sigma**2), np.sum(1 / sigma**2), rtol=1e-12)
    decades = np.log10((t[-1] - t[0]) / (t[1] - t[0])) if t.size > 2 else 0
    assert len(binned) <= 2 + points_per_decade * decades + 1e-6


def test_the_sigma_of_a_bin_is_the_scatter_of_its_mean():
    rng = np.random.default_rng(1)
    t = np.linspace(0, 100, 401)
    sigma = np.linspace(1, 3, t.size)
    means = [Trace(t, sigma * rng.normal(size=t.size), sigma).log_binned(5) for _ in range(800)]
    scatter = np.std([mean.signal for mean in means], axis=0)
    np.testing.assert_allclose(scatter, means[0].sigma, rtol=0.12)


def test_bins_without_sigma_are_plain_means():
    binned = Trace([0, 1, 10, 11, 12], [9, 5, 4, 3, 2]).log_binned(1)
    assert binned.t.tolist() == [0, 1, 11]
    assert binned.signal.tolist() == [9, 5, 3]
    assert binned.sigma is None
    with pytest.raises(ValueError, match="whole number above 0"):
        binned.log_binned(0)


def test_a_mean_over_an_exponential_lies_little_above_it():
    t = np.linspace(0, 3, 3001)
    binned = Trace(t, np.exp(-t)).log_binned(20)
    assert 0 < np.max(binned.signal / np.exp(-binned.t) - 1) < 0.01


# ------------------------------------------------------------------------------ files that are read

PACKED = gzip.compress(rows().encode(), mtime=0)
DIALECTS = {
    "plain": rows(),
    "semicolon": rows(";"),
    "semicolon, decimal comma": rows(";", ","),
    "tab, decimal comma": rows("\t", ","),
    "blanks": rows("   "),
    "blanks, decimal comma": rows(" ", ","),
    "aligned by several tabs": rows("\t\t"),
    "comma and blank": rows(", "),
    "indented": "  " + rows("  ").replace("\n", "\n  "),
    "quoted": rows(template='"{}"'),
    "single quotes": rows(template="'{}'"),
    "quoted decimal comma between commas": rows(",", ",", '"{}"'),
    "Fortran": rows().replace(",1200.0", ",1.2D+03").replace(",414.0", ",0.414d3"),
    "bare exponents": rows().replace(",1200.0", ",1.2E3").replace(",414.0", ",+414."),
    "trailing commas": rows().replace("\n", ",,\n"),
    "trailing semicolons": rows(";", ",").replace("\n", ";\n") + ";",
    "blank lines": "\n\n" + rows().replace("\n", "\n \n\n") + "\n\n",
    "Windows": rows().replace("\n", "\r\n"),
    "old Mac": rows().replace("\n", "\r"),
    "comments almost like rows": "#points,12\n" + rows().replace("\n5.0", "\n# 5.0,8,1\n5.0"),
    "comments like rows of blanks": "# 12\n" + rows(" ").replace("\n5.0", "\n# 5\n5.0"),
    "comments": "# a, b\n% c\n; d\n// e\n! 1,2,3\n" + rows().replace("\n5.0", "\n# shutter\n5.0") + "\n# end",
    "header": "t,n\n" + rows(),
    "header as a comment": "#t,n\n" + rows(),
    "header and units": "Time,Intensity\nns,counts\n" + rows(),
    "header over a line": "Time  Counts\n----  ------\n" + rows("  "),
    "preamble": "Labels,Z10,\nComment,,\nDate,12.03.2019\nStop,20.0,\n\n" + rows(),
    "preamble of words": "Sample A, 532 nm, 12 uW\n\n" + rows(),
    "long preamble": "note\n" * 900 + rows(),
    "date above": "12.03.2019 14:05\n" + rows(" "),
    "Excel's separator line": "sep=;\n" + rows(";", ","),
    "DOS end mark": rows() + "\n\x1a",
    "UTF-8 with mark": rows().encode("utf-8-sig"),
    "UTF-16": ("t (µs),n\n" + rows()).encode("utf-16"),
    "UTF-16 without mark": rows().encode("utf-16-le"),
    "UTF-16 BE without mark": rows().encode("utf-16-be"),
    "UTF-32": rows().encode("utf-32"),
    "Latin-1 header": ("t (µs),n (cm³)\n" + rows()).encode("latin-1"),
    "gzip": PACKED,
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_dialect_gives_the_same_numbers(tmp_path, dialect):
    unit = "µs" if dialect in ("UTF-16", "Latin-1 header") else "ns"
    trace = load_trace(write(tmp_path, DIALECTS[dialect]), t_unit=unit)
    assert trace.t.tolist() == T
    assert trace.signal.tolist() == N
    assert trace.sigma is None


@pytest.mark.parametrize("form", ["{:.2f}", "{:.3e}"])
def test_a_file_that_ends_in_the_middle_of_a_number_is_told(tmp_path, form):
    text = "\n".join(f"{t:.1f},{form.format(n)}" for t, n in zip(T, N, strict=True))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for whole in (text, text + "\n", text[: text.rindex("\n") - 1] + "\n"):
            load_trace(write(tmp_path, whole), t_unit="ns")
    with pytest.warns(
        UserWarning, match=r"decay\.csv, row 12: the file seems to be cut off in '11\.0,-"
    ) as caught:
        load_trace(write(tmp_path, text[:-1]), t_unit="ns")
    assert caught[0].filename == __file__


@pytest.mark.parametrize("mark", ["#", "# ", "%", "!", "//", ";", '"#'])
@pytest.mark.parametrize("row", [1, 4, 12])
def test_a_row_behind_a_comment_mark_is_left_out_with_a_warning(tmp_path, mark, row):
    with pytest.warns(UserWarning, match=rf"decay\.csv, row {row}: .* left out .*\(1 such") as caught:
        trace = load_trace(write(tmp_path, spoilt(row, mark + ROWS[row - 1])), t_unit="ns")
    assert caught[0].filename == __file__
    assert trace.t.tolist() == [t for t in T if t != row - 1]


@pytest.mark.parametrize(
    ("header", "t_unit", "signal_unit"),
    [
        ("", "", ""),
        ("t,n\n", "", ""),
        ("# Time [ps],PL [counts]\n", "ps", "counts"),
        ("t (µs),n (1e16 cm^-3)\n", "µs", "1e16 cm^-3"),
        ("t / s,n\n", "s", ""),
        ("Time (min),n_min\n", "min", ""),  # a smallest value
        ("t [h],n\n", "h", ""),
        ("t_fs,n\n", "fs", ""),
        ("Delay (ps),T (%)\n", "ps", "%"),
        ("t (µs),n (cm³)\n".encode("latin-1"), "µs", "cm³"),
        ("Time,Intensity\n[ms],[V]\n", "ms", "V"),
        ("Time,Intensity\nps,V\nRun 1,F700\n", "ps", "V"),  # as Origin writes it
        ("t (ps),n (V)\n# by hand\n#\n", "ps", "V"),
    ],
)
def test_units_come_from_the_header(tmp_path, header, t_unit, signal_unit):
    header = header if isinstance(header, bytes) else header.encode()
    path = write(tmp_path, header + rows().encode())
    trace = load_trace(path)
    assert (trace.t_unit, trace.signal_unit) == (t_unit, signal_unit)
    assert load_trace(path, signal_unit="mOD").signal_unit == "mOD"


def test_a_wrong_time_unit_is_refused(tmp_path):
    path = write(tmp_path, "t (us),n\n" + rows())
    assert load_trace(path, t_unit="µs").t_unit == "µs"
    assert_refused(path, "header gives the time in us, not in ns", t_unit="ns")


@pytest.mark.parametrize(
    "header", ["Wavelength (nm),PL (counts)", "Energy [eV],n", "x / cm-1,y", "wavelength,n", "nm,a.u.", "λ,I"]
)
def test_a_spectrum_is_no_decay_whatever_its_unit_is_called(tmp_path, header):
    path = write(tmp_path, header + "\n" + rows())
    for options in ({}, {"t_unit": "ns"}, {"columns": (0, 1), "t_unit": "ns"}):
        assert_refused(path, "a spectrum and no decay", **options)


def test_a_unit_that_is_asked_for_is_none_until_it_is_given(tmp_path):
    path = write(tmp_path, "t,n\n" + rows())
    with pytest.warns(UserWarning, match=r'decay\.csv: no unit of the times .* t_unit="ns"') as caught:
        assert load_trace(path).t_unit == ""
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load_trace(path, t_unit="ns").t_unit == "ns"
    assert load_trace(path, t_unit="microseconds").t_unit == "us"
    with pytest.raises(ValueError, match="unknown time unit 'parsec'"):
        load_trace(path, t_unit="parsec")


def test_times_far_from_zero_keep_their_steps(tmp_path):
    path = write(tmp_path, "\n".join(f"{1e6 + 1e-3 * t:.3f},{n}" for t, n in zip(T, N, strict=True)))
    np.testing.assert_allclose(load_trace(path).elapsed, 1e-3 * np.array(T), atol=1e-9)


def test_the_name_is_the_file_s(tmp_path):
    assert load_trace(write(tmp_path, rows(), "F700_N0.5.csv")).name == "F700_N0.5"
    assert load_trace(write(tmp_path, gzip.compress(rows().encode()), "a.csv.gz")).name == "a"
    assert load_trace(write(tmp_path, rows(), "a"), name="mine").name == "mine"


SIGMA_NAMES = [
    *(
        "sigma",
        "Error",
        "err",
        "ERR",
        "std",
        "stdev",
        "Std. Dev.",
        "s.d.",
        "SE",
        "uncertainty",
        "±",
        "+/-",
        "yerr",
        "n_err",
        "σ",
    ),
    *(
        "δn",
        "Fehler",
        "Unsicherheit",
        "Standardabweichung",
        "erreur",
        "incertitude",
        "écart-type",
        "error estándar",
    ),
    *("incertidumbre", "errore", "误差", "标准差", "standard error", "sigma_n", "Counts Error"),
]
NO_SIGMA_NAMES = [
    *(
        "noise",
        "b",
        "PL 2",
        "terrace",
        "flat",
        "1/sigma",
        "sigma^2",
        "2 sigma",
        "weight",
        "variance",
        "error code",
    ),
    *("rel. error", "95% error", "Δn", "background", "seed", ""),
]


@pytest.mark.parametrize("name", SIGMA_NAMES)
def test_a_third_column_is_sigma_by_its_name(tmp_path, name):
    text = "\n".join(f"{row},{sigma:.3f}" for row, sigma in zip(ROWS, SIGMA, strict=True))
    path = write(tmp_path, f"t,n,{name}\n{text}")
    np.testing.assert_allclose(load_trace(path).sigma, SIGMA)
    assert load_trace(path, columns=(0, 1)).sigma is None


@pytest.mark.parametrize("name", NO_SIGMA_NAMES)
def test_a_third_column_of_another_name_is_asked_about(tmp_path, name):
    text = "\n".join(f"{row},{sigma:.3f}" for row, sigma in zip(ROWS, SIGMA, strict=True))
    path = write(tmp_path, f"t,n,{name}\n{text}")
    assert_refused(path, r"columns=\[")
    np.testing.assert_allclose(load_trace(path, columns=(0, 1, 2)).sigma, SIGMA)
    assert load_trace(path, columns=(0, 1)).sigma is None


def test_a_nameless_third_column_is_asked_about_with_two_ways_to_answer(tmp_path):
    path = write(tmp_path, "\n".join(f"{row},{s:.3f}" for row, s in zip(ROWS, SIGMA, strict=True)))
    assert_refused(path, r"is the third a standard error .* columns=\[0, 1, 2\] .* columns=\[0, 1\]")
    np.testing.assert_allclose(load_trace(path, columns=[0, 1, 2]).sigma, SIGMA)
    assert load_trace(path, columns=[0, 1]).sigma is None
    path.write_text("t,n,sigma\n" + path.read_text())  # the third way
    np.testing.assert_allclose(load_trace(path).sigma, SIGMA)


def test_columns_are_chosen_by_number_or_name(tmp_path):
    path = write(tmp_path, "i,t (ps),a,b,c\n" + "\n".join(f"{k},{row},{k},1" for k, row in enumerate(ROWS)))
    for columns in ((1, 2), ("t (ps)", "a"), ("T", "a")):
        trace = load_trace(path, columns=columns)
        assert (trace.t.tolist(), trace.signal.tolist(), trace.t_unit) == (T, N, "ps")
    assert load_trace(path, columns=(1, 2, 4)).sigma.tolist() == [1] * 12
    twice = write(tmp_path, "# t,n,n\n" + "\n".join(f"{row},1" for row in ROWS), "twice.csv")
    assert load_trace(twice, columns=("t", 1)).signal.tolist() == N
    assert_refused(twice, "give two or three", columns=("t", "n"))
    assert_refused(path, r'calls column 2 .*columns=\["t \(ps\)", "a"\]')
    for wish in ((1,), (0, 5), ("x", "a"), "ta", (1, 2, 3, 4)):
        assert_refused(path, "give two or three of 0 to 4, or of the names i, t", columns=wish)


NUMBER = st.floats(-1e20, 1e20, allow_nan=False, allow_subnormal=False)
TABLE = st.lists(st.tuples(NUMBER, NUMBER), min_size=2, max_size=12, unique_by=lambda pair: pair[0])


@pytest.mark.filterwarnings("ignore:.* left out as a comment")
@given(
    table=TABLE,
    separator=st.sampled_from([",", ";", "\t", " ", "  ", ", ", " ; "]),
    decimal=st.sampled_from(".,"),
    template=st.sampled_from(["{!r}", "{:.17e}", "{:+.16E}", '"{!r}"', "'{!r}'"]),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "latin-1"]),
    above=st.sampled_from(["", "t;n\n", "# 3,4\n\n", "time,n\n", "Step,1.0\n\n"]),
)
def test_any_table_reads_back_exactly_or_is_refused(
    tmp_path_factory, table, separator, decimal, template, end, encoding, above
):
    table = sorted(table)
    lines = [separator.join(template.format(value).replace(".", decimal) for value in pair) for pair in table]
    text = above + "\n".join(lines)
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(text.replace("\n", end).encode(encoding))
    trace = read_or_refused(path)
    assert trace is None or trace.t.tolist() == [t for t, _ in table]
    assert trace is None or trace.signal.tolist() == [n for _, n in table]


@given(table=TABLE, separator=st.sampled_from([",", ";", "\t", " "]))
def test_plain_tables_are_never_refused(tmp_path_factory, table, separator):
    table = sorted(table)
    t = np.array([pair[0] for pair in table])
    assume((np.spacing(np.abs(t[1:])) < 1e-4 * np.diff(t)).all())
    assume(max(abs(n) for _, n in table) > 1e-90)
    path = tmp_path_factory.getbasetemp() / "plain.csv"
    path.write_text("\n".join(f"{t:.17e}{separator}{n:.17e}" for t, n in table), "ascii")
    trace = load_trace(path)
    assert trace.t.tolist() == t.tolist()
    assert trace.signal.tolist() == [n for _, n in table]


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_by_name(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "bytes.csv"
    path.write_bytes(content)
    read_or_refused(path)


@given(st.text(alphabet="0123456789.,;-+eE \t\n\"'#na", max_size=60))
def test_texts_close_to_numbers_never_give_a_number_that_is_not_there(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "close.csv"
    path.write_text(content, "ascii", newline="")
    trace = read_or_refused(path)
    if trace is None:
        return
    lines = [line for line in content.split("\n") if re.search(r"\d", line)]
    assert len(trace) <= len(lines)
    written = {
        float(word.replace(",", mark))
        for word in re.findall(r"[-+.,eE\d]+", content.replace("'", " "))
        for mark in ".,"
        if is_float(word.replace(",", mark))
    }
    written |= {float(word) for word in re.split(r"[,;\s\"']+", content) if is_float(word)}
    assert set(trace.t) | set(trace.signal) <= written


def is_float(word):
    try:
        return np.isfinite(float(word))
    except ValueError:
        return False


# --------------------------------------------------------------------------- files that are refused

BAD_VALUES = {
    "empty": ("", "missing"),
    "blank": ("  ", "missing"),
    "nan": ("NaN", "not a finite number"),
    "inf": ("-Infinity", "not a finite number"),
    "no number": ("n/a", "'n/a' is not"),
    "dashes": ("--", "'--' is not"),
    "overload": ("OVERRANGE", "'OVERRANGE' is not"),
    "spreadsheet error": ("#DIV/0!", "#DIV/0! is not|'#DIV/0!' is not"),
    "limit": ("<0.1", "'<0.1' is not"),
    "unit": ("494 counts", "is not a finite number"),
    "per cent": ("50%", "is not a finite number"),
    "underscore": ("4_937", "is not a finite number"),
    "hexadecimal": ("0x1F", "is not a finite number"),
    "boolean": ("True", "is not a finite number"),
    "complex": ("494+0j", "is not a finite number"),
    "thousands, blank": ("4 937", "is not a finite number"),
    "thousands, blank between some": ("4 93 7", "is not a finite number"),
    "thousands, odd groups": ("4'93", "is not a finite number"),
    "thousands, quoted": ('"4,937"', "is not a finite number"),
    "thousands, bare": ("4,937", "3 field"),
    "two points": ("494.106.1", "is not a finite number"),
    "two exponents": ("1e5.5", "is not a finite number"),
    "unclosed quote": ('"494', "is not a finite number"),
    "clock": ("00:00:08", "is not a finite number"),
    "formula": ('"=SUM(B1:B8)"', "is not a finite number"),
    "remark": ("494 # peak", "is not a finite number"),
    "overflow": ("1e400", "too large"),
    "underflow": ("-0.3e-400", "too small, it would be read as zero"),
    "far too large": ("1e200", "too large"),
    "NUL": ("494\0", "NUL"),
}


@pytest.mark.parametrize(("value", "words"), BAD_VALUES.values(), ids=BAD_VALUES)
def test_a_bad_signal_is_refused_with_its_row(tmp_path, value, words):
    for row in (1, 7, 12):
        assert_refused(write(tmp_path, spoilt(row, f"{T[row - 1]},{value}")), words, row)
    # rows are those of the file: comments, header and blank lines count
    assert_refused(write(tmp_path, "# a\nt,n\n\n" + spoilt(7, f"6,{value}")), words, 10)


@pytest.mark.parametrize(
    "value", [value for value, _ in BAD_VALUES.values() if value not in ("1e200", "4,937")]
)
def test_a_bad_time_is_refused_with_its_row(tmp_path, value):
    for row in (7, 12):
        assert_refused(write(tmp_path, spoilt(row, f"{value},494.11")), ".", row)


@pytest.mark.parametrize(
    "value", ["", "NaN", "#N/A", "#REF!", "####", "%", "<0.1", "0x8", "5 ns", "00:00:01", "--", "=A2", "true"]
)
def test_a_spoilt_first_row_is_no_header(tmp_path, value):
    assert_refused(write(tmp_path, spoilt(1, f"{value},1.5")), "finite number|missing", 1)
    assert_refused(write(tmp_path, "t,n\n" + spoilt(1, f"{value},1.5")), "finite number|missing", 2)


@pytest.mark.parametrize("row", ["abc,50", "abc,50,", "I0,1.5", "x,-1e3"])
def test_a_word_beside_a_number_is_no_header(tmp_path, row):
    for above in ("", "t,n\n", "Stop,20.0\n\n"):
        path = write(tmp_path, above + spoilt(1, row))
        assert_refused(path, "is not a finite number", 1 + above.count("\n"))
    assert_refused(write(tmp_path, spoilt(1, row + "\n# remark")), "is not a finite number", 1)


@pytest.mark.parametrize("row", ["0;1", "0\t1", "0 1", "0,1,2", "0", '"0,1"', "0.5;1,5", "0/1", "0:1"])
def test_a_first_row_in_another_dialect_is_no_header(tmp_path, row):
    assert_refused(write(tmp_path, spoilt(1, row)), "finite number|field", 1)


@pytest.mark.parametrize(
    ("content", "words", "row"),
    [
        (spoilt(5, "4.0;760.726"), "finite number", 5),
        (spoilt(5, "4.0"), "column 2 is empty, its value is missing", 5),
        (spoilt(5, "4,760,726"), "3 field", 5),
        (spoilt(5, "t,n"), "'t' is not a finite number", 5),
        (spoilt(5, "END"), "'END' is not", 5),
        (rows() + "\nTotal,4900", "'Total' is not.*sum up", 13),
        (rows() + f"\n12,{sum(N)!r}", "is the sum of all rows above it", 13),
        (rows() + "\n12.0,", "its value is missing", 13),
        (rows(";", ",").replace("760,726", "760.726"), "where the decimal mark is ','", 5),
        (rows(" ").replace("4.0 760.726", "4\u00a0760"), "its value is missing", 5),
        (rows("\t").replace("5.0\t", "5.0\t\t"), "column 2 is empty", 6),
        (rows(";", ",").replace("5,0;603,682", ";603,682"), "column 1 is empty", 6),
        (spoilt(5, "2.5,760"), r"time 2.5 follows 3.0; .* increase", 5),
        (spoilt(5, "3,760"), "time 3.0 is repeated", 5),
        (rows() + "\n" + rows(), "time 0.0 follows 11.0", 13),
        ("n,t\n" + rows(), "header calls column 2 .'t'. a time, not", None),
        ("counts,ns\n" + rows(), r'header calls column 2 .*columns=\["ns", "counts"\]', None),
        ("\n".join(f"{n},{t}" for t, n in zip(T, N, strict=True)), "times must be in the first column", 4),
        ("a,b,c\n" + rows(), "3 column names but 2 columns", 1),
        ("X,CH1,Start,Increment\nSequence,Volt,0.0,2e-9\n" + rows(), "4 column names but 2 columns", 2),
        ("t,n\n" + rows().replace("\n", ",1\n") + ",1", "2 column names but 3 columns", 1),
        (",".join(map(str, T)) + "\n" + ",".join(map(str, N)), "12 columns .* transposed", None),
        (",".join("1" * 12000), "line is too long", 1),
        ("\n".join(f"{1.7e18 + k:.0f},{n}" for k, n in enumerate(N)), "repeated", 2),
        ("\n".join(f"{1.7e9 + 1e-6 * k:.9f},{n}" for k, n in enumerate(N)), "too far from zero", None),
        ("\n".join(f"{t},{n}e-310" for t, n in zip(T, N, strict=True)), "too small", None),
        ("", "file is empty", None),
        (" \n\n", "file is empty", None),
        ("# a\n% b\n", "comments only, no numeric rows", None),
        ("t,n\n", "no numeric data; 't,n'", 1),
        ("0,1000", "at least 2 points", None),
        ("1.5\n2.5\n", "one column", 2),
        ("<!DOCTYPE html><html>404</html>", "HTML", 1),
        ('{"t": [0, 1], "n": [2, 3]}', "JSON", 1),
        ("[\n[0, 1],\n[1, 2]\n]", "JSON", 1),
        ("2019-03-01 00:00:00,5\n2019-03-01 00:00:01,4", "no numeric data", 1),
    ],
)  # fmt: skip
def test_a_file_that_is_not_understood_is_refused(tmp_path, content, words, row):
    assert_refused(write(tmp_path, content), words, row)


@pytest.mark.parametrize(
    "content",
    [
        "1,234;5,678\n2,345;4,567\n3,456;3,456",
        "0;900\n1;1,000\n2;760\n3;603",
        "0\t900\n1\t1.000\n2\t760\n3\t603",
        '0,900\n1,"1,000"\n2,760',
    ],
)
def test_a_mark_for_decimals_or_thousands_is_asked_for(tmp_path, content):
    path = write(tmp_path, content)
    assert_refused(path, "decimal mark or a thousands separator.*give decimal=")
    mark = "." if "1.000" in content else ","
    assert load_trace(path, decimal=mark).signal.max() < 1000


def test_three_decimals_alone_are_no_doubt(tmp_path):
    assert load_trace(write(tmp_path, "1.234\t5.678\n2.345\t4.567")).signal.tolist() == [5.678, 4.567]
    assert load_trace(write(tmp_path, "0,1.234\n1,1")).signal.tolist() == [1.234, 1]
    assert load_trace(write(tmp_path, "0;5678\n1;1,234")).signal.tolist() == [5678, 1.234]
    assert load_trace(write(tmp_path, "0;0,500\n1;0,250")).signal.tolist() == [0.5, 0.25]
    assert load_trace(write(tmp_path, "0;1000,500\n1;900,250")).signal.tolist() == [1000.5, 900.25]
    with pytest.raises(ValueError, match=r"give '\.' or ','"):
        load_trace(write(tmp_path, "0 1\n1 2"), decimal=";")


@pytest.mark.parametrize(
    "content",
    [
        "t,a,b\n0,9,8\n1,5,4",  # two signals
        "t,flat,terrace\n0,9,1\n1,5,1",  # no error, although "err" is in the name
        "0,9,8.5\n1,5,4.5",  # a third column as large as the signal
        "0,9,2.7\n1,6,1.8\n2,3,0.9",  # a second, smaller signal
        "0,9,1\n1,8,2\n2,7,3",  # decimal comma between commas
        "0,900,123.5\n1,800,456.0\n2,700,001.5",  # thousands between commas
        "0 900 123\n1 800 456",  # thousands between blanks
        ",t,n\n0,0,9\n1,1,5",  # a spreadsheet's row numbers
        ",n,sigma\n0,9,1\n1,5,1",
    ],
)
def test_three_columns_that_do_not_speak_for_themselves_are_refused(tmp_path, content):
    assert_refused(write(tmp_path, content), r"columns=\[")


@pytest.mark.parametrize("header", ["t,n (V),sigma (mV)", "t,n,error (%)", "t (s),n,std\ns,V,mV"])
def test_a_sigma_in_another_unit_than_the_signal_is_refused(tmp_path, header):
    path = write(tmp_path, header + "\n" + "\n".join(f"{row},1" for row in ROWS))
    assert_refused(path, "sigma is given in (mV|%), the signal in (V|no unit); bring both")
    assert load_trace(path, columns=(0, 1)).signal.tolist() == N


@pytest.mark.parametrize(
    ("value", "words"), [("0", "sigma = 0"), ("-1", "sigma = -1"), ("nan", "'nan' is not")]
)
@pytest.mark.parametrize("header", ["t,n,sigma\n", ""])
def test_a_bad_sigma_is_refused_with_its_row(tmp_path, header, value, words):
    options = {} if header else {"columns": (0, 1, 2)}
    lines = [f"{row},{sigma:.2f}" for row, sigma in zip(ROWS, SIGMA, strict=True)]
    lines[7] = f"{ROWS[7]},{value}"
    assert_refused(write(tmp_path, header + "\n".join(lines)), words, 9 if header else 8, **options)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "a PNG picture"),
        (b"%PDF-1.4\n1 0 obj", "a PDF document"),
        (b"PK\x03\x04\x14\0", "zip archive or an Excel workbook"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "Excel"),
        (b"\0" * 64, "NUL"),
        (b"0,1\n1,2\n\x07,3", r"row 3: the control character '\\x07'"),
        (PACKED[:-9], "gzip file is cut short"),
        (PACKED[:-8] + b"\0" * 8, "damaged gzip"),
        (PACKED * 2, "more than one part"),
        (rows().encode("utf-16")[:-1], "damaged utf-16 text"),
    ],
)
def test_what_is_no_text_is_called_by_its_name(tmp_path, content, words):
    assert_refused(write(tmp_path, content), words)


def test_a_huge_file_is_refused_before_it_fills_the_memory(tmp_path, monkeypatch):
    monkeypatch.setattr("helpers.traces.texts._LARGEST_FILE", 1000)
    assert_refused(write(tmp_path, "0,1\n" * 251), "larger than")
    assert_refused(write(tmp_path, gzip.compress(b"0,1\n" * 251)), "larger than")


def test_no_file_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nothing\.csv: no such file"):
        load_trace(tmp_path / "nothing.csv")
    with pytest.raises(OSError, match="a folder"):
        load_trace(tmp_path)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(OSError, match="not a file"):
            load_trace(tmp_path / "pipe")


# ---------------------------------------------------------------------- the shared files, where they are


@pytest.mark.skipif(
    not (SHARED / "bad_inputs").exists(), reason="the shared bad inputs are not beside the checkout"
)
def test_every_shared_bad_input_passes():
    pytest.importorskip("resource", reason="the judge needs POSIX limits")
    # In a process of its own: the judge forks, which a process with a network library's threads may not do.
    command = [sys.executable, SHARED / "bad_inputs" / "judge.py"]
    verdict = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert verdict.returncode == 0, verdict.stdout + verdict.stderr


@pytest.mark.skipif(not (SHARED / "decays").exists(), reason="the shared decays are not beside the checkout")
@pytest.mark.parametrize(
    ("file", "points", "peak", "unit"),
    [
        ("F520_N0.csv", 501, 23063.32392, ""),  # its third column has no name
        ("F700_N1_raw.csv", 6416, None, "counts"),
        ("F700_N0.5_raw.csv", 6415, None, "counts"),
        ("G520_N0_raw.csv", 6415, None, "counts"),
    ],
)
def test_real_decays_load(file, points, peak, unit):
    columns = (0, 1, 2) if file == "F520_N0.csv" else None
    trace = load_trace(SHARED / "decays" / file, t_unit="ns", columns=columns)
    decay = trace.from_peak()
    assert (len(trace), trace.t_unit, trace.signal_unit) == (points, "ns", unit)
    assert decay.t[0] == 0
    assert (trace.sigma is not None) == (file == "F520_N0.csv")
    assert peak is None or decay.signal[0] == peak


@pytest.mark.skipif(not (SHARED / "decays").exists(), reason="the shared decays are not beside the checkout")
def test_a_real_decay_with_rounded_times_is_refused():
    assert_refused(SHARED / "decays" / "F700_N0_raw.csv", "time -56.2 is repeated", 3)
    merged = load_trace(SHARED / "decays" / "F700_N0_raw.csv", repeated="mean")
    assert len(merged) == 1928  # of 6415 rows: the times are written with three digits


def test_rows_of_one_time_become_their_mean_on_request(tmp_path):
    lines = "t,n,sigma\n0,8,0.4\n1,5,0.3\n1,3,0.5\n2,2,0.1\n2,2,0.1\n2,2,0.1\n3,1,0.1\n"
    path = write(tmp_path, lines)
    assert_refused(path, 'repeated="mean"', 4)
    merged = load_trace(path, repeated="mean")
    assert merged.t.tolist() == [0, 1, 2, 3]
    assert merged.signal.tolist() == [8, 4, 2, 1]
    np.testing.assert_allclose(merged.sigma, [0.4, np.hypot(0.3, 0.5) / 2, 0.1 / np.sqrt(3), 0.1])
    with pytest.raises(ValueError, match="choose 'refuse' or 'mean'"):
        load_trace(path, repeated="median")
    with pytest.raises(ValueError, match=r"row 4: sigma = -0\.5"):
        load_trace(write(tmp_path, lines.replace("3,0.5", "3,-0.5")), repeated="mean")


def test_mean_does_not_hide_times_that_go_back(tmp_path):
    with pytest.raises(ValueError, match=r"row 4: the time 1\.0 follows 2\.0"):
        load_trace(write(tmp_path, "0,8\n0,8\n2,5\n1,3\n3,1\n3,1\n"), repeated="mean")


def test_a_signal_that_points_down_is_told():
    with pytest.warns(UserWarning, match="turn the sign of an inverted signal"):
        Trace([0, 1, 2, 3], [0.5, -8, -4, -2]).from_peak()


def test_a_header_that_speaks_against_the_wished_density_is_heard(tmp_path):
    def file(header):
        path = tmp_path / "a.csv"
        path.write_text(f"{header}\n0,8\n1,4\n2,2\n", encoding="utf-8")
        return path

    with pytest.raises(ValueError, match=r"signal in cm\^-3, not in 10\^16 cm\^-3; change signal_unit"):
        load_trace(file("time (ns),n (cm^-3)"), signal_unit="10^16 cm^-3")
    with pytest.warns(UserWarning, match="signal in counts, which is no density"):
        load_trace(file("time (ns),PL [counts]"), signal_unit="10^16 cm^-3")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load_trace(file("time (ns),n (cm-3)"), signal_unit="cm^-3").signal_unit == "cm^-3"
        assert load_trace(file("time (ns),PL [counts]"), signal_unit="a.u.").signal_unit == "a.u."
        assert load_trace(file("time (ns),PL [counts]")).signal_unit == "counts"


# ---------------------------------------------------------------------------------- several traces of a file


def test_all_signals_of_a_file_are_read_with_their_names_and_errors(tmp_path):
    lines = [
        f"{t},{n},{0.1 * k + 1:.1f},{n / 2},{k if k < 7 else ''}"
        for k, (t, n) in enumerate(zip(T, N, strict=True))
    ]
    path = write(tmp_path, "Time (ns),0.2 uJ/cm2,error,5 uJ/cm2,520 nm\n" + "\n".join(lines))
    first, second, third = load_traces(path)
    assert [each.name for each in (first, second, third)] == ["0.2 uJ/cm2", "5 uJ/cm2", "520 nm"]
    assert (first.t.tolist(), first.signal.tolist(), first.t_unit) == (T, N, "ns")
    np.testing.assert_allclose(first.sigma, [1 + 0.1 * k for k in range(12)])
    assert second.sigma is None
    assert second.signal.tolist() == [n / 2 for n in N]
    assert third.t.tolist() == T[:7]  # it ends before the others
    with pytest.raises(ValueError, match="in ns, not in us"):
        load_traces(path, t_unit="us")


def test_signals_with_times_of_their_own_are_read_in_pairs(tmp_path):
    lines = [f"{t},{n},{2 * t},{n / 2}" for t, n in zip(T, N, strict=True)]
    for k in range(8, 12):
        lines[k] = f"{T[k]},{N[k]},,"
    path = write(tmp_path, "t1 (ns),a,t2 (ns),b\n" + "\n".join(lines))
    a, b = load_traces(path)
    assert (a.t.tolist(), a.signal.tolist()) == (T, N)
    assert (b.t.tolist(), b.signal.tolist()) == ([2 * t for t in T[:8]], [n / 2 for n in N[:8]])


def test_signals_without_names_are_asked_for(tmp_path):
    path = write(tmp_path, "\n".join(f"{t},{n},{n / 2}" for t, n in zip(T, N, strict=True)))
    with pytest.raises(ValueError, match=r"decay\.csv: 3 columns .* columns=\[0, 1, 2\]"):
        load_traces(path, t_unit="ns")
    names = [each.name for each in load_traces(path, t_unit="ns", columns=[0, 1, 2])]
    assert names == ["decay (column 2)", "decay (column 3)"]
    assert [each.name for each in load_traces(write(tmp_path, rows()), t_unit="ns")] == ["decay (column 2)"]


@pytest.mark.parametrize("corner", ["Wavelength (nm)", "nm\\ps", "0", "", "NaN"])
def test_a_matrix_is_read_along_either_side(tmp_path, corner):
    times, nanometres = [-1.0, 0.0, 0.5, 2.0], [450.0, 460.0, 470.0, 480.0]
    values = [[round(0.1 * i + k, 2) for k in range(4)] for i in range(4)]
    down = "\n".join(f"{w},{','.join(map(str, row))}" for w, row in zip(nanometres, values, strict=True))
    path = write(tmp_path, f"{corner},{','.join(map(str, times))}\n{down}\n")
    for options in ({}, {"columns": [0, 2]}):
        assert_refused(path, "wavelengths .* down the side.*transposed=True", t_unit="ps", **options)
    traces = load_traces(path, t_unit="ps", transposed=True)
    assert [each.name for each in traces] == ["450", "460", "470", "480"]
    assert [each.signal.tolist() for each in traces] == values
    assert all(each.t.tolist() == times for each in traces)
    turned = "\n".join(f"{t},{','.join(str(row[k]) for row in values)}" for k, t in enumerate(times))
    head = corner if corner in ("0", "") else "Time (ps)"
    path = write(tmp_path, f"{head},{','.join(map(str, nanometres))}\n{turned}\n")
    assert [each.signal.tolist() for each in load_traces(path, t_unit="ps")] == values
