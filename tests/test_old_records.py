"""Old pickled records give their numbers; anything else is refused, and nothing in a file is ever run."""

from __future__ import annotations

import contextlib
import io
import pickle
import random
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers import old_records, records

GUESS = [0, 1e-3, 0.5e-3, 1.2e-7]
FOUND = [0.0, 1.02e-2, 1.03e-3, 1.1e-7]
PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


def as_numpy_1(content: bytes) -> bytes:
    """Name NumPy's modules as NumPy 1 did (a short text has its length before it)."""
    for module in (b"multiarray", b"numeric"):
        new, old = b"numpy._core." + module, b"numpy.core." + module
        for head in (b"\x8c", b"X"):
            size = (
                (lambda text: bytes([len(text)]))
                if head == b"\x8c"
                else (lambda text: struct.pack("<I", len(text)))
            )
            content = content.replace(head + size(new) + new, head + size(old) + old)
        content = content.replace(new, old)
    return content


def python_2(values, cost) -> bytes:
    """A record as Python 2 with NumPy 1 pickled it by default (protocol 0)."""
    quoted = [repr(np.array(part, "<f8").tobytes())[1:].encode("ascii") for part in (values, cost)]
    dtype = b"cnumpy\ndtype\np9\n(S'f8'\np10\nI0\nI1\ntp11\nRp12\n(I3\nS'<'\np13\nNNNI-1\nI-1\nI0\ntp14\nb"
    return (
        b"(dp0\nS'initial_guess'\np1\n(lp2\nI0\naF0.001\naF0.00050000000000000001\naF1.2e-07\nas"
        b"S'optimized'\np3\ncnumpy.core.multiarray\n_reconstruct\np4\n(cnumpy\nndarray\np5\n(I0\ntp6\n"
        b"S'b'\np7\ntp8\nRp15\n(I1\n(I4\ntp16\n" + dtype + b"I00\nS" + quoted[0] + b"\np17\ntp18\nbs"
        b"S'cost'\np19\ncnumpy.core.multiarray\nscalar\np20\n(g12\nS" + quoted[1] + b"\np21\ntp22\nRp23\ns."
    )


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("rename", [bytes, as_numpy_1], ids=["numpy 2", "numpy 1"])
def test_every_protocol_and_numpy_gives_the_numbers(protocol, rename):
    content = pickle.dumps(
        {"initial_guess": GUESS, "optimized": np.array(FOUND), "cost": np.float64(93.6)}, protocol
    )
    guess, found, cost = old_records.read("a.par", rename(content))
    assert (guess, found, cost) == (GUESS, FOUND, 93.6)


def test_the_renaming_above_is_what_numpy_1_wrote():
    content = as_numpy_1(pickle.dumps(np.array(FOUND), 2))
    assert b"_core" not in content
    assert b"numpy.core.multiarray\n_reconstruct" in content


def test_a_record_of_python_2_is_read():
    content = python_2(FOUND, 93.6)
    honest = pickle.loads(as_this_numpy(content), encoding="latin1")  # the specimen is a genuine pickle
    assert honest["optimized"].tolist() == FOUND
    assert old_records.read("a.par", content) == (GUESS, FOUND, 93.6)


def as_this_numpy(content: bytes) -> bytes:
    return content.replace(b"numpy.core.", np.array(0.0).__reduce__()[0].__module__[:-10].encode("ascii"))


FINITE = st.floats(0, 1e300, allow_subnormal=True) | st.integers(0, 2**70)
FOUR = st.lists(FINITE, min_size=4, max_size=4)


@given(
    FOUR,
    FOUR,
    st.none() | FINITE,
    st.sampled_from(PROTOCOLS),
    st.sampled_from(
        [list, tuple, np.array, lambda v: [np.float64(x) for x in v], lambda v: np.array(v, ">f8")]
    ),
)
def test_any_numbers_come_back_as_python_itself_reads_them(guess, found, cost, protocol, kind):
    found = [float(value) for value in found]
    entries = {"initial_guess": guess, "optimized": kind(found)} | ({} if cost is None else {"cost": cost})
    read = old_records.read("a.par", pickle.dumps(entries, protocol))
    assert read == ([float(value) for value in guess], found, None if cost is None else float(cost))


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("cost", [np.array(93.6), np.array([93.6])])
def test_a_cost_may_be_an_array_of_one_number(cost, protocol):
    entries = {"initial_guess": GUESS, "optimized": np.array(FOUND), "cost": cost}
    assert old_records.read("a.par", pickle.dumps(entries, protocol))[2] == 93.6
    entries["cost"] = cost.reshape(1, 1)
    with pytest.raises(ValueError, match="cost holds something that is no number"):
        old_records.read("a.par", pickle.dumps(entries, protocol))


