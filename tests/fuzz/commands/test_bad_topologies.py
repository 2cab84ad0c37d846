"""Bad machines at the command line: exit status 2, one line that says what is wrong, and nothing written."""

from __future__ import annotations

import gzip
import io
import tarfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from places import DATA

from percpu_fuzz.fuzz.cli import call

MACHINES = DATA / "machines"
GIVEN = ["--possible-nodes", "0-2", "--possible-cpus", "0-7", "--page-size", "4096"]
QEMU = (
    "-smp 2,sockets=2 -m 2G -object memory-backend-ram,id=a,size=1G -object memory-backend-ram,id=b,size=1G\n"
    "-numa node,nodeid=0,memdev=a -numa node,nodeid=1,memdev=b\n"
    "-numa cpu,node-id=0,socket-id=0 -numa cpu,node-id=1,socket-id=1 -numa dist,src=0,dst=1,val=20\n"
)

Change = Callable[[str], str]


def put(old: str, new: str) -> Change:
    """A change of one part of a text, which must be in it."""

    def change(text: str) -> str:
        assert old in text
        return text.replace(old, new, 1)

    return change


def cut(end: str) -> Change:
    return lambda text: text[: text.index(end)]


# Name: (sample, change, options, part of the line).
SAMPLES: dict[str, tuple[str, Change, list[str], str]] = {
    "numactl without nodes": ("numactl.txt", cut("node 0 cpus"), GIVEN, "none, available 0-2; allowed: a line"),
    "numactl with a node twice": ("numactl.txt", put("node 1 cpus", "node 0 cpus"), GIVEN, "node 0 twice"),
    "numactl with a CPU twice": ("numactl.txt", put("2 3 6", "2 3 5"), GIVEN, "CPU 5 on nodes 0 and 1"),
    "numactl with a short row": ("numactl.txt", put("21  10  28", "21  10"), GIVEN, "2 distances of node 1"),
    "numactl without a row": ("numactl.txt", cut("  2:  17"), GIVEN, "distances of nodes 0-1, columns 0-2"),
    "numactl with a strange line": ("numactl.txt", put("free: 5121 MB", "free: much"), GIVEN, "line 4: 'much' where"),
    "numactl with a CPU that is not possible": (
        "numactl.txt", str, ["--possible-nodes", "0-2", "--possible-cpus", "0-5", "--page-size", "4096"], "without 6",
    ),
    "numactl with a node that is not possible": (
        "numactl.txt", str, ["--possible-nodes", "0-1", *GIVEN[2:]], "--possible-nodes: 0-1, without 2",
    ),
    "lscpu that is not JSON": ("lscpu.json", cut('"data"'), GIVEN, "truncated"),
    "lscpu without NUMA": ("lscpu.json", put("NUMA node(s):", "nodes:"), GIVEN, "no counted"),
    "lscpu with another count": ("lscpu.json", put('"data": "3"', '"data": "2"'), GIVEN, "3 rows of NUMA nodes, 2"),
    "lscpu with a CPU twice": ("lscpu.json", put('"4-6"', '"3-6"'), GIVEN, "CPU 3 on nodes 0 and 1"),
    "lscpu with a list that is none": ("lscpu.json", put('"0-3"', '"3-0"'), GIVEN, "list '3-0'"),
    "lscpu with a number for text": ("lscpu.json", put('"data": "8"', '"data": 8'), GIVEN, "Expected `str"),
    "lscpu -e without nodes": ("lscpu-e.json", put('"node": 0,', ""), GIVEN, "a node of some CPUs only"),
    "lscpu -e with a strange CPU": ("lscpu-e.json", put('"cpu": 3', '"cpu": "three"'), GIVEN, "id 'three'"),
    "hwloc that is not well-formed": ("hwloc-v2.xml", cut("</topology>"), GIVEN, "malformed XML"),
    "hwloc with entities": ("hwloc-v1.xml", put('SYSTEM "hwloc.dtd"', '[<!ENTITY a "b">]'), GIVEN, "declares entities"),
    "hwloc with a bitmap that is endless": ("hwloc-v1.xml", put("0x00000005", "0xf...f"), GIVEN, "bitmap '0xf...f'"),
    "hwloc with CPUs near two nodes": (
        "hwloc-v2.xml", str, ["--possible-nodes", "0-2", "--possible-cpus", "0-2,32-34"], "--cpuless-nodes 2",
    ),
    "hwloc with a node without id": ("hwloc-v1.xml", put('Node" os_index="0"', 'Node"'), GIVEN, "os_index ''"),
    "hwloc in another encoding": ("hwloc-v1.xml", put("UTF-8", "KLINGON"), GIVEN, "encoding"),
    "XML of something else": ("hwloc-v1.xml", lambda _: "<svg/>", GIVEN, "XML of 'svg'"),
    "XML nested without end": ("hwloc-v1.xml", lambda _: "<topology>" + "<object>" * 1000, GIVEN, "nested too deep"),
    "zoneinfo alone": ("zoneinfo.txt", str, GIVEN, "with --zoneinfo FILE"),
    "a text of something else": ("numactl.txt", lambda _: "Dear all,\n", GIVEN, "begins with 'Dear all,'"),
    "an empty file": ("numactl.txt", lambda _: "", GIVEN, "is empty"),
}  # fmt: skip

