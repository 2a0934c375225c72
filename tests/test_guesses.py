"""Guesses belong to their measurement: what was kept for one sample never starts another's fit."""

import os
import subprocess
import sys

import numpy as np
import pytest

from helpers import guesses
from helpers.kinetics import Equation
from helpers.measurement import Measurement
from helpers.measurement.described import load_measurement
from helpers.paths import DATA, ROOT
from helpers.traces import Trace

GUESS = {"G": 0.0, "k1": 0.1, "k2": 0.25, "k3": 1e-7}


def measurement(name="mine", t_unit="ns"):
    return Measurement(Trace([0, 1, 2], [4, 2, 1], name=name, t_unit=t_unit, signal_unit="cm^-3"))


def own_law():
    return Equation(lambda t, n, args: -args[0] * n, ["k"])


@pytest.fixture
def path(tmp_path):
    return guesses.file_of(measurement(), tmp_path)


def test_what_is_kept_is_read_again(path):
    assert guesses.load(measurement(), path=path) == {}
    guesses.save({"by hand": GUESS}, measurement(), path=path)
    assert guesses.load(measurement(), path=path) == {"by hand": GUESS}
    assert list(guesses.starts(measurement(), path=path)) == ["automatic", "by hand"]
    first = path.read_bytes()
    guesses.save({"by hand": GUESS}, measurement(), path=path)
    assert path.read_bytes() == first


def test_no_kept_guess_stands_in_for_the_automatic_one(path):
    guesses.save({"automatic": GUESS, "by hand": GUESS}, measurement(), path=path)
    assert guesses.starts(measurement(), path=path) == {"automatic": None, "by hand": GUESS}


def test_guesses_that_are_saved_again_keep_their_densities(path):
    guesses.add(GUESS, measurement(), n0=[3.0], path=path)
    guesses.save(guesses.load(measurement(), path=path), measurement(), path=path)
    (kept,), _ = guesses.read(measurement(), path=path)
    assert kept.n0 == [3.0]


def test_one_more_takes_a_free_number_and_leaves_the_others(path):
    guesses.save({"2019": GUESS, "by hand, number 2": GUESS}, measurement(), path=path)
    for k1 in (1, 2):
        guesses.add(GUESS | {"k1": k1}, measurement(), n0=[3.0], path=path)
    kept = guesses.load(measurement(), path=path)
    assert list(kept) == ["2019", *(f"by hand, number {number}" for number in (2, 1, 3))]
    assert [guess["k1"] for guess in kept.values()] == [0.1, 0.1, 1, 2]
    assert [each.n0 for each in guesses.read(measurement(), path=path)[0]] == [None, None, [3.0], [3.0]]


class TestFile:
    def test_lies_beside_the_description(self, tmp_path):
        assert guesses.file_of(load_measurement("sample_data")) == DATA / "sample_data.guesses.json"
        np.savetxt(tmp_path / "film.csv", [[0, 2], [1, 1.2], [2, 1]], delimiter=",")
        text = 'kind = "density"\nname = "sample_data"\nfile = "film.csv"\nt_unit = "ns"\n'
        (tmp_path / "film.toml").write_text(f'{text}density_unit = "10^16 cm^-3"\n', encoding="utf-8")
        film = load_measurement(tmp_path / "film.toml")
        assert film.name == "sample_data"
        assert guesses.file_of(film) == tmp_path / "film.guesses.json"
        assert guesses.load(film) == {}

    def test_each_name_has_its_own(self):
        assert guesses.file_of(measurement("c")) == DATA / "c.guesses.json"
        assert guesses.file_of(measurement("a/b")) == DATA / "a_b.guesses.json"

    @pytest.mark.parametrize("name", ["", "..", "sample_data"])
    def test_without_a_name_of_its_own_there_is_none(self, name):
        """Data from elsewhere may be called sample_data, too; the sample's guesses do not start their fit."""
        assert guesses.starts(measurement(name)) == {"automatic": None}
        with pytest.raises(ValueError, match="name"):
            guesses.add(GUESS, measurement(name))


class TestLaws:
    def test_each_has_its_own_guesses(self, path):
        law = own_law()
        guesses.save({"one": GUESS}, measurement(), path=path)
        guesses.save({"two": {"k": 2.0}}, measurement(), law, path=path)
        assert guesses.load(measurement(), path=path) == {"one": GUESS}
        assert guesses.load(measurement(), law, path=path) == {"two": {"k": 2.0}}
        assert list(guesses.starts(measurement(), law, path=path)) == ["two"]

    def test_none_overwrites_another_ones(self, path):
        for law, values in ((None, GUESS), (own_law(), {"k": 2.0})):
            guesses.add(values, measurement(), law, path=path)
        assert list(guesses.load(measurement(), path=path).values()) == [GUESS]
        assert list(guesses.load(measurement(), own_law(), path=path).values()) == [{"k": 2.0}]
        with pytest.raises(ValueError, match="by hand, number 1 of another law"):
            guesses.save({"by hand, number 1": {"k": 3.0}}, measurement(), own_law(), path=path)

    def test_a_guess_must_have_all_parameters(self, path):
        guesses.save({"half": {"k1": 1.0}}, measurement(), path=path)
        with pytest.raises(ValueError, match="half has no G, k2, k3"):
            guesses.load(measurement(), path=path)


