"""report.html: one file that asks for nothing, says what was counted, and shows text from outside as text."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import msgspec
import pytest
from rendered import report_html, report_json, report_text

from percpu_fuzz.engine.outcome import Outcome, Signature
from percpu_fuzz.engine.variant import VARIANTS
from percpu_fuzz.reports.campaign import Campaign
from percpu_fuzz.reports.lanes import Broken, Change, Line
from percpu_fuzz.reports.render.html import cell
from percpu_fuzz.reports.sections.waste import bound_of

Made = Callable[..., Campaign]
HOSTILE = "</style><script>alert(1)</script><img src=http://x.example/a onerror=alert(2)>\"'&{{ 7 * 7 }}\u00e9\x1b"
VOID = {"meta", "br", "img", "link", "input", "hr"}
STEPS = (
    Line(1, 0, "task 0", "AL_PRECHARGE", (Change("memcg1 usage", 0, 2),)),
    Line(2, 3, "css_offline", "RO_BODY", (), (Broken("I18", 0, -1),)),
)


class Elements(HTMLParser):
    """Elements with their attributes; `open` holds what was not closed, `text` what a reader sees."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def full_histograms(cases: int) -> dict[str, dict[int, int]]:
    """Every histogram that a batch stores, of so many probes."""
    return {
        "waste_pages": {0: cases - 3, 2: 3}, "share_percent": {0: cases - 3, 50: 3}, "rounding_bytes16": {8: cases},
        "precharge_pages": {2: cases - 3, 4: 3}, "precharge_used": {(2 << 20) + 2: cases - 3, (4 << 20) + 2: 3},
        "misplaced_bytes": {0: cases - 1, 48: 1}, "in_flight_pages": {0: cases, 4: 5},
        "cell_cases": {2 * 64 + 5: cases}, "cell_waste_pages": {2 * 64 + 5: 6},
    }  # fmt: skip


def full(make: Made, name: str = "few", **changed: Any) -> Campaign:
    """A campaign with every histogram, a violation and a finding with lanes; `name` stands wherever text may."""
    counts = {"probe.charged": 60}
    kind = Signature("I18", name, "PO_ACCOUNT", (2, 6))
    outcomes = [
        Outcome("measurement", 0, name, 100, 900, 0, full_histograms(60), counts, {kind: 1}, {kind: (5,)}),
        Outcome("hunting", 0, name, 100, 900, 0, full_histograms(60), counts, {kind: 2}, {kind: (7, 8)}),
    ]
    finding = {
        "file": f"findings/{name}.json", "stream": "hunting", "k": 0, "case": 7, "invariant": "I18", "variant": name,
        "label": name, "hazards": [2], "shape": f"shape {name}", "alike": 3, "invariants": ["I18", name],
        "explanation": [f"Machine {name}", "step 2"],
        "steps": msgspec.to_builtins((*STEPS, Line(3, 0, name, name, (Change(name, 1, 2),), (Broken(name, 0, 1),)))),
    }  # fmt: skip
    facts: dict[str, Any] = {
        "describe": {"variant": name, "seed": 7, "families": {name: 3}, "note": name, "choices": {}},
        "findings": [finding], "out": f"out/{name}", "command": f"percpu-fuzz run --topology '{name}'",
        "operations": [{"nodes": n, "cpus": n, "variant": name, "alloc_ops": n, "free_ops": n} for n in (1, 2)],
    }  # fmt: skip
    return make(outcomes, **(facts | changed))