ARGUMENTS: dict[str, tuple[Change, str]] = {
    "a gap in the node ids": (put("nodeid=1", "nodeid=2"), "nodes 0,2"),
    "a node twice": (put("nodeid=1", "nodeid=0"), "node 0 twice"),
    "memory that does not add up": (put("-m 2G", "-m 3G"), "allowed: nodes that add up to -m"),
    "a backend that is missing": (put("id=b", "id=c"), "memdev=b"),
    "a backend without size": (put("id=b,size=1G", "id=b"), "without id or size"),
    "a size that is none": (put("size=1G", "size=plenty"), "size 'plenty'"),
    "a CPU that is not possible": (put("socket-id=1", "socket-id=2"), "one of 2 possible CPUs"),
    "a CPU on two nodes": (put("socket-id=1", "socket-id=0"), "CPU 0 on nodes 0 and 1"),
    "a CPU on no node": (put("cpu,node-id=1", "cpu,node-id=7"), "-numa cpu on node 7"),
    "a CPU without place": (put("cpu,node-id=1,socket-id=1", "cpu,node-id=1"), "no place"),
    "levels that do not multiply": (put("-smp 2,sockets=2", "-smp 3,sockets=2"), "3 possible, 2 sockets"),
    "a strange level": (put("sockets=2", "shelves=2"), "-smp shelves"),
    "a distance below 10": (put("val=20", "val=9"), "distance of node 0 to node 1 9"),
    "a distance above 255": (put("val=20", "val=256"), "val '256'"),
    "a distance of no node": (put("dst=1", "dst=5"), "a distance from node 0 to 5"),
    "a distance that is missing": (put("src=0,dst=1,val=20", "src=0,dst=0,val=10"), "no distance from node 0 to 1"),
    "a quote that does not close": (put("-m 2G", "-m '2G"), "a quote that does not close"),
    "an option without value": (lambda text: text + "-append", "-append at the end"),
    "a suboption without key": (put("dst=1", "one"), "'one' in"),
    "an option of -numa that is none": (put("dist,", "distance,"), "-numa 'distance'"),
    "a kernel that fakes nodes": (lambda text: text + "-append numa=fake=4", "numa=fake=4"),
    "isolated CPUs that are no list": (lambda text: text + "-append isolcpus=all", "list 'all'"),
}

