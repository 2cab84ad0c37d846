"""QEMU scripts as a shell reads them, memory as older versions share it out, CMA of the guest's command line."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.strategies.machines.importing import import_path
from percpu_fuzz.strategies.machines.machine import Imported
from percpu_fuzz.strategies.machines.qemu.shell import words_of

MIB = 256  # pages
SECONDS_MOST = 20
START = "qemu-system-x86_64 -smp 2 -m 2G "


def read(folder: Path, text: str) -> Imported:
    path = folder / "start.sh"
    path.write_text(text)
    return import_path(path)


def pages(found: Imported) -> list[int]:
    return [node.pages // MIB for node in found.topology.nodes]


@pytest.mark.parametrize(
    ("text", "mib", "cpus"),
    [
        ("a=(\n -smp 4  # it's\n -m 1G\n)\na+=(-numa node,mem=1G)\nqemu-system-x86_64 \"${a[@]}\"\n", [1024], 4),
        ("N=2\nqemu-system-x86_64 -smp $((N * 2)) -m $(( (1024 + $N) / 2 ))M\n", [513], 4),
        ("qemu-system-x86_64 -smp ${N:=3} -m ${M:-${L-1G}}\n", [1024], 3),
        ('qemu-system-x86_64 -smp 4 -m 1G -append $"maxcpus=1"\n', [1024], 4),
        ("qemu-system-x86_64 \u2013smp 4 \u2014m 1G\n", [1024], 4),
        ("[ann@box ~]$ qemu-system-x86_64 -smp 4 -m .5G\n", [512], 4),
        ("qemu-system-x86_64 -smp 4 -m 1.G\n", [1024], 4),
        (
            'qemu-kvm -smp 2 -m size=1048576k -object {"qom-type":"memory-backend-ram","id":"a","size":1073741824} '
            "-numa node,nodeid=0,cpus=0-1,memdev=a\n",
            [1024], 2,
        ),
    ],
)  # fmt: skip
def test_words_as_a_shell_reads_them(tmp_path: Path, text: str, mib: list[int], cpus: int) -> None:
    """Arrays, sums, defaults, prompts, dashes that a word processor made, and JSON as ps shows it."""
    found = read(tmp_path, text)
    assert (pages(found), len(found.topology.cpus)) == (mib, cpus)


@pytest.mark.parametrize("text", ["$((N / 0))", "$((2 ** 3))", "$((f(2)))", "$((1.5))", "$((x))", "$(nproc)"])
def test_what_only_a_running_shell_knows_is_shown_as_written(tmp_path: Path, text: str) -> None:
    """And refused where the machine depends on it."""
    with pytest.raises(InputError) as caught:
        read(tmp_path, f"qemu-system-x86_64 -m 1G -smp {text}\n")
    assert f"-smp cpus '{text}'" in str(caught.value)


def test_memory_that_no_node_was_given(tmp_path: Path) -> None:
    """Equal parts of whole 8 MiB, the last node has the rest; a note says which versions do so."""
    found = read(tmp_path, "qemu-system-x86_64 -smp 3 -m 1000M -numa node -numa node -numa node\n")
    assert pages(found) == [328, 328, 344]
    assert any("before 5.1" in note for note in found.notes)


@pytest.mark.parametrize(
    ("words", "mib", "note"),
    [
        ("cma=256M@0-4G", [768, 1024], "cma=256M@0-4G: 256 MiB of CMA on node 0"),
        ("hugetlb_cma=256M", [896, 896], "128 MiB of CMA on node 1"),
        ("hugetlb_cma=1:256M", [1024, 768], "256 MiB of CMA on node 1"),
        ("numa_cma=0:64M,1:128M", [960, 896], "128 MiB of CMA on node 1"),
        ("cma_pernuma=64M", [960, 960], "64 MiB of CMA on node 0"),
        ("mem=512M", [1024, 1024], "memory that this takes away is counted all the same"),
    ],
)
def test_cma_is_no_room(tmp_path: Path, words: str, mib: list[int], note: str) -> None:
    """Whatever word reserves it; what is not taken off is named."""
    nodes = "-numa node,cpus=0,mem=1G -numa node,cpus=1,mem=1G "
    found = read(tmp_path, f"{START}{nodes}-append '{words}'\n")
    assert pages(found) == mib
    assert note in "; ".join(found.notes)


@pytest.mark.parametrize(
    ("text", "refused"),
    [("-m 2G,slot=2", "-m with 'slot'; allowed: size, slots, maxmem"), ("-numa node,cpu=0", "-numa node with 'cpu'")],
)
def test_a_misspelt_key_is_refused(tmp_path: Path, text: str, refused: str) -> None:
    """It is not passed over."""
    with pytest.raises(InputError) as caught:
        read(tmp_path, f"{START}{text}\n")
    assert refused in str(caught.value)


def test_what_another_file_says_is_named(tmp_path: Path) -> None:
    """-readconfig and -set may change the machine."""
    notes = "; ".join(read(tmp_path, f"{START}-readconfig more.cfg\n").notes)
    assert "-readconfig more.cfg is not read" in notes


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("A=xx\n" + "A=$A$A\n" * 60 + "qemu $A\n", "longer values"),
        ("A=xx\n" + 'B="${A:-1}$B$B$A$A"\nA="$B$B"\n' * 40 + "qemu $A\n", "longer values"),
        ("A+=xx\n" + "A+=$A\n" * 60 + "qemu $A\n", "longer values"),
        (f"A={'x' * 1_000_000}\n" + "qemu $A\n" * 100, "longer values"),
        ("qemu $((1+1)) " * 100_001, "more sums"),
    ],
)
def test_what_grows_by_its_own_names_is_refused(text: str, said: str) -> None:
    """A script of a kilobyte whose variables hold each other twice asks for more memory than there is."""
    with pytest.raises(InputError, match=said):
        words_of(text, "start.sh")


@pytest.mark.usefixtures("little_room")
@pytest.mark.parametrize(
    "text",
    [
        "cat <<A\n" * 200_000, f"cat <<{'A' * 200_000}\n", "A+=xxxxxxxxxx\n" * 200_000, f"q $(({'1+' * 1_000_000}1))",
        'q "' + '\\"' * 1_000_000 + '"', "q " + "$(" * 400_000, "q " + "${A:-" * 50_000 + "}" * 50_000,
    ],
)  # fmt: skip
def test_a_long_script_takes_time_and_memory_in_proportion(text: str) -> None:
    """Each took minutes or gigabytes: here-documents without an end, long sums and quotes, variables piece by piece."""
    begun = time.process_time()
    words_of(text, "start.sh")
    assert time.process_time() - begun < SECONDS_MOST


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a <<E b\n-m 1\nE\nc", ["a", "b", "c"]), ("a <<-'E'\n-m 1\n\tE \nc", ["a", "c"]), ("a <<E\nE", ["a"]),
        ("a <<E\n-m 1\nEE\nc", ["a", "E", "-m", "1", "EE", "c"]), ("a <<<E\nE\n", ["a", "E", "E"]),
        ("a <<E <<F\n1\nE\n2\nF\nc", ["a", "F", "2", "F", "c"]),
    ],
)  # fmt: skip
def test_here_documents_are_no_words(text: str, words: list[str]) -> None:
    """From the line after << to the line of the word; one that does not end is text like any other."""
    assert words_of(text, "start.sh") == words
