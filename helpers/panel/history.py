"""Undo and redo: the states that a panel went through."""

from __future__ import annotations

import time
from typing import Any

_PAUSE = 1.0  # seconds: moves of one row in shorter succession are one move to undo
_MOST = 200  # states kept


class History:
    """States in the order in which they were seen, and where among them the panel is.

    Parameters
    ----------
    pause : float
        Seconds within which changes with the same key count as one.

    Examples
    --------
    >>> history = History()
    >>> history.note("first"), history.note("second")
    (None, None)
    >>> history.back(), history.back(), history.forth()
    ('first', None, 'second')
    """

    def __init__(self, pause: float = _PAUSE) -> None:
        self._pause = pause
        self._states: list[Any] = []
        self._place = -1
        self._key: str | None = None
        self._time = -float("inf")

    def __repr__(self) -> str:
        return f"History(state {self._place + 1} of {len(self._states)})"

    @property
    def can_go_back(self) -> bool:
        """Whether there is a state before this one."""
        return self._place > 0

    @property
    def can_go_forth(self) -> bool:
        """Whether a state was left by going back."""
        return self._place + 1 < len(self._states)

    def note(self, state: Any, key: str | None = None) -> None:
        """Remember a state that differs from the last one; with the same key soon after it, in its place."""
        if self._states and state == self._states[self._place]:
            return
        now = time.monotonic()
        goes_on = key is not None and key == self._key and now - self._time < self._pause
        del self._states[self._place + 1 :]
        if goes_on and self._place > 0:
            self._states[self._place] = state
        else:
            self._states = [*self._states, state][-_MOST:]
            self._place = len(self._states) - 1
        self._key, self._time = key, now

    def back(self) -> Any:
        """Return the state before this one and go there; None where there is none."""
        return self._go(-1) if self.can_go_back else None

    def forth(self) -> Any:
        """Return the state that was left by going back, and go there; None where there is none."""
        return self._go(1) if self.can_go_forth else None

    def _go(self, step: int) -> Any:
        self._place += step
        self._key = None
        return self._states[self._place]
