"""report.html in a real browser without a window: it asks for nothing outside the file. Skips where there is none."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rendered import report_html

from percpu_fuzz.reports.campaign import Campaign

Made = Callable[..., Campaign]
BROWSER = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), ""
)
pytestmark = pytest.mark.skipif(not BROWSER, reason="no Chromium on PATH")


def asked_for(page: Path, folder: Path) -> tuple[str, set[str]]:
    """(the page's elements as the browser has them, addresses that the page made it ask for)."""
    log = folder / "net.json"
    line = [
        BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run",
        f"--user-data-dir={folder / 'profile'}", f"--log-net-log={log}", "--timeout=3000", "--dump-dom", page.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(line, capture_output=True, text=True, timeout=90, check=False)
    content: dict[str, Any] = json.loads(log.read_text())
    urls = set()
    for event in content["events"]:
        parameters = event.get("params", {})
        if "url" in parameters and str(parameters.get("initiator", "not an origin")) != "not an origin":
            urls.add(str(parameters["url"]))
    return done.stdout, urls


def test_no_request_leaves_the_file(tmp_path: Path, make: Made) -> None:
    """The whole page is there and nothing was asked for. A planted picture is not fetched either, as the page's own
    policy forbids it; without the policy, the control, it is seen being asked for.
    """
    page = tmp_path / "report.html"
    page.write_text(report_html(make()))
    elements, urls = asked_for(page, tmp_path)
    assert "Wasted precharge" in elements
    assert urls == set()
    picture = '<img src="http://127.0.0.1:9/seen.png">'
    planted = tmp_path / "planted.html"
    planted.write_text(report_html(make()) + picture)
    assert asked_for(planted, tmp_path)[1] == set()
    bare = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", report_html(make()))
    assert bare != report_html(make())
    planted.write_text(bare + picture)
    assert asked_for(planted, tmp_path)[1] == {"http://127.0.0.1:9/seen.png"}
