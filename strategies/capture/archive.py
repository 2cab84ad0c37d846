"""The recorded run in an archive: its trace, snapshots and placement as files, the machine as the archive itself."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO, cast

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.strategies.reading import READ_MAX_BYTES, Unpacked, is_tar

RUN_MAX_BYTES = 8 << 30
RUN_MEMBERS_MAX = 500_000
TRACE = "percpu.trace"
RUN_FILES = frozenset(
    name + packed
    for name in (TRACE, "states.txt", "states.json", "placement.json", "topology.json", "dmesg-boot.txt")
    for packed in ("", ".gz")
)


def is_archive(path: Path) -> bool:
    """Whether a path is a tar archive, packed or not. A pipe is none: it can be read once only."""
    if not path.is_file():
        return False
    with Unpacked(path) as file:
        return is_tar(file.head)


@contextmanager
def run_of_archive(path: Path) -> Iterator[Path]:
    """A folder, which is removed in the end, with the RUN_FILES of an archive. InputError if it has no trace.

    Members are copied by their content, under their last name only; a link, or a name twice, is refused.
    """
    with TemporaryDirectory(prefix="percpu-fuzz-") as folder, Unpacked(path, RUN_MAX_BYTES) as file:
        try:
            with tarfile.open(fileobj=cast(BinaryIO, file), mode="r:") as archive:
                _copy(archive, Path(folder), str(path))
        except InputError:
            raise
        except (tarfile.TarError, ValueError, ArithmeticError, LookupError, AttributeError, RecursionError) as error:
            raise InputError(str(path), f"a damaged tar archive ({error})", "a whole tar archive") from None
        if not any((Path(folder) / name).is_file() for name in (TRACE, TRACE + ".gz")):
            raise InputError(str(path), f"an archive without {TRACE}", f"one with {TRACE}, plain or gzip")
        yield Path(folder)


def _copy(archive: tarfile.TarFile, folder: Path, where: str) -> None:
    for count, member in enumerate(archive, 1):
        archive.members.clear()  # type: ignore[attr-defined]
        name = member.name.rpartition("/")[2]
        if count > RUN_MEMBERS_MAX:
            raise InputError(where, "more members", f"at most {RUN_MEMBERS_MAX}")
        if name not in RUN_FILES or member.isdir():
            continue
        stream = archive.extractfile(member) if member.isreg() and not member.issparse() else None
        if stream is None or (folder / name).exists():
            raise InputError(where, f"member {member.name[:80]!r}", f"{name} once, as a plain file")
        with (folder / name).open("wb") as out:
            while part := stream.read(READ_MAX_BYTES):
                out.write(part)
