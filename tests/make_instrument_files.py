"""Write the small instrument files of tests/data, and beside each the CSV file with the same numbers.

Run by hand, `python tests/make_instrument_files.py`; it writes the same bytes every time. All decays are
synthetic. The layouts follow the descriptions that the makers publish: "PicoQuant unified file format",
the header SPC_data_file_structure.h of Becker & Hickl, National Instruments' "LabVIEW measurement file".
"""

from __future__ import annotations

import io
import re
import struct
import sys
import zipfile
from pathlib import Path

import h5py
import numpy as np
import openpyxl

HERE = Path(__file__).resolve().parent / "data"
COUNT = 160
RNG = np.random.default_rng(20190110)


def counts(peak: float, lifetime: float, count: int = COUNT) -> np.ndarray:
    """Return Poisson counts: a background of 2 from the start, a decay from channel 20 on."""
    channel = np.arange(count)
    decay = np.where(channel < 20, 0.0, peak * np.exp(-(channel - 20) / lifetime))
    return RNG.poisson(2 + decay)


def channels(width: float, count: int = COUNT) -> list[float]:
    """Return i × width as one would write it down."""
    return [float(f"{i * width:.15g}") for i in range(count)]


def twin(folder: Path, name: str, heading: str, *columns) -> None:
    """Write numbers as CSV, each with all its digits."""
    lines = [",".join(repr(float(value)) for value in row) for row in zip(*columns, strict=True)]
    (folder / f"{name}.csv").write_text("\n".join([heading, *lines, ""]), encoding="utf-8", newline="\n")


def text(folder: Path, name: str, lines: list[str], end: str = "\r\n") -> None:
    """Write lines as an instrument's program on Windows does."""
    (folder / name).write_bytes(end.join([*lines, ""]).encode("cp1252"))


def excel(folder: Path) -> None:
    """Two sheets to choose from, one of them with formulas, one hidden sheet and one without numbers."""
    t, dark = channels(0.25), 2.5
    raw = [counts(900, 30) for _ in range(2)]
    book = openpyxl.Workbook()
    notes = book.active
    notes.title = "Notes"
    notes.append(["measured", "on a Thursday"])
    for title, values in zip(("Film A", "Film B"), raw, strict=True):
        sheet = book.create_sheet(title)
        sheet.append(["Sample", title.removeprefix("Film "), None, None])
        sheet.append([])
        sheet.append(["Delay", "raw", "PL"])
        sheet.append(["ns", "counts", "counts"])
        for i, (time, value) in enumerate(zip(t, values, strict=True), 5):
            sheet.append([time, int(value), f"=B{i}-{dark}"])
    hidden = book.create_sheet("Old")
    hidden.append([0, 1])
    hidden.append([1, 2])
    hidden.sheet_state = "hidden"
    stream = io.BytesIO()
    book.save(stream)
    computed = {
        f"sheet{k}.xml": [float(value) - dark for value in values]
        for k, values in zip((2, 3), raw, strict=True)
    }
    (folder / "excel.xlsx").write_bytes(_with_values(stream.getvalue(), computed))
    twin(folder, "excel_film_a", "Delay (ns),PL (counts)", t, raw[0] - dark)
    twin(folder, "excel_film_b", "Delay (ns),PL (counts)", t, raw[1] - dark)


def _with_values(data: bytes, computed: dict[str, list[float]]) -> bytes:
    """Return a workbook with the values of its formulas, as Excel keeps them, without the present date."""
    result = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(result, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            content = old.read(entry).decode()
            for name, values in computed.items():
                if entry.filename.endswith(name):
                    left = iter(values)
                    content = re.sub(
                        r"</f><v ?/>|</f><v></v>", lambda _, left=left: f"</f><v>{next(left)!r}</v>", content
                    )
            content = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "2019-01-10T00:00:00Z", content)
            new.writestr(
                zipfile.ZipInfo(entry.filename, (2019, 1, 10, 0, 0, 0)), content, zipfile.ZIP_DEFLATED
            )
    return result.getvalue()


