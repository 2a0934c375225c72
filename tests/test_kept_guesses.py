"""Guesses belong to their measurement: what was kept for one sample never starts another's fit."""

import numpy as np
import pytest

from helpers import kept_guesses
from helpers.kinetics import Equation
from helpers.measurement import Measurement
from helpers.traces import Trace

GUESS = {"G": 0.0, "k1": 0.1, "k2": 0.25, "k3": 1e-7}


def measurement(name="mine", t_unit="ns"):
    return Measurement(Trace([0, 1, 2], [4, 2, 1], name=name, t_unit=t_unit, signal_unit="cm^-3"))


def test_what_is_kept_is_read_again(tmp_path):
    path = kept_guesses.file_of(measurement(), tmp_path)
    assert kept_guesses.load(measurement(), path=path) == {}
    kept_guesses.save({"by hand": GUESS}, measurement(), path=path)
    assert kept_guesses.load(measurement(), path=path) == {"by hand": GUESS}
    assert list(kept_guesses.starts(measurement(), path=path)) == ["automatic", "by hand"]
    first = path.read_bytes()
    kept_guesses.save({"by hand": GUESS}, measurement(), path=path)
    assert path.read_bytes() == first


def test_each_measurement_has_its_own_file():
    assert kept_guesses.file_of(measurement("a/b")) != kept_guesses.file_of(measurement("c"))
    assert kept_guesses.file_of(measurement("a/b")).name == "a_b.guesses.json"


def test_each_law_has_its_own_guesses(tmp_path):
    path, law = tmp_path / "x.guesses.json", Equation(lambda t, n, args: -args[0] * n, ["k"])
    kept_guesses.save({"one": GUESS}, measurement(), path=path)
    kept_guesses.save({"two": {"k": 2.0}}, measurement(), law, path=path)
    assert kept_guesses.load(measurement(), path=path) == {"one": GUESS}
    assert kept_guesses.load(measurement(), law, path=path) == {"two": {"k": 2.0}}
    assert list(kept_guesses.starts(measurement(), law, path=path)) == ["two"]


def test_other_units_are_refused(tmp_path):
    path = kept_guesses.save({"by hand": GUESS}, measurement(), path=tmp_path / "x.json")
    with pytest.raises(ValueError, match="t_unit is 'ns', that of the measurement 'us'"):
        kept_guesses.load(measurement(t_unit="us"), path=path)


@pytest.mark.parametrize("cut", np.linspace(0.1, 0.95, 6))
def test_a_damaged_file_is_refused_by_name(tmp_path, cut):
    path = kept_guesses.save({"by hand": GUESS}, measurement(), path=tmp_path / "x.json")
    content = path.read_bytes()
    path.write_bytes(content[: int(cut * len(content))])
    with pytest.raises(ValueError, match=r"x\.json does not hold guesses"):
        kept_guesses.load(measurement(), path=path)
