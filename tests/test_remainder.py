"""Remainders: encodings say what they should, and training together is training with Keras' fit."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.networks import remainder
from helpers.networks.backend import keras_module

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


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_training_together_gives_the_weights_of_fit(optimizer):
    if keras_module().backend.backend() != "jax":
        pytest.skip("networks are trained together with JAX only")
    inputs, labels = remainder.tens_and_units(NUMBERS), NUMBERS % 17
    orders, _ = remainder._orders(len(NUMBERS), (3, 4), 1600, 2, 0)
    networks = [[remainder._seeded(seed, 2, 17, optimizer) for seed in (3, 4)] for _ in range(2)]
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
