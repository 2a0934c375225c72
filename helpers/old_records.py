"""The pickled `.par` files of the workbook's origin, read without running anything that is in them.

Python's own unpickler calls whatever a file asks for. This reader knows the few instructions that a
dictionary of numbers, lists and small NumPy arrays takes (protocols 0 to 5, Python 2 and 3, NumPy 1 and 2),
keeps the results in classes of its own, and refuses every other instruction and every other name.
"""

from __future__ import annotations

import ast
import math
import re
import struct
from collections.abc import Callable

import numpy as np

_LARGEST_FILE = 100_000  # bytes; real ones have a few hundred
_QUOTED = re.compile(r"""(['"])(?:(?!\1)[ -\[\]-~]|\\(?:[\\'"nrt]|x[0-9a-f]{2}))*\1""")
_NUMBERS = re.compile(r"[<>=|]?[fiu][1248]")


def read(name: str, content: bytes) -> tuple[list[float], list[float], float | None]:
    """Return guess, optimised coefficients and cost (None in the older files) of a pickled record.

    `name` is the file's name, for messages.

    Raises
    ------
    ValueError
        If the content is no such record, is damaged, or asks for any object besides numbers.

    Notes
    -----
    Instructions: PEP 307, PEP 3154, PEP 574 and the comments of the standard library's `pickletools`.
    """
    try:
        if len(content) > _LARGEST_FILE:
            raise ValueError(f"{len(content)} bytes are too many for one")
        entries = _Machine(content).run()
        if not isinstance(entries, dict):
            raise ValueError("it holds no dictionary")
        cost = entries.get("cost")
        return (
            _four(entries, "initial_guess"),
            _four(entries, "optimized"),
            None if cost is None else _one("cost", cost),
        )
    except ValueError as error:
        reason = str(error)
    except (TypeError, LookupError, AttributeError, ArithmeticError):  # instructions that do not fit together
        reason = "it is damaged"
    raise ValueError(
        f"{name} is no record of a fit: {reason}; give a .par file of this workbook, or a pickled"
        " dictionary {initial_guess, optimized, cost}"
    )


def _four(entries: dict, key: str) -> list[float]:
    if key not in entries:
        raise ValueError(f"it has no entry {key!r}")
    values = entries[key]
    if isinstance(values, _Array) and values.shape == (4,):
        values = values.values
    if not isinstance(values, list | tuple) or len(values) != 4:
        raise ValueError(f"{key} does not hold the four numbers G, k1, k2, k3")
    return [_one(key, value) for value in values]


def _one(key: str, value) -> float:
    if isinstance(value, _Array) and value.shape in ((), (1,)) and len(value.values) == 1:
        value = value.values[0]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{key} holds something that is no number")
    if not math.isfinite(value):
        raise ValueError(f"{key} holds {value}, which is not finite")
    if value < 0:
        raise ValueError(f"{key} holds {value:g}; no coefficient of the law is negative, fit the data again")
    return float(value)


class _DType:
    """Stands for numpy.dtype: a number's code, such as "<f8"."""

    def __init__(self, code, *_):
        if not (isinstance(code, str) and _NUMBERS.fullmatch(code)):
            raise ValueError("it holds an array that is not of numbers")
        self.code = code

    def set_state(self, state):
        order = state[1]
        if order not in ("<", ">", "=", "|"):
            raise ValueError("it holds an array in an unknown byte order")
        self.code = order + self.code.lstrip("<>=|")

    def numbers(self, content) -> list:
        content = content.encode("latin-1") if isinstance(content, str) else bytes(content)
        return np.frombuffer(content, self.code).tolist()


class _Array:
    """Stands for numpy.ndarray: a list of numbers, filled by the instruction after the one that makes it."""

    def __init__(self, *_):
        self.values: list = []
        self.shape: tuple = (0,)

    def set_state(self, state):
        _, self.shape, dtype, _is_fortran, content = state
        self.values = _of_type(dtype).numbers(content)


def _of_type(dtype) -> _DType:
    if not isinstance(dtype, _DType):
        raise ValueError("it holds an array without a type")
    return dtype


def _scalar(dtype, content) -> float:
    return _of_type(dtype).numbers(content)[0]


def _from_buffer(content, dtype, shape, order) -> _Array:
    array = _Array()
    array.set_state((1, shape, dtype, order == "F", content))
    return array


def _encode(text, encoding) -> bytes:
    if encoding not in ("latin1", "latin-1"):
        raise ValueError("it encodes text in another way than NumPy did")
    return text.encode("latin-1")


# All names that may occur, and what stands for them here; NumPy 1 and 2 keep the same things in two places.
_STANDS_FOR: dict[str, Callable | None] = {
    "numpy.ndarray": None,  # only named, never called
    "numpy.dtype": _DType,
    "_codecs.encode": _encode,
} | {
    f"numpy.{core}.{name}": stand_in
    for core in ("core", "_core")
    for name, stand_in in (
        ("multiarray._reconstruct", _Array),
        ("multiarray.scalar", _scalar),
        ("numeric._frombuffer", _from_buffer),
    )
}


