"""Descriptions of measurements: read, or refused by line with advice that works."""

from __future__ import annotations

import dataclasses
import os
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.description import DescribedTrace, Description, Film, FitChoice, find, keys, read
from helpers.description.toml_errors import plain_number
from helpers.fitting import likelihood
from helpers.measurement.described import load_measurement
from helpers.paths import DATA

TEMPLATES = sorted((DATA / "templates").glob("*.toml"))
FILES = ("mine.csv", "irf.csv", "p1.csv", "p2.csv", "p3.csv", "p4.csv")

SERIES = """\
kind = "TRPL counts"
several = "one law"
t_unit = "ns"
window = [-10, 400]
baseline = [-10, -1]
response_fwhm = 0.2
repetition_Hz = 1e6
p0_cm3 = 0
fluence_error_percent = 20
trace = [
  { file = "p1.csv", fluence_uJ_cm2 = 0.2 },
  { file = "p2.csv", fluence_uJ_cm2 = 1 },
]
[film]
wavelength_nm = 400
thickness_nm = 300
absorption_per_cm = 1.5e5
reflection = 0.2
[fit]
fixed = ["G"]
"""
DENSITY = 'kind = "density"\nfile = "mine.csv"\nt_unit = "ns"\n'


@pytest.fixture
def folder(tmp_path):
    for name in FILES:
        (tmp_path / name).write_text("0,2\n1,1\n")
    return tmp_path


def write(folder, text, name="mine.toml"):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def read_text(folder, text) -> Description:
    return read(write(folder, text))


def refusal(folder, text) -> str:
    with pytest.raises(ValueError) as caught:
        read_text(folder, text)
    message = str(caught.value)
    assert message.startswith("mine.toml")
    return message


def put(text, old, new):
    """Return a text with one of its lines replaced; an old line that is empty means one more at the top."""
    if not old:
        return f"{new}\n{text}"
    assert text.count(old) == 1, old
    return text.replace(old, new)


class TestWhatIsRead:
    def test_every_fact_of_a_series_arrives_as_the_file_says_it(self, folder):
        described = read_text(folder, SERIES)
        assert described.kind == "TRPL counts"
        assert described.traces == (
            DescribedTrace(folder / "p1.csv", fluence_uJ_cm2=0.2),
            DescribedTrace(folder / "p2.csv", fluence_uJ_cm2=1.0),
        )
        assert described.film == Film(400.0, 300.0, 1.5e5, 0.2)
        assert described.fits == {"fit": FitChoice(fixed=("G",))}
        assert (described.window, described.baseline) == ((-10.0, 400.0), (-10.0, -1.0))
        assert (described.repetition_Hz, described.p0_cm3, described.fluence_error_percent) == (
            1e6,
            0.0,
            20.0,
        )
        assert (described.t_unit, described.response_fwhm, described.several) == ("ns", 0.2, "one law")

    def test_what_the_file_does_not_say_is_none(self, folder):
        described = read_text(folder, DENSITY)
        said = {"path", "text", "kind", "traces", "fits", "t_unit"}
        others = {field.name for field in dataclasses.fields(described)} - said
        assert {name for name in others if getattr(described, name) is not None} == set()

    def test_the_text_is_kept_for_the_results(self, folder):
        assert read_text(folder, SERIES).text == SERIES
        assert read_text(folder, SERIES.replace("\n", "\r\n")).text == SERIES

    def test_a_trace_may_have_its_own_name_time_zero_scale_and_offset(self, folder):
        text = SERIES.replace(
            "fluence_uJ_cm2 = 1 ", 'fluence_uJ_cm2 = 1, name = "b", time_zero = 3, scale = 2, offset = -1 '
        )
        trace = read_text(folder, text).traces[1]
        assert (trace.name, trace.time_zero, trace.scale, trace.offset) == ("b", 3.0, 2.0, -1.0)

    def test_headings_for_each_trace_say_the_same_as_braces(self, folder):
        start, _, rest = SERIES.partition("trace = [")
        tables = '[[trace]]\nfile = "p1.csv"\nfluence_uJ_cm2 = 0.2\n'
        tables += '[[trace]]\nfile = "p2.csv"\nfluence_uJ_cm2 = 1\n'
        described = read_text(folder, start + tables + rest.partition("]\n")[2])
        assert described.traces == read_text(folder, SERIES).traces

    @pytest.mark.parametrize(
        ("written", "kind"),
        [
            ("trpl", "TRPL counts"),
            ("Trpl Counts", "TRPL counts"),
            ("TRPL_counts", "TRPL counts"),
            ("ta", "TA"),
            ("Trmc", "TRMC"),
            ("DENSITY", "density"),
        ],
    )
    def test_the_kind_is_understood_in_any_case(self, folder, written, kind):
        assert read_text(folder, SERIES.replace("TRPL counts", written)).kind == kind

    @pytest.mark.parametrize("value", ['"first"', '"Peak"', "2.5", '[1, "edge"]'])
    def test_time_zero_is_a_number_a_word_or_one_for_each_trace(self, folder, value):
        got = read_text(folder, f"time_zero = {value}\n{SERIES}").time_zero
        assert got in ("first", "peak", 2.5, (1.0, "edge"))

    def test_several_fits_keep_their_order_and_names(self, folder):
        text = DENSITY + '[fit.robust]\nloss = "huber"\nf_scale = 2\n[fit.plain]\nwindow = [0, 5]\n'
        described = read_text(folder, text)
        assert list(described.fits) == ["robust", "plain"]
        assert described.fit_choice("robust") == FitChoice("robust", loss="huber", f_scale=2.0)
        assert described.fits["plain"].window == (0.0, 5.0)

    @pytest.mark.parametrize(
        "guess", ["guess = [0, 1e-2, 1e-3, 1e-7]", "guess = {G = 0, k1 = 1e-2, k2 = 1e-3, k3 = 1e-7}"]
    )
    def test_a_guess_is_four_numbers_or_numbers_by_name(self, folder, guess):
        expected = {"G": 0.0, "k1": 1e-2, "k2": 1e-3, "k3": 1e-7}
        assert read_text(folder, f"{DENSITY}[fit]\n{guess}\n").fits["fit"].guess == expected
        own_table = f"{DENSITY}[fit.guess]\nG = 0\nk1 = 1e-2\nk2 = 1e-3\nk3 = 1e-7\n"
        assert read_text(folder, own_table).fits["fit"].guess == expected

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-le", "utf-16-be"])
    @pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
    def test_files_are_read_as_windows_editors_save_them(self, folder, encoding, end):
        text = put(DENSITY, 't_unit = "ns"', 't_unit = "µs"  # – ‘remark’') + 'comment = "“thick” film"\n'
        described = read_text(folder, text.replace("\n", end).encode(encoding))
        assert (described.t_unit, described.comment) == ("µs", "“thick” film")
        assert described.text == text

    def test_data_may_lie_in_another_folder(self, folder):
        (folder / "raw").mkdir()
        (folder / "mine.csv").rename(folder / "raw" / "mine.csv")
        assert (
            read_text(folder, put(DENSITY, "mine.csv", "raw/mine.csv")).traces[0].file
            == folder / "raw" / "mine.csv"
        )
        absolute = (folder / "raw" / "mine.csv").as_posix()
        assert read_text(folder, put(DENSITY, "mine.csv", absolute)).traces[0].file == Path(absolute)

    def test_it_is_shown_in_one_line(self, folder):
        assert repr(read_text(folder, SERIES)) == "Description('mine': TRPL counts, 2 traces, fits: fit)"

    def test_the_losses_are_those_of_the_fit(self):
        assert set(keys.LOSSES) == set(likelihood.LOSSES)


