"""Remainders: encodings say what they should, and training together is training with Keras' fit."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.networks import remainder
from helpers.networks.backend import keras_module
from helpers.paths import RESULTS, ROOT

NUMBERS = np.arange(101)


@given(st.integers(0, 10**9))
def test_digits_are_those_that_are_written(number):
    digits = [int(remainder.digit_of(np.array(number), place)) for place in range(len(str(number)))]
    assert digits == [int(letter) for letter in str(number)[::-1]]


@given(st.lists(st.integers(0, 100), min_size=1))
def test_encodings_keep_what_they_encode(numbers):
    numbers = np.array(numbers)
    assert (remainder.tens_and_units(numbers) @ [10, 1] == numbers).all()
    assert (remainder.binary_digits(numbers) @ 2 ** np.arange(7) == numbers).all()
    hot = remainder.one_hot_digits(numbers)
    assert (10 * hot[:, :11].argmax(axis=1) + hot[:, 11:].argmax(axis=1) == numbers).all()


@pytest.mark.parametrize("divisor", [10, 17])
def test_the_residue_angle_is_equal_for_equal_remainders_only(divisor):
    angles = remainder.residue_angle(divisor)(NUMBERS)
    near = np.linalg.norm(angles[:, None] - angles[None], axis=-1) < 1e-4
    assert (near == (NUMBERS[:, None] % divisor == NUMBERS[None] % divisor)).all()


def test_the_original_tests_draw_what_the_original_drew():
    tests = {task.name: task for task in remainder.ORIGINAL}
    assert list(tests) == ["1A", "1B", "2A", "2B", "3A", "3B"]
    assert (tests["3B"].samples, tests["3B"].epochs, tests["3B"].divisor) == (256_000, 24, 17)
    assert tests["2A"].numbers[-1] == 100  # it said 99; its code drew 100, too
    assert [tests[name].epochs for name in ("1A", "1B")] == [4, 12]
    assert tests["2B"].samples == tests["2A"].samples > tests["1A"].samples == tests["1B"].samples
    assert tests["2B"].epochs > tests["2A"].epochs


@pytest.mark.parametrize(("optimizer", "decay"), [("sgd", 0.0), ("adam", 0.0), ("adam", 1.0)])
def test_training_together_gives_the_weights_of_fit(optimizer, decay):
    if keras_module().backend.backend() != "jax":
        pytest.skip("networks are trained together with JAX only")
    inputs, labels = remainder.tens_and_units(NUMBERS), NUMBERS % 17
    orders, _ = remainder._orders(len(NUMBERS), (3, 4), 1600, 2, 0)
    networks = [[remainder._seeded(seed, 2, 17, optimizer, decay) for seed in (3, 4)] for _ in range(2)]
    answers, together = remainder._learn_together(networks[0], inputs, labels, orders)
    expected, in_turn = remainder._learn_in_turn(networks[1], inputs, labels, orders)
    assert (answers == expected).mean() > 0.99
    for one, other in zip(together, in_turn, strict=True):
        assert one == pytest.approx(other, abs=2e-5)


def test_seeds_repeat_and_differ():
    runs = [
        remainder.train_encoded(remainder.raw(NUMBERS), NUMBERS % 10, seeds, samples=640, epochs=1)
        for seeds in ((0, 1), (1, 0))
    ]
    assert (runs[0].weights[0][0] == runs[1].weights[0][1]).all()
    assert (runs[0].weights[0][0] != runs[0].weights[0][1]).any()


def test_numbers_held_out_are_never_shown():
    orders, seen = remainder._orders(101, range(3), 3200, 2, held_out=20)
    assert (~seen).sum(axis=1).tolist() == [20, 20, 20]
    assert (seen[0] != seen[1]).any()
    for order, may in zip(orders, seen, strict=True):
        assert set(np.unique(order)) == set(np.flatnonzero(may))


def test_accuracy_counts_seen_and_unseen_numbers_apart():
    answers = np.array([[[0, 1, 0, 0]]])
    seen = np.array([[True, True, False, False]])
    trained = remainder.Trained(answers, np.array([0, 1, 0, 1]), (), seen)
    assert trained.accuracy().item() == 0.75
    assert trained.accuracy(seen=True).item() == 1
    assert trained.accuracy(seen=False).item() == 0.5


def test_digits_let_a_network_learn_what_the_raw_number_does_not():
    options = {"samples": 32_000, "epochs": 6, "optimizer": "adam"}
    reached = [
        remainder.train_encoded(encode(NUMBERS), NUMBERS % 10, (0, 1), **options).accuracy()[:, -1]
        for encode in (remainder.raw, remainder.tens_and_units)
    ]
    assert reached[0].max() < 0.3
    assert reached[1].min() > 0.95


def test_an_odd_number_of_samples_is_refused_with_the_size_of_a_batch():
    with pytest.raises(ValueError, match="multiple of 32"):
        remainder.train_encoded(remainder.raw(NUMBERS), NUMBERS % 10, (0,), samples=100, epochs=1)


def test_an_unknown_optimizer_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="sgd, adam"):
        remainder.build_network(1, 10, optimizer="lion")


@pytest.mark.parametrize(("chosen", "used"), [(None, "jax"), ("numpy", "numpy")])
def test_the_backend_is_the_users_choice_and_starts_silently(chosen, used):
    environ = {name: value for name, value in os.environ.items() if name != "KERAS_BACKEND"}
    if chosen:
        environ["KERAS_BACKEND"] = chosen
    code = "from helpers.networks.backend import keras_module; print(keras_module().backend.backend())"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [used]
    assert done.stderr == ""


class TestWeightsByHand:
    """The network can do it with one input: that training fails is no limit of its size."""

    @given(st.integers(2, 40), st.integers(0, 400))
    def test_are_right_on_all_numbers(self, divisor, largest):
        numbers = np.arange(largest + 1)
        first, biases, second, offsets = remainder.sawtooth_weights(divisor, largest)
        logits = np.maximum(0, remainder.raw(numbers) @ first + biases) @ second + offsets
        assert (logits.argmax(axis=1) == numbers % divisor).all()

    @pytest.mark.parametrize(("divisor", "units"), [(10, 21), (17, 11)])
    def test_are_right_in_keras_with_fewer_units_than_were_trained(self, divisor, units):
        weights = remainder.sawtooth_weights(divisor, 100)
        network = remainder.build_network(1, divisor, hidden=units)
        network.set_weights(weights)
        answers = network.predict(remainder.raw(NUMBERS), verbose=0).argmax(axis=1)
        assert (answers == NUMBERS % divisor).all()

    def test_are_refused_for_a_divisor_that_leaves_nothing_to_learn(self):
        with pytest.raises(ValueError, match="at least 2"):
            remainder.sawtooth_weights(1, 100)


class TestBends:
    def test_start_at_zero_and_stay_outside_with_gradient_descent(self):
        trained = remainder.train_encoded(
            remainder.raw(NUMBERS), NUMBERS % 10, (0, 1), samples=16_000, epochs=2
        )
        for seed in (0, 1):
            places = trained.bends(seed=seed)
            assert not np.any((places > 1) & (places < 100))
        assert trained.accuracy()[:, -1].max() <= 19 / 101  # the bound that the notebook derives

    @pytest.mark.parametrize("encode", [remainder.raw, remainder.tens_and_units])
    def test_are_spread_over_the_inputs_and_differ_between_seeds(self, encode):
        inputs = encode(NUMBERS)
        networks = [remainder._seeded(seed, inputs.shape[1], 10, "sgd") for seed in (0, 1)]
        for seed, network in enumerate(networks):
            remainder.spread_bends(network, inputs, seed)
        weights = [network.get_weights() for network in networks]
        for first, biases, *_ in weights:
            sides = inputs @ first + biases > 0
            # A unit bends within the box of the inputs, so few lie on one side of all of them.
            assert (sides.any(axis=0) & ~sides.all(axis=0)).mean() > 0.9
        assert (weights[0][1] != weights[1][1]).any()

    def test_of_two_inputs_are_no_points(self):
        with pytest.raises(ValueError, match="2"):
            remainder.bends(np.ones((2, 3)), np.ones(3))


def test_weight_decay_takes_weights_away():
    options = {"samples": 3200, "epochs": 2, "optimizer": "adam"}
    sizes = [
        np.abs(
            remainder.train_encoded(
                remainder.one_hot_places(2)(NUMBERS[:100]),
                NUMBERS[:100] % 17,
                (0,),
                weight_decay=decay,
                **options,
            ).weights[0]
        ).sum()
        for decay in (0.0, 3.0)
    ]
    assert sizes[1] < 0.8 * sizes[0]


def test_numbers_too_long_for_their_places_are_refused():
    assert remainder.one_hot_places(2)(np.array([42])).nonzero()[1].tolist() == [4, 12]
    with pytest.raises(ValueError, match=r"one_hot_places\(3\)"):
        remainder.one_hot_places(2)(np.array([100]))


def test_holding_out_everything_is_refused():
    with pytest.raises(ValueError, match="from 0 to 100"):
        remainder.train_encoded(
            remainder.raw(NUMBERS), NUMBERS % 10, (0,), samples=320, epochs=1, held_out=101
        )


def test_no_number_that_shares_all_digits_but_one_has_the_same_remainder_by_17():
    assert remainder.neighbours_that_agree(17, 2, shared=1) == 0
    assert remainder.neighbours_that_agree(17, 3, shared=2) == 0
    assert remainder.neighbours_that_agree(17, 3, shared=1) > 0.05
    # By hand: pairs below 100 with one equal digit and equal remainders by 5 differ by 5 or by tens.
    assert remainder.neighbours_that_agree(5, 2, shared=1) == pytest.approx((10 * 90 + 10 * 10) / 1800)


def script(name):
    """Return a script of studies/ as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "studies" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def study(monkeypatch, tmp_path):
    """The script of the long trainings, writing to a temporary record."""
    module = script("learn_remainders")
    monkeypatch.setattr(module, "RECORD", tmp_path / "remainders.json")
    return module