class Calls:
    """Pickles to a call of the function: what an attacker would send."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("function", [open, eval, exec, print, getattr, np.load, np.array, io.FileIO])
def test_a_call_of_anything_else_is_refused_by_name(tmp_path, function, protocol):
    marker = tmp_path / "it ran"
    content = pickle.dumps({"initial_guess": GUESS, "optimized": Calls(function, str(marker), "w")}, protocol)
    with pytest.raises(ValueError, match=rf"evil\.par.*asks for .*\.{function.__name__}\b"):
        old_records.read("evil.par", content)
    assert not marker.exists()


def test_a_shell_command_is_refused_whatever_instruction_brings_it():
    for content in (
        b"cos\nsystem\n(S'true'\ntR.",
        b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R.",
        b"cposix\nsystem\n(S'true'\ntR.",
    ):
        with pytest.raises(ValueError, match=r"evil\.par.*asks for (os|posix)\.system"):
            old_records.read("evil.par", content)
    for content in (b"(S'true'\nios\nsystem\n.", b"(cos\nsystem\nS'true'\no.", b"\x82\x01."):
        with pytest.raises(ValueError, match=r"evil\.par"):
            old_records.read("evil.par", content)


@pytest.mark.parametrize(
    ("optimized", "cause"),
    [
        ([1, 2, 3], "four numbers"),
        ([1, 2, 3, np.nan], "not finite"),
        ([1, 2, 3, np.inf], "not finite"),
        ([1, 2, 3, -1e-5], "negative"),
        ([1, 2, 3, "4"], "no number"),
        ([1, 2, 3, True], "no number"),
        ([1, 2, 3, [4]], "no number"),
        ([1, 2, 3, 10**400], "damaged"),
        (np.array([1, 2, 3, None]), "of numbers"),
        (np.array(["1", "2", "3", "4"]), "of numbers"),
        (np.array([1, 2, 3, 4j]), "of numbers"),
        (np.ones((2, 2)), "four numbers"),
        (np.ones((1, 4)), "four numbers"),
        (np.ones((4, 1), order="F"), "four numbers"),
        ([1, 2, 3, np.ones((1, 1))], "no number"),
        ({"G": 0}, "four numbers"),
    ],
)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_is_not_four_sound_numbers_is_refused(optimized, cause, protocol):
    content = pickle.dumps({"initial_guess": GUESS, "optimized": optimized}, protocol)
    with pytest.raises(ValueError, match=rf"a\.par.*{cause}"):
        old_records.read("a.par", content)


@pytest.mark.parametrize(
    "content", [pickle.dumps([1, 2]), pickle.dumps({"optimized": FOUND}), b"", b"hello\n"]
)
def test_another_file_is_refused_by_name(content):
    with pytest.raises(ValueError, match=r"other\.par is no record of a fit"):
        old_records.read("other.par", content)


@pytest.mark.parametrize(
    "content",
    [
        b"\x96" + struct.pack("<Q", 2**60) + b".",  # a byte array of an exabyte
        b"\x8e" + struct.pack("<Q", 2**60) + b".",
        b"]r\xff\xff\xff\x7f.",  # a memory place far away
        b"(" * 90_000 + b".",
        b"S" + b"'" + b"(" * 90_000 + b"\n.",
        b"I" + b"9" * 90_000 + b"\n.",
        pickle.dumps(np.zeros(20_000)),
    ],
)
def test_a_small_file_cannot_ask_for_much_memory(content):
    with pytest.raises(ValueError, match=r"a\.par"):
        old_records.read("a.par", content)


def specimens() -> list[bytes]:
    entries = {"initial_guess": GUESS, "optimized": np.array(FOUND), "cost": np.float64(93.6)}
    return [pickle.dumps(entries, protocol) for protocol in PROTOCOLS] + [python_2(FOUND, 93.6)]


def test_a_file_that_was_cut_off_is_refused():
    for content in specimens():
        for end in range(len(content)):
            with pytest.raises(ValueError, match=r"a\.par"):
                old_records.read("a.par", content[:end])


def test_a_damaged_file_is_refused_or_still_gives_sound_numbers(tmp_path):
    draw = random.Random(20190110)
    path = tmp_path / "a.par"
    for content in specimens():
        for _ in range(400):
            damaged = bytearray(content)
            for _ in range(draw.randint(1, 4)):
                damaged[draw.randrange(len(damaged))] = draw.randrange(256)
            path.write_bytes(damaged)
            with contextlib.suppress(ValueError):
                assert all(value >= 0 for value in records.load(path).rates)


@pytest.mark.parametrize(
    "end",
    [
        b"\x8c\x01a\x93.",  # as the name of a module
        b"\x8c\x01a\x86.",
        b"cnumpy\ndtype\nh\x00\x85R.",
        b"c_codecs\nencode\n\x8c\x01ah\x00\x86R.",
    ],
)
def test_tuples_that_hold_themselves_many_times_take_no_time(end):
    # Fully written out, the innermost stands in it 2**60 times.
    content = b"K\x01\x85q\x00" + b"h\x00h\x00\x86q\x00" * 60 + end
    with pytest.raises(ValueError, match=r"a\.par"):
        old_records.read("a.par", content)
