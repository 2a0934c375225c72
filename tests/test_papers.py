"""What goes out to a paper: figures in files, tables rounded to their errors."""

from __future__ import annotations

import csv

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from five_fits import density
from matplotlib.image import imread

from helpers import plots
from helpers.fitting import fit
from helpers.measurement import Measurement
from helpers.report import save_table
from helpers.report.tables import rounded_pair
from helpers.uncertainty import profile


@pytest.fixture(autouse=True)
def _clean_stage():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def found():
    return fit(Measurement(density(), density_unit="10^16 cm^-3"))


def figure():
    ax = plt.figure(figsize=(3, 2)).subplots()
    ax.plot([1, 2], [3, 4], label="k₂·n²")
    ax.legend()
    return ax


class TestSave:
    @pytest.mark.parametrize("kind", ["svg", "pdf", "png"])
    def test_a_second_run_changes_no_byte(self, kind, tmp_path):
        first, second = (plots.save(figure(), tmp_path / f"{k}" / f"fit.{kind}") for k in (1, 2))
        assert first.read_bytes() == second.read_bytes()
        assert first.stat().st_size > 1000

    def test_a_picture_has_300_dots_an_inch(self, tmp_path):
        assert imread(plots.save(figure(), tmp_path / "fit.png")).shape[:2] == (600, 900)

    def test_a_pdf_brings_its_fonts_as_publishers_ask(self, tmp_path):
        with mpl.rc_context({"pdf.compression": 0}):
            written = plots.save(figure(), tmp_path / "fit.pdf").read_bytes()
        assert b"/FontFile2" in written  # TrueType, inside the file
        assert b"/Type3" not in written

    def test_another_ending_is_refused_with_those_that_are_known(self, tmp_path):
        with pytest.raises(ValueError, match=r"fit\.doc: give a name that ends with \.svg, \.pdf or \.png"):
            plots.save(figure(), tmp_path / "fit.doc")

    def test_a_column_of_a_journal_is_85_mm_wide(self):
        with mpl.rc_context():
            plots.use_style("column")
            assert plt.figure().get_size_inches()[0] * 25.4 == pytest.approx(85, abs=0.2)
            assert mpl.rcParams["font.size"] == 8
        with pytest.raises(ValueError, match="screen, column"):
            plots.use_style("poster")


class TestTables:
    @pytest.mark.parametrize(
        ("value", "error", "expected"),
        [
            (0.0102034, 0.000232, ("0.01020", "0.00023")),
            (1234.5, 67.8, ("1234", "68")),
            (-2.5e-7, 1e-9, ("-2.500e-07", "0.010e-07")),
            (0.1, 25.0, ("0", "25")),
            (9.9996, 0.00098, ("9.99960", "0.00098")),
        ],
    )
    def test_values_end_where_their_errors_do(self, value, error, expected):
        assert rounded_pair(value, error) == expected

    def test_a_csv_gives_back_the_numbers_within_a_tenth_of_their_errors(self, found, tmp_path):
        rows = list(csv.DictReader(save_table(found, tmp_path / "fit.csv").open(encoding="utf-8")))
        assert [row["parameter"] for row in rows] == list(found.values.index)
        for row in rows:
            if row["error"]:
                error = found.stderr[row["parameter"]]
                assert float(row["value"]) == pytest.approx(found.values[row["parameter"]], abs=error / 10)
                assert float(row["error"]) == pytest.approx(error, rel=0.05)
        assert any(row["error"] for row in rows)

    def test_intervals_and_limits_stand_as_remarks(self, found, tmp_path):
        curves = profile(found, ["k1", "k3"])
        text = save_table(found, tmp_path / "fit.csv", curves=curves).read_text(encoding="utf-8")
        assert text.count("(95 %)") == 2

    def test_in_cgs_units_numbers_are_those_of_the_table(self, found, tmp_path):
        rows = csv.DictReader(save_table(found, tmp_path / "a.csv", cgs=True).open(encoding="utf-8"))
        table = found.table()
        for row in rows:
            if row["unit"] == table.loc[row["parameter"], "cgs unit"] and row["error"]:
                in_cgs = table.loc[row["parameter"], "in cgs"]
                assert np.isclose(float(row["value"]), in_cgs, rtol=0.05)

    def test_latex_typesets_names_powers_and_units(self, found, tmp_path):
        text = save_table(found, tmp_path / "fit.tex").read_text(encoding="utf-8")
        assert all(part in text for part in (r"$k_{1}$", r"\pm", r"\begin{tabular}", "10$^{16}$ cm$^{-3}$"))
        assert text.count("&") == 3 * (len(found.values) + 1)

    def test_another_ending_is_refused(self, found, tmp_path):
        with pytest.raises(ValueError, match=r"\.csv or \.tex"):
            save_table(found, tmp_path / "fit.xls")
