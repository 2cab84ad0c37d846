"""sysfs as a tar archive: read in place, whatever the archive holds."""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path

import pytest

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.topology import Cpu, Node
from percpu_fuzz.strategies.machines import tree as tree_module
from percpu_fuzz.strategies.machines.importing import import_path
from percpu_fuzz.strategies.reading import Unpacked

FILES = {
    "node/possible": b"0-1\n",
    "node/online": b"0-1\n",
    "node/has_memory": b"0-1\n",
    "node/node0/distance": b"10 21\n",
    "node/node1/distance": b"21 10\n",
    "node/node0/cpulist": b"0\n",
    "node/node1/cpulist": b"1\n",
    "node/node0/meminfo": b"Node 0 MemFree: 4096 kB\n",
    "node/node1/meminfo": b"Node 1 MemFree: 8192 kB\n",
    "cpu/possible": b"0-2\n",
    "cpu/online": b"0-1\n",
}


Member = tuple[tarfile.TarInfo, bytes]


def member(name: str, content: bytes = b"", kind: bytes = tarfile.REGTYPE, link: str = "") -> Member:
    """A member of an archive."""
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname = len(content), kind, link
    return info, content


def archive(path: Path, *more: Member, base: str = "", mode: str = "w") -> Path:
    """A tar of the tree below `base`, and further members."""
    with tarfile.open(path, mode) as tar:  # type: ignore[call-overload]
        for info, content in [*(member(base + name, text) for name, text in FILES.items()), *more]:
            tar.addfile(info, io.BytesIO(content))
    return path


@pytest.mark.parametrize(
    "base", ["", "./", "devices/system/", "/sys/devices/system/", "copy of box/sys/devices/system/"]
)
@pytest.mark.parametrize("name", ["box.tar", "box.tar.gz"])
def test_an_archive_is_a_machine(tmp_path: Path, base: str, name: str) -> None:
    """Wherever the tree is in it, packed or not; a link cpuN gives an offline CPU its node."""
    link = member(f"{base}node/node1/cpu2", kind=tarfile.SYMTYPE, link="../../cpu/cpu2")
    topology = import_path(archive(tmp_path / name, link, base=base, mode="w:gz" if "gz" in name else "w")).topology
    assert topology.nodes == (Node(0, True, 1024), Node(1, True, 2048))
    assert topology.cpus == (Cpu(0, 0), Cpu(1, 1), Cpu(2, 1, False))
    assert topology.distances == ((10, 21), (21, 10))
    assert topology.name == "box"


def test_zeros_that_tar_fills_in_are_no_content(tmp_path: Path) -> None:
    """sysfs says 4096 bytes for every file; tar fills the rest with zeros."""
    padded = [member("b/" + name, text.ljust(4096, b"\0")) for name, text in FILES.items()]
    with tarfile.open(tmp_path / "m.tar", "w") as tar:
        for info, content in padded:
            tar.addfile(info, io.BytesIO(content))
    assert import_path(tmp_path / "m.tar").topology.nodes == (Node(0, True, 1024), Node(1, True, 2048))


def test_nothing_is_written(tmp_path: Path) -> None:
    """Members are read, never extracted: no file appears beside the archive."""
    path = archive(tmp_path / "m.tar", member("evil", b"x"), member("dir/evil", b"y"))
    import_path(path)
    assert sorted(tmp_path.rglob("*")) == [path]