# Of SERIES: the line that is spoilt, what it becomes, what the message says, and the line as it advises.
WRONG_LINES = [
    # numbers
    ("window = [-10, 400]", "window = [0,5, 400]", "two numbers with decimal points", "window = [0.5, 400]"),
    ("response_fwhm = 0.2", "response_fwhm = 0,2", "write response_fwhm = 0.2", "response_fwhm = 0.2"),
    ("response_fwhm = 0.2", "response_fwhm = .5", "write response_fwhm = 0.5", "response_fwhm = 0.5"),
    ("response_fwhm = 0.2", "response_fwhm = 5.", "write response_fwhm = 5.0", "response_fwhm = 5.0"),
    ("response_fwhm = 0.2", "response_fwhm = 05", "write response_fwhm = 5", "response_fwhm = 5"),
    (
        "response_fwhm = 0.2",
        "response_fwhm = 0.2 ns",
        "without its unit; response_fwhm takes a number above 0",
        "response_fwhm = 0.2",
    ),
    ("response_fwhm = 0.2", "response_fwhm = 200ps", "of the response in t_unit", "response_fwhm = 0.2"),
    ("response_fwhm = 0.2", 'response_fwhm = "0.2"', "write 0.2 without quotes", "response_fwhm = 0.2"),
    ("response_fwhm = 0.2", 'response_fwhm = "0,2"', "write 0.2 without quotes", "response_fwhm = 0.2"),
    (
        "response_fwhm = 0.2",
        'response_fwhm = "short"',
        "give a number, without quotes",
        "response_fwhm = 0.2",
    ),
    ("response_fwhm = 0.2", "response_fwhm = true", "give a number", "response_fwhm = 0.2"),
    (
        "response_fwhm = 0.2",
        "response_fwhm = True",
        "response_fwhm takes a number above 0",
        "response_fwhm = 0.2",
    ),
    ("response_fwhm = 0.2", "response_fwhm = nan", "give a finite number", "response_fwhm = 0.2"),
    ("response_fwhm = 0.2", "response_fwhm = 1e999", "give a finite number", "response_fwhm = 0.2"),
    ("response_fwhm = 0.2", f"response_fwhm = 1{400 * '0'}", "give a finite number", "response_fwhm = 0.2"),
    ("response_fwhm = 0.2", "response_fwhm = -1", "give a number above 0", "response_fwhm = 1"),
    ("response_fwhm = 0.2", "response_fwhm = [0.2]", "give a number", "response_fwhm = 0.2"),
    ("response_fwhm = 0.2", "response_fwhm = 2024-01-01", "give a number", "response_fwhm = 0.2"),
    ("response_fwhm = 0.2", "response_fwhm = None", "delete response_fwhm", ""),
    ("response_fwhm = 0.2", "response_fwhm =", "write one after the =, or delete response_fwhm", ""),
    (
        "repetition_Hz = 1e6",
        "repetition_Hz = 1_000,5",
        "write repetition_Hz = 1000.5",
        "repetition_Hz = 1000.5",
    ),
    (
        "repetition_Hz = 1e6",
        "repetition_Hz = 1,000",
        "write repetition_Hz = 1.000, or 1000 if",
        "repetition_Hz = 1000",
    ),
    (
        "repetition_Hz = 1e6",
        "repetition_Hz = 1 000 000",
        "write repetition_Hz = 1000000",
        "repetition_Hz = 1000000",
    ),
    ("repetition_Hz = 1e6", "repetition_Hz = 10^6", "write repetition_Hz = 1e6", "repetition_Hz = 1e6"),
    ("repetition_Hz = 1e6", "repetition_Hz = 0", 'write "single"', 'repetition_Hz = "single"'),
    ("repetition_Hz = 1e6", 'repetition_Hz = "singel"', 'write "single"', 'repetition_Hz = "single"'),
    ("repetition_Hz = 1e6", "repetition_Hz = -5", 'or write "single"', "repetition_Hz = 5"),
    ("repetition_Hz = 1e6", 'repetition_Hz = "1e6"', "write 1e6 without quotes", "repetition_Hz = 1e6"),
    (
        "repetition_Hz = 1e6",
        "repetition_Hz = single",
        'write repetition_Hz = "single"',
        'repetition_Hz = "single"',
    ),
    (
        "absorption_per_cm = 1.5e5",
        "absorption_per_cm = 1,5×10^5",
        "write absorption_per_cm = 1.5e5",
        "absorption_per_cm = 1.5e5",
    ),
    ("baseline = [-10, -1]", "baseline = [−10, −1]", "write -10", "baseline = [-10, -1]"),
    ("baseline = [-10, -1]", "baseline = [-1, -10]", "write the earlier time first", "baseline = [-10, -1]"),
    ("baseline = [-10, -1]", "baseline = (-10, -1)", "write baseline = [-10, -1]", "baseline = [-10, -1]"),
    ("window = [-10, 400]", "window = 0,100", "write window = [0,100]", "window = [0,100]"),
    ("window = [-10, 400]", "window = [0, 1,000]", "thousands without a comma", "window = [0, 1000]"),
    ("baseline = [-10, -1]", "baseline = [-10 -1]", "separated by commas", "baseline = [-10, -1]"),
    ("baseline = [-10, -1]", "baseline = [-10\t-1]", "separated by commas", "baseline = [-10, -1]"),
    ("baseline = [-10, -1]", "baseline = [-10; -1]", "separated by commas", "baseline = [-10, -1]"),
    ("baseline = [-10, -1]", "baseline = [-10, -.5]", "write -0.5", "baseline = [-10, -0.5]"),
    ("baseline = [-10, -1]", "baseline = -10, -1", "write baseline = [-10, -1]", "baseline = [-10, -1]"),
    ("thickness_nm = 300", "thickness_nm = 0", "give a number above 0", "thickness_nm = 300"),
    ("reflection = 0.2", "reflection = 20", "0.2 for 20 %", "reflection = 0.2"),
    ("reflection = 0.2", "reflection = 20 %", "write reflection = 0.2", "reflection = 0.2"),
    ("fluence_uJ_cm2 = 0.2", "fluence_uJ_cm2 = 0,2", "write fluence_uJ_cm2 = 0.2", "fluence_uJ_cm2 = 0.2"),
    ("fluence_uJ_cm2 = 0.2", "fluence_uJ_cm2 = .2", "write fluence_uJ_cm2 = 0.2", "fluence_uJ_cm2 = 0.2"),
    ("fluence_uJ_cm2 = 0.2", "fluence_uJ_cm2 = -0.2", "give a number above 0", "fluence_uJ_cm2 = 0.2"),
    ("p0_cm3 = 0", "p0_cm3 = -1e15", "not below 0", "p0_cm3 = 1e15"),
    # texts
    ('t_unit = "ns"', "t_unit = ns", 'write t_unit = "ns"', 't_unit = "ns"'),
    ('kind = "TRPL counts"', "kind = TRPL counts", 'write kind = "TRPL counts"', 'kind = "TRPL counts"'),
    ('t_unit = "ns"', "t_unit = “ns”", 'write straight ones: t_unit = "ns"', 't_unit = "ns"'),
    ('t_unit = "ns"', 't_unit = "ns', "a quotation mark is missing", 't_unit = "ns"'),
    ('t_unit = "ns"', 't_unit = ns"', "a quotation mark is missing", 't_unit = "ns"'),
    ('t_unit = "ns"', "name = 'Pia's film'", "between double quotes", 'name = "Pia\'s film"'),
    ('t_unit = "ns"', 't_unit = "nm"', "give a unit of time", 't_unit = "ns"'),
    ('t_unit = "ns"', "t_unit = 1", "give a text, between quotes", 't_unit = "ns"'),
    ('t_unit = "ns"', 'name = ""', "it is empty", 'name = "film"'),
    ('t_unit = "ns"', 'density_unit = "nm"', "give a density", 'density_unit = "10^16 cm^-3"'),
    ('kind = "TRPL counts"', 'kind = "TPRL"', 'write "TRPL counts"', 'kind = "TRPL counts"'),
    ('kind = "TRPL counts"', 'kind = "Raman"', '"TRPL counts", "TA", "TRMC", "density"', 'kind = "TA"'),
    ('several = "one law"', 'several = "one laws"', 'write "one law"', 'several = "one law"'),
    (
        'several = "one law"',
        'noise = "gauss"',
        'choose "poisson" or "sigma" or "even" or "estimated"',
        'noise = "even"',
    ),
    ('several = "one law"', "offset = true", 'a number or "fixed" or "free" or "shared"', "offset = 3"),
    ('several = "one law"', 'offset = "fred"', 'write "free"', 'offset = "free"'),
    ('several = "one law"', "scale = -1", "the key sign", "scale = 1"),
    ('several = "one law"', 'decimal = ";"', 'choose "." or ","', 'decimal = ","'),
    ('several = "one law"', "columns = [0]", "two or three columns", "columns = [0, 1]"),
    ('several = "one law"', "columns = [0, 1.5]", "numbers are whole", "columns = [0, 1]"),
    ('several = "one law"', "columns = [1, 1]", "name each once", "columns = [0, 1]"),
    # files
    ('file = "p1.csv"', 'file = "p1.cvs"', 'the nearest name there is "p1.csv"', 'file = "p1.csv"'),
    ('file = "p1.csv"', 'file = "p1"', 'the nearest name there is "p1.csv"', 'file = "p1.csv"'),
    ('file = "p1.csv"', 'file = "C:\\temp\\p1.csv"', "write a Windows path with /", 'file = "p1.csv"'),
    ('file = "p1.csv"', 'file = "C:\\data\\p1.csv"', "or between single quotes", "file = 'p1.csv'"),
    ('file = "p1.csv"', 'file = "C:\\Users\\p1.csv"', "or between single quotes", "file = 'p1.csv'"),
    ('file = "p1.csv"', 'file = "C:\\data\\"', "or between single quotes", "file = 'p1.csv'"),
    ('file = "p1.csv"', 'file = "p\t1.csv"', "it holds a tab", 'file = "p1.csv"'),
    ('file = "p1.csv"', 'file = "."', "is a folder; name a file in it", 'file = "p1.csv"'),
    ('file = "p1.csv"', f'file = "{300 * "x"}.csv"', "no such file", 'file = "p1.csv"'),
    ('file = "p1.csv"', "file = p1.csv", 'write file = "p1.csv"', 'file = "p1.csv"'),
    ('file = "p1.csv"', 'file = "p2.csv"', "is the file of trace 1 already", 'file = "p1.csv"'),
    # keys
    ('t_unit = "ns"', 't_unitt = "ns"', "the nearest one is t_unit (unit of the times)", 't_unit = "ns"'),
    ('t_unit = "ns"', 'T_unit = "ns"', "the nearest one is t_unit", 't_unit = "ns"'),
    ("p0_cm3 = 0", "doping = 0", "the nearest one is p0_cm3", "p0_cm3 = 0"),
    (
        "thickness_nm = 300",
        "thickness_um = 0.3",
        "thickness_nm (thickness of the film in nm)",
        "thickness_nm = 300",
    ),
    ("[film]", "[Film]", "the nearest one is film", "[film]"),
    ("repetition_Hz = 1e6", "repetition Hz = 1e6", "write repetition_Hz", "repetition_Hz = 1e6"),
    ("fluence_uJ_cm2 = 0.2", "fluence_µJ_cm2 = 0.2", "write fluence_uJ_cm2", "fluence_uJ_cm2 = 0.2"),
    ('t_unit = "ns"', 'zzzz = "ns"', "the keys here are kind", 't_unit = "ns"'),
    ('t_unit = "ns"', 't_unit: "ns"', 'write t_unit = "ns"', 't_unit = "ns"'),
    ('t_unit = "ns"', "t_unit\tns", 'write t_unit = "ns"', 't_unit = "ns"'),
    ('t_unit = "ns"', 't_unit == "ns"', 'write t_unit = "ns" with one =', 't_unit = "ns"'),
    ('t_unit = "ns"', "t_unit", "t_unit has no value", 't_unit = "ns"'),
    ('t_unit = "ns"', 't_unit = "ns"\nt_unit = "ps"', "t_unit stands in line 3 already", 't_unit = "ps"'),
    (
        "thickness_nm = 300",
        "thickness_nm = 300\n[film]",
        "film stands in line 14 already",
        "thickness_nm = 300",
    ),
    (
        'file = "p1.csv",',
        'file = "p1.csv", file = "p3.csv",',
        "file stands in line 11 already",
        'file = "p3.csv",',
    ),
    (
        't_unit = "ns"',
        't_unit\u00a0= "ns"',
        "invisible character (U+00A0) stands in column 7",
        't_unit = "ns"',
    ),
    # places
    (
        "p0_cm3 = 0",
        "thickness_nm = 300",
        r"thickness_nm belongs to [film]; move it below a line [film]",
        "p0_cm3 = 0",
    ),
    ("p0_cm3 = 0", 'loss = "huber"', "loss belongs to [fit]; move it below a line [fit]", "p0_cm3 = 0"),
    ("p0_cm3 = 0", "n0_cm3 = 1e17", "n0_cm3 stands at the top, but the files stand in trace", "p0_cm3 = 0"),
    ("p0_cm3 = 0", 'file = "mine.csv"', "delete one of the two", "p0_cm3 = 0"),
    (
        "fluence_uJ_cm2 = 0.2 ",
        "fluence_uJ_cm2 = 0.2, p0_cm3 = 0 ",
        "move it out of the braces",
        "fluence_uJ_cm2 = 0.2 ",
    ),
    (
        "reflection = 0.2",
        "reflection = 0.2\nt_unit = 5",
        "move it above [film] (line 14), the first heading",
        "reflection = 0.2",
    ),
    (
        'fixed = ["G"]',
        'fixed = ["G"]\nnoise = "even"',
        "move it above [film] (line 14), the first heading",
        'fixed = ["G"]',
    ),
    ("thickness_nm = 300", "fixed = []", "fixed belongs to [fit]", "thickness_nm = 300"),
    ("thickness_nm = 300", "n0_cm3 = 1e17", "n0_cm3 belongs to a trace", "thickness_nm = 300"),
    # lists and braces
    ("0.2 },", "0.2 }", "write a comma after each entry", "0.2 },"),
    ("0.2 },", "0.2, },", "delete that comma", "0.2 },"),
    ('"p1.csv",', '"p1.csv",\n', "write { ... } in one line", '"p1.csv",'),
    ("window = [-10, 400]", "window = [-10, 400", "the list that opens in line 4", "window = [-10, 400]"),
    ('fixed = ["G"]', "fixed = [G]", 'write "G"', 'fixed = ["G"]'),
    ('fixed = ["G"]', 'fixed = "G"', 'for instance ["G"]', 'fixed = ["G"]'),
    ('fixed = ["G"]', 'fixed = ["G", "G"]', "name it once", 'fixed = ["G"]'),
    ('fixed = ["G"]', "fixed = [1]", "is no name of a parameter", 'fixed = ["G"]'),
    ('fixed = ["G"]', 'fixed = ["G"', "a closing ] is missing", 'fixed = ["G"]'),
    ('fixed = ["G"]', "guess = [1, 2]", "give four numbers", "guess = [0, 1e-2, 1e-3, 1e-7]"),
    (
        'fixed = ["G"]',
        "guess = { k1 = -1 }",
        "k1 = -1: give a number that is not below 0",
        "guess = { k1 = 1 }",
    ),
    ('fixed = ["G"]', 'loss = "hubber"', 'write "huber"', 'loss = "huber"'),
    ('fixed = ["G"]', "f_scale = 0", "give a number above 0", "f_scale = 1"),
    # headings and remarks
    ("[film]", "[film", "for instance [film]", "[film]"),
    ("[film]", "[film] absorbing", "a line of its own, for instance [film]", "[film]"),
    ("[fit]", "[fit.a b]", "for instance [fit.a]", "[fit.a]"),
    ("p0_cm3 = 0", "p0_cm3 = 0 // undoped", "a remark begins with #", "p0_cm3 = 0 # undoped"),
    ("p0_cm3 = 0", "; undoped\np0_cm3 = 0", "a remark begins with #", "p0_cm3 = 0"),
    # what cannot hold together
    (
        "response_fwhm = 0.2",
        'response = "irv.csv"',
        'nearest name there is "irf.csv"',
        'response = "irf.csv"',
    ),
    ("response_fwhm = 0.2", "response = { fwmh = 0.2 }", "write fwhm", "response = { fwhm = 0.2 }"),
    ("response_fwhm = 0.2", "response = { fwhm = 0 }", "give a number above 0", "response = { fwhm = 0.2 }"),
    (
        "response_fwhm = 0.2",
        'response = { file = "irf.csv", t_unit = "channels" }',
        "give a unit of time",
        'response = { file = "irf.csv", t_unit = "ps" }',
    ),
    (
        "response_fwhm = 0.2",
        'response_fwhm = 0.2\nresponse = "irf.csv"',
        "delete one of the two lines",
        'response = "irf.csv"',
    ),
    (
        "response_fwhm = 0.2",
        "response_fwhm = 0.2\nresponse_background = [0, 2]",
        "belongs to a recorded response",
        'response = "irf.csv"\nresponse_background = [0, 2]',
    ),
    ("several = ", 'time_zero = "fited"\nseveral = ', 'write "fitted"', 'time_zero = "fitted"\nseveral = '),
    ("several = ", "scatter = -1\nseveral = ", "not below 0", 'scatter = "free"\nseveral = '),
    ("several = ", "bin_width = 0\nseveral = ", "give a number above 0", "bin_width = 0.1\nseveral = "),
    (
        "several = ",
        "time_zero = [1, 2, 3]\nseveral = ",
        "give one for each trace",
        "time_zero = [1, 2]\nseveral = ",
    ),
    ("several = ", 'sign = "negative"\nseveral = ', "delete the line", "several = "),
    (
        "several = ",
        "sigma_relative_percent = 1\nseveral = ",
        "add sigma_floor",
        "sigma_relative_percent = 1\nsigma_floor = 2\nseveral = ",
    ),
    (
        "several = ",
        'noise = "poisson"\nsigma_floor = 1\nseveral = ',
        "delete this line",
        "sigma_floor = 1\nseveral = ",
    ),
    ("several = ", "sigma_relative_percent = 0\nseveral = ", "or delete the line", "several = "),
    (", fluence_uJ_cm2 = 1 ", " ", "fluence_uJ_cm2 is missing in trace 2 (p2.csv)", ", fluence_uJ_cm2 = 1 "),
    ('{ file = "p1.csv", ', "{ ", 'trace 1 has no file; add file = "mine.csv"', '{ file = "p1.csv", '),
]


