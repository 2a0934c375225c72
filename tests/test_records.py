"""A saved fit says what was fitted, comes back as it was, repeats byte for byte, is never half written."""

from __future__ import annotations

import json
import math
import os
import random
import stat
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from helpers import guesses, kinetics, paths, records
from helpers.fitting import fit, fit_from_guesses
from helpers.measurement import Measurement
from helpers.measurement.described import load_measurement
from helpers.paths import DATA, ROOT
from helpers.traces import Trace, load_trace


@pytest.fixture(scope="module")
def decay():
    return load_trace(DATA / "sample_data.csv", t_unit="ns", signal_unit="10^16 cm^-3").from_peak()


@pytest.fixture(scope="module")
def fits(decay):
    return fit_from_guesses(decay, [(0, 1e-3, 5e-4, 1.2e-7), (0, 1e-2, 0, 1e-7)], progress=False)


@pytest.fixture
def saved(fits, tmp_path):
    return records.save(fits[0], tmp_path / "a_1.par")


def test_each_measurement_has_files_of_its_own(decay, tmp_path):
    named = {name: Measurement(replace(decay, name=name)) for name in ("sample_data", "a/b", "..")}
    found = {name: records.paths_for(each, 2, tmp_path) for name, each in named.items()}
    assert [path.name for path in found["sample_data"]] == ["20190110_cubic_1.par", "20190110_cubic_2.par"]
    assert found["a/b"] == [tmp_path / "a_b" / "fit_1.par", tmp_path / "a_b" / "fit_2.par"]
    assert found[".."][0] == tmp_path / "unnamed" / "fit_1.par"


def test_the_committed_records_are_those_of_the_sample():
    measurement = load_measurement("sample_data")
    starts = guesses.load(measurement) | {"automatic": None}
    for path, guess in zip(records.paths_for(measurement, 4, ROOT / "results"), starts.values(), strict=True):
        record, found = records.load(path), fit(measurement, guess)
        assert record.belongs_to(measurement)
        np.testing.assert_allclose(record.guess, [*found.guess.values()], rtol=5e-6)
        np.testing.assert_allclose(record.cost, found.cost, rtol=5e-6)


class TestRoundTrip:
    def test_values_that_trade_off_stay_a_minimum_together(self, tmp_path):
        t = np.linspace(0, 5, 30)
        for seed in range(20):
            noise = 1e-5 * np.random.default_rng(seed).standard_normal(t.size)
            trace = Trace(t, kinetics.solve(t, 1.0, (0.05, 0.4, 0.5, 0.3)) + noise)
            found = fit(trace)
            record = records.load(records.save(found, tmp_path / "a_1.par"))
            assert record.on(trace).cost == pytest.approx(found.cost, rel=1e-3)

    def test_so_they_do_where_each_alone_would_be_known_ten_thousand_times_better(self, tmp_path):
        """A tenth of a lifetime: of k1, k2 and k3 only what they do together is known to many digits."""
        t = np.linspace(0, 0.1, 60)
        for seed in range(3):
            noise = 1e-7 * np.random.default_rng(seed).standard_normal(60)
            trace = Trace(t, kinetics.solve(t, 1.0, (0, 0.5, 1.0, 0.7)) + noise)
            found = fit(trace)
            record = records.load(records.save(found, tmp_path / "short.par"))
            assert record.on(trace).cost / found.cost == pytest.approx(1, rel=1e-4)

    def test_no_digit_is_kept_that_the_error_drowns(self, saved):
        record = records.load(saved)
        for value, error in zip(record.values, record.stderr, strict=True):
            last_digit = Decimal(repr(float(value))).normalize().as_tuple().exponent
            assert math.isnan(error) or 10.0**last_digit >= 0.99e-4 * error

    def test_the_curve_starts_at_the_first_fitted_time(self, tmp_path):
        t = np.linspace(7, 12, 50)
        late = fit(Trace(t, 2 / (1 + 2 * (t - 7))))
        record = records.load(records.save(late, tmp_path / "late.par"))
        np.testing.assert_allclose(record.on(late.trace).curves()[0], 2 / (1 + 2 * (t - 7)), rtol=1e-4)

    def test_a_span_that_nine_digits_do_not_show_is_read_back(self, tmp_path):
        t = 1e6 + np.linspace(0, 1e-5, 50)
        far = fit(Trace(t, 2 / (1 + 2e5 * (t - 1e6))))
        (data,) = records.load(records.save(far, tmp_path / "far.par")).traces
        assert data.first_time == data.last_time == 1e6

    def test_what_has_no_error_says_why(self, decay, tmp_path):
        found = fit(decay, (0, 0, 1e-3, 0), fixed=["G", "n0"])
        path = records.save(found, tmp_path / "a.par")
        entry = json.loads(path.read_text(encoding="utf-8"))["optimized"]["G"]
        assert (entry["stderr"], entry["status"]) == (None, "fixed")
        record = records.load(path)
        assert math.isnan(record.stderr["G"])
        assert record.status["n0"] == "fixed"


