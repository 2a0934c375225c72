"""Files of instruments: read to the last digit, or refused in plain words."""

from __future__ import annotations

import contextlib
import datetime
import os
import re
import signal
import struct
import sys
import warnings
import zipfile
from pathlib import Path

import h5py
import make_instrument_files
import numpy as np
import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from helpers.description import read
from helpers.measurement.described import load_traces as described_traces
from helpers.traces import load_trace
from helpers.traces.instruments import excel
from helpers.traces.loading import load_traces

HERE = Path(__file__).parent / "data"
MAP = {"time": "/scan/delay", "signal": "/scan/map"}
ONE = {"time": "/scan/delay", "signal": "/scan/counts", "sigma": "/scan/error"}
# What is read, with which options, the CSV file with the same numbers, and columns of it.
TWINS = {
    "a sheet with formulas": (
        "excel.xlsx",
        {"sheet": "Film A", "columns": ("Delay", "PL")},
        "excel_film_a",
        (0, 1),
    ),
    "another sheet": ("excel.xlsx", {"sheet": "film b ", "columns": (0, 2)}, "excel_film_b", (0, 1)),
    "LabVIEW, X_Columns One": ("labview_one.lvm", {"curve": "Detector"}, "labview_one", (0, 1)),
    "LabVIEW, its other channel": ("labview_one.lvm", {"columns": ("t", "Laser")}, "labview_one", (0, 2)),
    "LabVIEW, X_Columns No": ("labview_no.lvm", {"curve": "Laser"}, "labview_no", (0, 2)),
    "LabVIEW, X_Columns Multi": ("labview_multi.lvm", {"curve": "Untitled #1"}, "labview_multi_1", (0, 1)),
    "LabVIEW, a shorter channel": ("labview_multi.lvm", {"curve": "Untitled #2"}, "labview_multi_2", (0, 1)),
    "PicoHarp": ("picoharp.dat", {"curve": 0}, "picoharp", (0, 1)),
    "PicoHarp, another curve": ("picoharp.dat", {"curve": 3}, "picoharp", (0, 2)),
    "SPCM": ("becker_hickl.asc", {"curve": 2}, "becker_hickl", (0, 2)),
    "SPCM without times": ("becker_hickl_no_times.asc", {}, "becker_hickl_no_times", (0, 1)),
    "DataStation": ("horiba.txt", {"columns": (0, 1)}, "horiba", (0, 1)),
    "F980": ("edinburgh.txt", {"curve": "Z11"}, "edinburgh", (0, 2)),
    "counts alone": ("counts.txt", {"channel_width": 0.016, "t_unit": "ns"}, "counts", (0, 1)),
    ".phu": ("picoquant.phu", {"curve": 1}, "picoquant_phu", (0, 2)),
    ".ptu": ("picoquant.ptu", {"curve": "channel 1"}, "picoquant_ptu", (0, 1)),
    ".sdt": ("becker_hickl.sdt", {"curve": 1}, "becker_hickl_sdt", (0, 1)),
    ".sdt, packed": ("becker_hickl.sdt", {"curve": "block 2"}, "becker_hickl_sdt", (0, 2)),
    "HDF5": ("datasets.h5", ONE, "datasets", (0, 1, 2)),
    "HDF5, a row of a map": ("datasets.h5", MAP | {"columns": (0, "map 1")}, "datasets_map", (0, 2)),
}


@pytest.mark.parametrize(("file", "options", "twin", "columns"), TWINS.values(), ids=TWINS)
def test_a_file_gives_the_numbers_of_its_csv_file(file, options, twin, columns):
    trace = load_trace(HERE / file, **options)
    expected = load_trace(HERE / f"{twin}.csv", columns=columns)
    assert trace.t.tolist() == expected.t.tolist()
    assert trace.signal.tolist() == expected.signal.tolist()
    assert trace.t_unit == expected.t_unit
    if len(columns) == 3:
        assert trace.sigma.tolist() == expected.sigma.tolist()