@pytest.mark.parametrize(
    ("line", "wrong", "words", "right"), WRONG_LINES, ids=[case[1] for case in WRONG_LINES]
)
def test_a_wrong_line_is_named_and_the_advice_works(folder, line, wrong, words, right):
    text = put(SERIES, line, wrong)
    message = refusal(folder, text)
    assert words in message, message
    named = re.match(r"mine\.toml, line (\d+): ", message)
    assert named, message
    first = SERIES[: SERIES.index(line)].count("\n") + 1
    assert first <= int(named[1]) <= first + wrong.count("\n") + 1
    assert "\n" not in message
    assert read_text(folder, put(SERIES, line, right)).kind in keys.KINDS


def test_a_part_of_a_film_is_enough_where_no_fluence_needs_it(folder):
    film = "thickness_nm = 300\ndiffusion_cm2_s = 0.05\nsurface_velocity_cm_s = 0\n"
    described = read_text(folder, f"{DENSITY}[film]\n{film}")
    assert described.film == Film(thickness_nm=300, diffusion_cm2_s=0.05, surface_velocity_cm_s=0)
    assert "give a number above 0" in refusal(folder, f"{DENSITY}[film]\nthickness_nm = 0\n")
    assert "the nearest one is diffusion_cm2_s" in refusal(folder, f"{DENSITY}[film]\ndiffusion = 1\n")


