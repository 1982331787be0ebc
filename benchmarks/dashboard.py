"""The first page of a large study: `hpsearch dashboard` against optuna-dashboard, both in the same browser.

    python -m benchmarks.dashboard [--rounds 2] [--trials 10000] [--epochs 27]

Each server is started on a database of that size (made once, under build/benchmarks) and asked once for its list of
studies, so that its program is loaded; then a headless Chromium that has never seen it opens the study's page. Timed is
from the start of the navigation until the page is usable: hpsearch's figures of the first tab drawn and trials in its
table; for optuna-dashboard, in its favour, only until the study's data have arrived, with nothing drawn yet. Counted is
what the page loads: data (JSON and HTML) as it is once unpacked and as it travels, and library scripts apart.

Each round has a new server and a new browser. Chromium's own start keeps two cores busy for a second, so it rests for
two on an empty page, in which hpsearch's server reads and draws the newest studies by itself. So the page is timed
again without that rest, and where so many others are newer that it is not drawn ahead. Needs Chromium and
`pip install -e .[bench,dev]`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.simulated_studies import PARAMETERS, STUDY, large_database, large_database_of_optuna, url
from benchmarks.turns import ROOT, Row, environment, finish, hpsearch, publish, take_turns

from hpsearch.dashboard.pages import AHEAD

REST = 2.0  # seconds for a browser that has just been started
SECONDS, MEGABYTES = 2.0, 1.0  # what the first page may take, and its data weigh
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
]
OURS_READY = """() => {
    const boxes = [...document.querySelectorAll('.figure')];
    return boxes.length > 1 && boxes.every(box => {
        const plot = box.querySelector('.js-plotly-plot');
        return plot && plot.layout && plot.layout.uirevision && plot.querySelector('.main-svg')
            && (!plot.data.length || box.querySelector('.caption').textContent.length > 10);
    }) && /^[0-9]+$/.test(document.querySelector('#trials .ag-row [col-id="number"]')?.textContent.trim());
}"""
OPTUNA_DATA = "/api/studies/1?"


@dataclass(frozen=True, slots=True)
class Load:
    """One page load.

    Attributes:
        seconds: until the page is usable.
        data: bytes of JSON and HTML, unpacked.
        travelled: the same as they came over the wire.
        scripts: bytes of scripts and styles over the wire.
    """

    seconds: float
    data: int
    travelled: int
    scripts: int

    def __str__(self) -> str:
        return (
            f"{self.seconds:5.2f} s, data {self.data / 1e6:.2f} MB ({self.travelled / 1e6:.2f} MB on the wire), "
            f"scripts {self.scripts / 1e6:.1f} MB on the wire"
        )


def ours(database: Path, rest: float = REST) -> Load:
    """`hpsearch dashboard`, and the page of the study, in a browser that has rested for so many seconds."""
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "log").open("w+") as log:
        command = hpsearch("dashboard", "--database", str(database), "--port", "0")
        with _served(command, log, lambda: re.search(r"http://[\d.:]+", Path(log.name).read_text())) as address:
            urllib.request.urlopen(f"{address}/api/studies").read()
            return _load(
                f"{address}/study/{STUDY}",
                lambda page: page.wait_for_function(OURS_READY, timeout=120_000, polling=20),
                rest,
            )


@contextlib.contextmanager
def followed(database: Path) -> Iterator[Path]:
    """A copy of `database` in which others, of one trial each, are the newest: as many as are drawn ahead."""
    with tempfile.TemporaryDirectory() as folder:
        copy, space = Path(folder) / "studies.db", Path(folder) / "newer.yaml"
        with (
            contextlib.closing(sqlite3.connect(database)) as source,
            contextlib.closing(sqlite3.connect(copy)) as target,
        ):
            source.backup(target)
        newer = {
            "parameters": PARAMETERS,
            "training": {"trainer": "simulated", "epochs": 1},
            "search": {"max_trials": 1},
        }
        for number in range(AHEAD):
            space.write_text(json.dumps({"study": f"newer-{number}", **newer}), encoding="utf-8")
            finish(hpsearch("run", str(space), "--database", str(copy), "--quiet", "--no-retrain"))
        yield copy


def optunas(database: Path) -> Load:
    """`optuna-dashboard`, and the page of the study."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    program = Path(sys.executable).with_name("optuna-dashboard")
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "log").open("w+") as log:
        command = [str(program), url(database), "--port", str(port)]
        with _served(command, log, lambda: _answers(address) and re.match(".*", address)) as found:
            urllib.request.urlopen(f"{found}/api/studies").read()
            return _load(
                f"{found}/dashboard/studies/1",
                lambda page: page.wait_for_event(
                    "requestfinished", lambda request: OPTUNA_DATA in request.url, timeout=120_000
                ),
            )