def test_the_committed_files_are_those_of_the_script(tmp_path):
    make_instrument_files.write(tmp_path)
    written, kept = (
        {path.name: path.read_bytes() for path in folder.iterdir()} for folder in (tmp_path, HERE)
    )
    assert written.keys() == kept.keys()
    assert [name for name in kept if written[name] != kept[name]] == []
    assert max(map(len, kept.values())) < 50_000


def described(folder, lines):
    """Return the traces that a description of instrument files gives."""
    for path in HERE.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    text = "\n".join(['kind = "TA"', 'n0 = "unknown"', *lines])
    (folder / "mine.toml").write_text(text, encoding="utf-8")
    return described_traces(read(folder / "mine.toml"))


DESCRIBED = {
    "sheets": (
        ['trace = [{ file = "excel.xlsx", sheet = "Film A" }, { file = "excel.xlsx", sheet = "Film B" }]'],
        ["excel, Film A", "excel, Film B"],
        [("excel_film_a", 1), ("excel_film_b", 1)],
    ),
    "curves": (
        ['trace = [{ file = "picoquant.phu", curve = 0 }, { file = "picoquant.phu", curve = "curve 1" }]'],
        ["picoquant, curve 0", "picoquant, curve 1"],
        [("picoquant_phu", 1), ("picoquant_phu", 2)],
    ),
    "columns": (
        [
            'trace = [{ file = "picoharp.csv", columns = [0, 1] },'
            ' { file = "picoharp.csv", columns = [0, 2] }]'
        ],
        ["picoharp, 1", "picoharp, 2"],
        [("picoharp", 1), ("picoharp", 2)],
    ),
    "a dataset": (
        ['file = "datasets.h5"', 'time = "/scan/delay"', 'signal = "/scan/counts"', 'sigma = "/scan/error"'],
        ["datasets, /scan/counts"],
        [("datasets", 1)],
    ),
    "counts alone": (
        ['file = "counts.txt"', 't_unit = "ns"', "channel_width = 0.016"],
        ["counts"],
        [("counts", 1)],
    ),
}


