"""Take README's pictures anew from the recorded studies.db: `python docs/pictures/make.py`. Needs Chromium."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
STUDY = "cifar10-hyperband"
WIDTH, HEIGHT = 1280, 960
SHOWN = 900  # pixels of width that are kept
COLOURS = 160
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
DRAWN = "() => [...document.querySelectorAll('.js-plotly-plot')].some(plot => plot.data && plot.data.length)"


def main() -> None:
    """Write dashboard.png, parameters.png and report.png beside this file."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        hpsearch = [sys.executable, "-m", "hpsearch"]
        database = ["--database", str(ROOT / "studies.db")]
        server = subprocess.Popen([*hpsearch, "dashboard", "--port", "0", *database], stdout=subprocess.PIPE, text=True)
        assert server.stdout is not None
        address = re.search(r"http://[\d.:]+", server.stdout.readline())
        assert address is not None
        take(page, f"{address[0]}/study/{STUDY}", "dashboard")
        take(page, f"{address[0]}/study/{STUDY}?tab=parameters", "parameters")
        server.send_signal(signal.SIGINT)
        server.wait()
        report = Path(folder) / "report.html"
        subprocess.run([*hpsearch, "report", "--study", STUDY, "-o", str(report), *database], check=True)
        take(page, report.as_uri(), "report")
        browser.close()


def take(page: Any, address: str, name: str) -> None:
    """The first screen of a page, with few colours, as NAME.png."""
    page.goto(address)
    if not address.startswith("file"):
        page.wait_for_function(DRAWN)
    time.sleep(4)  # figures and the table come one after the other
    file = HERE / f"{name}.png"
    page.screenshot(path=file)
    picture = Image.open(file).convert("RGB").resize((SHOWN, SHOWN * HEIGHT // WIDTH), Image.Resampling.LANCZOS)
    picture.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(file, optimize=True)


if __name__ == "__main__":
    main()
