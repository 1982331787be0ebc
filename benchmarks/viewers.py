"""What it costs a running study that people watch it: the same search with twenty viewers of its page, and with none.

    python -m benchmarks.viewers [--rounds 2] [--viewers 20] [--trials 60]

A simulated search of one worker that finishes an epoch every 30 ms, so that the page changes as fast as it can, beside
a dashboard of its database on the same machine. A viewer asks what the page asks: every beat whether there is news, and
where there is, for every figure of the first tab and the first rows of the table. What a browser does with the answers
would be done on the viewer's own machine, and is left out. Timed is the whole `hpsearch run`.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import re
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.turns import Row, environment, finish, hpsearch, publish, take_turns

BEAT = 1.5  # seconds, as the page has it
SECONDS_PER_EPOCH, EPOCHS = 0.03, 5
AT_LEAST = 0.9  # of its pace without viewers


@dataclass
class Audience:
    """What the viewers have done.

    Attributes:
        asked: answers that came, and how many of them had news.
        slowest: seconds of the slowest answer to the question whether there is news.
    """

    asked: int = 0
    drawn: int = 0
    slowest: float = 0.0
    wrong: list[str] = field(default_factory=list)


class Viewer(threading.Thread):
    """One page that is open until `closed` is set."""

    def __init__(self, address: str, study: str, audience: Audience, closed: threading.Event) -> None:
        super().__init__(daemon=True)
        self._connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=60)
        self._path = f"/study/{study}"
        self._audience = audience
        self._closed = closed

    def run(self) -> None:
        """Open the page as soon as the study is there, and follow it."""
        while not self._closed.wait(0.2):
            page = self._get("/_dash-layout")
            figures = re.findall(r'"type":\s*"drawn",\s*"name":\s*"(\w+)"|"name":\s*"(\w+)",\s*"type":\s*"drawn"', page)
            if figures:
                outputs = [one["output"] for one in json.loads(self._get("/_dash-dependencies"))]
                rows = next(name for name in outputs if name.startswith("trials.getRowsResponse@"))
                self._follow([first or second for first, second in figures], rows)

    def _follow(self, figures: list[str], rows: str) -> None:
        seen: Any = None
        while not self._closed.wait(BEAT):
            began = time.perf_counter()
            news = self._ask(
                ["stamp.data", "study-head.children"],
                [("beat.n_intervals", 1)],
                [("url.pathname", self._path), ("stamp.data", seen)],
            )
            self._audience.slowest = max(self._audience.slowest, time.perf_counter() - began)
            self._audience.asked += 1
            if not news:
                continue
            seen = json.loads(news)["response"]["stamp"]["data"]
            for figure in figures:
                self._draw(figure, seen)
            request = {"startRow": 0, "endRow": 100, "sortModel": [], "asked": self._audience.drawn}
            self._ask(
                [rows],
                [("rows-wanted.data", request)],
                [("url.pathname", self._path), ("url.search", "")],
            )
            self._audience.drawn += 1

    def _draw(self, figure: str, stamp: Any) -> None:
        drawn, caption = (f'{{"name":["MATCH"],"type":"{kind}"}}' for kind in ("drawn", "caption"))
        self._post(
            {
                "output": f"..{drawn}.data...{caption}.children..",
                "outputs": [
                    {"id": {"name": figure, "type": "drawn"}, "property": "data"},
                    {"id": {"name": figure, "type": "caption"}, "property": "children"},
                ],
                "inputs": [
                    {"id": "stamp", "property": "data", "value": stamp},
                    {"id": "chosen", "property": "data", "value": ""},
                    {"id": "again", "property": "data", "value": None},
                    [],
                ],
                "changedPropIds": ["stamp.data"],
                "state": [
                    [],
                    {
                        "id": {"name": figure, "type": "caption"},
                        "property": "id",
                        "value": {"name": figure, "type": "caption"},
                    },
                    {"id": "url", "property": "pathname", "value": self._path},
                ],
            }
        )

    def _ask(self, outputs: list[str], inputs: list[tuple[str, Any]], state: list[tuple[str, Any]]) -> str:
        """What a callback with plain ids answers; empty where it has no news."""

        def named(pairs: list[tuple[str, Any]]) -> list[dict[str, Any]]:
            return [
                dict(zip(("id", "property"), name.split("."), strict=True)) | {"value": value} for name, value in pairs
            ]

        several = [dict(zip(("id", "property"), name.split("."), strict=True)) for name in outputs]
        return self._post(
            {
                "output": f"..{'...'.join(outputs)}.." if len(outputs) > 1 else outputs[0],
                "outputs": several if len(several) > 1 else several[0],
                "inputs": named(inputs),
                "changedPropIds": [name for name, _ in inputs],
                "state": named(state),
            }
        )

    def _get(self, path: str) -> str:
        here = f"http://{self._connection.host}:{self._connection.port}"
        self._connection.request("GET", path, headers={"Referer": here + self._path})
        answer = self._connection.getresponse()
        sent = answer.read().decode()
        if answer.status != 200:
            self._audience.wrong.append(f"{answer.status}: {sent[:200]!r}")
        return sent

    def _post(self, body: dict[str, Any]) -> str:
        headers = {"Content-Type": "application/json", "Accept-Encoding": "gzip"}
        if body["output"].startswith("..stamp"):
            headers.pop("Accept-Encoding")  # read here
        self._connection.request("POST", "/_dash-update-component", json.dumps(body), headers)
        answer = self._connection.getresponse()
        sent = answer.read()
        if answer.status not in (200, 204):
            self._audience.wrong.append(f"{answer.status}: {sent[:200]!r}")
        return "" if answer.status == 204 or "Accept-Encoding" in headers else sent.decode()


@dataclass(frozen=True, slots=True)
class Search:
    """One search: how long it took, and what its viewers saw."""

    seconds: float
    audience: Audience

    def __str__(self) -> str:
        seen = f", {self.audience.asked} beats, {self.audience.drawn} with news, slowest {self.audience.slowest:.2f} s"
        return f"{self.seconds:6.2f} s{seen if self.audience.asked else ''}"


def search(viewers: int, trials: int) -> Search:
    """The search with so many viewers, from its command to its end. SystemExit where a viewer got an error."""
    with tempfile.TemporaryDirectory() as folder:
        for name, count in (("before", 1), ("watched", trials)):  # a dashboard needs a database
            space = {
                "study": name,
                "seed": 7,
                "parameters": {"rate": {"type": "float", "min": 1e-4, "max": 1e-1, "scale": "log"}, "units": [16, 32]},
                "training": {"trainer": "simulated", "epochs": EPOCHS, "seconds_per_epoch": SECONDS_PER_EPOCH},
                "search": {"backend": "random", "max_trials": count},
            }
            (Path(folder) / f"{name}.yaml").write_text(json.dumps(space))
        run = ("--workers", "1", "--quiet", "--no-retrain")
        finish(hpsearch("run", "before.yaml", *run), cwd=Path(folder))
        audience, closed = Audience(), threading.Event()
        with _served(Path(folder)) as address:
            people = [Viewer(address, "watched", audience, closed) for _ in range(viewers)]
            for viewer in people:
                viewer.start()
            seconds, _ = finish(hpsearch("run", "watched.yaml", *run), cwd=Path(folder))
            closed.set()
            for viewer in people:
                viewer.join(60)
        log = (Path(folder) / "log").read_text()
    if audience.wrong or bool(audience.drawn) != bool(viewers):
        raise SystemExit(
            f"{len(audience.wrong)} wrong answers, {audience.wrong[:1]}; the dashboard says:\n{log[-3000:]}"
        )
    return Search(seconds, audience)


@contextlib.contextmanager
def _served(folder: Path) -> Iterator[str]:
    """The address of a dashboard of that folder's database, which has loaded all that it needs."""
    with (folder / "log").open("w+") as log:
        process = subprocess.Popen(
            hpsearch("dashboard", "--port", "0"), cwd=folder, env=environment(), stdout=log, stderr=log
        )
        try:
            while not (found := re.search(r"http://[\d.:]+\d", (folder / "log").read_text())):
                if process.poll() is not None:
                    raise SystemExit((folder / "log").read_text())
                time.sleep(0.05)
            time.sleep(5)  # packing of scripts, loading of figures
            yield found[0]
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(10)


def main() -> None:
    """Measure, print the row and write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--viewers", type=int, default=20)
    parser.add_argument("--trials", type=int, default=60)
    arguments = parser.parse_args()
    contenders = {
        f"{arguments.viewers} viewers": lambda: search(arguments.viewers, arguments.trials),
        "nobody": lambda: search(0, arguments.trials),
    }
    watched, alone = take_turns(contenders, arguments.rounds).values()
    beats, news = (sum(getattr(each.audience, name) for each in watched) for name in ("asked", "drawn"))
    row = Row(
        f"a study with {arguments.viewers} viewers of its page, {arguments.trials} simulated trials x {EPOCHS} epochs",
        "s",
        [each.seconds for each in watched],
        [each.seconds for each in alone],
        "nobody watches",
        required=AT_LEAST,
        note=f"one worker, {SECONDS_PER_EPOCH:g} s an epoch; {beats} beats, {news} of them with news; the slowest was "
        f"answered after {max(each.audience.slowest for each in watched):.2f} s",
    )
    settings = {"viewers": arguments.viewers, "trials": arguments.trials, "epochs": EPOCHS}
    publish("viewers", [row], rounds=arguments.rounds, settings=settings)


if __name__ == "__main__":
    main()