class TestBelonging:
    def test_a_record_knows_its_data(self, saved, decay):
        assert records.load(saved).belongs_to(decay)

    def test_other_names_and_the_last_bit_do_not_matter(self, saved, decay):
        same = replace(decay, name="copy", signal=decay.signal * (1 + 2**-52), t=decay.t + 0.0)
        assert records.load(saved).belongs_to(same)

    @pytest.mark.parametrize("change", ["cut", "shifted", "one point", "baseline", "sigma"])
    def test_other_points_do(self, saved, decay, change):
        signal = decay.signal.copy()
        signal[400] += 1e-3
        other = {
            "cut": lambda: decay.crop(None, 400),
            "shifted": lambda: replace(decay, t=decay.t + 0.1),
            "one point": lambda: replace(decay, signal=signal),
            "baseline": lambda: replace(decay, signal=decay.signal - 0.01),
            "sigma": lambda: replace(decay, sigma=np.ones(len(decay))),
        }[change]()
        assert not records.load(saved).belongs_to(other)


def damaged(saved, change):
    entries = json.loads(saved.read_text(encoding="utf-8"))
    change(entries)
    saved.write_text(json.dumps(entries), encoding="utf-8")
    return saved


class TestDamage:
    @pytest.mark.parametrize("number", ["1e400", "-0.1", "true", '"1"', "NaN"])
    @pytest.mark.parametrize("name", ["k1", "n0"])
    def test_a_standard_error_that_is_no_sound_number_is_refused(self, saved, name, number):
        path = damaged(saved, lambda entries: entries["optimized"][name].update(stderr="here"))
        path.write_text(path.read_text(encoding="utf-8").replace('"here"', number), encoding="utf-8")
        with pytest.raises(ValueError, match=r"a_1\.par"):
            records.load(path)

    @pytest.mark.parametrize(
        ("part", "name", "wrong"),
        [("trace", "points", wrong) for wrong in (791.5, -4, 1, True, "791")]
        + [("trace", "first_time", "0"), ("trace", "last_time", 10**400), ("trace", "last_time", -1)]
        + [(None, "converged", wrong) for wrong in (1, 0.0, "true", None)]
        + [(None, name, wrong) for name in ("cost", "rmse") for wrong in (-1, 10**400, True)]
        + [(None, "versions", [1]), ("versions", "numpy", 2)],
    )
    def test_an_entry_that_cannot_be_is_refused_by_name(self, saved, part, name, wrong):
        def change(entries):
            trace = entries["measurement"]["traces"][0]
            {"trace": trace, None: entries}.get(part, entries.get(part)).update({name: wrong})

        with pytest.raises(ValueError, match=rf"a_1\.par is no whole record of a fit: .*{name}"):
            records.load(damaged(saved, change))

    def test_an_entry_that_stands_twice_is_refused(self, saved):
        text = saved.read_text(encoding="utf-8").replace('"cost"', '"cost": 1, "cost"')
        saved.write_text(text, encoding="utf-8")
        with pytest.raises(ValueError, match="'cost' stands in it twice"):
            records.load(saved)

    def test_a_mark_of_the_encoding_does_no_harm(self, saved):
        saved.write_bytes(b"\xef\xbb\xbf" + saved.read_bytes())
        assert records.load(saved).converged is True

    def test_a_file_that_was_cut_off_is_refused(self, saved):
        content = saved.read_bytes()
        for end in range(0, len(content) - 2, 7):
            saved.write_bytes(content[:end])
            with pytest.raises(ValueError, match=r"a_1\.par"):
                records.load(saved)

    @pytest.mark.parametrize(
        "content",
        [
            b'{"guesses": []}',
            b"[1, 2]",
            b"t,n\n0,1\n",
            b"\x80\x04}.",
            b"{" * 50_000,
            b'{"a": ' * 50_000,
        ],
    )
    def test_another_file_is_refused_by_name(self, tmp_path, content):
        (tmp_path / "other.par").write_bytes(content)
        with pytest.raises(ValueError, match=r"other\.par"):
            records.load(tmp_path / "other.par")

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (b'{"cost": ' + b"9" * 5000 + b"}", "a whole number of 5000 digits"),
            (b'{"cost": -' + b"9" * 5000 + b"}", "a whole number of 5000 digits"),
            (b'{"a": ' * 60 + b"1" + b"}" * 60, "nested too deeply"),
            (b'{"format": "recombination-workbook fit, version ' + b"9" * 5000 + b'"}', "format"),
            (b"\xff\xfe{\x00", "no text in UTF-8"),
            (b"", "empty"),
            (b'{"cost": 1', "cut off"),
        ],
    )
    def test_what_is_wrong_is_said_in_plain_words(self, tmp_path, content, words):
        (tmp_path / "other.par").write_bytes(content)
        with pytest.raises(ValueError, match=rf"other\.par is no whole record of a fit: .*{words}") as told:
            records.load(tmp_path / "other.par")
        assert not {"limit", "codec", "set_int_max_str_digits"} & set(str(told.value).split())

    def test_entries_by_the_hundred_thousand_are_read_in_linear_time(self, tmp_path):
        # Each name looked for among all others, these would take an hour.
        names = ", ".join(f'"{number}": 1' for number in range(70_000))
        (tmp_path / "other.par").write_text("{" + names + "}", encoding="utf-8")
        with pytest.raises(ValueError, match=r"other\.par is no whole record"):
            records.load(tmp_path / "other.par")

    def test_a_file_larger_than_any_record_is_refused(self, saved):
        saved.write_bytes(saved.read_bytes() + b" " * (1 << 20))
        with pytest.raises(ValueError, match=r"a_1\.par: it is larger than 1 MiB"):
            records.load(saved)

    @pytest.mark.parametrize("kind", ["folder", "pipe", "device", "link to a device", "link to nothing"])
    def test_what_is_no_regular_file_is_refused_at_once(self, tmp_path, kind):
        path = tmp_path / "other.par"
        make = {
            "folder": lambda: path.mkdir(),
            "pipe": lambda: os.mkfifo(path),
            "device": lambda: path.symlink_to(os.devnull),
            "link to a device": lambda: path.symlink_to("/dev/zero"),
            "link to nothing": lambda: path.symlink_to(tmp_path / "nothing.par"),
        }[kind]
        if os.name == "nt":
            pytest.skip("Windows has no pipes in folders, and symbolic links not for all")
        make()
        words = "no file|missing" if kind == "link to nothing" else "is a folder or a device, not a file"
        with pytest.raises(OSError, match=rf"other\.par.*({words})"):
            records.load(path)

    def test_a_missing_file_says_which_notebook_writes_it(self, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"b_2\.par is missing; run 03_optimize"):
            records.load(tmp_path / "b_2.par")