@pytest.mark.parametrize(("lines", "names", "twins"), DESCRIBED.values(), ids=DESCRIBED)
def test_a_description_says_where_in_a_file_a_trace_stands(tmp_path, lines, names, twins):
    if "Film A" in lines[0]:
        lines = [*lines, 'columns = ["Delay", "PL"]']
    traces = described(tmp_path, lines)
    assert [trace.name for trace in traces] == names
    for trace, (twin, column) in zip(traces, twins, strict=True):
        expected = load_trace(HERE / f"{twin}.csv", columns=(0, column))
        assert trace.signal.tolist() == expected.signal.tolist()
        assert trace.t_unit == expected.t_unit


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (['file = "excel.xlsx"', 'sheet = "Film C"'], "give one of 'Notes', 'Film A', 'Film B'"),
        (['file = "excel.xlsx"'], "several sheets; choose one with sheet=..."),
        (['file = "counts.txt"', "channel_width = 0.016"], "t_unit is missing"),
        (['file = "counts.txt"', 't_unit = "ns"'], "give channel_width=..."),
        (['file = "datasets.h5"', 'signal = "/scan/counts"'], "name the other one with time=..."),
        (['file = "datasets.csv"', 'sheet = "A"'], "sheet is for Excel workbooks, and this is a text file"),
        (['file = "picoquant.phu"', "curve = true"], "give the number or the name of one curve"),
        (
            ['trace = [{ file = "excel.xlsx", sheet = "a" }, { file = "excel.xlsx", sheet = "a" }]'],
            "say which sheet",
        ),
    ],
)
def test_a_description_that_does_not_say_enough_is_asked(tmp_path, lines, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        described(tmp_path, lines)


# Excel: what is in a cell, a sheet, an archive.


def workbook(folder, rows, name="mine.xlsx", **others):
    """Write a sheet of rows, and other sheets by name; return the file."""
    book = openpyxl.Workbook()
    book.active.title = "Decay"
    for title, content in {"Decay": rows, **others}.items():
        sheet = book[title] if title in book.sheetnames else book.create_sheet(title)
        for row in content:
            sheet.append(row)
    book.save(folder / name)
    return folder / name


T = [0, 0.5, 1, 1.5, 2, 2.5]
N = [1, 100, 60, 36, 20, 12]
ROWS = [["t (ns)", "PL"], *map(list, zip(T, N, strict=True))]


def changed(row, column, value):
    rows = [list(each) for each in ROWS]
    rows[row - 1][column] = value
    return rows


def test_a_workbook_with_a_single_sheet_of_numbers_needs_no_name(tmp_path):
    trace = load_trace(workbook(tmp_path, ROWS, Notes=[["on a Thursday"]], Empty=[]))
    assert (trace.t.tolist(), trace.signal.tolist(), trace.t_unit) == (T, N, "ns")


@pytest.mark.parametrize("error", ["#DIV/0!", "#N/A", "#REF!", "#VALUE!", "#NAME?", "#NUM!", "#NULL!"])
@pytest.mark.parametrize("row", [2, 3, 7])
def test_an_error_of_excel_is_refused_with_row_and_column(tmp_path, error, row):
    for column, letter in enumerate("AB"):
        path = workbook(tmp_path, changed(row, column, error))
        with pytest.raises(ValueError, match=rf"mine\.xlsx, sheet 'Decay', row {row}: .*column {letter}"):
            load_trace(path)


BAD_CELLS = {
    "a date": (datetime.datetime(2019, 1, 10), "the date or clock time 2019-01-10"),
    "a clock time": (datetime.time(12, 30), "the date or clock time 12:30:00"),
    "a truth value": (True, "TRUE"),
    "a word": ("overflow", "overflow"),
    "a decimal comma": ("0,5", 'give decimal=","'),
    "a formula without a value": ("=A1+1", "the formula '=A1+1' has no value (cell B4)"),
    "nothing": (None, "empty"),
}


@pytest.mark.parametrize(("value", "words"), BAD_CELLS.values(), ids=BAD_CELLS)
def test_a_cell_that_holds_no_number_is_refused_with_its_row(tmp_path, value, words):
    with pytest.raises(ValueError, match=rf"row 4: .*{re.escape(words)}"):
        load_trace(workbook(tmp_path, changed(4, 1, value)))


def test_numbers_stored_as_text_are_read_with_the_decimal_mark_that_is_given(tmp_path):
    rows = [["t (ns)", "PL"], *([str(t).replace(".", ","), f"{n},0"] for t, n in zip(T, N, strict=True))]
    path = workbook(tmp_path, rows)
    with pytest.raises(ValueError, match=r'row 2: .*give decimal=","'):
        load_trace(path)
    assert load_trace(path, decimal=",").signal.tolist() == N
    whole = [ROWS[0], *([t, str(n)] for t, n in zip(T, N, strict=True))]
    assert load_trace(workbook(tmp_path, whole)).signal.tolist() == N


def test_a_column_of_formulas_that_nothing_has_computed_is_not_overlooked(tmp_path):
    rows = [
        ["t (ns)", "raw", "PL"],
        *([t, n, f"=B{i}-1"] for i, (t, n) in enumerate(zip(T, N, strict=True), 2)),
    ]
    with pytest.raises(
        ValueError, match=r"row 2: the formula '=B2-1' has no value \(cell C2\); open the workbook"
    ):
        load_trace(workbook(tmp_path, rows))


def test_names_and_units_may_stand_anywhere_above_the_numbers(tmp_path):
    rows = [
        [None, "Film", 7],
        [],
        [None, "delay", "PL"],
        [None, "[ps]", "[mV]"],
        *([None, *row] for row in ROWS[1:]),
    ]
    trace = load_trace(workbook(tmp_path, rows))
    assert (trace.t.tolist(), trace.t_unit, trace.signal_unit) == (T, "ps", "mV")


def test_wavelengths_above_the_columns_are_their_names(tmp_path):
    rows = [[None, 450, 500], *([t, n, 2 * n] for t, n in zip(T, N, strict=True))]
    path = workbook(tmp_path, rows)
    assert load_trace(path, columns=(0, "500"), t_unit="ps").signal.tolist() == [2 * n for n in N]
    assert [trace.name for trace in load_traces(path, columns=(0, 1, 2), t_unit="ps")] == ["450", "500"]


def test_a_hidden_sheet_is_read_only_by_its_name(tmp_path):
    path = workbook(tmp_path, ROWS, Old=[[0, 1], [1, 2], [2, 4]])
    book = openpyxl.load_workbook(path)
    book["Old"].sheet_state = "hidden"
    book.save(path)
    assert len(load_trace(path)) == len(T)
    assert len(load_trace(path, sheet="Old", t_unit="ns")) == 3
    book["Decay"].sheet_state = "veryHidden"
    book["Old"].sheet_state = "visible"
    book.save(path)
    with pytest.warns(UserWarning, match="unit"):
        assert len(load_trace(path)) == 3


def archive(path, **parts):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in parts.items():
            file.writestr(name.replace("__", "/").replace("_DOT_", "."), content)
    return path


def test_a_small_file_that_unpacks_to_a_large_one_is_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(excel, "_LARGEST_UNPACKED", 16 << 20)  # the same with less to write
    path = archive(tmp_path / "bomb.xlsx", xl__workbook_DOT_xml=b"<a>", xl__media=b"\0" * (20 << 20))
    assert path.stat().st_size < 100_000
    with pytest.raises(ValueError, match="unpacked it would be 20 MiB large, more than 16 MiB"):
        load_trace(path)


def test_a_cell_at_the_far_end_of_a_sheet_does_not_fill_the_memory(tmp_path):
    path = workbook(tmp_path, ROWS)
    with zipfile.ZipFile(path) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    rows = "".join(f'<row r="{r}"><c r="XFD{r}"><v>1</v></c></row>' for r in range(10, 2000))
    sheet = parts["xl/worksheets/sheet1.xml"].decode().replace("</sheetData>", rows + "</sheetData>")
    archive(path, **(parts | {"xl/worksheets/sheet1.xml": sheet}))
    with pytest.raises(ValueError, match="more than"):
        load_trace(path)


# Files under a wrong name, cut short, or of a kind that is not read.


def test_a_file_under_a_wrong_name_is_called_by_its_right_one(tmp_path):
    for source, wrong, right in [
        ("excel.xlsx", "a.csv", "rename it to a.xlsx"),
        ("excel.xlsx", "a.phu", "rename it to a.xlsx"),
        ("picoquant.phu", "a.ptu", "rename it to a.phu"),
        ("picoquant.ptu", "a.txt", "rename it to a.ptu"),
        ("becker_hickl.sdt", "a.lvm", "rename it to a.sdt"),
        ("datasets.h5", "a.csv", "rename it to a.h5"),
        ("horiba.txt", "a.h5", "its first bytes are others"),
        ("picoharp.dat", "a.xlsx", "its first bytes are others"),
    ]:
        (tmp_path / wrong).write_bytes((HERE / source).read_bytes())
        with pytest.raises(ValueError, match=rf"^{re.escape(wrong)}: .*{re.escape(right)}"):
            load_trace(tmp_path / wrong)


OTHERS = {
    "an old workbook": ("a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "save it as .xlsx"),
    "a web page": ("a.xls", b"<html><table><tr><td>0</td><td>1</td></tr></table></html>", "a web page"),
    "an old histogram": ("a.phd", b"PicoHarp 300\0\0\0\0" * 9, "export the curve as text"),
    "an old MATLAB file": ("a.mat", b"MATLAB 5.0 MAT-file" + b"\0" * 200, "-v7.3"),
    "a project of Origin": ("a.opju", b"CPYUA 4.3\0\0" * 9, "export the worksheet as CSV"),
    "an empty workbook": ("a.xlsx", b"", "it is empty"),
}


@pytest.mark.parametrize(("name", "content", "words"), OTHERS.values(), ids=OTHERS)
def test_a_kind_of_file_that_is_not_read_is_told_with_the_way_out(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=rf"^{name}: .*{re.escape(words)}"):
        load_trace(tmp_path / name)


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"a_DOT_csv": "0,1"}, "no Excel workbook; unpack it"),
        ({"content_DOT_xml": "<a/>"}, "a LibreOffice document"),
        ({"xl__workbook_DOT_bin": ""}, "a binary Excel workbook"),
        ({"xl__workbook_DOT_xml": "<a/>"}, "damaged"),
    ],
)
def test_another_archive_is_called_what_it_is(tmp_path, parts, words):
    with pytest.raises(ValueError, match=f"^a.xlsx: .*{re.escape(words)}"):
        load_trace(archive(tmp_path / "a.xlsx", **parts))