def _answers(address: str) -> bool:
    with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}/api/meta", timeout=1):
        return True
    return False


@contextlib.contextmanager
def _served(command: list[str], log: Any, find: Callable[[], re.Match[str] | None]) -> Iterator[str]:
    """The address of a server that is started for the block."""
    process = subprocess.Popen(command, cwd=ROOT, env=environment(), stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 60
        while (found := find()) is None or not found:
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"{' '.join(command)} did not start:\n{Path(log.name).read_text()}")
            time.sleep(0.05)
        yield found[0]
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _load(address: str, wait: Callable[[Any], object], rest: float = REST) -> Load:
    """One load in a fresh browser."""
    from playwright.sync_api import sync_playwright

    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        raise SystemExit("benchmarks.dashboard needs Chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        responses: list[Any] = []
        page.on("requestfinished", lambda request: responses.append(request))
        time.sleep(rest)
        began = time.perf_counter()
        page.goto(address, wait_until="commit", timeout=120_000)
        wait(page)
        seconds = time.perf_counter() - began
        data = travelled = scripts = 0
        for request in list(responses):
            response, sizes = request.response(), request.sizes()
            path = urlsplit(request.url).path
            if not path.startswith(("/_dash-component-suites/", "/assets/", "/static/")):
                packed = "content-encoding" in response.headers
                data += len(response.body()) if packed else sizes["responseBodySize"]
                travelled += sizes["responseBodySize"]
            else:
                scripts += sizes["responseBodySize"]
        browser.close()
    return Load(seconds, data, travelled, scripts)


def rows(loads: dict[str, list[Load]], trials: int, epochs: int) -> list[Row]:
    """Time and weight of the first page, beside Optuna's."""
    mine, other, busy, peer = (
        loads[name] for name in ("hpsearch", "not drawn ahead", "browser just started", "optuna-dashboard")
    )
    size = f"{trials:,} trials x {epochs} epochs"
    usable = f"dashboard, first page of {size}, until it is usable"
    weight = f"dashboard, data of that page (JSON and HTML, unpacked), {size}"
    newer = "the same where the server has not drawn it ahead, as others are newer"
    starting = "the same in a browser that was started at the same moment"
    scripts = f"scripts on the wire {mine[0].scripts / 1e6:.1f} MB against {peer[0].scripts / 1e6:.1f} MB"
    travelled = f"on the wire {mine[0].travelled / 1e6:.2f} MB against {peer[0].travelled / 1e6:.2f} MB"

    def row(figure: str, unit: str, ours: list[Load], size_of: Callable[[Load], float], most: float, note: str) -> Row:
        measured = [[size_of(load) for load in several] for several in (ours, peer)]
        return Row(figure, unit, *measured, "optuna-dashboard", required=1, most=most, note=note)

    return [
        row(usable, "s", mine, lambda load: load.seconds, SECONDS, scripts),
        row(newer, "s", other, lambda load: load.seconds, SECONDS, ""),
        row(starting, "s", busy, lambda load: load.seconds, SECONDS, ""),
        row(weight, "MB", mine, lambda load: load.data / 1e6, MEGABYTES, travelled),
    ]


def main() -> None:
    """Measure, print the table and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--epochs", type=int, default=27)
    arguments = parser.parse_args()
    mine = large_database(arguments.trials, arguments.epochs)[0]
    peers = large_database_of_optuna(arguments.trials, arguments.epochs)
    with followed(mine) as copy:
        loads = take_turns(
            {
                "hpsearch": lambda: ours(mine),
                "not drawn ahead": lambda: ours(copy),
                "browser just started": lambda: ours(mine, rest=0),
                "optuna-dashboard": lambda: optunas(peers),
            },
            arguments.rounds,
        )
    settings = {"trials": arguments.trials, "epochs": arguments.epochs}
    measured = {name: [asdict(load) for load in several] for name, several in loads.items()}
    publish(
        "dashboard",
        rows(loads, arguments.trials, arguments.epochs),
        rounds=arguments.rounds,
        settings=settings,
        loads=measured,
    )


if __name__ == "__main__":
    main()
