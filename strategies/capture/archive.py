"""The recorded run in an archive: its trace, snapshots and placement as files, the machine as the archive itself."""

from __future__ import annotations

import gzip
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO, cast

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.strategies.reading import PACKED, READ_MAX_BYTES, Unpacked, is_tar

RUN_MAX_BYTES = 8 << 30
RUN_MEMBERS_MAX = 500_000
PACKING_LEVEL = 1  # the fastest
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

    Members are copied by their content, under their last name only; a link, or a name twice, is refused. What is not
    packed is packed on the way: so a small archive takes little room there, whatever it unpacks to.
    """
    with TemporaryDirectory(prefix="percpu-fuzz-") as folder, Unpacked(path, RUN_MAX_BYTES) as file:
        try:
            with tarfile.open(fileobj=cast(BinaryIO, file), mode="r:") as archive:
                _copy(archive, Path(folder), str(path))
        except InputError:
            raise
        except (tarfile.TarError, ValueError, ArithmeticError, LookupError, AttributeError, RecursionError) as error:
            raise InputError(str(path), f"a damaged tar archive ({error})", "a whole tar archive") from None
        if not (Path(folder) / f"{TRACE}.gz").is_file():
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
        packed = folder / f"{name.removesuffix('.gz')}.gz"
        if stream is None or packed.exists():
            raise InputError(where, f"member {member.name[:80]!r}", f"{name} once, as a plain file")
        part = stream.read(READ_MAX_BYTES)
        is_packed = part.startswith(tuple(PACKED))
        with packed.open("wb") if is_packed else gzip.open(packed, "wb", PACKING_LEVEL) as out:
            while part:
                out.write(part)
                part = stream.read(READ_MAX_BYTES)