def labview(folder: Path) -> None:
    """Three layouts: one column of times and decimal commas, none, and one for each channel."""
    t = [i * 0.5 for i in range(-10, COUNT - 10)]
    signals = [np.round(counts(400, 25) / 1024, 6) for _ in range(2)]
    top = [
        "LabVIEW Measurement\t",
        "Writer_Version\t2",
        "Reader_Version\t2",
        "Separator\tTab",
        "Multi_Headings\tNo",
    ]
    date = [
        "Time_Pref\tRelative",
        "Operator\tlab",
        "Date\t2019/01/10",
        "Time\t12:00:00,5",
        "***End_of_Header***\t",
        "\t",
    ]

    def head(layout: str, mark: str, origin: float, step: float) -> list[str]:
        both = [f"{value:.6e}".replace(".", mark) for value in (origin, step)]
        return [
            *[*top, f"Decimal_Separator\t{mark}", f"X_Columns\t{layout}", *date],
            *["Channels\t2\t", f"Samples\t{COUNT}\t{COUNT}\t", "Date\t2019/01/10\t2019/01/10\t"],
            *["Y_Unit_Label\tV\tV\t", "X_Dimension\tTime\tTime\t", f"X0\t{both[0]}\t{both[0]}\t"],
            *[f"Delta_X\t{both[1]}\t{both[1]}\t", "***End_of_Header***\t\t\t"],
        ]

    rows = [*zip(t, *signals, strict=True)]
    body = ["\t".join(f"{value:.6f}".replace(".", ",") for value in row) for row in rows]
    one = [*head("One", ",", -5, 0.5), "X_Value\tDetector\tLaser\tComment", f"{body[0]}\tlamp on", *body[1:]]
    text(folder, "labview_one.lvm", one)
    twin(folder, "labview_one", "t (s),Detector (V),Laser (V)", t, *signals)
    body = ["\t".join(["", *(f"{value:.6f}" for value in row[1:])]) for row in rows]
    text(
        folder, "labview_no.lvm", [*head("No", ".", -5e-7, 5e-8), "X_Value\tDetector\tLaser\tComment", *body]
    )
    steps = channels(5e-8)
    twin(folder, "labview_no", "t (s),Detector (V),Laser (V)", [step - 5e-7 for step in steps], *signals)
    body = [f"{row[0]:.6f}\t{row[1]:.6f}\t{row[0] + 0.25:.6f}\t{row[2]:.6f}" for row in rows]
    names = "X_Value\tUntitled\tX_Value\tUntitled\tComment"
    text(
        folder,
        "labview_multi.lvm",
        [*head("Multi", ".", 0, 0.5), names, *body[:-1], "\t".join(body[-1].split("\t")[:2])],
    )
    twin(folder, "labview_multi_1", "t (s),V", t, signals[0])
    twin(folder, "labview_multi_2", "t (s),V", [each + 0.25 for each in t[:-1]], signals[1][:-1])


def picoharp(folder: Path) -> None:
    """Two curves side by side, of one width."""
    both = [counts(600, 20), counts(300, 40)]
    lines = ["#PicoHarp 300  Histogram Data\t\t\t10.01.2019 12:00:00", "#channels per curve", str(COUNT)]
    lines += [
        "#display curve no.",
        "0\t3\t",
        "#memory block no.",
        "0\t3\t",
        "#ns/channel",
        "0.0320\t0.0320\t",
        "#counts",
    ]
    text(folder, "picoharp.dat", [*lines, *(f"{a}\t{b}\t" for a, b in zip(*both, strict=True))])
    twin(folder, "picoharp", "t (ns),curve 0 (counts),curve 3 (counts)", channels(0.032), *both)


def becker_hickl(folder: Path) -> None:
    """Blocks with times, and one without, whose width stands in the setup."""
    width = 0.0122
    t = [float(f"{i * width:.6f}") for i in range(COUNT)]
    both = [counts(800, 30), counts(500, 15)]
    head = ["  Title : film", "  Version : 1 975 M", "  Revision : 10 bits ADC", "  Date : 2019-01-10", "  "]
    lines = list(head)
    for k, values in enumerate(both, 1):
        lines.append(f"*BLOCK {k}  ( Time[ns]  No_of_photons )")
        lines += [f"{time:.6f} ,{value:5d}" for time, value in zip(t, values, strict=True)]
        lines += ["*END", ""]
    text(folder, "becker_hickl.asc", lines)
    twin(folder, "becker_hickl", "t (ns),block 1 (counts),block 2 (counts)", t, *both)
    setup = [
        "SYS_PARA_BEGIN:",
        "#SP [SP_TAC_R,F,5.0033e-08]",
        "#SP [SP_TAC_TC,F,1.2214e-11]",
        "SYS_PARA_END:",
    ]
    lines = [*head, *setup, "*BLOCK 1  ( No_of_photons )", *map(str, both[0]), "*END"]
    text(folder, "becker_hickl_no_times.asc", lines)
    twin(folder, "becker_hickl_no_times", "t (ns),counts", channels(0.012214), both[0])


