"""`run --waste-only`: what it prints, that it repeats, what it refuses; and the machine at hand in other campaigns."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from percpu_fuzz.fuzz.campaign import here
from percpu_fuzz.fuzz.cli import call
from percpu_fuzz.fuzz.store.reading import read_campaign
from percpu_fuzz.reports.figures.figures import Figures
from percpu_fuzz.reports.sections.sampled import here_words

CASES = ("--cases", "4000", "--seed", "5", "--plain", "--json", "--out")
TWO = ("--topology", "two-node")
FEW = ("--families", "one-node,vm8", "--variant", "fixed", *CASES)  # of which nothing has to be shrunk


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[str, dict[str, Any]]:
    """What a campaign printed, and the object of its last line."""
    assert call(["run", *words]) in (0, 1)
    text = capsys.readouterr().out
    return text, json.loads(text.splitlines()[-1])


def test_it_samples_what_a_campaign_would_measure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On one machine the sample's histogram is that of a campaign's measurement stream with the same seed, batch by
    batch; it reaches p99.99, says that nothing was checked, and its line repeats it to the digest for any workers.
    """
    text, sample = run(capsys, "--waste-only", *TWO, *CASES, str(tmp_path / "sample"))
    run(capsys, *TWO, "--hunt", "0", *CASES, str(tmp_path / "full"))
    full, fast = (read_campaign(tmp_path / name).estimated["two-node"] for name in ("full", "sample"))
    assert full.histogram("waste_pages.parts") == fast.histogram("waste_pages.parts") != {}
    assert "No invariant was checked" in text
    assert "p99.99" in text
    assert sample["checked"] is False
    assert "violations" not in sample
    assert list(sample["waste"][0]["tails"]["waste_pages"]["quantiles"]) == ["0.5", "0.9", "0.99", "0.999", "0.9999"]
    words = shlex.split(sample["command"])[2:]
    for workers in ("1", "3"):
        again = run(capsys, *words, "--workers", workers, "--plain", "--json", "--out", str(tmp_path / workers))[1]
        assert again["digest"] == sample["digest"]


def test_its_folder_is_a_campaigns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is resumed, and reported in every format; compare and formats that are of checks refuse it in one line."""
    out = str(tmp_path / "sample")
    run(capsys, "--waste-only", *TWO, *CASES, out)
    assert call(["run", "--resume", out, "--cases", "6000", "--plain"]) == 0
    assert "No invariant was checked" in capsys.readouterr().out
    for form in ("text", "html", "json", "md", "mail"):
        assert call(["report", out, "--format", form]) == 0
        said = capsys.readouterr().out
        assert "invariants held" not in said
        assert "waste" in said
    assert call(["report", out, "--report", "junit"]) == 2
    assert call(["compare", out, out]) == 2
    refused = capsys.readouterr().err.splitlines()
    assert len(refused) == 2
    assert all("--waste-only" in line for line in refused)


@pytest.mark.parametrize(
    "words",
    [
        ("--hunt", "0.5"), ("--hunt", "0.2"), ("--scheduler", "pct"), ("--report", "junit"), ("--variant", "base"),
        ("--stop", "rate(I1) < 0.001"), ("--explored", "somewhere"),
    ],
)  # fmt: skip
def test_what_asks_for_more_is_refused(
    words: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line that names both, and no folder."""
    assert call(["run", "--waste-only", *words, *CASES, str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err.splitlines()
    assert len(error) == 1
    assert error[0].startswith("percpu-fuzz: --waste-only: with ")
    assert words[1] in error[0]
    assert not (tmp_path / "out").exists()


def test_the_machine_at_hand_stands_first_and_in_no_digest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A campaign over families samples this machine, or says in a sentence why not (a container without sysfs); its
    digest is the same. A campaign on one machine that was asked for does not look.
    """
    digests = set()
    for name, place in (("there", here.RUNNING), ("gone", tmp_path / "nothing")):
        monkeypatch.setattr(here, "RUNNING", place)
        digests.add(run(capsys, *FEW, str(tmp_path / name))[1]["digest"])
    assert len(digests) == 1
    known, unknown = (Figures(read_campaign(tmp_path / name)) for name in ("there", "gone"))
    assert known.here is not None
    assert known.here.sampled is not None
    assert f"{known.here.cpus} possible CPU" in here_words(known)
    assert here_words(unknown).startswith("this machine was not sampled: ")
    assert str(tmp_path / "nothing") in here_words(unknown)
    report = (tmp_path / "there" / "report.txt").read_text()
    assert report.index("\n  here ") < report.index("\n  waste ")
    assert report.index("This machine: ") < report.index("All families by weight")
    run(capsys, *TWO, "--variant", "fixed", *CASES, str(tmp_path / "asked"))
    assert Figures(read_campaign(tmp_path / "asked")).here is None


def test_the_machine_at_hand_is_sampled_as_the_command_samples_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its cases are those of `run --waste-only --topology` on it with the campaign's seed."""
    run(capsys, *FEW, str(tmp_path / "whole"))
    row = read_campaign(tmp_path / "whole").here
    assert call(["topology", "import", "-o", str(tmp_path / "mine.json")]) == 0
    words = (
        "--waste-only",
        "--variant",
        "fixed",
        "--topology",
        str(tmp_path / "mine.json"),
        "--cases",
        str(row["cases"]),
        "--seed",
        "5",
    )
    run(capsys, *words, "--plain", "--json", "--out", str(tmp_path / "one"))
    (sums,) = read_campaign(tmp_path / "one").estimated.values()
    assert sums.cases == row["cases"]
    assert dict(row["histograms"]["waste_pages.parts"]) == sums.histogram("waste_pages.parts")