class TestWriting:
    def test_a_failure_at_the_last_step_leaves_the_old_file_and_nothing_else(self, fits, saved, monkeypatch):
        before = saved.read_bytes()

        def fail(*_):
            raise OSError("no room left")

        monkeypatch.setattr(paths.os, "replace", fail)
        with pytest.raises(OSError, match="no room"):
            records.save(fits[1], saved)
        assert saved.read_bytes() == before
        assert list(saved.parent.iterdir()) == [saved]

    def test_a_kill_at_any_moment_leaves_a_whole_file(self, tmp_path):
        # The writer says how far it is; it is killed after a number of words that it cannot know.
        path = tmp_path / "killed.par"
        letters = "ab"
        script = (
            "import sys; from helpers.paths import write_text\n"
            f"for turn in range(10**9):\n    write_text({str(path)!r}, {letters!r}[turn % 2] * 3_000_000)\n"
            "    print(turn, flush=True)\n"
        )
        draw = random.Random(7)
        for _ in range(8):
            with subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE) as writer:
                for _ in range(draw.randint(1, 4)):
                    assert writer.stdout.readline()
                _ = sum(range(draw.randint(0, 200_000)))
                writer.kill()
            content = path.read_text(encoding="utf-8")
            assert len(content) == 3_000_000
            assert content in [letter * 3_000_000 for letter in letters]

    @pytest.mark.skipif(os.name == "nt", reason="Windows has no umask and no symbolic links for all")
    @pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
    def test_a_new_file_has_what_the_umask_leaves_and_a_replaced_one_keeps_its_own(
        self, fits, tmp_path, umask, mode
    ):
        before = os.umask(umask)
        try:
            path = records.save(fits[0], tmp_path / "a.par")
            assert stat.S_IMODE(path.stat().st_mode) == mode
            path.chmod(0o640)
            records.save(fits[1], path)
            assert stat.S_IMODE(path.stat().st_mode) == 0o640
        finally:
            os.umask(before)

    @pytest.mark.skipif(os.name == "nt", reason="Windows has no symbolic links for all")
    def test_a_link_stays_and_the_file_that_it_leads_to_is_replaced(self, fits, tmp_path):
        (tmp_path / "disk").mkdir()
        (tmp_path / "a.par").symlink_to(tmp_path / "between.par")
        (tmp_path / "between.par").symlink_to("disk/a.par")
        for each in fits:  # the first time the links lead to no file yet
            records.save(each, tmp_path / "a.par")
            assert (tmp_path / "a.par").is_symlink()
            assert (tmp_path / "between.par").is_symlink()
            assert records.load(tmp_path / "disk" / "a.par").cost == pytest.approx(each.cost, rel=1e-4)
        assert [path.name for path in (tmp_path / "disk").iterdir()] == ["a.par"]

    @pytest.mark.skipif(os.name == "nt", reason="Windows has no symbolic links for all")
    def test_links_that_lead_nowhere_and_devices_are_left_alone(self, fits, tmp_path):
        (tmp_path / "a.par").symlink_to("b.par")
        (tmp_path / "b.par").symlink_to("a.par")
        (tmp_path / "c.par").symlink_to(os.devnull)
        for name in ("a.par", "c.par"):
            with pytest.raises(OSError, match=name):
                records.save(fits[0], tmp_path / name)
        assert stat.S_ISCHR(os.stat(os.devnull).st_mode)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["a.par", "b.par", "c.par"]

    def test_what_a_killed_save_leaves_behind_goes_with_the_next_save_of_any_file(self, fits, tmp_path):
        script = (
            "import os, sys; from helpers import paths\n"
            "paths.os.replace = lambda *_: os._exit(9)  # as if it were killed here\n"
            f"paths.write_text({str(tmp_path / 'killed.par')!r}, 'x')\n"
        )
        assert subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False).returncode == 9
        (left,) = tmp_path.iterdir()
        assert left.name.endswith(".part")
        if os.name == "nt":  # which has no locks that tell a killed save from one at work
            os.utime(left, (0, 0))
        mine = tmp_path / ".mine.csv.download.part"
        mine.write_text("not the workbook's", encoding="utf-8")
        path = records.save(fits[0], tmp_path / "other.par")
        assert sorted(tmp_path.iterdir()) == sorted([path, mine])

    def test_saves_at_the_same_time_do_not_sweep_each_other(self, tmp_path):
        script = (
            "import sys; from helpers.paths import write_text\n"
            "sys.stdin.readline()\n"
            f"path = {str(tmp_path)!r} + '/' + sys.argv[1]\n"
            "for turn in range(150):\n    write_text(path, sys.argv[1] * 9)\n"
        )
        command = [sys.executable, "-c", script]
        saves = [
            subprocess.Popen([*command, name], cwd=ROOT, stdin=subprocess.PIPE, text=True) for name in "abb"
        ]
        for each in saves:
            each.stdin.write("go\n")
            each.stdin.close()
        assert [each.wait(60) for each in saves] == [0, 0, 0]
        assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a": "a" * 9, "b": "b" * 9}

    def test_a_name_too_long_for_a_folder_is_cut_and_told_apart(self, fits, decay, tmp_path):
        names = ["ψ" * 300, "ψ" * 299 + "x"]
        made = [records.paths_for(Measurement(replace(decay, name=name)), 1, tmp_path)[0] for name in names]
        assert made[0] != made[1]
        assert records.load(records.save(fits[0], made[0])).converged

    def test_a_file_that_may_not_be_written_is_named_with_the_remedy(self, fits, tmp_path):
        (tmp_path / "results").write_text("a file where a folder is wanted", encoding="utf-8")
        with pytest.raises(OSError, match=r"a\.par"):
            records.save(fits[0], tmp_path / "results" / "a.par")
        if os.name == "nt" or os.geteuid() == 0:
            return  # to whom everything is allowed
        path = records.save(fits[0], tmp_path / "mine.par")
        path.chmod(0o400)
        with pytest.raises(PermissionError, match=r"WORKBOOK_RESULTS.*mine\.par"):
            records.save(fits[1], path)