def test_an_instrument_file_is_a_regular_file(tmp_path):
    os.mkfifo(tmp_path / "pipe.ptu")
    (tmp_path / "folder.h5").mkdir()
    for path in (tmp_path / "pipe.ptu", tmp_path / "folder.h5", tmp_path / "none.sdt", Path("/dev/zero")):
        with pytest.raises(OSError, match=re.escape(str(path))):
            load_trace(path)


CUT = {"picoquant.phu": {"curve": 1}, "picoquant.ptu": {"curve": 1}, "becker_hickl.sdt": {"curve": 1}}


@pytest.mark.parametrize(("file", "options"), CUT.items())
def test_a_binary_file_that_is_cut_short_is_refused_wherever_it_ends(tmp_path, file, options):
    whole = (HERE / file).read_bytes()
    path = tmp_path / file
    for end in [*range(50, len(whole), 97), len(whole) - 1]:
        path.write_bytes(whole[:end])
        with pytest.raises(ValueError, match=f"^{file}: .*(truncated|damaged|copy it again)"):
            load_trace(path, **options)


def test_a_text_that_ends_before_its_header_says_so_gives_a_warning(tmp_path):
    for file, options in [("picoharp.dat", {"curve": 0}), ("labview_one.lvm", {"curve": "Laser"})]:
        lines = (HERE / file).read_bytes().split(b"\r\n")
        (tmp_path / file).write_bytes(b"\r\n".join(lines[:90]))
        with pytest.warns(UserWarning, match=r"header announces 160 .* cut off"):
            load_trace(tmp_path / file, **options)