@pytest.mark.parametrize("kind", ["made", "full", "hostile", "empty", "base"])
def test_nothing_leaves_the_file(make: Made, kind: str) -> None:
    """Well-formed; no script, frame, image, import or address; only <a> has an href, to a place in the page."""
    base = {"variant": "base", "seed": 7, "families": {"few": 3, "many": 1}}
    campaign = {
        "made": make, "full": lambda: full(make), "hostile": lambda: full(make, HOSTILE), "empty": lambda: make([]),
        "base": lambda: make(describe=base),
    }[kind]()  # fmt: skip
    text = report_html(campaign)
    page = Elements(text)
    assert page.open == []
    assert {tag for tag, _ in page.found} <= {
        "html", "head", "meta", "title", "style", "body", "header", "main", "nav", "section", "h1", "h2", "h3", "p",
        "a", "code", "span", "br", "pre", "div", "table", "caption", "thead", "tbody", "tr", "th", "td", "figure",
        "figcaption", "i", "details", "summary", "svg", "line", "rect", "path", "circle", "text",
    }  # fmt: skip
    for tag, attributes in page.found:
        assert "src" not in attributes
        assert not any(name.startswith("on") or name in ("style", "xlink:href") for name in attributes)
        assert tag == "a" or "href" not in attributes
        assert (attributes.get("href") or "#").startswith("#")
    style = text[text.index("<style>") : text.index("</style>")]
    assert not re.search(r"url\(|@import|//", style)
    assert text.isascii()
    assert len(text) < 2_000_000


def test_the_check_sees_what_it_looks_for() -> None:
    """The control: an image, a handler and an unclosed element are noticed by the parser above."""
    page = Elements("<p><img src='http://x.example/a' onerror='b'>")
    assert page.open == ["p"]
    assert page.found[1] == ("img", {"src": "http://x.example/a", "onerror": "b"})


def test_hostile_text_is_shown_as_it_is(make: Made) -> None:
    """A name of markup is read as that text, neither as markup nor as a template; control characters are escaped."""
    text = report_html(full(make, HOSTILE))
    shown = "".join(Elements(text).text)
    assert "<script>alert(1)</script><img src=http://x.example/a onerror=alert(2)>\"'&{{ 7 * 7 }}\\xe9\\x1b" in shown
    assert "<script" not in text
    assert "<img" not in text
    assert "\x1b" not in text
    assert text.count("</style>") == 1


def test_cells_keep_intervals_whole_and_name_their_columns(make: Made) -> None:
    """An interval is one span, text that looks like markup stays text, and a stacked cell says which column it is."""
    assert cell("1 <b> [2, 3] & [") == '1 &lt;b&gt; <span class="whole">[2, 3]</span> &amp; ['
    page = Elements(report_html(make()))
    named = {
        str(attributes["data-name"]) for tag, attributes in page.found if tag == "td" and "data-name" in attributes
    }
    assert {"measured", "by weight", "hunted, no estimate", "pages wasted"} <= named
    assert "<span" not in "".join(page.text)


def test_a_findings_nodes_are_made_again_by_its_replay_line(make: Made) -> None:
    """Beside the picture of a case stands the line that replays it; beside the others the run's."""
    nodes = [{"node": 0, "bytes": 64, "pages": 1, "page_size": 4096}]
    rows = [{"file": "findings/1.json", "invariant": "I18", "nodes": nodes}]
    figures = re.findall(r"<figure>.*?</figure>", report_html(full(make, findings=rows)), re.S)
    facts = [" ".join(re.sub(r"<[^>]+>", "", f).split()) for f in figures]
    (own,) = [said for said in facts if "Node by node" in said]
    assert own.endswith("Again: percpu-fuzz replay out/few/findings/1.json")
    assert sum("percpu-fuzz replay" in said for said in facts) == 1


def test_injected_failures_are_counted_by_kind(make: Made) -> None:
    """Any count named fault.*, in both reports; none where none was counted."""
    outcome = Outcome("hunting", 0, "few", 9, 9, 0, {}, {"fault.populate": 4321})
    for report in (report_html, report_text):
        assert "injected: populate" in report(make([outcome]))
        assert "4,321" in report(make([outcome]))
        assert "injected: " not in report(make())