def test_the_missing_keys_of_a_film_are_asked_for(folder):
    message = refusal(folder, put(SERIES, "thickness_nm = 300\n", ""))
    assert "line 14: below [film], thickness_nm is missing: thickness of the film in nm" in message
    assert "reflection" not in message


def test_the_trace_that_lacks_a_density_is_named(folder):
    text = put(SERIES, "fluence_uJ_cm2 = 1 ", "fluence_uJ_cm2 = 1, n0_cm3 = 1e17 ")
    assert "line 11: n0_cm3 is missing in trace 1 (p1.csv)" in refusal(folder, text)
    both = re.sub(r"(fluence_uJ_cm2 = [\d.]+)", r"\1, n0_cm3 = 1e17", SERIES)
    assert "both say what the pulse makes; keep one of them" in refusal(folder, both)
    unknown = 'n0 = "unknown"\n' + re.sub(r"fluence_uJ_cm2 = [\d.]+", "n0_cm3 = 1e17", SERIES)
    assert "delete one of them" in refusal(folder, unknown)
    assert read_text(folder, unknown.partition("\n")[2]).traces[1].n0_cm3 == 1e17


def without(text, *starts):
    return "".join(line for line in text.splitlines(keepends=True) if not line.lstrip().startswith(starts))


FILM = SERIES[SERIES.index("[film]") : SERIES.index("[fit]")]