def test_a_missing_package_is_named_with_the_command_that_installs_it(monkeypatch):
    for name, file in [
        ("ptufile", "picoquant.phu"),
        ("ptufile", "picoquant.ptu"),
        ("sdtfile", "becker_hickl.sdt"),
    ]:
        monkeypatch.setitem(sys.modules, name, None)
        with pytest.raises(
            ValueError, match=rf"^{file}: .*{name}, which is not installed; .* pip install {name}"
        ):
            load_trace(HERE / file)


# Counters.


def test_channels_that_a_counter_did_not_reach_give_a_warning(tmp_path):
    rng = np.random.default_rng(1)
    counts = [*rng.poisson(5, 50), *rng.poisson(300 * np.exp(-np.arange(150) / 20) + 5), *[0] * 300]
    path = tmp_path / "counts.txt"
    path.write_text("\n".join(map(str, counts)))
    with pytest.warns(UserWarning, match=r"the last 300 of 500 channels hold no count .* ends at 1\.99"):
        load_trace(path, channel_width=0.01, t_unit="ns")


@pytest.mark.filterwarnings("error")
def test_a_signal_that_fades_into_zeros_gives_none(tmp_path):
    rng = np.random.default_rng(2)
    path = tmp_path / "counts.txt"
    for lifetime in (1, 3, 10, 30, 100):
        counts = rng.poisson(1000 * np.exp(-np.arange(2000) / lifetime))
        path.write_text("\n".join(map(str, counts)))
        load_trace(path, channel_width=0.01, t_unit="ns")


