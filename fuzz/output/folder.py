"""Output folders, claimed: one process at a time writes in one, and takes away again only what it made itself."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.fuzz.interrupts import taken_away

LOCK = "campaign.lock"
BESIDE_DATABASE = ("campaign.db-wal", "campaign.db-shm")
JOURNAL = "campaign.db-journal"
STORE_FILES = ("campaign.db", *BESIDE_DATABASE, JOURNAL, "campaign.log")
NO_JOURNAL = "none, as this release leaves none: SQLite obeys what one says, and deletes the file that it names"
NOT_OURS = "a file or folder of its own, not a link: what is written there would land elsewhere"
CLAIM_TRIES = 100


class Lock:
    """The lock of a folder, until release() or the end of this process, however it dies.

    Of POSIX kind: forked workers do not inherit it. InputError if another process holds it.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / LOCK
        flags = os.O_CREAT | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
        while True:
            self.descriptor = os.open(self.path, flags, 0o644)
            try:
                fcntl.lockf(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(self.descriptor)
                where, allowed = str(self.path), "a campaign that nobody is running"
                raise InputError(where, "another process holds it", allowed) from None
            if self._is_the_file():
                return
            os.close(self.descriptor)

    def _is_the_file(self) -> bool:
        """Whether it still has its name: its last holder may have removed it meanwhile."""
        with contextlib.suppress(FileNotFoundError):
            return os.path.samestat(os.fstat(self.descriptor), os.lstat(self.path))
        return False

    def release(self) -> None:
        """Let others have the folder."""
        self.path.unlink(missing_ok=True)
        os.close(self.descriptor)


@contextlib.contextmanager
def new_folder(path: Path, option: str, files: Sequence[str] = STORE_FILES) -> Iterator[Lock]:
    """A new or an empty folder, this process's own while the context lasts.

    After an InputError nothing is left of it: neither `files`, nor folders that were made for it. However it ends, an
    empty one that was made goes again. InputError, and nothing is touched, for a folder that holds something, is
    another process's, or cannot be written.
    """
    with taken_away():
        made: list[Path] = []
        try:
            lock = _claimed(path, made)
        except OSError as error:
            _take_away(made)
            raise InputError(option, f"{path}: {error.strerror}", "a folder that can be written") from None
        if set(os.listdir(path)) != {LOCK}:
            lock.release()
            raise InputError(option, f"{path} is not empty", "a new or an empty folder")
        try:
            yield lock
        except InputError:
            for name in files:
                (path / name).unlink(missing_ok=True)
            raise
        finally:
            lock.release()
            _take_away(made)


def _claimed(path: Path, made: list[Path]) -> Lock:
    """The lock of a folder that is made if need be. made: gets those folders that this process made."""
    for _ in range(CLAIM_TRIES):  # another process may take an empty folder away between the two
        _make(path, made)
        with contextlib.suppress(FileNotFoundError):
            return Lock(path)
    raise FileNotFoundError(errno.ENOENT, "it is taken away again and again", str(path))


def _make(path: Path, made: list[Path]) -> None:
    """Make a folder and those above it."""
    try:
        path.mkdir()
        made.insert(0, path)
    except FileExistsError:
        if not path.is_dir():
            raise
    except FileNotFoundError:
        if path.parent == path:
            raise
        _make(path.parent, made)
        _make(path, made)


def _take_away(made: list[Path]) -> None:
    """Those of the folders that are still empty, the innermost first."""
    with contextlib.suppress(OSError):  # somebody else has put something there, or it is the campaign's
        for folder in made:
            folder.rmdir()


def check_own(folder: Path, names: Sequence[str] = (*STORE_FILES, LOCK, "findings")) -> None:
    """InputError if something that a session writes in its folder is a link to elsewhere, or a rollback journal."""
    if os.path.lexists(folder / JOURNAL):
        raise InputError(str(folder / JOURNAL), "a rollback journal", NO_JOURNAL)
    for name in names:
        if (folder / name).is_symlink():
            raise InputError(str(folder / name), "a link", NOT_OURS)