def horiba(folder: Path) -> None:
    """A decay and its prompt over the numbers of channels, from 1."""
    both = [counts(700, 35), counts(900, 2)]
    head = [
        "Item name: Decay",
        "",
        "Real time: 32.533",
        "Live time: 0",
        "Time calibration: 5.48E-11 sec/ch",
        "",
        "Comment: ",
        "",
    ]
    rows = [f"{i}\t{a}\t{b}" for i, (a, b) in enumerate(zip(*both, strict=True), 1)]
    text(folder, "horiba.txt", [*head, "Chan\tDecay\tPrompt", *rows])
    twin(folder, "horiba", "t (ns),Decay,Prompt", channels(0.0548, COUNT + 1)[1:], *both)


def edinburgh(folder: Path) -> None:
    """Two curves below header lines with a value for each."""
    both = [counts(700, 35), counts(350, 35)]
    t = channels(0.048828)
    head = ["Labels,Z10,Z11,", "Type,Time Scan,Time Scan,", "Comment,,,", "Start,0.00,0.00,", "Stop,8.0,8.0,"]
    head += ["Xaxis,Time(ns),Time(ns),", "Yaxis,Counts,Counts,", ""]
    text(
        folder, "edinburgh.txt", [*head, *(f"{time!r},{a},{b}," for time, a, b in zip(t, *both, strict=True))]
    )
    twin(folder, "edinburgh", "t (ns),Z10 (counts),Z11 (counts)", t, *both)


def one_column(folder: Path) -> None:
    """Counts alone, below a line of words and above a line 'END'."""
    values = counts(500, 25)
    text(folder, "counts.txt", ["decay of film A", *map(str, values), "END"])
    twin(folder, "counts", "t (ns),counts", channels(0.016), values)


def tag(name: str, value: float | str | None, index: int = -1) -> bytes:
    """Return one entry of the header of a PicoQuant file."""
    start = struct.pack("<32si", name.encode(), index)
    if value is None:
        return start + struct.pack("<Iq", 0xFFFF0008, 0)
    if isinstance(value, str):
        padded = value.encode("cp1252") + b"\0" * (8 - len(value) % 8)
        return start + struct.pack("<Iq", 0x4001FFFF, len(padded)) + padded
    if isinstance(value, float):
        return start + struct.pack("<Id", 0x20000008, value)
    return start + struct.pack("<Iq", 0x10000008, value)


def histograms(folder: Path) -> None:
    """A .phu file with two curves."""
    both = [counts(600, 20), counts(300, 40)]
    resolution = 16e-12

    def file(offset: int) -> bytes:
        parts = [b"PQHISTO\0" + b"1.0.00\0\0", tag("File_GUID", "{20190110-0000-0000-0000-000000000000}")]
        parts += [tag("CreatorSW_Name", "tests"), tag("Measurement_Mode", 0), tag("Measurement_SubMode", 1)]
        parts += [
            tag("MeasDesc_Resolution", resolution),
            tag("HistoResult_NumberOfCurves", 2),
            tag("HistoResult_BitsPerBin", 32),
        ]
        for k, values in enumerate(both):
            parts += [
                tag("HistResDscr_CurveIndex", k, k),
                tag("HistResDscr_DataOffset", offset + 4 * k * COUNT, k),
            ]
            parts += [
                tag("HistResDscr_HistogramBins", len(values), k),
                tag("HistResDscr_MDescResolution", resolution, k),
            ]
        parts.append(tag("Header_End", None))
        return b"".join(parts)

    header = file(len(file(0)))
    (folder / "picoquant.phu").write_bytes(
        header + b"".join(values.astype("<u4").tobytes() for values in both)
    )
    twin(folder, "picoquant_phu", "t (ns),curve 0 (counts),curve 1 (counts)", channels(0.016), *both)