def test_other_units_are_refused(path):
    guesses.save({"by hand": GUESS}, measurement(), path=path)
    before = path.read_bytes()
    for use in (guesses.load, lambda *a, **o: guesses.save({}, *a, **o)):
        with pytest.raises(ValueError, match="t_unit is 'ns', that of the measurement 'us'"):
            use(measurement(t_unit="us"), path=path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("cut", np.linspace(0.1, 0.95, 6))
def test_a_damaged_file_is_refused_by_name_and_left_alone(path, cut):
    guesses.save({"by hand": GUESS}, measurement(), path=path)
    content = path.read_bytes()[: int(cut * path.stat().st_size)]
    path.write_bytes(content)
    for use in (guesses.load, lambda *a, **o: guesses.add(GUESS, *a, **o)):
        with pytest.raises(ValueError, match=r"mine\.guesses\.json does not hold guesses"):
            use(measurement(), path=path)
    assert path.read_bytes() == content


class TestFileOfAnyKind:
    def test_one_of_a_newer_workbook_asks_for_an_update_and_is_left_alone(self, path):
        guesses.save({"by hand": GUESS}, measurement(), path=path)
        text = path.read_text(encoding="utf-8").replace("guesses, version 1", "guesses, version 2")
        path.write_text(text, encoding="utf-8")
        for use in (guesses.load, lambda *a, **o: guesses.add(GUESS, *a, **o)):
            with pytest.raises(ValueError, match=r"written by a newer workbook .*; update") as told:
                use(measurement(), path=path)
            assert "move it away" not in str(told.value)
        assert path.read_text(encoding="utf-8") == text

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes in folders")
    def test_a_pipe_is_refused_at_once(self, path):
        os.mkfifo(path)
        with pytest.raises(OSError, match="is a folder or a device, not a file"):
            guesses.load(measurement(), path=path)

    def test_a_file_larger_than_any_of_guesses_is_refused(self, path):
        path.write_bytes(b" " * (1 << 20) + b"{}")
        with pytest.raises(ValueError, match="larger than 1 MiB"):
            guesses.load(measurement(), path=path)

    def test_so_many_guesses_that_they_could_not_be_read_again_are_refused(self, path):
        guesses.save({"by hand": GUESS}, measurement(), path=path)
        with pytest.raises(ValueError, match="delete some of them"):
            guesses.save({str(number): GUESS for number in range(20_000)}, measurement(), path=path)
        assert list(guesses.load(measurement(), path=path)) == ["by hand"]

    def test_names_of_any_letters_come_back(self, path):
        names = ["µ, 試料", 'a "b" \\ c', "half of a letter: \udcff", "\u2028"]
        guesses.save(dict.fromkeys(names, GUESS), measurement(), path=path)
        assert list(guesses.load(measurement(), path=path)) == names


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_number_that_could_not_be_read_again_is_not_kept(path, value):
    for keep in (guesses.add, lambda each, *a, **o: guesses.save({"by hand": each}, *a, **o)):
        with pytest.raises(ValueError, match=r"k2 = .*finite"):
            keep(GUESS | {"k2": value}, measurement(), path=path)
    assert not path.exists()


def test_a_name_is_kept_in_one_write_or_refused(path):
    guesses.add(GUESS, measurement(), name="slow", path=path)
    assert list(guesses.load(measurement(), path=path)) == ["slow"]
    for name in ("slow", "automatic", "a" * 61):
        with pytest.raises(ValueError, match="choose another name"):
            guesses.add(GUESS, measurement(), name=name, path=path)
    assert list(guesses.load(measurement(), path=path)) == ["slow"]


def test_programs_that_keep_guesses_at_once_lose_none(path):
    script = (
        "import sys; from pathlib import Path; from helpers import guesses\n"
        "from helpers.measurement import Measurement; from helpers.traces import Trace\n"
        "mine = Measurement(Trace([0, 1, 2], [4, 2, 1], name='mine', t_unit='ns', signal_unit='cm^-3'))\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        "for turn in range(15):\n"
        "    values = {'G': 0, 'k1': turn, 'k2': 0, 'k3': 0}\n"
        f"    guesses.add(values, mine, path=Path({str(path)!r}))\n"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    both = [subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, **pipes) for _ in range(2)]
    for each in both:
        assert each.stdout.readline() == "ready\n"
    for each in both:
        each.stdin.write("go\n")
        each.stdin.flush()
    assert [each.wait(60) for each in both] == [0, 0]
    for each in both:
        each.stdin.close()
        each.stdout.close()
    kept = guesses.load(measurement(), path=path)
    assert sorted(each["k1"] for each in kept.values()) == sorted([*range(15), *range(15)])
