"""Processes that work through a list of tasks: forked with everything compiled, asked to come to an end, then killed.

A task learns that it should come to an end from `asked_to_end`, which is true in its process once the parent has sent
SIGTERM. What is not there CUT_SECONDS later is lost, and its process is killed: nothing that a task is at can delay
the end of a campaign.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

from percpu_fuzz.fuzz.errors import HarnessError
from percpu_fuzz.fuzz.processes import Child, heard

ANSWER_SECONDS = 0.1
CUT_SECONDS = 1.0
PARENT_SECONDS = 0.5
Work = Callable[..., Any]

_asked: list[int] = []


def asked_to_end() -> bool:
    """In a process that works on a task: whether its answer is wanted now."""
    return bool(_asked)


class Helper(Child):
    """One process: at task number `task`, or idle (None)."""

    task: int | None = None


def answers_of(
    work: Work, tasks: Sequence[tuple[Any, ...]], workers: int, enough: Callable[[], bool],
    seen: Callable[[int], None] = lambda _answers: None,
) -> dict[int, Any]:  # fmt: skip
    """work(*task) by the task's number, begun in order; those that are there when it is enough, or soon after.

    seen: told how many answers are there, several times a second.
    HarnessError if work raises, or if two processes die of one task: once may be somebody's kill.
    """
    if not tasks:
        return {}
    helpers = _Helpers(work, tasks)
    gc.freeze()  # what is loaded by now is not looked through again in any helper: a third of their time
    try:
        for _ in range(min(workers, len(tasks))):
            helpers.fork()
        while not enough() and helpers.hand_out():
            helpers.take(ANSWER_SECONDS)
            seen(len(helpers.answers))
        helpers.cut()
    finally:
        gc.unfreeze()
        helpers.end()
    return helpers.answers


class _Helpers:
    """Helpers for one list of tasks: fork() them, then hand_out() and take() in turns, cut(), end()."""

    def __init__(self, work: Work, tasks: Sequence[tuple[Any, ...]]) -> None:
        self.work, self.tasks = work, tasks
        self.left = deque(range(len(tasks)))
        self.helpers: list[Helper] = []
        self.answers: dict[int, Any] = {}
        self.died_at: set[int] = set()

    def fork(self) -> None:
        """One more helper."""
        self.helpers.append(Helper(get_context("fork"), _help, (os.getpid(), self.work, self.tasks)))

    def busy(self) -> list[Helper]:
        """Helpers that are at a task."""
        return [helper for helper in self.helpers if helper.task is not None]

    def hand_out(self) -> bool:
        """A task to every idle helper; False once none is at work."""
        for helper in self.helpers:
            if helper.task is None and self.left:
                helper.task = self.left.popleft()
                helper.send(helper.task)
        return bool(self.busy())

    def take(self, seconds: float) -> None:
        """The answers that are there, after at most so many seconds."""
        for helper in heard(self.busy(), seconds):
            assert helper.task is not None
            try:
                raised, answer = helper.receive()
            except EOFError:
                self._replace(helper, helper.task)
                continue
            if raised:
                raise HarnessError(raised)
            self.answers[helper.task], helper.task = answer, None

    def _replace(self, helper: Helper, task: int) -> None:
        """Another process in the place of one that died, which works on its task first."""
        self.helpers.remove(helper)
        status = helper.end()
        if task in self.died_at:
            raise HarnessError(f"a process that shrank a finding died: exit status {status}")
        self.died_at.add(task)
        self.left.appendleft(task)
        self.fork()

    def cut(self) -> None:
        """Ask the busy helpers for the best answer so far, and wait CUT_SECONDS for it."""
        for helper in self.busy():
            helper.process.terminate()
        until = time.monotonic() + CUT_SECONDS
        while self.busy() and time.monotonic() < until:
            self.take(ANSWER_SECONDS)

    def end(self) -> None:
        """Kill what is left: no answer is awaited any more."""
        for helper in self.helpers:
            helper.process.kill()
            helper.end()


def _help(connection: Connection, parent: int, work: Work, tasks: Sequence[tuple[Any, ...]]) -> None:
    """A helper's life. The parent's death ends this process too, whatever it is at."""
    signal.signal(signal.SIGTERM, lambda number, _frame: _asked.append(number))
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    with contextlib.suppress(EOFError, OSError):
        while True:
            number = connection.recv()
            try:
                message = ("", work(*tasks[number]))
            except HarnessError as error:
                message = (str(error), None)
            except Exception as error:
                traceback.print_exc()
                message = (f"{type(error).__name__}: {error}", None)
            connection.send(message)


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(PARENT_SECONDS)
    os._exit(1)
