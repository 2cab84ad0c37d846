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
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from percpu_fuzz.fuzz.errors import HarnessError

WAIT_SECONDS = 0.1
CUT_SECONDS = 1.0
PARENT_SECONDS = 0.5
Work = Callable[..., Any]

_asked: list[int] = []


def asked_to_end() -> bool:
    """In a process that works on a task: whether its answer is wanted now."""
    return bool(_asked)


@dataclass(slots=True)
class Helper:
    """One process: at task number `task`, or idle (None)."""

    process: BaseProcess
    connection: Connection
    task: int | None = None


def answers_of(
    work: Work, tasks: Sequence[tuple[Any, ...]], workers: int, enough: Callable[[], bool]
) -> dict[int, Any]:
    """work(*task) by the task's number, begun in order; those that are there when it is enough, or soon after.

    HarnessError if work raises, or if two processes die of one task: once may be somebody's kill.
    """
    round_ = _Round(work, tasks)
    gc.freeze()  # what is loaded by now is not looked through again in any helper: a third of their time
    try:
        for _ in range(min(workers, len(tasks))):
            round_.fork()
        while not enough() and round_.hand_out():
            round_.take(WAIT_SECONDS)
        round_.cut()
    finally:
        gc.unfreeze()
        round_.end()
    return round_.answers


class _Round:
    """One list of tasks: fork() helpers, then hand_out() and take() in turns, cut(), end()."""

    def __init__(self, work: Work, tasks: Sequence[tuple[Any, ...]]) -> None:
        self.work, self.tasks = work, tasks
        self.left = deque(range(len(tasks)))
        self.helpers: list[Helper] = []
        self.answers: dict[int, Any] = {}
        self.died: set[int] = set()

    def fork(self) -> None:
        """One more helper."""
        context = get_context("fork")
        here, there = context.Pipe()
        process = context.Process(target=_help, args=(os.getpid(), self.work, self.tasks, there), daemon=True)
        process.start()
        there.close()
        self.helpers.append(Helper(process, here))

    def busy(self) -> list[Helper]:
        """Those at a task."""
        return [helper for helper in self.helpers if helper.task is not None]

    def hand_out(self) -> bool:
        """A task to every idle helper; False once none is at work."""
        for helper in self.helpers:
            if helper.task is None and self.left:
                helper.task = self.left.popleft()
                with contextlib.suppress(OSError):  # it has died; take() sees it
                    helper.connection.send(helper.task)
        return bool(self.busy())

    def take(self, seconds: float) -> None:
        """The answers that are there, after at most so many seconds."""
        by_connection = {helper.connection: helper for helper in self.busy()}
        for ready in wait(list(by_connection), seconds):
            helper = by_connection[ready]  # type: ignore[index]
            try:
                raised, answer = helper.connection.recv()
            except (EOFError, OSError):
                self._bury(helper)
                continue
            if raised:
                raise HarnessError(raised)
            assert helper.task is not None
            self.answers[helper.task], helper.task = answer, None

    def _bury(self, helper: Helper) -> None:
        helper.process.join()
        assert helper.task is not None
        if helper.task in self.died:
            raise HarnessError(f"a process that shrank a finding died: exit status {helper.process.exitcode}")
        self.died.add(helper.task)
        self.left.appendleft(helper.task)
        self.helpers.remove(helper)
        helper.connection.close()
        self.fork()

    def cut(self) -> None:
        """Ask those at work for what they have, and wait a moment for it."""
        for helper in self.busy():
            helper.process.terminate()
        until = time.monotonic() + CUT_SECONDS
        while self.busy() and time.monotonic() < until:
            self.take(WAIT_SECONDS)

    def end(self) -> None:
        """Kill what is left: no answer is awaited any more."""
        for helper in self.helpers:
            helper.process.kill()
            helper.process.join()
            helper.connection.close()


def _help(parent: int, work: Work, tasks: Sequence[tuple[Any, ...]], connection: Connection) -> None:
    """A helper's life. Ctrl-C is the parent's to handle, and its death ends this process too."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda number, _frame: _asked.append(number))
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()
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


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(PARENT_SECONDS)
    os._exit(1)