class _Machine:
    """A pickle's stack machine, as far as records need it."""

    def __init__(self, content: bytes):
        self.content, self.position = content, 0
        self.stack: list = []
        self.marks: list[int] = []
        self.memo: dict[int, object] = {}

    def run(self):
        """Follow the instructions to the end and return what they leave."""
        while (code := self.take(1)) != b".":
            if code in _VALUES:
                self.stack.append(_VALUES[code](self))
            elif code in _STEPS:
                _STEPS[code](self)
            else:
                raise ValueError(f"it is no pickle of numbers: unknown instruction {code!r}")
        return self.stack.pop()

    def take(self, count: int) -> bytes:
        part = self.content[self.position : self.position + count]
        if len(part) < count:
            raise ValueError("it ends too early")
        self.position += count
        return part

    def number(self, form: str) -> int:
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def line(self) -> str:
        end = self.content.find(b"\n", self.position)
        if end < 0:
            raise ValueError("it ends too early")
        return self.take(end + 1 - self.position)[:-1].decode("latin-1")

    def since_mark(self) -> list:
        start = self.marks.pop()
        items = self.stack[start:]
        del self.stack[start:]
        return items

    def last(self, count: int) -> tuple:
        if len(self.stack) < count:
            raise ValueError("it is damaged")
        items = tuple(self.stack[-count:])
        del self.stack[-count:]
        return items

    def top(self, kind):
        if not isinstance(self.stack[-1], kind):
            raise ValueError("it is damaged")
        return self.stack[-1]

    def name(self, module, name):
        full = module + "." + name  # refuses anything but texts: to hash nested tuples can take ages
        if full not in _STANDS_FOR:
            raise ValueError(f"it asks for {full[:100]}, which no record needs; it was not run")
        return _STANDS_FOR[full]

    def call(self):
        function, arguments = self.last(2)
        if function is None or function not in _STANDS_FOR.values() or not isinstance(arguments, tuple):
            raise ValueError("it is damaged")
        self.stack.append(function(*arguments))

    def set_state(self):
        (state,) = self.last(1)
        self.top((_DType, _Array)).set_state(state)

    def extend(self, items):
        self.top(list).extend(items)

    def set_items(self, items):
        self.top(dict).update(_pairs(items))

    def keep(self, place: int):
        self.memo[place] = self.stack[-1]


def _pairs(items) -> dict:
    if not all(isinstance(key, str) for key in items[::2]):
        raise ValueError("its keys are no texts")
    return dict(zip(items[::2], items[1::2], strict=True))


def _text_in_quotes(machine) -> str:
    text = machine.line()
    if not _QUOTED.fullmatch(text):
        raise ValueError("it is damaged")
    return ast.literal_eval("b" + text).decode("latin-1")


def _integer(machine) -> int:
    text = machine.line()
    return {"00": False, "01": True}.get(text, int(text.removesuffix("L")))


_VALUES = {
    b"N": lambda m: None,
    b"\x88": lambda m: True,
    b"\x89": lambda m: False,
    b"]": lambda m: [],
    b"}": lambda m: {},
    b")": lambda m: (),
    b"I": _integer,
    b"L": _integer,
    b"F": lambda m: float(m.line()),
    b"K": lambda m: m.number("<B"),
    b"M": lambda m: m.number("<H"),
    b"J": lambda m: m.number("<i"),
    b"\x8a": lambda m: int.from_bytes(m.take(m.number("<B")), "little", signed=True),
    b"G": lambda m: m.number(">d"),
    b"S": _text_in_quotes,
    b"U": lambda m: m.take(m.number("<B")).decode("latin-1"),
    b"T": lambda m: m.take(m.number("<I")).decode("latin-1"),
    b"V": lambda m: m.line().encode("latin-1").decode("raw-unicode-escape"),
    b"\x8c": lambda m: m.take(m.number("<B")).decode("utf-8"),
    b"X": lambda m: m.take(m.number("<I")).decode("utf-8"),
    b"C": lambda m: m.take(m.number("<B")),
    b"B": lambda m: m.take(m.number("<I")),
    b"\x96": lambda m: m.take(m.number("<Q")),
    b"l": lambda m: m.since_mark(),
    b"d": lambda m: _pairs(m.since_mark()),
    b"t": lambda m: tuple(m.since_mark()),
    b"\x85": lambda m: m.last(1),
    b"\x86": lambda m: m.last(2),
    b"\x87": lambda m: m.last(3),
    b"c": lambda m: m.name(m.line(), m.line()),
    b"\x93": lambda m: m.name(*m.last(2)),
    b"g": lambda m: m.memo[int(m.line())],
    b"h": lambda m: m.memo[m.number("<B")],
    b"j": lambda m: m.memo[m.number("<I")],
}
_STEPS = {
    b"\x80": lambda m: m.take(1),
    b"\x95": lambda m: m.take(8),
    b"(": lambda m: m.marks.append(len(m.stack)),
    b"0": lambda m: m.last(1),
    b"a": lambda m: m.extend(m.last(1)),
    b"e": lambda m: m.extend(m.since_mark()),
    b"s": lambda m: m.set_items(m.last(2)),
    b"u": lambda m: m.set_items(m.since_mark()),
    b"R": lambda m: m.call(),
    b"b": lambda m: m.set_state(),
    b"p": lambda m: m.keep(int(m.line())),
    b"q": lambda m: m.keep(m.number("<B")),
    b"r": lambda m: m.keep(m.number("<I")),
    b"\x94": lambda m: m.keep(len(m.memo)),
}
