"""The form that makes a description: what it understands, what it asks, what it writes."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import openpyxl
import pytest

from helpers.chooser import MeasurementChooser
from helpers.chooser.preview import dark_times, likely_kind, preview
from helpers.chooser.template import filled
from helpers.description import read
from helpers.description.keys import KINDS
from helpers.fitting import fit
from helpers.kinetics import RateLaw
from helpers.measurement.described import load_measurement
from helpers.traces import Trace

FILM = {"wavelength_nm": 400.0, "thickness_nm": 300.0, "absorption_per_cm": 1e5, "reflection": 0.2}
RATES = {"G": 0.0, "k1": 0.01, "k2": 0.02, "k3": 0.0}  # in ns and the density after the pulse


def counted(peak=2000, seed=1):
    """Return times and counts of a decay of known rates over a background of five counts."""
    t = np.arange(-20, 300, 0.5)
    n = np.zeros_like(t)
    n[t >= 0] = RateLaw().solve(t[t >= 0], [1.0], list(RATES.values()))[0][:, 0]
    return t, np.random.default_rng(seed).poisson(5 + peak * n**2)


def write(path, t, signal, header="t (ns),counts"):
    lines = [f"{time:g},{value:g}" for time, value in zip(t, signal, strict=True)]
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def chooser(tmp_path):
    """A form on a folder with one file of counts, which is chosen."""
    write(tmp_path / "mine.csv", *counted())
    form = MeasurementChooser(tmp_path)
    form.take("mine.csv")
    return form


def answer(form, **entries):
    for key, value in entries.items():
        form.entries[key].value = value


class TestUnderstood:
    """What the form fills in before the user has said anything."""

    def test_counts_with_a_background_before_the_pulse(self, chooser):
        found = {key: entry.value for key, entry in chooser.entries.items()}
        assert (found["t"], found["signal"], found["sigma"]) == (0, 1, -1)
        assert (found["kind"], found["t_unit"], found["time_zero"]) == ("TRPL counts", "ns", "edge")
        first, last = map(float, found["baseline"].split(","))
        assert first == -20
        assert -5 < last < 0

    def test_the_first_rows_are_shown_with_the_names_of_their_columns(self, chooser):
        assert all(text in chooser.rows.value for text in ("0: t (ns)", "1: counts", "640 rows, 2 columns"))

    def test_scaled_signals_are_not_taken_for_counts(self):
        t, counts = counted()
        assert likely_kind(Trace(t, counts * 0.5)) is None
        assert likely_kind(Trace(t, counts)) == "TRPL counts"
        assert likely_kind(Trace(t, counts, signal_unit="cm^-3")) == "density"

    def test_a_trace_that_begins_at_its_peak_has_no_background(self):
        t, counts = counted()
        assert dark_times(Trace(t[t >= 0], counts[t >= 0])) is None

    def test_a_question_of_the_reader_of_files_is_passed_on(self, tmp_path):
        t, counts = counted()
        rows = [f"{a:g},{b:g},{2 * b:g},{3 * b:g}" for a, b in zip(t, counts, strict=True)]
        (tmp_path / "four.csv").write_text("\n".join(["t (ns),a,b,c", *rows]), encoding="utf-8")
        assert preview(tmp_path / "four.csv").columns == ()
        form = MeasurementChooser(tmp_path)
        form.take("four.csv")
        assert "Choose the columns" in form.message.value
        answer(form, t=0, signal=2, kind="TA")
        assert "Understood" in form.message.value
        assert "columns = [0, 2]" in form.text()

    def test_the_time_unit_is_asked_for_where_the_file_does_not_say_it(self, tmp_path):
        write(tmp_path / "bare.csv", *counted(), header="t,counts")
        form = MeasurementChooser(tmp_path)
        form.take("bare.csv")
        answer(form, p0_cm3="0", repetition_Hz="single")
        if form.entries["t_unit"].value == "choose …":
            assert "unit of the times" in form.message.value
            answer(form, t_unit="ps")
        assert "Understood" in form.message.value


class TestAskedByTheReader:
    """A sheet or a curve is asked for when the reader of files asks, and goes into the description."""

    def test_the_sheet_of_a_workbook(self, tmp_path):
        t, counts_ = counted()
        book = openpyxl.Workbook()
        for sheet in (book.active, book.create_sheet("Film A")):
            for row in [("t (ns)", "counts"), *zip(t.tolist(), counts_.tolist(), strict=True)]:
                sheet.append(row)
        book.save(tmp_path / "book.xlsx")
        form = MeasurementChooser(tmp_path)
        form.take("book.xlsx")
        assert "several sheets" in form.message.value
        shown = {key for key, entry in form.entries.items() if entry.layout.display != "none"}
        assert shown == {"sheet"}
        answer(form, sheet="Film A")
        answer(form, p0_cm3="0", repetition_Hz="single")
        form.write.click()
        found = load_measurement(tmp_path / "book.toml")
        np.testing.assert_array_equal(found.traces[0].signal[-5:], counts_[-5:])
        assert 'sheet = "Film A"' in (tmp_path / "book.toml").read_text(encoding="utf-8")

    def test_another_file_begins_without_those_answers(self, chooser, tmp_path):
        chooser.entries["decimal"].value = "."
        write(tmp_path / "other.csv", *counted(seed=3))
        chooser.take("other.csv")
        assert chooser.entries["decimal"].value == ""


class TestRefused:
    """What the form does not accept, in words of the reader of files and descriptions."""

    def test_what_changes_a_rate_is_asked_for(self, chooser):
        assert "p0_cm3" in chooser.message.value
        answer(chooser, p0_cm3="0")
        assert "p0_cm3" not in chooser.message.value
        assert "repetition_Hz" in chooser.message.value
        answer(chooser, repetition_Hz="1e6")
        assert "Understood" in chooser.message.value

    def test_a_unit_that_the_file_contradicts(self, chooser):
        answer(chooser, p0_cm3="0", repetition_Hz="single", t_unit="ps")
        assert "Understood" not in chooser.message.value
        assert "ns" in chooser.message.value

    @pytest.mark.parametrize(
        ("key", "text", "words"),
        [("p0_cm3", "many", "Doping"), ("baseline", "-10", "1 number(s) for 2"), ("name", " ", "name")],
    )
    def test_an_entry_that_is_no_number(self, chooser, key, text, words):
        answer(chooser, p0_cm3="0", repetition_Hz="single")
        answer(chooser, **{key: text})
        assert words in chooser.message.value

    def test_a_file_without_numbers(self, tmp_path):
        (tmp_path / "page.csv").write_text("<html>not found</html>", encoding="utf-8")
        form = MeasurementChooser(tmp_path)
        form.take("page.csv")
        assert "page.csv" in form.message.value
        form.write.click()
        assert sorted(path.name for path in tmp_path.iterdir()) == ["page.csv"]


class TestWritten:
    """The description is that of the form, and never replaces another one."""

    def test_it_says_what_the_form_says(self, chooser, tmp_path):
        answer(chooser, p0_cm3="1e15", repetition_Hz="2e5", baseline="-20; -2,5", known="fluence")
        answer(chooser, amounts="0,4", **{key: f"{value:g}" for key, value in FILM.items()})
        chooser.write.click()
        found = read(tmp_path / "mine.toml")
        assert (found.kind, found.t_unit, found.time_zero) == ("TRPL counts", "ns", "edge")
        assert (found.p0_cm3, found.repetition_Hz, found.baseline) == (1e15, 2e5, (-20, -2.5))
        assert found.traces[0].fluence_uJ_cm2 == 0.4
        assert vars(found.film).items() >= FILM.items()
        assert 'MEASUREMENT = "mine"' in chooser.outcome.value

    def test_the_first_fit_is_that_of_the_notebooks(self, chooser, tmp_path):
        answer(chooser, p0_cm3="0", repetition_Hz="single")
        chooser.write.click()
        chooser.first_fit.click()
        again = fit(load_measurement(tmp_path / "mine.toml"))
        assert chooser.fit is not None
        assert chooser.fit.values.equals(again.values)
        assert again.values["k1"] == pytest.approx(RATES["k1"], rel=0.2)
        assert "see the interval" in chooser.outcome.value or "free" in chooser.outcome.value

    def test_another_description_of_that_name_stays(self, chooser, tmp_path):
        (tmp_path / "mine.toml").write_text("# by hand\n", encoding="utf-8")
        answer(chooser, p0_cm3="0", repetition_Hz="single")
        chooser.write.click()
        assert "another name" in chooser.message.value
        assert (tmp_path / "mine.toml").read_text(encoding="utf-8") == "# by hand\n"
        answer(chooser, name="mine 2")
        chooser.write.click()
        assert read(tmp_path / "mine 2.toml").kind == "TRPL counts"

    def test_a_picked_file_is_copied_and_never_over_another(self, chooser, tmp_path):
        folder = tmp_path / "data"
        folder.mkdir()
        form = MeasurementChooser(folder)
        content = (tmp_path / "mine.csv").read_bytes()
        picked = {
            "name": "mine.csv",
            "type": "text/csv",
            "size": len(content),
            "content": memoryview(content),
        }
        form.upload.value = ({**picked, "last_modified": datetime(2026, 1, 1, tzinfo=UTC)},)
        answer(form, p0_cm3="0", repetition_Hz="single")
        (folder / "mine.csv").write_bytes(b"t,n\n0,1\n")
        form.write.click()
        assert "other contents" in form.message.value
        (folder / "mine.csv").unlink()
        form.write.click()
        assert (folder / "mine.csv").read_bytes() == content
        assert sorted(path.name for path in folder.iterdir()) == ["mine.csv", "mine.toml"]

    def test_several_files_are_one_series(self, tmp_path):
        for number, peak in enumerate((200, 2000)):
            write(tmp_path / f"p{number}.csv", *counted(peak, seed=number))
        form = MeasurementChooser(tmp_path)
        form.take("p0.csv", "p1.csv")
        answer(form, p0_cm3="0", repetition_Hz="single", known="n0")
        assert "one number for each of the 2 file(s)" in form.message.value
        answer(form, amounts="1e16, 1e17", name="series")
        form.write.click()
        found = load_measurement(tmp_path / "series.toml")
        assert [trace.name for trace in found.traces] == ["p0", "p1"]
        assert "one law" in (tmp_path / "series.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", KINDS)
def test_each_template_filled_in_can_be_read(kind, tmp_path):
    write(tmp_path / "a.csv", *counted())
    said = {"t_unit": "ns", "time_zero": "edge", "baseline": [-20, -2]}
    if kind != "density":
        said["n0"] = "unknown"
    if kind == "TRPL counts":
        said |= {"p0_cm3": 0, "repetition_Hz": "single"}
    path = tmp_path / "a.toml"
    path.write_text(filled(kind, [{"file": "a.csv"}], said), encoding="utf-8")
    found = read(path)
    assert (found.kind, found.time_zero, found.baseline, found.film) == (kind, "edge", (-20, -2), None)
    assert len(load_measurement(found)) == 1
