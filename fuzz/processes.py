"""A child process at the other end of a pipe: workers, which run batches, and helpers, which shrink findings."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterable
from multiprocessing.connection import Connection, wait
from typing import Any, TypeVar

_own_ends: set[Connection] = set()  # of pipes to children; a fork inherits them, and open they would hide our death


class Child:
    """Started when it is made; then send() and receive(), and end() once.

    target: called in the child with its end of the pipe, then the arguments; it is to return once it reads EOFError.

    OSError if the system refuses the process.
    """

    def __init__(self, context: Any, target: Callable[..., None], arguments: tuple[Any, ...], name: str = "") -> None:
        self.connection, there = context.Pipe()
        _own_ends.add(self.connection)
        begin = (target, there, *arguments)
        self.process = context.Process(target=_begin, args=begin, name=name or None, daemon=True)
        try:
            self.process.start()
        except OSError:
            self.close()
            raise
        finally:
            there.close()

    def send(self, message: Any) -> None:
        """Give it a message. If it is gone already, receive() says so."""
        with contextlib.suppress(OSError):
            self.connection.send(message)

    def receive(self) -> Any:
        """What it says next. EOFError if it is gone."""
        try:
            return self.connection.recv()
        except OSError as error:
            raise EOFError from error

    def exit_status(self) -> int:
        """Of one that is gone: minus the signal that ended it, or what it exited with."""
        self.process.join()
        status: int = self.process.exitcode
        return status

    def close(self) -> None:
        """Close the pipe, so that it ends when it next reads."""
        self.connection.close()
        _own_ends.discard(self.connection)

    def end(self, seconds: float = 0.0) -> int:
        """Its exit status; it is killed if it has not ended after so many seconds."""
        self.close()
        self.process.join(seconds)
        if self.process.is_alive():
            self.process.kill()
        return self.exit_status()


C = TypeVar("C", bound=Child)


def heard(children: Iterable[C], seconds: float) -> list[C]:
    """Children that have sent a message or are gone, after at most so many seconds."""
    by_connection = {child.connection: child for child in children}
    return [by_connection[ready] for ready in wait(list(by_connection), seconds)]


def _begin(target: Callable[..., None], connection: Connection, *arguments: Any) -> None:
    for end in _own_ends:
        end.close()
    _own_ends.clear()
    leave_signals_to_parent()
    target(connection, *arguments)


def leave_signals_to_parent() -> None:
    """In a child: Ctrl-C and a terminal that goes are for the parent to handle, which ends its children in order."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
