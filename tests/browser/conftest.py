"""A real browser, a real server, real studies: what people see."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.end_to_end.command import command, hpsearch
from tests.made_once import made_once

REPO = Path(__file__).parents[2]
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--enable-unsafe-swiftshader"),
]
EVIL = "<script>window.evil = 1</script><img src=x onerror='window.evil = 1'>"


def pytest_collection_modifyitems(items):
    """Without Chromium nothing here can run."""
    if CHROMIUM is None:
        for item in items:
            if "tests/browser" in str(item.path):
                item.add_marker(pytest.mark.skip(reason="needs Chromium: apt-get install chromium"))


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """A folder with studies.db: a real digits study that was retrained, and simulated ones."""
    return made_once(tmp_path_factory, "browser", _make)


def _make(folder):
    digits = ["run", REPO / "search_spaces" / "digits_space.yaml", "--workers", 2, "--quiet"]
    few = ["search.max_trials=4", "training.epochs=2", "retrain.epochs=2", f"description={EVIL}"]
    _run(folder, *digits, *(part for setting in few for part in ("--set", setting)))
    (folder / "evil.yaml").write_text(
        f"""
study: evil
description: "{EVIL}"
parameters:
  rate: {{type: float, min: 1e-4, max: 1e-1, scale: log}}
  units: {{type: int, min: 16, max: 64, step: 16}}
  kind: ["{EVIL}", "<b>bold</b>", plain]
training: {{trainer: simulated, epochs: 3, failure_rate: 0.2}}
search: {{backend: random, max_trials: 40, lag: 4}}
"""
    )
    _run(folder, "run", "evil.yaml", "--workers", 2, "--quiet", "--no-retrain")
    (folder / "halving.yaml").write_text(
        """
study: halving
parameters:
  rate: {type: float, min: 1e-4, max: 1e-1, scale: log}
  units: {type: int, min: 16, max: 64, step: 16}
training: {trainer: simulated}
search: {backend: hyperband, max_epochs: 9, factor: 3}
"""
    )
    _run(folder, "run", "halving.yaml", "--workers", 2, "--quiet", "--no-retrain")
    (folder / "failing.yaml").write_text(
        """
study: failing
parameters: {rate: {type: float, min: 1e-4, max: 1e-1}}
training: {trainer: simulated, epochs: 2, failure_rate: 1.0}
search: {backend: random, max_trials: 3}
limits: {max_consecutive_failures: 10}
"""
    )
    _run(folder, "run", "failing.yaml", "--workers", 1, "--quiet", "--no-retrain")


def _run(folder, *arguments):
    done = hpsearch(*arguments, folder=folder)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="session")
def server(folder):
    """The address of a dashboard of that folder's database."""
    with serving(folder) as address:
        yield address


@contextlib.contextmanager
def serving(folder, *options):
    """A dashboard as a person starts it, until the block ends."""
    log = folder / f"dashboard-{time.monotonic_ns()}.log"
    with log.open("w") as written:
        process = subprocess.Popen(
            command("dashboard", "--port", 0, *options),
            cwd=folder,
            stdout=written,
            stderr=written,
            env=dict(os.environ),
        )
    try:
        yield _address(process, log)
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    assert "Traceback" not in log.read_text(), log.read_text()


def _address(process, log):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found = re.search(r"http://[^\s]+", log.read_text())
        if found:
            return found[0].rstrip("/")
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise AssertionError(log.read_text())


@pytest.fixture(scope="module")
def chromium():
    """One browser for all tests of a file; no longer, for Playwright keeps an event loop running in this thread."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium):
    """A page of 1280 x 900; whatever it logs as an error, and any request to another host, fails the test."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(20_000)
    wrong: list[str] = []
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda asked: wrong.append(asked.url) if _is_elsewhere(asked.url) else None)
    yield page
    evil = page.evaluate("window.evil") if page.url.startswith(("http", "file")) else None
    context.close()
    assert evil is None
    assert wrong == []


def _is_elsewhere(url):
    parts = urlsplit(url)
    return parts.scheme in ("http", "https", "ws", "wss") and parts.hostname != "127.0.0.1"


def all_drawn(page):
    """Wait until every figure on the page has been drawn: shapes, a canvas, or a sentence why there is nothing."""
    page.wait_for_function(
        """() => {
            const boxes = [...document.querySelectorAll('.figure')];
            return boxes.length && boxes.every(box => {
                const plot = box.querySelector('.js-plotly-plot');
                return plot && plot.querySelector('.main-svg') && plot.layout
                    && (plot.data.length || (plot.layout.annotations || []).length || (plot.layout.images || []).length)
                    && (!plot.data.length || box.querySelector('.caption').textContent.length > 10);
            });
        }"""
    )