def test_a_width_of_channels_has_no_use_where_there_are_times(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("t (ns),n\n0,5\n0.5,4\n1,3\n")
    with pytest.raises(ValueError, match="row 3: the first column does not count channels"):
        load_trace(path, channel_width=0.1, t_unit="ns")
    path.write_text("channel,counts\n1,5\n2,4\n3,3\n")
    assert load_trace(path, channel_width=0.1, t_unit="ns").t.tolist() == [0.1, 0.2, 0.3]
    with pytest.raises(ValueError, match="channel_width is for counts without times"):
        load_trace(HERE / "picoharp.dat", channel_width=0.1)


def test_the_width_of_channels_needs_a_unit():
    with pytest.warns(UserWarning, match="unit"):
        load_trace(HERE / "counts.txt", channel_width=0.1)


@pytest.mark.parametrize("width", [0, -1, float("nan"), float("inf"), "0.1", True])
def test_a_width_that_is_none_is_refused(width):
    with pytest.raises(ValueError, match="channel_width = "):
        load_trace(HERE / "counts.txt", channel_width=width, t_unit="ns")


def test_photons_are_counted_over_the_period_of_the_laser(tmp_path):
    # 400 ns of 250 ps: the period has 1600 channels, of which only the first 100 hold photons.
    data = bytearray((HERE / "picoquant.ptu").read_bytes())
    place = data.index(b"MeasDesc_GlobalResolution") + 40
    data[place : place + 8] = struct.pack("<d", 400e-9)
    (tmp_path / "a.ptu").write_bytes(data)
    trace = load_trace(tmp_path / "a.ptu", curve=1)
    assert (len(trace), trace.t[-1]) == (1600, 399.75)
    assert trace.signal.sum() == load_trace(HERE / "picoquant.ptu", curve=1).signal.sum()


def test_all_curves_of_a_file_are_read_at_once():
    traces = load_traces(HERE / "picoquant.phu")
    assert [trace.name for trace in traces] == ["curve 0", "curve 1"]
    assert [trace.t_unit for trace in traces] == ["ns", "ns"]
    assert [trace.name for trace in load_traces(HERE / "datasets.h5", **MAP)] == ["map 0", "map 1", "map 2"]


def test_a_curve_that_is_not_there_is_answered_with_those_that_are():
    for file, curve, words in [
        ("picoharp.dat", 1, "give one of 'curve 0', 'curve 3'"),
        ("picoquant.ptu", 3, "give one of 'channel 1', 'channel 2'"),
        ("becker_hickl.sdt", "block 3", "give one of 'block 1', 'block 2'"),
        ("labview_one.lvm", "detektor", "the nearest one is 'Detector'"),
        ("edinburgh.txt", "Z9", "give one of 'Z10', 'Z11'"),
    ]:
        with pytest.raises(ValueError, match=rf"^{file}: there is no curve {curve!r}.*{words}"):
            load_trace(HERE / file, curve=curve)


def test_a_spectrum_is_no_decay(tmp_path):
    text = (HERE / "edinburgh.txt").read_text().replace("Time(ns)", "Wavelength(nm)")
    (tmp_path / "a.txt").write_text(text.replace("Time Scan", "Emission Scan"))
    with pytest.raises(ValueError, match="a spectrum and no decay"):
        load_trace(tmp_path / "a.txt", curve=1)
    text = (HERE / "labview_one.lvm").read_text().replace("X_Dimension\tTime", "X_Dimension\tFrequency")
    (tmp_path / "a.lvm").write_text(text)
    with pytest.raises(ValueError, match="'Frequency', no time"):
        load_trace(tmp_path / "a.lvm", curve=1)


# HDF5.


def hdf5(folder, **datasets):
    with h5py.File(folder / "mine.h5", "w") as file:
        for name, values in datasets.items():
            file[name] = values
    return folder / "mine.h5"


def test_datasets_as_matlab_and_tables_write_them(tmp_path):
    t, n = np.array(T), np.array(N, float)
    expected = (T, [float(value) for value in N])
    both = np.zeros(len(t), dtype=[("t", "f8"), ("n", "f4")])
    both["t"], both["n"] = t, n
    path = hdf5(tmp_path, times=t[None, :], column=n[:, None], table=np.column_stack([t, n]), fields=both)
    for options in ({"time": "times", "signal": "column"}, {"signal": "/table"}, {"signal": "fields"}):
        trace = load_trace(path, t_unit="ns", columns=(0, 1), **options)
        assert (trace.t.tolist(), trace.signal.tolist()) == expected
    data = path.read_bytes()
    with h5py.File(tmp_path / "v73.mat", "w", userblock_size=512) as file:
        file["t"], file["n"] = t[None, :], n[None, :]
    assert b"\x89HDF" in (tmp_path / "v73.mat").read_bytes()[512:520]
    assert load_trace(tmp_path / "v73.mat", time="t", signal="n", t_unit="ns").signal.tolist() == N
    assert data == path.read_bytes()


def test_datasets_that_make_no_trace_are_refused_in_plain_words(tmp_path):
    t = np.array(T)
    path = hdf5(
        tmp_path, t=t, n=t[:-1], square=np.ones((6, 6)), words=np.array([b"a"] * 6), cube=np.ones((6, 2, 2))
    )
    with h5py.File(path, "a") as file:
        file["elsewhere"] = h5py.ExternalLink("/etc/other.h5", "/n")
        file["around"] = h5py.SoftLink("/around")
        file.create_dataset("huge", (1 << 32,), "f8", chunks=(1024,))
        file.create_group("scan")
        file["complex"] = t * 1j
    for dataset, words in [
        ("n", "6 times in 't', but signal = 'n' has the shape 5 × 1"),
        ("square", "as many rows as columns"),
        ("words", "holds |S1 and no real numbers"),
        ("complex", "holds complex128 and no real numbers"),
        ("cube", "has the shape 6 × 2 × 2"),
        ("elsewhere", "lies in another file, /etc/other.h5"),
        ("huge", "larger than 64 MiB"),
        ("scan", "is a group and no dataset"),
        ("around", "damaged"),
        ("nn", "there is no dataset signal = 'nn'"),
    ]:
        with pytest.raises(ValueError, match=rf"^mine\.h5: .*{re.escape(words)}"):
            load_trace(path, time="t", signal=dataset)


def test_a_value_that_is_not_finite_is_refused_with_its_place(tmp_path):
    n = np.array(N, float)
    n[3] = np.inf
    path = hdf5(tmp_path, t=np.array(T), n=n)
    with pytest.raises(ValueError, match="row 4: 'inf' is not a finite number"):
        load_trace(path, time="t", signal="n", t_unit="ns")


# Damage of any kind: read, or refused by an error that says so, in time.

FILES = sorted({(file, tuple(options.items())) for file, options, _, _ in TWINS.values()}, key=str)


class TooLongError(Exception):
    """A file has taken more than two seconds."""


@contextlib.contextmanager
def two_seconds():
    def stop(*_):
        raise TooLongError

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, 2)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