def photons(folder: Path) -> None:
    """A .ptu file of the mode T3: single photons of two detectors, as a MultiHarp records them."""
    bins, width, period = 100, 250e-12, 25e-9
    both = [counts(100, 15, bins), counts(40, 25, bins)]
    arrivals = [
        (k, bin_) for k, values in enumerate(both) for bin_, value in enumerate(values) for _ in range(value)
    ]
    arrivals = [arrivals[i] for i in RNG.permutation(len(arrivals))]
    records, high = [], 0
    for pulse, (detector, bin_) in enumerate(arrivals):
        if pulse // 1024 > high:
            records.append(1 << 31 | 0x3F << 25 | 1)  # the counter of pulses has overflowed once
            high += 1
        records.append(detector << 25 | bin_ << 10 | pulse % 1024)
    parts = [b"PQTTTR\0\0" + b"1.0.00\0\0", tag("File_GUID", "{20190110-0000-0000-0000-000000000001}")]
    parts += [tag("CreatorSW_Name", "tests"), tag("Measurement_Mode", 3), tag("Measurement_SubMode", 1)]
    parts += [tag("MeasDesc_Resolution", width), tag("MeasDesc_GlobalResolution", period)]
    parts += [tag("TTResultFormat_TTTRRecType", 0x00010307), tag("TTResultFormat_BitsPerRecord", 32)]
    parts += [tag("TTResult_NumberOfRecords", len(records)), tag("Header_End", None)]
    (folder / "picoquant.ptu").write_bytes(b"".join(parts) + np.array(records, "<u4").tobytes())
    twin(folder, "picoquant_ptu", "t (ns),channel 1 (counts),channel 2 (counts)", channels(0.25, bins), *both)


def sdt(folder: Path) -> None:
    """An .sdt file with two blocks, one of them packed."""
    count = 256
    both = [counts(600, 40, count), counts(300, 60, count)]
    info = b"*IDENTIFICATION\r\n  ID        : SPC Setup & Data File\r\n  Title     : film\r\n*END\r\n\r\n"
    setup = b"*SETUP\r\n*END\r\n"
    description = bytearray(512)  # the fields of MeasureInfo up to the mean times of stops
    struct.pack_into("<9s11s16sh", description, 0, b"12:00:00", b"10-01-19", b"tests", 0)
    at = 36 + 2  # after meas_mode: six floats and shorts up to the range of the TAC
    struct.pack_into("<4ffhf", description, at, -50, 80, -10, 5, -10, 4, -20)
    struct.pack_into("<fh3fh", description, at + 26, 5.0033e-8, 4, 5, 10, 90, count)
    start = 42 + len(info) + len(setup) + len(description)
    blocks = b""
    for k, values in enumerate(both):
        data = values.astype("<u2").tobytes()
        size, kind = len(data), 0x0001
        if k:
            packed = io.BytesIO()
            with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr(
                    zipfile.ZipInfo("data_block", (2019, 1, 10, 0, 0, 0)), data, zipfile.ZIP_DEFLATED
                )
            data, kind = packed.getvalue(), kind | 0x1000
        begin = start + len(blocks) + 22
        blocks += struct.pack("<hiiHhII", k, begin, begin + len(data), kind, 0, k, size) + data
    header = struct.pack(
        "<hihihihIihhHIHH",
        0x28 << 4 | 12,
        *(42, len(info), 42 + len(info), len(setup), start, len(both), 2 * count),
        *(42 + len(info) + len(setup), 1, len(description), 0x5555, 0, 0, 0x55AA),
    )
    (folder / "becker_hickl.sdt").write_bytes(header + info + setup + bytes(description) + blocks)
    width = float(f"{float(np.float32(5.0033e-8)) / (4 * count) * 1e9:.7g}")
    twin(
        folder, "becker_hickl_sdt", "t (ns),block 1 (counts),block 2 (counts)", channels(width, count), *both
    )


def datasets(folder: Path) -> None:
    """An HDF5 file with times, one trace, its errors, and a map of three traces in rows."""
    t, one = channels(0.4), counts(800, 30)
    several = [counts(200, life) / 7 for life in (10, 20, 40)]
    with h5py.File(folder / "datasets.h5", "w", libver="earliest") as file:
        group = file.create_group("scan")
        group["delay"] = np.array(t)
        group["delay"].attrs["units"] = "ps"
        group["counts"] = one.astype("i4")
        group["counts"].attrs["units"] = "counts"
        group["error"] = np.sqrt(one + 1.0)
        group["map"] = np.array(several)
        file["wavelength"] = np.array([450.0, 500.0, 550.0])
    twin(folder, "datasets", "delay (ps),counts,sigma", t, one, np.sqrt(one + 1.0))
    twin(folder, "datasets_map", "delay (ps),map 0,map 1,map 2", t, *several)


MAKERS = (
    excel,
    labview,
    picoharp,
    becker_hickl,
    horiba,
    edinburgh,
    one_column,
    histograms,
    photons,
    sdt,
    datasets,
)


def write(folder: Path) -> None:
    """Write all files into a folder."""
    global RNG
    folder.mkdir(parents=True, exist_ok=True)
    for maker in MAKERS:
        RNG = np.random.default_rng(20190110)  # each file by itself
        maker(folder)


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