class TestWhatIsAskedFor:
    """Nothing that changes a rate by a factor has a silent default."""

    def test_a_kind(self, folder):
        message = refusal(folder, without(SERIES, "kind"))
        assert all(f'"{kind}"' in message for kind in keys.KINDS)

    @pytest.mark.parametrize(
        ("key", "remedy"), [("p0_cm3", "p0_cm3 = 0"), ("repetition_Hz", 'repetition_Hz = "single"')]
    )
    def test_doping_and_repetition_of_counts(self, folder, key, remedy):
        message = refusal(folder, without(SERIES, key))
        assert f"- {key}: " in message
        assert f"{remedy} for" in message
        read_text(folder, f"{remedy}\n{without(SERIES, key)}")
        read_text(folder, put(without(SERIES, key), "TRPL counts", "TA"))

    def test_all_that_is_missing_at_once(self, folder):
        text = 'kind = "TRPL counts"\nfile = "mine.csv"\n'
        message = refusal(folder, text)
        assert [key in message for key in ("- p0_cm3", "- repetition_Hz", "- the density just after")] == [
            True
        ] * 3
        read_text(folder, f'{text}p0_cm3 = 0\nrepetition_Hz = "single"\nn0_cm3 = 1e17\n')

    @pytest.mark.parametrize("kind", ["TRPL counts", "TA", "TRMC"])
    def test_a_density_after_the_pulse(self, folder, kind):
        text = f'kind = "{kind}"\np0_cm3 = 0\nrepetition_Hz = "single"\nfile = "mine.csv"\n'
        assert "the density just after the pulse" in refusal(folder, text)
        assert "the density just after the pulse" in refusal(folder, f"{text}{FILM}")
        assert read_text(folder, f"{text}n0_cm3 = 1e17").traces[0].n0_cm3 == 1e17
        assert read_text(folder, f'{text}n0 = "unknown"').n0 == "unknown"
        assert read_text(folder, f"{text}fluence_uJ_cm2 = 1\n{FILM}").film is not None

    def test_the_film_that_a_fluence_needs(self, folder):
        message = refusal(folder, SERIES.replace(FILM, ""))
        assert all(f"{key} = ... ({keys.FILM[key].meaning})" in message for key in keys.FILM)
        read_text(folder, SERIES.replace(FILM, "") + FILM)
        # Fluences without a film still say which trace is which.
        read_text(folder, 'n0 = "unknown"\n' + SERIES.replace(FILM, ""))

    def test_nothing_of_a_calibrated_density(self, folder):
        read_text(folder, DENSITY)
        assert "n0 = " in refusal(folder, f'{DENSITY}n0 = "unknown"')
        assert "or delete the line n0" in refusal(folder, f'{DENSITY}n0 = "fixed"')
        assert "delete signal_unit" in refusal(folder, f'{DENSITY}signal_unit = "V"\ndensity_unit = "cm^-3"')

    def test_data(self, folder):
        message = refusal(folder, 'kind = "density"\n')
        assert 'add file = "mine.csv" at the top' in message
        for wrong in (
            'trace = "mine.csv"',
            "trace = []",
            'trace = ["mine.csv"]',
            '[trace]\nfile = "mine.csv"',
        ):
            assert 'write trace = [ { file = "mine.csv" } ], or [[trace]]' in refusal(
                folder, f'kind = "density"\n{wrong}'
            )
        for right in ('trace = [ { file = "mine.csv" } ]', '[[trace]]\nfile = "mine.csv"'):
            read_text(folder, f'kind = "density"\n{right}')


# How people who see a description for the first time write it: a line that is spoilt or one more line, what
# the message says, and the line as it advises. Each description has data that its measurement is made of.
TCSPC = """\
kind = "TRPL counts"
file = "tcspc.csv"
t_unit = "ns"
p0_cm3 = 0
repetition_Hz = "single"
n0 = "unknown"
"""
ABSORPTION = """\
kind = "TA"
file = "ta_ps.csv"
n0_cm3 = 1e18
"""
CONDUCTIVITY = """\
kind = "TRMC"
file = "trmc.csv"
fluence_uJ_cm2 = 1
""" + SERIES[SERIES.index("[film]") : SERIES.index("[fit]")]
WITH_SIGMA = """\
kind = "density"
file = "density.csv"
"""
FOUR = """\
kind = "TRPL counts"
several = "one law"
t_unit = "ns"
p0_cm3 = 0
repetition_Hz = "single"
trace = [
  { file = "s1.csv", fluence_uJ_cm2 = 0.2 },
  { file = "s2.csv", fluence_uJ_cm2 = 1 },
  { file = "s3.csv", fluence_uJ_cm2 = 5 },
  { file = "s4.csv", fluence_uJ_cm2 = 25 },
]
""" + SERIES[SERIES.index("[film]") : SERIES.index("[fit]")]
PAIR = 'trace = [{file = "ta_ps.csv", n0_cm3 = 1e18}, {file = "ta_ns.csv", n0_cm3 = 2e18}]'
TWO = """n0 = "unknown"
trace = [ { file = "s1.csv", fluence_uJ_cm2 = 1 }, { file = "s2.csv", fluence_uJ_cm2 = 5 } ]
"""
TRACES = FOUR[FOUR.index("trace") : FOUR.index("[film]")]
NEWCOMERS = [
    (
        TCSPC,
        "",
        'irf = "unknown"',
        "or its shape in t_unit); where it is not known, delete the line",
        "",
    ),
    (TCSPC, "", "irf_fwhm = 0.2", "the nearest one is response_fwhm", "response_fwhm = 0.2"),
    (TCSPC, "", 'response_fwhm = "unknown"', "what is not known is left out; delete response_fwhm", ""),
    (TCSPC, "", 'response = "unknown"', "what is not known is left out; delete response", ""),
    (TCSPC, "p0_cm3 = 0", 'p0_cm3 = "unknown"', "write p0_cm3 = 0 for an undoped film", "p0_cm3 = 0"),
    (TCSPC, '"single"', '"4 MHz"', "write 4e6, a number in Hz without quotes", "4e6"),
    (TCSPC, '"single"', "4 MHz", "write repetition_Hz = 4e6 (Hz)", "4e6"),
    (
        TCSPC,
        "repetition_Hz =",
        "rep_rate_Hz =",
        "the nearest one is repetition_Hz (pulses per second)",
        "repetition_Hz =",
    ),
    (TCSPC, '"single"', "80e6", "line 5: repetition_Hz = 8e+07: trace 'tcspc' spans 109.8 ns", '"single"'),
    (TCSPC, "", "offset = 0", "line 1: offset = 0: trace 'tcspc' has", 'offset = "free"'),
    (
        TCSPC,
        "",
        "baseline = [1, 5]",
        "line 1: baseline = [1, 5]: the pulse of trace 'tcspc' comes at",
        "baseline = [-5, -1]",
    ),
    (
        TCSPC,
        "",
        "window = [0, 50]\nbaseline = [-5, -1]",
        "leaves out the baseline [-5, -1]; begin the window at -5",
        "window = [-5, 50]\nbaseline = [-5, -1]",
    ),
    (
        TCSPC,
        't_unit = "ns"',
        "",
        "t_unit is missing, and the header of tcspc.csv does not say",
        't_unit = "ps"',
    ),
    (TCSPC, 'n0 = "unknown"', "n0 = 1e17", "write n0_cm3 = 1e+17", "n0_cm3 = 1e+17"),
    (
        TCSPC,
        'n0 = "unknown"',
        'n0 = "unknown"\n[fit]\nterms = "k1, k2"',
        'for instance ["k1", "k2"]',
        'n0 = "unknown"\n[fit]\nterms = ["k1", "k2"]',
    ),
    (
        TCSPC,
        'n0 = "unknown"',
        'n0 = "unknown"\n[fit]\nterms = ["k1", "k4"]',
        "name some of G, k1, k2, k3",
        'n0 = "unknown"\n[fit]\nterms = ["k1"]',
    ),
    (
        TCSPC,
        'n0 = "unknown"',
        'n0 = "unknown"\n[fit]\nlaw = "trap"',
        'write "traps"',
        'n0 = "unknown"\n[fit]\nlaw = "traps"',
    ),
    (
        TCSPC,
        'n0 = "unknown"',
        'n0 = "unknown"\n[fit.a]\n[fit.b]\nlaw = "traps"\nterms = ["k1"]',
        "delete one of the two lines",
        'n0 = "unknown"\n[fit.a]\n[fit.b]\nlaw = "traps"\nfixed = ["k3", "k_r", "k_d"]',
    ),
    (
        TCSPC,
        'n0 = "unknown"',
        'n0 = "unknown"\n[fit]\nlaw = "traps"\nfixed = ["G"]\nguess = [0, 1e-2, 1e-3, 0]',
        "guess names k1, which the law of traps has not: its parameters are k2, k3, k_t, N_t, k_d, k_r",
        'n0 = "unknown"\n[fit]\nlaw = "traps"\nfixed = ["G"]\nguess = { N_t = 1e16 }',
    ),
    (
        TCSPC,
        'n0 = "unknown"',
        'n0 = "unknown"\n[fit]\nk1 = 0.01',
        "write guess = { k1 = ... }",
        'n0 = "unknown"\n[fit]\nguess = { k1 = 0.01 }',
    ),
    (TCSPC, "", 'delimiter = ","', "finds this by itself, delete the line", ""),
    (
        ABSORPTION,
        "",
        't_unit = "ns"',
        "ta_ps.csv: its header gives the time in ps, not in ns; change t_unit",
        't_unit = "ps"',
    ),
    (
        ABSORPTION,
        'file = "ta_ps.csv"\nn0_cm3 = 1e18',
        't_unit = "ns"\n' + PAIR,
        "or delete it where each file names its own unit",
        PAIR,
    ),
    (
        ABSORPTION,
        'file = "ta_ps.csv"\nn0_cm3 = 1e18',
        PAIR.replace("1e18}", '1e18, t_unit = "ps"}'),
        "t_unit is one for all traces; delete it here",
        PAIR,
    ),
    (ABSORPTION, "", 'sign = "-"', 'write "negative"', 'sign = "negative"'),
    (ABSORPTION, "", 'sign = "positive"', 'or sign = "negative"', 'sign = "negative"'),
    (
        ABSORPTION,
        "",
        "baseline = [-5, -1]",
        "its times run from -1e+04 to 9.975e+04 ps",
        "baseline = [-5000, -1000]",
    ),
    (
        ABSORPTION,
        "",
        "response_fwhm = 2e5",
        "longer than trace 'ta_ps' (1.098e+05 ps)",
        "response_fwhm = 200",
    ),
    (CONDUCTIVITY, '"TRMC"', '"conductivity"', 'write "TRMC"', '"TRMC"'),
    (
        CONDUCTIVITY,
        "thickness_nm = 300",
        "thickness_nm = 0.3 um",
        "write thickness_nm = 0.3e3 (nm)",
        "thickness_nm = 0.3e3",
    ),
    (CONDUCTIVITY, "absorption_per_cm", "alpha", "the nearest one is absorption_per_cm", "absorption_per_cm"),
    (CONDUCTIVITY, "wavelength_nm", "lambda_nm", "the nearest one is wavelength_nm", "wavelength_nm"),
    (CONDUCTIVITY, "", "mobility = 10", "delete the line or make it a remark with #", "# mobility = 10"),
    (CONDUCTIVITY, "", "photons_cm2 = 1e12", "fluence_uJ_cm2 (energy of one pulse per area", ""),
    (WITH_SIGMA, "", 'sigma = "err"', "columns = [0, 1, 2]", "columns = [0, 1, 2]"),
    (WITH_SIGMA, "", "sigma_floor = 0.1", "the noise is known already", ""),
    (WITH_SIGMA, "", "n0 = 50", "write n0_cm3 = 50", "n0_cm3 = 50"),
    (
        FOUR,
        '{ file = "s2.csv"',
        '{ file = "./s1.csv"',
        "s1.csv is the file of trace 1 already",
        '{ file = "s2.csv"',
    ),
    (
        FOUR,
        "trace = [\n",
        "traces = [\n",
        "line 6: unknown key traces; the nearest one is trace (the",
        "trace = [\n",
    ),
    (
        FOUR,
        TRACES,
        'file = ["s1.csv", "s2.csv"]\n',
        'write trace = [ { file = "s1.csv" }, { file = "s2.csv" } ]',
        TWO,
    ),
    (
        FOUR,
        TRACES,
        'file = "s*.csv"\n',
        "name each file by itself",
        TWO,
    ),
    (
        FOUR,
        "reflection = 0.2\n",
        'reflection = 0.2\nfile = "s1.csv"\n',
        "file belongs to a trace",
        "reflection = 0.2\n",
    ),
]


