"""Files of instruments: read to the last digit, or refused in plain words."""

from __future__ import annotations

import re
from pathlib import Path

import make_instrument_files
import pytest

from helpers.description import read
from helpers.measurement.described import load_traces
from helpers.traces import load_trace

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
    "LabVIEW, X_Columns Multi": ("labview_multi.lvm", {"curve": "Untitled (1)"}, "labview_multi_1", (0, 1)),
    "LabVIEW, a shorter channel": ("labview_multi.lvm", {"curve": "Untitled (2)"}, "labview_multi_2", (0, 1)),
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
    return load_traces(read(folder / "mine.toml"))


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