changes = st.lists(
    st.tuples(
        st.floats(0, 1, exclude_max=True),
        st.sampled_from(["set", "insert", "delete", "cut"]),
        st.binary(min_size=1, max_size=8) | st.sampled_from([b"\xff" * 8, b"\0" * 8, b"\xff\xff\xff\x7f"]),
    ),
    min_size=1,
    max_size=6,
)


def damaged(data, places):
    """Return bytes with some of them set, inserted or deleted, or with the end cut off."""
    result = bytearray(data)
    for place, what, content in places:
        at = int(place * len(result))
        if what == "cut":
            del result[at:]
        elif what == "delete":
            del result[at : at + len(content)]
        else:
            result[at : at if what == "insert" else at + len(content)] = content
    return bytes(result)


@given(st.sampled_from(FILES), changes)
@settings(
    max_examples=400,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
def test_a_damaged_file_is_read_or_refused_and_nothing_else(tmp_path, case, places):
    file, options = case
    path = tmp_path / file
    path.write_bytes(damaged((HERE / file).read_bytes(), places))
    with two_seconds(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            trace = load_trace(path, **dict(options))
        except (ValueError, OSError) as error:
            message = str(error)
            assert file.partition(".")[0] in message
            assert not re.search(r"Traceback|<[a-z_]+ object|NoneType", message)
        else:
            assert np.isfinite(trace.t).all()
            assert np.isfinite(trace.signal).all()


@pytest.mark.parametrize("row", [[0, "5 %"], ["0 ns", 5], [0, "overflow"]])
def test_a_spoilt_first_row_is_no_header(tmp_path, row):
    with pytest.raises(ValueError, match=r"row 2: .*is not a finite number"):
        load_trace(workbook(tmp_path, [ROWS[0], row, *ROWS[2:]]))


def test_one_of_several_curves_is_asked_for():
    for file, names in [
        ("picoharp.dat", "'curve 0', 'curve 3'"),
        ("picoquant.ptu", "'channel 1', 'channel 2'"),
        ("becker_hickl.asc", "'block 1', 'block 2'"),
        ("labview_one.lvm", "'Detector', 'Laser'"),
        ("edinburgh.txt", "'Z10', 'Z11'"),
    ]:
        with pytest.raises(
            ValueError, match=rf"^{file}: 2 curves; choose one with curve=.*{names}; load_traces"
        ):
            load_trace(HERE / file)


@pytest.mark.parametrize("line", ["512", " 512 ", '"512"', "512,", "512;", "512\t"])
def test_a_column_of_counts_may_be_quoted_and_end_in_a_separator(tmp_path, line):
    (tmp_path / "a.csv").write_text("\n".join(["Counts", *[line] * 3]))
    trace = load_trace(tmp_path / "a.csv", channel_width=4, t_unit="ps")
    assert (trace.t.tolist(), trace.signal.tolist()) == ([0, 4, 8], [512] * 3)


@pytest.mark.parametrize("title", ["Chan\tData", "Channel,Counts", '"channel";"counts"'])
def test_numbers_of_channels_are_not_taken_for_times(tmp_path, title):
    separator = re.search("[\t,;]", title)[0]
    rows = [f"{i}{separator}{100 - i}" for i in range(1, 5)]
    (tmp_path / "a.txt").write_text("\n".join(["Item name: Decay", title, *rows]))
    with pytest.raises(ValueError, match=r"calls column 1 .* no time; give channel_width=..."):
        load_trace(tmp_path / "a.txt", t_unit="ns")
    trace = load_trace(tmp_path / "a.txt", t_unit="ns", channel_width=0.5)
    assert (trace.t.tolist(), trace.signal.tolist()) == ([0.5, 1, 1.5, 2], [99, 98, 97, 96])


def test_labview_files_of_other_layouts(tmp_path):
    """Commas between the fields, several segments, no header of a segment, UTF-16."""
    path, rows = tmp_path / "a.lvm", ["0,5", "1,4", "2,3"]
    top = [
        "LabVIEW Measurement,",
        "Separator,Comma",
        "Decimal_Separator,.",
        "X_Columns,One",
        "***End_of_Header***,",
    ]
    head = [
        "",
        "Channels,1,",
        "Samples,3,",
        "X_Dimension,Time,",
        "X0,0,",
        "Delta_X,1,",
        "***End_of_Header***,,",
    ]
    names = ["X_Value,PL,Comment"]
    path.write_text("\n".join([*top, *head, *names, *rows]))
    assert load_trace(path).signal.tolist() == [5, 4, 3]
    path.write_text("\n".join([*top, *names, *rows]), encoding="utf-16")
    assert load_trace(path).t.tolist() == [0, 1, 2]
    path.write_text("\n".join([*top, *head, *names, *rows, *head, *names, "0,7", "1,6", "2,5"]))
    trace = load_trace(path, curve="PL of segment 2")
    assert (trace.signal.tolist(), trace.signal_unit) == ([7, 6, 5], "")