ROW = {"accuracy": [[0.5], [0.25]], "answers": [[1], [2]], "seconds": 1, "date": "", "commit": ""}


class TestTheRecordOfTheLongTrainings:
    def test_holds_every_training_that_the_script_makes(self, study):
        rows = json.loads((RESULTS / "remainders.json").read_text(encoding="utf-8"))["rows"]
        for group in ("samples", "scale", "spread", "tests", "memory"):
            for wanted in study.settings(group):
                assert any(study.matches(row, group, wanted, 3) for row in rows), (group, wanted)

    def test_goes_on_where_it_was_stopped(self, study, monkeypatch):
        done = []
        monkeypatch.setattr(study, "train", lambda wanted, seeds: done.append(wanted) or dict(ROW))
        monkeypatch.setattr(study, "processor", lambda: "one")
        monkeypatch.setattr("sys.argv", ["learn_remainders.py", "--only", "spread", "--seeds", "2"])
        study.keep({"group": "spread"} | study.settings("spread")[0] | ROW)
        study.main()
        assert done == study.settings("spread")[1:]
        study.main()
        assert len(done) == 3
        assert len(study.rows()) == 4

    def test_repeats_a_training_with_more_seeds_only(self, study):
        wanted = study.settings("spread")[0]
        row = {"group": "spread"} | wanted | ROW
        assert study.matches(row, "spread", wanted, 2)
        assert not study.matches(row, "spread", wanted, 3)
        study.keep(row)
        study.keep(row | {"accuracy": [[0.5], [0.25], [1.0]]})
        assert [len(each["accuracy"]) for each in study.rows()] == [3]


class TestTheBridgeToDecays:
    def test_true_rates_are_close_and_fit_within_the_noise(self):
        study = script("guess_rates")
        signals, logs = study.decays(20, (0.1, 10), np.random.default_rng(0))
        right = study.judge(10**logs, signals, logs, 1.0)
        assert right["within_factor_2"] == [1, 1, 1]
        assert right["median_misfit"] == pytest.approx(1, abs=0.1)
        wrong = study.judge(10**logs * [3, 1, 0], signals, logs, 1.0)
        assert wrong["within_factor_2"] == [0, 1, 0]
        assert wrong["median_misfit"] > 2

    def test_the_fit_knows_no_range_and_the_network_does(self):
        rows = json.loads((RESULTS / "rate_guesses.json").read_text(encoding="utf-8"))["rows"]
        misfits = {(row["decays"], row["method"]): row["median_misfit"] for row in rows}
        assert len(misfits) == len(rows) == 10
        assert all(value < 1.1 for (_, method), value in misfits.items() if method == "fitted")
        networks = {key: value for key, value in misfits.items() if key[1].startswith("network")}
        assert min(networks.values()) > 1.5
