"""campaign.log: records of the parent and of every worker in one file, through multiprocessing-logging under fork.

Each worker has a channel of its own (a MultiProcessingHandler around the same file), made before the fork. A worker
that is killed may leave its queue locked for ever: so no two workers share one. The parent writes to the file
directly. The threads that receive start only after the fork, so that no process with threads is ever forked.
"""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from logging.handlers import QueueListener
from multiprocessing.context import BaseContext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import multiprocessing_logging

LOGGER = logging.getLogger("percpu-fuzz")
FORMAT = "%(asctime)s %(processName)s %(levelname)s %(message)s"


class LogFile(logging.FileHandler):
    """A file that may have no room any more: the campaign ends of its store, which says so, not of its log."""

    def emit(self, record: logging.LogRecord | None) -> None:
        """Write a record down; None only wakes the thread that receives."""
        if record is not None:
            super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the library's name
        """What the system refuses to write, a full disk above all, is passed over in silence; all else is said."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)

    def close(self) -> None:
        """Close, whether or not the rest could be written."""
        with contextlib.suppress(OSError):
            super().close()


def file_handler(path: Path) -> logging.FileHandler:
    """A handler that appends whole lines to the campaign's log."""
    handler = LogFile(path, mode="a", encoding="ascii", errors="backslashreplace", delay=True)
    handler.setFormatter(logging.Formatter(FORMAT))
    return handler


class _LateThread(threading.Thread):
    """A thread that multiprocessing-logging starts too early for a fork: start() waits, start_now() starts."""

    wake: Callable[[], None] | None = None  # looks five times a second whether it is to end, if nothing wakes it

    def start(self) -> None:
        """Nothing yet."""

    def start_now(self) -> None:
        """Start, once everything is forked."""
        super().start()

    def join(self, timeout: float | None = None) -> None:
        """Nothing to wait for if it was never started: the worker could not be."""
        if self.ident is not None:
            if self.wake is not None:
                self.wake()
            super().join(timeout)


class Channel:
    """One worker's way to the log: made in the parent; after the fork enter() there and receive() here; close()."""

    def __init__(self, path: Path, level: int) -> None:
        self.level = level
        logger = logging.Logger("channel")
        logger.addHandler(file_handler(path))
        whole = multiprocessing_logging.threading
        multiprocessing_logging.threading = SimpleNamespace(Thread=_LateThread)
        try:
            multiprocessing_logging.install_mp_handler(logger)
        finally:
            multiprocessing_logging.threading = whole
        self.handler: Any = logger.handlers[0]  # the library's handler has no published type

    def enter(self) -> None:
        """In the worker: every record of the process goes through this channel."""
        log_through(self.handler, self.level)

    def receive(self) -> None:
        """In the parent, after the fork: start to write down what arrives."""
        self.handler._receive_thread.start_now()

    def close(self, killed: bool) -> None:
        """In the parent, when the worker has ended: write down what is left, then stop."""
        if killed:
            self._forget_unsent()  # and it may have left the queue locked
        else:
            self.handler._receive_thread.wake = partial(self.handler.queue.put, None)
        self.handler.close()

    def _forget_unsent(self) -> None:
        """A killed worker may have announced records that it never sent; the handler would wait for them."""
        queue = self.handler.queue
        until = time.monotonic() + 2.0
        while not queue.empty() and time.monotonic() < until:
            time.sleep(0.01)
        time.sleep(0.05)  # the receiving thread may hold the last record without having counted it
        while queue.qsize() > 0:
            queue._sem.release()


class QueueChannel:
    """The channel of a worker that is not forked: its records come through a queue of the standard library."""

    def __init__(self, handler: logging.Handler, level: int, context: BaseContext) -> None:
        self.level = level
        self.queue: Any = context.Queue()
        self.listener = QueueListener(self.queue, handler)

    def receive(self) -> None:
        """In the parent: start to write down what arrives."""
        self.listener.start()

    def close(self, killed: bool) -> None:
        """In the parent, when the worker has ended: write down what is left, then stop."""
        if killed:
            time.sleep(0.05)  # what a killed worker has sent may still be on its way
        self.listener.stop()
        self.queue.close()


def log_through(handler: logging.Handler, level: int) -> None:
    """Let every record of this process go to one handler."""
    LOGGER.handlers.clear()
    LOGGER.propagate = True
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.captureWarnings(True)


class CampaignLog:
    """The parent's side of the log, open from before the first fork to after the last worker's end."""

    def __init__(self, path: Path, level: int = logging.INFO) -> None:
        self.path = path
        self.level = level
        self.handler = file_handler(path)
        LOGGER.handlers[:] = [self.handler]
        LOGGER.setLevel(level)
        LOGGER.propagate = False

    def channel(self) -> Channel:
        """A forked worker's channel. Raises AssertionError unless fork is the default start method."""
        return Channel(self.path, self.level)

    def queue_channel(self, context: BaseContext) -> QueueChannel:
        """The channel of a worker that is started otherwise."""
        return QueueChannel(self.handler, self.level, context)

    def close(self) -> None:
        """Take the file off the logger."""
        LOGGER.removeHandler(self.handler)
        self.handler.close()
