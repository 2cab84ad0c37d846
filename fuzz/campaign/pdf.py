"""report.pdf from report.html, by a browser without a window: the page as it is read, and nothing to draw it anew."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.fuzz.files import write_whole

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SECONDS = 120.0


def write_pdf(page: Path, target: Path) -> None:
    """Print a page. InputError without a browser, or when it fails; no half of a file is left."""
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        raise InputError("--pdf", "no browser on PATH", ", ".join(BROWSERS))
    with tempfile.TemporaryDirectory() as folder:
        part = Path(folder) / "report.pdf"
        command = [
            browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
            f"--user-data-dir={folder}/profile", "--no-pdf-header-footer", f"--print-to-pdf={part}",
            page.resolve().as_uri(),
        ]  # fmt: skip
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise InputError("--pdf", f"{browser}: {error}", "a browser that can print") from None
        if not part.is_file() or not part.read_bytes().startswith(b"%PDF-"):
            last = (done.stderr.strip().splitlines() or ["nothing was printed"])[-1]
            raise InputError("--pdf", f"{browser}: {last}", "a browser that can print")
        write_whole(target, part.read_bytes())
