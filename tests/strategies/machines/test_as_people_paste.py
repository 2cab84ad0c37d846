"""What people paste besides plain text: colours, forum markup, other languages, wrapped quotes, what ps shows of QEMU.

Each is a sample of a format after something that happens to it on its way; the machine is that of the sample.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from places import DATA

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.strategies.machines.answers import answers_of
from percpu_fuzz.strategies.machines.importing import import_path
from percpu_fuzz.strategies.machines.machine import Imported

TWO = {"possible_nodes": "0-1", "possible_cpus": "0-7", "distances": "10:40", "memory": "0=1G,1=2G"}
SAMPLES: dict[str, tuple[str, Mapping[str, str]]] = {
    "numactl": ("numactl.txt", {"possible_nodes": "0-2", "possible_cpus": "0-7", "page_size": "4096"}),
    "lscpu": ("posted/text/lscpu.txt", {**TWO, "cpu_nodes": "7=1"}),
    "lscpu -J": (
        "lscpu.json",
        {"possible_nodes": "0-2", "possible_cpus": "0-7", "distances": "10:32", "memory": "0=1G,1=512M,2=2G",
         "cpu_nodes": "7=1"},
    ),
    "boot log": ("posted/text/dmesg-x86.txt", {"distances": "10:40"}),
    "virsh": ("posted/xml/virsh-capabilities.xml", {"possible_nodes": "0-1", "possible_cpus": "0-1"}),
    "hwloc": ("posted/xml/hwloc1-no-numanode.xml", {"possible_nodes": "0", "possible_cpus": "0-1"}),
}  # fmt: skip
Change = Callable[[str], str | bytes]


def quoted(text: str, mark: str = "> ") -> str:
    return "".join(f"{mark}{line}\n" for line in text.splitlines())


CHANGES: dict[str, Change] = {
    "prompt": lambda text: f"[root@box ~]# cat it\n{text}[root@box ~]#\n",
    "fence in words": lambda text: f"Hello,\n\n```console\n{text}```\nwhat of it?\n",
    "BBCode": lambda text: f"[code]\n{text}[/code]\n",
    "Jira": lambda text: f"{{noformat}}\n{text}{{noformat}}\n",
    "quote in words": lambda text: f"Ann wrote:\n{quoted(text)}\nI see.\n",
    "quote of a quote": lambda text: f"Ann wrote:\n> Bob wrote:\n{quoted(text, '> > ')}>\n> Yes.\n\nNo.\n",
    "no-break blanks": lambda text: text.replace(" ", "\u00a0"),
    "marks without width": lambda text: "\ufeff" + text.replace("\n", "\u200b\n"),
    "UTF-16": lambda text: text.encode("utf-16"),
    "Latin-1": lambda text: f"Gr\u00fc\u00dfe\n\n{text}".encode("latin-1"),
    "CR": lambda text: text.replace("\n", "\r\r\n"),
}
COLOURED = {
    "bold": lambda text: "".join(f"\x1b[1m{line}\x1b[0m\n" for line in text.splitlines()),
    "title": lambda text: "\x1b]0;root@box\x07" + text,
    "tabs": lambda text: re.sub(" {3,}", "\t", text),
}


def read(folder: Path, data: str | bytes, answers: Mapping[str, str]) -> Imported:
    path = folder / "box.txt"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return import_path(path, answers_of(dict(answers)))


@pytest.mark.parametrize("kind", SAMPLES)
@pytest.mark.parametrize("change", [*CHANGES, *COLOURED])
def test_a_pasted_sample_is_its_machine(tmp_path: Path, kind: str, change: str) -> None:
    """XML keeps its blanks and colours as they are: no-break blanks in tags and escapes are not XML."""
    name, answers = SAMPLES[kind]
    if kind in ("virsh", "hwloc", "lscpu -J") and change in ("no-break blanks", "marks without width", *COLOURED):
        pytest.skip("not what happens to files of this kind")
    text = (DATA / "machines" / name).read_text()
    found = read(tmp_path, {**CHANGES, **COLOURED}[change](text), answers)
    assert found.topology == read(tmp_path, text, answers).topology


def test_a_line_that_a_mail_wrapped_out_of_its_quote_is_read(tmp_path: Path) -> None:
    """The rest of a wrapped line has no mark; words after a blank line are no part of it, and are named."""
    name, answers = SAMPLES["numactl"]
    text = (DATA / "machines" / name).read_text()
    broken = re.sub(r"(cpus:(?: \d+)+) (\d+)\n", r"\1\n\2\n", quoted(text), count=1)
    assert broken.count("\n> ") < text.count("\n")
    found = read(tmp_path, f"Ann wrote:\n{broken}\nI see.\n", answers)
    assert found.topology == read(tmp_path, text, answers).topology
    assert any("1 'Ann wrote:'" in note and "'I see.'" in note for note in found.notes)
    with pytest.raises(InputError, match="'hm' where it does not belong"):
        read(tmp_path, quoted(text).replace("> node 1 cpus", "hm\n> node 1 cpus"), answers)


GERMAN = """Architektur:                x86_64
  CPU Operationsmodus:      32-bit, 64-bit