def test_the_same_store_gives_the_same_bytes(make: Made) -> None:
    """Two campaigns made from equal outcomes render alike; one case more does not."""
    assert report_html(full(make)) == report_html(full(make))
    more = Outcome("hunting", 1, "few", 1, 9)
    assert report_html(make([more])) != report_html(make([]))


def test_links_lead_to_sections(make: Made) -> None:
    """Each link of the head has its section, no name is taken twice."""
    page = Elements(report_html(full(make)))
    names = [str(attributes["id"]) for _, attributes in page.found if "id" in attributes]
    assert len(names) == len(set(names))
    links = [str(attributes["href"]) for tag, attributes in page.found if tag == "a"]
    assert len(links) >= 9
    assert {link.removeprefix("#") for link in links} <= set(names)


def test_every_picture_says_what_it_counts(make: Made) -> None:
    """Beside each figure: n, the stopping rule or what is fixed, and the line that makes it again."""
    text = report_html(full(make, command="percpu-fuzz run --variant v2 --seed 7 --cases 600"))
    figures = re.findall(r"<figure>.*?</figure>", text, re.S)
    assert len(figures) >= 8
    for figure in figures:
        assert "<svg" in figure
        facts = re.sub(r"<[^>]+>", "", figure[figure.index('<p class="facts">') :])
        assert "n = " in facts
        assert "stopped by" in facts or "fixed beforehand" in facts
        assert "percpu-fuzz run --variant v2 --seed 7 --cases 600" in " ".join(facts.split())


def test_findings_are_told_with_their_lanes(make: Made) -> None:
    """Shape, story, lanes and replay line; a finding without them keeps its replay line."""
    text = report_html(full(make))
    shown = " ".join("".join(Elements(text).text).split())
    for words in ("shape few", "Machine few", "refill_obj_stock", "css_offline", "memcg1 usage: 0 -> 2",
                  "I18 broken: expected 0, found -1", "--lanes", "Clopper-Pearson (1934)"):  # fmt: skip
        assert words in shown
    bare = report_html(make())
    assert "The interleaving" not in bare
    assert "001-I18-v2.json" in bare


def test_the_page_stays_small(make: Made) -> None:
    """60 findings of 400 lines each: their lanes stop at the room that is there, every replay line remains. Control:
    there is none for those of all.
    """
    lines = [Line(i, 0, "task", "TC_LEVEL", (Change("memcg1 usage", i, i + 1),)) for i in range(400)]
    steps = msgspec.to_builtins(lines)
    rows = [{"file": f"findings/{i}.json", "invariant": "I18", "steps": steps} for i in range(60)]
    text = report_html(full(make, findings=rows))
    one, two = (len(report_html(full(make, findings=rows[:number]))) for number in (1, 2))
    assert len(text) < 2_000_000 < 60 * (two - one)
    assert "Its lanes are left out for the size of this page" in text
    assert "findings/59.json" in text


def test_a_family_whose_probes_were_not_charged_has_no_figure(make: Made, outcomes: list[Outcome]) -> None:
    """A family of a few cases may have pages in flight and no charged probe: all reports say "no estimate"."""
    rare = Outcome("measurement", 3, "rare", 2, 90, 0, {"waste_pages": {}, "in_flight_pages": {3: 2}})
    describe = dict(make().describe) | {"families": {"few": 3, "many": 1, "rare": 1}}
    campaign = make([*outcomes, rare], describe=describe)
    assert "rare" in report_html(campaign)
    assert "no estimate" in report_text(campaign)
    assert report_json(campaign)["families"][-1]["name"] == "rare"


@pytest.mark.parametrize(("variant", "least"), [("v1", 0), ("v2", 1), ("v2-fast", 1), ("fixed", 0)])
def test_the_bound_in_the_pictures_is_the_variant_s_own(variant: str, least: int) -> None:
    """v2's formula always leaves a page over; fixed precharges a page less, and nothing may be left."""
    assert bound_of(VARIANTS[variant])[0] == least