class TestNewcomers:
    """From a first attempt one message leads to a description whose measurement can be fitted."""

    @pytest.fixture(scope="class")
    @classmethod
    def data(cls, tmp_path_factory):
        folder, draw = tmp_path_factory.mktemp("newcomers"), np.random.default_rng(4)
        t = np.arange(-10, 100, 0.25)
        decay = np.where(t >= 0, np.exp(-np.maximum(t, 0) / 20), np.exp(-0.5 * (t / 0.2) ** 2))
        tables = {
            f"s{number}.csv": ("t (ns),counts", t, draw.poisson(5 + 3000 * decay**2))
            for number in range(1, 5)
        }
        tables["tcspc.csv"] = ("", t, draw.poisson(5 + 3000 * decay**2))
        tables["ta_ps.csv"] = ("t (ps),dA (mOD)", 1000 * t, -5 * decay + 0.01 * draw.standard_normal(len(t)))
        tables["ta_ns.csv"] = ("t (ns),dA (mOD)", t, -5 * decay + 0.01 * draw.standard_normal(len(t)))
        tables["trmc.csv"] = ("t (us),dG", t / 1000, 2e-3 * decay + 1e-6 * draw.standard_normal(len(t)))
        n = 50 * np.exp(-t[t >= 0] / 20) + 0.1 * draw.standard_normal((t >= 0).sum())
        tables["density.csv"] = ("t (ns),n (10^16 cm^-3),sigma", t[t >= 0], n, np.full(len(n), 0.1))
        for name, (head, *columns) in tables.items():
            rows = [",".join(f"{value:.7g}" for value in row) for row in zip(*columns, strict=True)]
            (folder / name).write_text("\n".join(([head] if head else []) + rows) + "\n")
        return folder

    @pytest.mark.parametrize(
        ("text", "line", "wrong", "words", "right"),
        NEWCOMERS,
        ids=[f"{each[0][8:12]}{each[2]}" for each in NEWCOMERS],
    )
    def test_one_message_leads_to_a_measurement(self, data, text, line, wrong, words, right):
        with pytest.raises(ValueError) as refused:
            load_measurement(write(data, put(text, line, wrong)))
        assert words in str(refused.value), refused.value
        assert not re.search(r"object|Error|tuple|dict|NoneType", str(refused.value))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            load_measurement(write(data, put(text, line, right)))

    def test_a_trace_below_the_film_belongs_to_the_top(self, data):
        start, end = FOUR.index("trace = ["), FOUR.index("[film]")
        text = FOUR[:start] + FOUR[end:] + FOUR[start:end]
        with pytest.raises(
            ValueError,
            match=r"line 11: trace stands in \[film\], .* move it above \[film\]",
        ):
            load_measurement(write(data, text))

    def test_a_heading_of_another_name_is_named_by_its_line(self, data):
        rows = '[[traces]]\nfile = "s1.csv"\n[[traces]]\nfile = "s2.csv"\n'
        with pytest.raises(
            ValueError, match=r"mine\.toml, line 7: unknown key traces; the nearest one is trace"
        ):
            load_measurement(write(data, f"{TCSPC.replace('file = ', '# ')}{rows}"))

    def test_files_of_several_units_of_time_are_brought_to_that_of_the_first(self, data):
        rows = '{file = "ta_ps.csv", n0_cm3 = 1e18}, {file = "ta_ns.csv", n0_cm3 = 2e18}'
        measurement = load_measurement(write(data, f'kind = "TA"\ntrace = [{rows}]\n'))
        assert measurement.t_unit == "ps"
        np.testing.assert_allclose(measurement.time_zero[1], measurement.time_zero[0], atol=20)
        assert measurement.traces[1].t[-1] == pytest.approx(99750)

    def test_the_unit_of_the_times_is_never_taken_for_granted(self, data):
        for head in ("a,b", "delay,signal", ""):
            lines = [head] if head else []
            (data / "bare.csv").write_text("\n".join([*lines, "0,4", "1,2", "2,1"]) + "\n")
            path = write(data, 'kind = "density"\nfile = "bare.csv"\n')
            with pytest.raises(ValueError, match=r"t_unit is missing, and the header of bare\.csv"):
                load_measurement(path)
        for head in ("t (ns),n", "time/s,n", "time (h),n"):
            (data / "bare.csv").write_text("\n".join([head, "0,4", "1,2", "2,1"]) + "\n")
            assert load_measurement(path).t_unit in head


