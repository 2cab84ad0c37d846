"""Trees of sysfs files: a folder, or a tar archive whose members are read and never extracted."""

from __future__ import annotations

import re
import tarfile
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.strategies.reading import READ_MAX_BYTES, Unpacked, file_of, read_bytes

RUNNING = Path("/sys/devices/system")
PLACES = ("", "devices/system/", "sys/devices/system/")
SYSFS_ROOTS = "/, /sys, /sys/devices/system or a copy of one"
WANTED = re.compile(
    r"(.*?)((?:node/(?:possible|online|has_memory|has_normal_memory|has_high_memory"
    r"|node\d{1,9}/(?:distance|cpulist|meminfo|vmstat)))|cpu/(?:possible|online|present|isolated))"
)
BESIDE = ("zoneinfo", "dmesg-boot.txt", "percpu_stats", "page_size")
BESIDE_MAX_BYTES = 16 << 20
LINKED_CPU = re.compile(r"(.*?)(node/node\d{1,9})/(cpu\d{1,9})")
MEMBERS_MAX = 500_000
MEMBER_MAX_BYTES = 256 << 10
ARCHIVE_MAX_BYTES = 1 << 30
KEPT_MAX_BYTES = 64 << 20  # of what is read of it: a thousand nodes have 16


class SysfsTree(Protocol):
    """Files below a place that holds `node` and `cpu`, by their paths from there."""

    where: str

    def beside(self, name: str) -> bytes | None:
        """The content of one of BESIDE, which a capture script puts beside sysfs; None if it is not there."""

    def label(self, name: str) -> str:
        """What to call a file in a message."""

    def text(self, name: str) -> str | None:
        """The content of a file, None if there is none."""

    def entries(self, folder: str) -> list[str]:
        """Names of what a folder holds that may matter."""


class FolderTree:
    """A sysfs tree on disk, or the real one."""

    def __init__(self, root: Path) -> None:
        places = [root / place for place in PLACES]
        found = [place for place in places if (place / "cpu" / "online").is_file()]
        if not found:
            raise InputError(str(root), "no cpu/online", SYSFS_ROOTS)
        self.where, self.base, self._root = str(root), found[0], root

    def beside(self, name: str) -> bytes | None:
        running = name == "zoneinfo" and self.base.resolve() == RUNNING
        path = file_of(Path("/proc") if running else self._root, name)
        return None if path is None else read_bytes(path, BESIDE_MAX_BYTES)

    def label(self, name: str) -> str:
        return str(self.base / name)

    def text(self, name: str) -> str | None:
        path = self.base / name
        try:
            if path.exists() and not path.is_file():  # a pipe would be waited for
                raise InputError(self.label(name), "no plain file", "a sysfs file")
            with path.open("rb") as file:
                data = file.read(MEMBER_MAX_BYTES + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise InputError(self.label(name), f"cannot be read ({error.strerror})", "a sysfs file") from None
        return sysfs_text(data, self.label(name))

    def entries(self, folder: str) -> list[str]:
        try:
            return [entry.name for entry in (self.base / folder).iterdir()]
        except OSError as error:
            raise InputError(self.label(folder), f"cannot be read ({error.strerror})", "a sysfs folder") from None


class TarTree:
    """A sysfs tree in a tar archive: the wanted files' contents and the names of the CPUs that nodes link."""

    def __init__(self, file: Unpacked) -> None:
        self.where = self._where = file.where
        self._files: dict[str, dict[str, bytes]] = {}
        self._beside: dict[str, bytes] = {}
        self._links: dict[str, dict[str, list[str]]] = {}
        self._kept_bytes = 0
        try:
            with tarfile.open(fileobj=cast(BinaryIO, file), mode="r:") as archive:
                self._read(archive)
        except InputError:
            raise
        except (tarfile.TarError, ValueError, ArithmeticError, LookupError, AttributeError, RecursionError) as error:
            raise InputError(self._where, f"a damaged tar archive ({error})", "a whole tar archive") from None
        bases = [base for base, files in self._files.items() if "cpu/online" in files]
        if not bases:
            raise InputError(self._where, "no cpu/online", f"an archive of {SYSFS_ROOTS}")
        whole = [base for base in bases if any(name.startswith("node/") for name in self._files[base])]
        self._base = min(whole or bases, key=lambda base: (len(base), base))

    def beside(self, name: str) -> bytes | None:
        return self._beside.get(name)

    def _read(self, archive: tarfile.TarFile) -> None:
        count = 0
        while (member := archive.next()) is not None:
            count += 1
            if count > MEMBERS_MAX:
                raise InputError(self._where, "more members", f"at most {MEMBERS_MAX}")
            archive.members.clear()  # type: ignore[attr-defined]
            self._take(archive, member)

    def _take(self, archive: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        parts = [part for part in member.name.split("/") if part not in ("", ".")]
        if ".." in parts or "\0" in member.name:
            raise InputError(self._where, f"a member {member.name[:80]!r}", "members below the archive's own root")
        path = "/".join(parts)
        if linked := LINKED_CPU.fullmatch(path):
            self._links.setdefault(linked[1], {}).setdefault(linked[2], []).append(linked[3])
        wanted = WANTED.fullmatch(path)
        if member.isdir() or (wanted is None and parts[-1] not in BESIDE):
            return
        most = BESIDE_MAX_BYTES if wanted is None else MEMBER_MAX_BYTES
        if not member.isreg() or member.issparse() or member.size > most:
            given = f"member {path[:80]} of {member.size} bytes" if member.isreg() else f"member {path[:80]}, a link"
            raise InputError(self._where, given, f"a plain file of at most {most} bytes")
        stream = archive.extractfile(member)
        content = b"" if stream is None else b"".join(iter(lambda: stream.read(READ_MAX_BYTES), b""))
        self._kept_bytes += len(content)
        if self._kept_bytes > KEPT_MAX_BYTES:
            raise InputError(self._where, "more sysfs files", f"at most {KEPT_MAX_BYTES} bytes of them")
        if wanted is None:
            self._beside.setdefault(parts[-1], content)
        else:
            self._files.setdefault(wanted[1], {})[wanted[2]] = content

    def label(self, name: str) -> str:
        return f"{self._where}, {self._base}{name}"

    def text(self, name: str) -> str | None:
        data = self._files[self._base].get(name)
        return None if data is None else sysfs_text(data, self.label(name))

    def entries(self, folder: str) -> list[str]:
        if folder == "node":
            return sorted({name.split("/")[1] for name in self._files[self._base] if name.count("/") == 2})
        return self._links.get(self._base, {}).get(folder, [])


def sysfs_text(data: bytes, where: str) -> str:
    """Text of a sysfs file. tar fills such a file with zeros up to the 4096 bytes that sysfs says it has."""
    if len(data) > MEMBER_MAX_BYTES:
        raise InputError(where, "a longer file", f"at most {MEMBER_MAX_BYTES} bytes")
    try:
        return data.rstrip(b"\0").decode("ascii")
    except UnicodeDecodeError as error:
        raise InputError(where, f"cannot be read (no ASCII at byte {error.start})", "a sysfs file") from None