CPU(s):                     8
  Liste der Online-CPU(s):  0-6
  Liste der Offline-CPU(s): 7
Modellname:                 Some CPU
  Thread(s) pro Kern:       2
NUMA:
  NUMA-Knoten:              2
  NUMA-Knoten0 CPU(s):      0,2,4,6
  NUMA-Knoten1 CPU(s):      1,3,5
"""
FRENCH = """Architecture\u00a0:                   x86_64
Processeur(s)\u00a0:                  8
Liste de processeur(s) en ligne\u00a0: 0-7
Thread(s) par c\u0153ur\u00a0:             2
N\u0153ud(s) NUMA\u00a0:                   2
N\u0153ud NUMA\u00a00 de processeur(s)\u00a0:  0,2,4,6
N\u0153ud NUMA\u00a01 de processeur(s)\u00a0:  1,3,5,7
"""
CHINESE = """\u67b6\u6784\uff1a              x86_64
CPU:                8
\u5728\u7ebf CPU \u5217\u8868\uff1a     0-7
NUMA \u8282\u70b9\uff1a         2
NUMA \u8282\u70b90 CPU\uff1a    0,2,4,6
NUMA \u8282\u70b91 CPU\uff1a    1,3,5,7
"""


@pytest.mark.parametrize(("text", "more", "offline"), [(GERMAN, {"cpu_nodes": "7=1"}, [7]), (FRENCH, {}, []),
                                                      (CHINESE, {}, [])])  # fmt: skip
def test_lscpu_in_another_language(tmp_path: Path, text: str, more: dict[str, str], offline: list[int]) -> None:
    """By the word NUMA and the places of rows, with a note; lists that do not agree are refused."""
    found = read(tmp_path, text, {**TWO, **more})
    assert [cpu.node for cpu in found.topology.cpus] == [0, 1] * 4
    assert [cpu.id for cpu in found.topology.cpus if not cpu.online] == offline
    assert any("another language" in note for note in found.notes)
    lines = text.splitlines(keepends=True)
    refused = 0
    for lost in range(1, len(lines)):
        try:
            less = read(tmp_path, "".join([*lines[:lost], *lines[lost + 1 :]]), {**TWO, **more})
        except InputError:
            refused += 1
            continue
        assert less.topology == found.topology
    assert refused >= 3


def test_online_in_another_language(tmp_path: Path) -> None:
    """ja and nein in the table of lscpu -e; a word that no language has is refused."""
    text = "CPU NODE ONLINE\n  0    0     ja\n  1    1   nein\n"
    answers = {**TWO, "possible_cpus": "0-1", "page_size": "4096"}
    assert [cpu.online for cpu in read(tmp_path, text, answers).topology.cpus] == [True, False]
    with pytest.raises(InputError, match="ONLINE 'jein'"):
        read(tmp_path, text.replace("nein", "jein"), answers)


def test_only_the_rows_of_nodes(tmp_path: Path) -> None:
    """lscpu | grep NUMA: the CPUs of the nodes are online, and a note says that this is assumed."""
    text = "NUMA node(s):       2\nNUMA node0 CPU(s):  0-3\nNUMA node1 CPU(s):  4-7\n"
    found = read(tmp_path, text, {**TWO, "page_size": "4096"})
    assert [cpu.node for cpu in found.topology.cpus] == [0] * 4 + [1] * 4
    assert any("no list of online CPUs" in note for note in found.notes)


STAMPS: dict[str, Callable[[int], str]] = {
    "none": lambda _: "",
    "dmesg -T": lambda i: f"[Mon Nov 30 12:00:{i % 60:02} 2026] ",
    "ISO": lambda i: f"2026-11-30T12:00:{i % 60:02},000000+01:00 ",
    "journal": lambda i: f"Nov 30 12:00:{i % 60:02} box kernel: ",
    "monotonic": lambda i: f"[    0.{i:06}] box kernel: ",
    "serial": lambda i: f"<6>[    0.{i:06}] ",
    "levels": lambda i: f"kern  :info  : [    0.{i:06}] ",
}


@pytest.mark.parametrize("stamp", STAMPS)
def test_stamps_of_a_boot_log(tmp_path: Path, stamp: str) -> None:
    """However the log was printed."""
    name, answers = SAMPLES["boot log"]
    text = (DATA / "machines" / name).read_text()
    lines = [re.sub(r"^\[ *[\d.]+\] ", "", line) for line in text.splitlines()]
    again = "".join(f"{STAMPS[stamp](i)}{line}\n" for i, line in enumerate(lines))
    assert read(tmp_path, again, answers).topology == read(tmp_path, text, answers).topology


OLD_LOG = """Linux version 2.6.32
ACPI: RSDP 00000000000f0490 00024 (v02 SOME  )
ACPI: SRAT 000000007f7a4000 00430 (v02 SOME   BOX 00000001 SOME 00000001)
SRAT: PXM 1 -> APIC 32 -> Node 0
SRAT: PXM 2 -> APIC 0 -> Node 1
SRAT: PXM 1 -> APIC 34 -> Node 0
SRAT: PXM 2 -> APIC 2 -> Node 1
SRAT: Node 0 PXM 1 0-40000000
SRAT: Node 1 PXM 2 40000000-80000000
pcpu-alloc: s104216 r8192 d22760 u131072 alloc=1*2097152
pcpu-alloc: [0] 0 2 [1] 1 3
Memory: 2000000k/2097152k available
Booting Node   1, Processors  #1 Ok.
Booting Node   0, Processors  #2 Ok.
Booting Node   1, Processors  #3 Ok.
Brought up 4 CPUs
"""


def test_a_boot_log_of_long_ago(tmp_path: Path) -> None:
    """The second number of a range is the first that is not in it. The tables are listed and no SLIT: 10 and 20."""
    machine = read(tmp_path, OLD_LOG, {}).topology
    assert [node.pages for node in machine.nodes] == [1 << 18, 1 << 18]
    assert [cpu.node for cpu in machine.cpus] == [0, 1, 0, 1]
    assert (machine.unit_pages, machine.distances) == (32, ((10, 20), (20, 10)))


def test_no_slit_in_a_cut_log_says_nothing(tmp_path: Path) -> None:
    """Of a log that was grepped for SRAT the distances are asked for."""
    lines = [line for line in OLD_LOG.splitlines(keepends=True) if "RSDP" not in line]
    with pytest.raises(InputError, match="does not say the distances"):
        read(tmp_path, "".join(lines), {})


def test_a_partition_without_srat(tmp_path: Path) -> None:
    """POWER names nodes and CPUs; the memory of all of its nodes is asked for, and the line to type is enough."""
    text = (
        "[    0.000000] numa: Partition configured for 4 NUMA nodes.\n"
        "[    0.000000] Node 0 CPUs: 0-7\n[    0.000000] Node 2 CPUs:\n"
        "[    0.000000] pcpu-alloc: [0] 0 1 2 3 4 5 6 7\n[    0.100000] smp: Brought up 1 node, 8 CPUs\n"
    )
    answers = {"page_size": "65536", "distances": "10:20", "memory": "0=8G"}
    with pytest.raises(InputError) as caught:
        read(tmp_path, text, answers)
    assert "does not say the memory of node 2;" in str(caught.value)
    assert "--memory 0=8G,2=4G -o" in str(caught.value)
    found = read(tmp_path, text, {**answers, "memory": "0=8G,2=4G"}).topology
    assert [(node.online, node.has_memory) for node in found.nodes] == [
        (True, True), (False, False), (True, True), (False, False)
    ]  # fmt: skip


@pytest.mark.parametrize("tag", ["topology", "cells"])
def test_a_piece_of_virsh_capabilities(tmp_path: Path, tag: str) -> None:
    """As people cut it out."""
    name, answers = SAMPLES["virsh"]
    text = (DATA / "machines" / name).read_text()
    start = text.index("<topology>") if tag == "topology" else text.index("<cells")
    piece = text[start : text.index(f"</{tag}>") + len(tag) + 3]
    assert read(tmp_path, piece, answers).topology == read(tmp_path, text, answers).topology