class TestFits:
    def test_a_fit_that_is_not_described_is_refused_with_the_nearest_one(self, folder):
        described = read_text(folder, DENSITY + "[fit.robust]\n[fit.plain]\n")
        with pytest.raises(ValueError, match="write robust"):
            described.fit_choice("Robbust")
        with pytest.raises(ValueError, match="choose one of robust, plain"):
            described.fit_choice("xyz")
        with pytest.raises(ValueError, match="name one of robust, plain"):
            described.fit_choice()
        assert read_text(folder, DENSITY).fit_choice() == FitChoice()

    @pytest.mark.parametrize(
        ("wrong", "words", "right"),
        [
            ("[fit.a]\n[fit.a]", "a stands in line 4 already", "[fit.a]\n[fit.b]"),
            ("[fit.a]\n[fit.A]", "differ in capitals only", "[fit.a]\n[fit.b]"),
            ('[fit."a/b"]', "for instance [fit.robust]", "[fit.a-b]"),
            ("[fit.con]", "for instance [fit.robust]", "[fit.robust]"),
            ("[fit]\nfixed = []\n[fit.b]", "for instance [fit.plain]", "[fit.plain]\nfixed = []\n[fit.b]"),
            ("[fit.a]\nlos = 'huber'", "the nearest one is loss", "[fit.a]\nloss = 'huber'"),
            ("fit = 3", "write a line [fit]", "[fit]"),
            ("film = 3", "write a line [film]", FILM),
        ],
    )
    def test_a_wrong_one_is_refused_by_line(self, folder, wrong, words, right):
        message = refusal(folder, f"{DENSITY}{wrong}\n")
        assert words in message
        assert re.match(r"mine\.toml, line [45]: ", message)
        read_text(folder, f"{DENSITY}{right}\n")


class TestFiles:
    def test_of_another_kind_are_refused(self, folder):
        with pytest.raises(FileNotFoundError, match=r"none\.toml: no such file"):
            read(folder / "none.toml")
        with pytest.raises(OSError, match="is a folder"):
            read(folder)
        if hasattr(os, "mkfifo"):  # a named pipe is not waited for
            os.mkfifo(folder / "pipe.toml")
            with pytest.raises(OSError, match="not a file"):
                read(folder / "pipe.toml")
        assert "larger than 1 MiB" in refusal(folder, "#" * ((1 << 20) + 1))
        assert "no text" in refusal(folder, b"PK\x03\x04" + bytes(range(256)))
        assert "nested too deeply" in refusal(folder, "window = " + "[" * 5000)

    def test_of_one_mibibyte_are_read(self, folder):
        remarks = ("#" * 99 + "\n") * (1 << 14)
        text = (DENSITY + remarks)[: 1 << 20]
        assert len(read_text(folder, text).text) == 1 << 20


class TestFind:
    @pytest.fixture
    def data(self, folder, monkeypatch):
        (folder / "notebooks").mkdir()
        (folder / "data").mkdir()
        write(folder / "data", DENSITY, "mine_0.2uJ.toml")
        monkeypatch.chdir(folder / "notebooks")
        return folder / "data"

    @pytest.mark.parametrize(
        "name",
        ["mine_0.2uJ", "mine_0.2uJ.toml", "data/mine_0.2uJ", "../data/mine_0.2uJ.toml", " mine_0.2uJ "],
    )
    def test_a_name_or_a_path_leads_to_the_description(self, data, name):
        assert find(name, data).samefile(data / "mine_0.2uJ.toml")
        assert find(data / "mine_0.2uJ").samefile(data / "mine_0.2uJ.toml")

    def test_a_name_means_the_data_folder_and_a_path_the_current_one(self, data):
        write(data.parent / "notebooks", DENSITY, "mine_0.2uJ.toml")
        assert find("mine_0.2uJ", data).samefile(data / "mine_0.2uJ.toml")
        assert (
            find("./mine_0.2uJ", data).samefile(data.parent / "notebooks" / "mine_0.2uJ.toml")
            or os.name == "nt"
        )

    def test_the_ending_that_windows_hides_is_named(self, data):
        write(data, DENSITY, "b.toml.txt")
        with pytest.raises(FileNotFoundError, match=r"only b\.toml\.txt; rename it to b\.toml"):
            find("b", data)
        (data / "b.toml.txt").rename(data / "b.toml")
        assert find("b", data).name == "b.toml"

    def test_data_alone_are_to_be_described_first(self, data):
        write(data, "0,1\n1,0\n", "b.csv")
        for name in ("b", "b.csv"):
            with pytest.raises(FileNotFoundError) as caught:
                find(name, data)
            message = str(caught.value)
            assert f"to {data / 'b.toml'} and write file = 'b.csv' in it" in message
            named = re.findall(r"(\w+\.toml) for", message)
            assert {DATA / "templates" / each for each in named} <= set(TEMPLATES)
            assert len(named) == len(keys.KINDS)
        write(data, DENSITY, "b.toml")
        with pytest.raises(FileNotFoundError, match=r"b\.csv holds data; give its description, b\.toml"):
            find("b.csv", data)

    def test_a_slip_of_the_pen_gets_the_nearest_name(self, data):
        with pytest.raises(FileNotFoundError, match=r"write 'mine_0\.2uJ'"):
            find("mine_02uJ", data)
        for name in ("zzz", "x" * 300, "zzz/yyy"):
            with pytest.raises(FileNotFoundError, match=r"copy a template"):
                find(name, data)
        with pytest.raises(FileNotFoundError, match="is empty"):
            find("", data)


