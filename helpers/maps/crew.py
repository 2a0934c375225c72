"""Chunks of work on any executor: a few at a time, collected as they come, sent again where a worker dies.

A pool of processes breaks as a whole when one of its workers dies. It is built anew, and the chunks that were
under way then go one at a time, so that one which kills its worker takes no other with it.
"""

from __future__ import annotations

import os
import pickle
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

MOST_TRIES = 3
_AHEAD = 2  # chunks for each worker that are under way or wait there


@dataclass(frozen=True)
class GivenUp:
    """Work that was tried in vain, and why."""

    reason: str


def gathered(
    function: Callable[[Any], Any], makers: Sequence[Callable[[], Any]], executor: Executor | None = None
) -> Generator[tuple[int, Any]]:
    """Yield number and outcome of function(maker()) for each maker, as they are done.

    Parameters
    ----------
    function : callable
    makers : sequence of callables
        Each makes its task when it is sent, so that no more than a few are in memory.
    executor : Executor, optional
        Without one the work is done here, in order.

    Yields
    ------
    (int, outcome)
        A `GivenUp` where three workers died of a chunk, or it failed three times.

    Examples
    --------
    >>> list(gathered(abs, [lambda: -1, lambda: 2]))
    [(0, 1), (1, 2)]
    """
    if executor is None:
        for number, make in enumerate(makers):
            yield number, function(make())
        return
    crew = _Crew(executor, function, makers)
    try:
        yield from crew.work()
    except KeyboardInterrupt:
        yield from crew.finished()
        raise
    finally:
        crew.leave()


class _Crew:
    def __init__(self, executor: Executor, function, makers) -> None:
        self.executor, self.function, self.makers = executor, function, makers
        self.own = False  # whether the executor was built here
        self.waiting, self.suspects = deque(range(len(makers))), deque[int]()
        self.tries: Counter[int] = Counter()
        self.running: dict[Future, int] = {}

    def work(self) -> Iterator[tuple[int, Any]]:
        while self.waiting or self.suspects or self.running:
            self._send()
            done, _ = wait(self.running, return_when=FIRST_COMPLETED)
            if any(isinstance(_error(future), BrokenExecutor) for future in done):
                done, _ = wait(self.running)  # all of them are lost
            for future in done:
                number = self.running.pop(future)
                error = _error(future)
                if error is None:
                    yield number, future.result()
                elif (given_up := self._failed(number, error)) is not None:
                    yield number, given_up
            if any(isinstance(_error(future), BrokenExecutor) for future in done):
                self._rebuild()

    def finished(self) -> Iterator[tuple[int, Any]]:
        """Yield what is done and was not collected yet."""
        for future, number in self.running.items():
            if future.done() and _error(future) is None:
                yield number, future.result()

    def _send(self) -> None:
        if self.suspects:
            if not self.running:
                self._submit(self.suspects.popleft())
            return
        while self.waiting and len(self.running) < _AHEAD * _workers(self.executor):
            self._submit(self.waiting.popleft())

    def _submit(self, number: int) -> None:
        task = self.makers[number]()
        try:
            future = self.executor.submit(self.function, task)
        except BrokenExecutor:
            if self.running:  # what is under way is lost, too, and is counted when it says so
                self.waiting.appendleft(number)
                return
            self._rebuild()
            future = self.executor.submit(self.function, task)
        self.running[future] = number

    def _failed(self, number: int, error: BaseException) -> GivenUp | None:
        self.tries[number] += 1
        # Dask has sent such a task again by itself, as often as it is set to.
        if self.tries[number] < MOST_TRIES and type(error).__name__ != "KilledWorker":
            self.suspects.append(number)
            return None
        if isinstance(error, BrokenExecutor) or type(error).__name__ == "KilledWorker":
            return GivenUp(
                f"the worker died {self.tries[number]} times over this chunk, perhaps for want of memory;"
                " fit these pixels with fewer workers, or alone"
            )
        return GivenUp(f"{type(error).__name__}: {error}")

    def _rebuild(self) -> None:
        broken = self.executor
        if not isinstance(broken, ProcessPoolExecutor):
            raise RuntimeError(
                f"the executor ({type(broken).__name__}) broke and cannot be built again; start a new one"
            )
        self.executor = ProcessPoolExecutor(
            getattr(broken, "_max_workers", None),
            mp_context=getattr(broken, "_mp_context", None),
            initializer=getattr(broken, "_initializer", None),
            initargs=getattr(broken, "_initargs", ()),
        )
        if self.own:
            broken.shutdown(wait=False)
        self.own = True

    def leave(self) -> None:
        """Cancel what has not begun, and close the executor that was built here."""
        for future in self.running:
            future.cancel()
        if self.own:
            self.executor.shutdown(wait=True, cancel_futures=True)


def _error(future: Future) -> BaseException | None:
    """Return the error of a future that is done, a cancelled one included."""
    try:
        return future.exception()
    except BaseException as error:  # cancelled from outside
        return error


def _workers(executor: Executor) -> int:
    client = getattr(executor, "_client", None)
    if client is not None and hasattr(client, "ncores"):
        return max(sum(client.ncores().values()), 1)
    return getattr(executor, "_max_workers", None) or os.cpu_count() or 1


def refuse_what_cannot_travel(plan: Any, others: str, whose: str) -> None:
    """Refuse a plan that other processes cannot take; `whose` says what its function belongs to.

    Raises
    ------
    ValueError
        Where the plan cannot be pickled.
    """
    try:
        pickle.dumps(plan)
    except Exception as error:  # pickle raises what the objects' own code raises
        raise ValueError(
            f"{others} cannot take a lambda or a function defined within another: define the {whose} function"
            " at the top of a module, or take a pool of threads"
        ) from error