HOSTILE = {
    "a path out of the archive": (member("../../node/possible", b"0\n"), "a member '../../node/possible'"),
    "a link for a file": (member("node/online", kind=tarfile.SYMTYPE, link="/etc/passwd"), "a link"),
    "a hard link for a file": (member("node/online", kind=tarfile.LNKTYPE, link="cpu/online"), "a link"),
    "a device for a file": (member("node/online", kind=tarfile.CHRTYPE), "a link"),
    "a file that is too long": (member("node/online", b"0" * (300 << 10)), "of 307200 bytes"),
    "bytes that are no text": (member("node/online", b"\xff"), "no ASCII"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_members_are_refused(tmp_path: Path, name: str) -> None:
    """One line that names the archive."""
    extra, named = HOSTILE[name]
    path = archive(tmp_path / "m.tar", extra)
    with pytest.raises(InputError) as caught:
        import_path(path)
    assert str(caught.value).startswith(str(path))
    assert named in str(caught.value)


def test_a_bomb_is_refused_in_bounded_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Content beyond the limit is not unpacked, nor a header that claims to be large."""
    monkeypatch.setattr("percpu_fuzz.strategies.machines.importing.ARCHIVE_MAX_BYTES", 1 << 20)
    large = archive(tmp_path / "m.tar.gz", member("zeros", bytes(4 << 20)), mode="w:gz")
    assert large.stat().st_size < 1 << 14
    with pytest.raises(InputError, match="unpacks to more; allowed: at most 1048576 bytes"):
        import_path(large)
    with tarfile.open(tmp_path / "p.tar", "w", format=tarfile.PAX_FORMAT) as tar:
        info, _ = member("node/online")
        info.pax_headers = {"comment": "x" * (2 << 20)}
        tar.addfile(info)
    with pytest.raises(InputError, match="a part of"):
        import_path(tmp_path / "p.tar")


def test_too_many_members_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit is on members, not only on bytes."""
    monkeypatch.setattr(tree_module, "MEMBERS_MAX", 20)
    with pytest.raises(InputError, match="more members; allowed: at most 20"):
        import_path(archive(tmp_path / "m.tar", *(member(f"x{i}") for i in range(20))))


@pytest.mark.parametrize("keep", [600, 1536, 3000])
def test_an_archive_that_breaks_off_is_refused(tmp_path: Path, keep: int) -> None:
    """Within a member, a header, or before any place holds the tree."""
    path = archive(tmp_path / "m.tar")
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(InputError, match=r"m\.tar: (a damaged tar|no cpu/online)"):
        import_path(path)


def test_every_damaged_byte_is_an_error_or_a_machine(tmp_path: Path) -> None:
    """No byte of an archive, changed, leads to anything but a machine or one InputError."""
    whole = archive(tmp_path / "m.tar").read_bytes()
    refused = []
    for at in range(0, 4096, 3):
        (tmp_path / "d.tar").write_bytes(whole[:at] + bytes([whole[at] ^ 0x41]) + whole[at + 1 :])
        try:
            import_path(tmp_path / "d.tar")
        except InputError as error:
            refused.append(str(error))
    assert len(refused) > 50
    assert not any("\n" in line for line in refused)


def test_unpacked_goes_forwards_only(tmp_path: Path) -> None:
    """read, seek and tell of a packed file; going back is refused."""
    (tmp_path / "f.gz").write_bytes(gzip.compress(bytes(range(256)) * 8))
    with Unpacked(tmp_path / "f.gz") as file:
        assert (file.head[:3], file.read(2), file.tell()) == (b"\x00\x01\x02", b"\x00\x01", 2)
        assert (file.seek(700), file.read(1)) == (700, bytes([700 % 256]))
        assert file.seek(10_000) == 2048
        with pytest.raises(InputError, match="before the last one"):
            file.seek(5)


def test_archive_of_something_else_is_refused(tmp_path: Path) -> None:
    """A tar without the tree says what would be taken."""
    with tarfile.open(tmp_path / "m.tar", "w") as tar:
        tar.addfile(*[member("etc/passwd")[0]])
    with pytest.raises(InputError, match="no cpu/online; allowed: an archive of"):
        import_path(tmp_path / "m.tar")


def test_an_archive_of_many_wanted_files_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of them is small enough, and all of them together are gigabytes: what is kept has a limit of its own."""
    monkeypatch.setattr(tree_module, "KEPT_MAX_BYTES", 1 << 20)
    many = [member(f"node/node{i}/distance", b"1" * (200 << 10)) for i in range(2, 8)]
    with pytest.raises(InputError, match="more sysfs files; allowed: at most 1048576 bytes"):
        import_path(archive(tmp_path / "m.tar.gz", *many, mode="w:gz"))