class TestTemplates:
    @pytest.fixture(params=TEMPLATES, ids=[path.stem for path in TEMPLATES])
    def template(self, request):
        return request.param.read_text(encoding="utf-8")

    def test_there_is_one_for_each_kind(self, folder):
        assert {read_text(folder, path.read_text("utf-8")).kind for path in TEMPLATES} == set(keys.KINDS)

    def test_is_read_beside_its_data(self, folder, template):
        assert read_text(folder, template).fits["fit"].fixed == ("G",)

    def test_each_optional_line_works_as_it_stands(self, folder, template):
        optional = re.findall(r"^# (?=\w+ = )", template, re.M)
        assert len(optional) > 5
        # One is no use without the other.
        pairs = {"sigma_relative_percent": "sigma_floor", "response_background": "response"}
        for match in re.finditer(r"^# (?=(\w+) = )", template, re.M):
            text = template[: match.start()] + template[match.end() :]
            if match[1] in pairs:
                text = text.replace(f"# {pairs[match[1]]} =", f"{pairs[match[1]]} =")
            described = read_text(folder, text)
            of_film = match[1] in keys.FILM_TABLE
            of_fit = match.start() > template.index("[fit]") + 20
            of_trace = match[1] in keys.PLACE
            holder = described.traces[0] if of_trace else described.film if of_film else described
            holder = described.fits["fit"] if of_fit else holder
            assert getattr(holder, match[1]) is not None

    def test_each_key_has_a_remark_with_its_meaning(self, template):
        lines = [line for line in template.splitlines() if re.match(r"(# )?\w+ = [^\[]", line)]
        # `file` and remarks stand below a line that explains them
        bare = [line for line in lines if "#" not in line[2:]]
        assert [line for line in bare if not re.match(r"(# )?(file|comment|source) ", line)] == []

    def test_together_they_show_every_key(self):
        text = "".join(path.read_text("utf-8") for path in TEMPLATES)
        assert [name for name in [*keys.TAKES, *keys.RESPONSE] if name not in text] == []


class TestTheProjectsOwnData:
    def test_the_sample_is_a_density(self):
        described = read(find("sample_data"))
        assert (described.kind, described.time_zero, described.t_unit) == ("density", "peak", "ns")
        assert described.traces == (DescribedTrace(DATA / "sample_data.csv"),)
        assert (described.sigma_relative_percent, described.sigma_floor) == (None, None)

    def test_the_sample_with_its_noise_differs_in_nothing_else(self):
        plain, weighed = read(find("sample_data")), read(find("sample_data_sigma"))
        assert (weighed.sigma_relative_percent, weighed.sigma_floor) == (0.3, 0.3)
        changed = {
            "path": plain.path,
            "text": plain.text,
            "sigma_relative_percent": None,
            "sigma_floor": None,
        }
        assert dataclasses.replace(weighed, **changed) == plain

    def test_the_series_is_described_as_it_was_made(self):
        described = read(find("fluence_series"))
        assert [trace.fluence_uJ_cm2 for trace in described.traces] == [0.2, 1.0, 5.0, 25.0]
        assert all(f"_{trace.fluence_uJ_cm2:g}uJ.csv" in trace.file.name for trace in described.traces)
        assert described.film == Film(400.0, 300.0, 1.5e5, 0.2)
        assert (described.repetition_Hz, described.p0_cm3, described.time_zero) == ("single", 0.0, 0.0)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0,2", 0.2), (".5", 0.5), ("+.5", 0.5), ("5.", 5), ("1.e6", 1e6), ("007", 7), ("1_000,5", 1000.5),
        ("1.000,5", 1000.5), ("1,000.5", 1000.5), ("1,000,000", 1e6), ("1 000", 1000), ("10^16", 1e16),
        ("1.5×10^5", 1.5e5), ("1,5*10**-3", 1.5e-3), ("2x10^3", 2e3), ("−3", -3), ("20 %", 20),
    ],
)  # fmt: skip
def test_a_number_is_understood_as_people_write_it(text, number):
    assert float(plain_number(text)) == pytest.approx(number)


@pytest.mark.parametrize("text", ["", "ns", "1 2", "1-2", "1/2", "nan", "inf", "1e", "--1", "1.2.3,4,5", "٣"])
def test_what_is_no_number_stays_none(text):
    assert plain_number(text) is None


SNIPPETS = st.sampled_from(
    [
        *"'\"[]{}=,.#\n\t\\ -_0159eE:;()\u00a0“µ\0\r",
        *('"""', "'''", "[[", "]]", "[]", "{}", "..", "true", "nan", "1e999", "0x1F", "07:32:00"),
        *("[film]\n", "[fit.a]\n", "kind = ", "= [", "a.b = 1\n", "trace", "time_zero = "),
        *("guess = {k1 = 1}\n", "n0 = 'unknown'\n", "1979-05-27T07:32:00Z", "\\u00e9"),
    ]
)


class TestAnyFile:
    """Whatever happens to a description: it is read, or refused in plain words."""

    @pytest.fixture(scope="class")
    @classmethod
    def folder(cls, tmp_path_factory):
        folder = tmp_path_factory.mktemp("any")
        for name in FILES:
            (folder / name).write_text("0,2\n1,1\n")
        return folder

    @staticmethod
    def check(folder, text):
        path = write(folder, text)
        try:
            assert isinstance(read(path), Description)
            return
        except ValueError as refused:
            message, kind = str(refused), type(refused)
        assert kind is ValueError
        assert message.startswith("mine.toml")
        assert len(message) < 1500
        assert not re.search(r"object|Error|Traceback|tuple|dict|None is|<class", message), message

    @settings(max_examples=400)
    @given(data=st.data())
    def test_after_random_edits(self, folder, data):
        text = data.draw(st.sampled_from([path.read_text("utf-8") for path in TEMPLATES] + [SERIES]))
        for _ in range(data.draw(st.integers(1, 3))):
            start = data.draw(st.integers(0, len(text)))
            length = data.draw(st.sampled_from([0, 0, 1, 2, 10, 80]))
            text = text[:start] + data.draw(SNIPPETS) + text[start + length :]
        self.check(folder, text)

    @settings(max_examples=200)
    @given(data=st.data())
    def test_with_random_values(self, folder, data):
        value = data.draw(
            st.one_of(
                st.integers().map(str),
                st.floats().map(repr),
                st.text(max_size=8).map(lambda text: repr(text)),
                st.lists(
                    st.one_of(st.integers().map(str), st.sampled_from(["'G'", "{}", "[]", "true"])),
                    max_size=4,
                ).map(lambda items: f"[{', '.join(items)}]"),
                st.sampled_from(["true", "{a = 1}", "1979-05-27", "07:32:00", "'single'", "nan"]),
            )
        )
        name = data.draw(st.sampled_from([*keys.TAKES, "unknown"]))
        table = data.draw(st.sampled_from(["", "[fit]\n", "[film]\n", "[fit.a]\n", "[[trace]]\n"]))
        self.check(folder, f"{DENSITY}{table}{name} = {value}\n")

    @settings(max_examples=200)
    @given(content=st.binary(max_size=200))
    def test_of_random_bytes(self, folder, content):
        self.check(folder, content)


class TestEndless:
    """What a broken program or an ill will could write is refused at once, by line."""

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("p0_cm3 = " + "9" * 5000, "line 1: a number of 5000 digits"),
            ("p0_cm3 = 0x" + "f" * 5000, "line 1: a number of 5002 digits"),
            ("a." * 3000 + "b = 1", "line 1: a key of more than 40 parts"),
            ("[" + "a." * 3000 + "b]", "line 1: a key of more than 40 parts"),
            ('kind = "TA"\ntrace = [' + '{ file = "a.csv" },' * 2000 + "]", "line 2: 3[0-9]{4} letters"),
            ("a = " + "[" * 9000, "nested too deeply"),
            ("".join(f"k{number} = 1\n" for number in range(9000)) + "k7 = 2", "k7 stands in line 8 already"),
            ('kind = "TA"\ntrace = [\n' + '{ file = "a.csv" },\n' * 3000 + "]", "2000 at most"),
            ('kind = "TA"\nfile = "a.csv"\n' + "".join(f"[fit.f{j}]\n" for j in range(600)), "500 at most"),
        ],
    )
    def test_it_is_refused_in_plain_words(self, tmp_path, text, words):
        (tmp_path / "mine.toml").write_text(text, encoding="utf-8")
        with pytest.raises(ValueError, match=rf"mine\.toml.*{words}"):
            read(tmp_path / "mine.toml")