OPTIONS: dict[str, tuple[list[str], str]] = {
    "possible nodes": (["--possible-nodes", "all"], "--possible-nodes: list 'all'"),
    "possible CPUs": (["--possible-cpus", "7-0"], "--possible-cpus: list '7-0'"),
    "isolated CPUs": (["--isolated-cpus", "9"], "9"),
    "CPU's node text": (["--cpu-nodes", "7"], "--cpu-nodes: '7'"),
    "CPU's node twice": (["--cpu-nodes", "7=1,7=0"], "'7=0'"),
    "CPU's node that contradicts": (["--cpu-nodes", "0=1"], "--cpu-nodes: 0=1; allowed: node 0"),
    "node of an impossible CPU": (["--cpu-nodes", "9=1"], "--cpu-nodes: 9=1; allowed: a possible CPU"),
    "CPU on no node": (["--cpu-nodes", "7=9"], "CPU 7 on unknown node 9"),
    "distances text": (["--distances", "near"], "--distances: 'near'"),
    "distances local": (["--distances", "11:20"], "--distances: 11:20"),
    "distances remote": (["--distances", "10:9"], "--distances: 10:9"),
    "distances no square": (["--distances", "{words}"], "a square of numbers"),
    "distances of fewer nodes": (["--distances", "{one}"], "--distances: 1 rows; allowed: 3"),
    "distances that contradict": (["--distances", "{square}"], "allowed: 21, as"),
    "memory text": (["--memory", "4G"], "--memory: '4G'"),
    "memory size": (["--memory", "0=x"], "size 'x'"),
    "memory twice": (["--memory", "0=1G,0=2G"], "'0=2G'"),
    "memory of no node": (["--memory", "9=1G"], "--memory: nodes 9"),
    "memory beyond a counter": (["--memory", "0=9999T"], "size '9999T'"),
    "page size": (["--page-size", "5000"], "--page-size: 5000"),
    "page size text": (["--page-size", "4k"], "--page-size: '4k'"),
    "zoneinfo missing": (["--zoneinfo", "nowhere"], "nowhere: No such file"),
    "zoneinfo of something else": (["--zoneinfo", "{words}"], "no line `Node N, zone NAME`"),
    "zoneinfo cut": (["--zoneinfo", "{zone}"], "Node 0, zone DMA without min, low, managed"),
    "zoneinfo of fewer nodes": (["--zoneinfo", str(MACHINES / "zoneinfo.txt")], "no zones of node 2"),
    "output in no folder": (["--memory", "0=4G", "-o", "{none}"], "--output: "),
}


def refused(capsys: pytest.CaptureFixture[str], arguments: list[str], part: str) -> None:
    """Exit status 2, nothing on standard output, notes apart one line, which says what is wrong."""
    status = call(arguments)
    said = capsys.readouterr()
    assert status == 2, said
    assert said.out == ""
    lines = [line for line in said.err.splitlines() if not line.startswith("note: ")]
    assert len(lines) == 1, said.err
    assert lines[0].startswith("percpu-fuzz: ")
    assert part in lines[0]


def not_written(folder: Path) -> bool:
    return not (folder / "out.json").exists() and not list(folder.glob("*.part"))


@pytest.mark.parametrize("name", SAMPLES)
def test_files_that_no_tool_writes(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each sample with one thing made wrong is refused by that, and no output file appears."""
    sample, change, options, part = SAMPLES[name]
    path = tmp_path / sample
    path.write_text(change((MACHINES / sample).read_text()))
    refused(capsys, ["topology", "import", str(path), *options, "-o", str(tmp_path / "out.json")], part)
    assert not_written(tmp_path)


@pytest.mark.parametrize("name", ARGUMENTS)
def test_arguments_that_qemu_refuses(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Good arguments with one thing made wrong are refused by that."""
    change, part = ARGUMENTS[name]
    (tmp_path / "args").write_text(change(QEMU))
    refused(capsys, ["topology", "import", str(tmp_path / "args"), "-o", str(tmp_path / "out.json")], part)
    assert not_written(tmp_path)


@pytest.mark.parametrize("name", OPTIONS)
def test_answers_that_cannot_be(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An answer that is malformed, or contradicts the file, is refused by its option."""
    options, part = OPTIONS[name]
    files = {"words": "ten twenty\n", "one": "10\n", "square": "10 20 20\n20 10 20\n20 20 10\n"}
    files["zone"] = "Node 0, zone      DMA\n  pages free     3840\n"
    for key, text in files.items():
        (tmp_path / key).write_text(text)
    places = {**{key: str(tmp_path / key) for key in files}, "none": str(tmp_path / "none" / "out.json")}
    given = [word for i in range(0, len(GIVEN), 2) if GIVEN[i] not in options for word in GIVEN[i : i + 2]]
    refused(
        capsys,
        ["topology", "import", str(MACHINES / "numactl.txt"), *given, *(word.format(**places) for word in options)],
        part,
    )


@pytest.mark.parametrize("option", ["--possible-nodes", "--possible-cpus", "--isolated-cpus"])
def test_an_answer_must_not_contradict_a_file_that_knows(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A recorded run says its nodes and CPUs: another list is refused, the same is taken."""
    run = str(MACHINES / "runs" / "r3-cpuless-memnode-6.1")
    refused(capsys, ["topology", "import", run, option, "0-1"], "as ")
    refused(capsys, ["topology", "import", run, "--page-size", "65536"], "--page-size: 65536; allowed: 4096")
    assert call(["topology", "import", run, "--possible-nodes", "0-2", "--possible-cpus", "0-7"]) == 0


def test_archives_and_packed_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A member that leaves the archive, a stream that breaks off, a folder that is no tree."""
    with tarfile.open(tmp_path / "evil.tar", "w") as tar:
        info = tarfile.TarInfo("../node/possible")
        info.size = 2
        tar.addfile(info, io.BytesIO(b"0\n"))
    refused(capsys, ["topology", "import", str(tmp_path / "evil.tar")], "a member '../node/possible'")
    (tmp_path / "cut.gz").write_bytes(gzip.compress(bytes(range(256)) * 64)[:100])
    refused(capsys, ["topology", "import", str(tmp_path / "cut.gz")], "a damaged gzip stream")
    (tmp_path / "empty").mkdir()
    refused(capsys, ["topology", "import", str(tmp_path / "empty")], "no cpu/online")
    refused(capsys, ["topology", "import", "/dev/zero", *GIVEN], "a device or socket")


def test_exports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A machine that is none, a format that is none, a file that cannot be written."""
    refused(capsys, ["topology", "export", "nowhere"], "nowhere")
    refused(capsys, ["topology", "export", "vm8", "--format", "vmware"], "vmware")
    refused(capsys, ["topology", "export", "vm8", "-o", str(tmp_path / "none" / "x")], "--output")
    refused(capsys, ["topology", "export", str(MACHINES / "numactl.txt")], "--page-size")


@pytest.mark.parametrize("form", ["qemu", "json"])
def test_good_ones_are_taken(form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The control: the samples unchanged, the arguments unchanged; and what is exported is imported again."""
    assert call(["topology", "import", str(MACHINES / "numactl.txt"), *GIVEN, "-o", str(tmp_path / "m.json")]) == 0
    assert call(["topology", "export", str(tmp_path / "m.json"), "--format", form, "-o", str(tmp_path / "out")]) == 0
    capsys.readouterr()
    assert call(["topology", "import", str(tmp_path / "out")]) == 0
    again = capsys.readouterr().out
    assert '"distances":[[10,21,17],[21,10,28],[17,28,10]]' in again
    (tmp_path / "args").write_text(QEMU)
    assert call(["topology", "import", str(tmp_path / "args")]) == 0


@pytest.mark.parametrize(
    "text",
    [
        "available: 2 nodes (0-1)\n" + "0" * 5000 + "x\n",
        "available: 2 nodes (0-1)\n" + "0 " * 5000 + "x\n",
        "Percpu Memory Statistics\nChunk" + " " * 5000 + "!\n",
        ">" * 300_000 + "\n",
        "\n" * (1 << 20) + "\n",
    ],
    ids=["digits", "numbers", "chunk", "quoting", "lines"],
)
def test_a_text_takes_no_longer_than_it_is_long(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Long runs of what a pattern repeats: refused within seconds of computing, where backtracking takes for ever."""
    (tmp_path / "posted").write_text(text)
    began = time.process_time()
    refused(capsys, ["topology", "import", str(tmp_path / "posted")], "posted")
    refused(capsys, ["topology", "chunks", str(tmp_path / "posted")], "posted")
    assert time.process_time() - began < 10
