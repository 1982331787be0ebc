"""Programs measured in turn in one call, and what came out as a row of README's table.

Every figure is taken in pairs: A B A B, so that a slow spell of the machine meets both. A row keeps every measurement;
its ratio is the median of ours against the median of the peer's, and 2.0 always means twice as good.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
BUILD = ROOT / "build" / "benchmarks"  # what is made once: databases, data sets
PACKAGES = ("hpsearch", "tensorflow", "keras", "keras-tuner", "optuna", "sqlalchemy", "numpy")

Measured = TypeVar("Measured")


@dataclass(frozen=True, slots=True)
class Row:
    """One figure: ours beside the peer's.

    Attributes:
        figure: what was measured, in a few words.
        unit: of the numbers: ``s``, ``ms a trial``, ``MiB``, ...; smaller is better unless `more_is_better`.
        ours: every measurement.
        peer: every measurement of the peer, taken in turn with ours.
        peer_name: who that is, and its settings where they differ.
        required: the ratio that must be reached.
        most: the largest median of ours that is allowed, in `unit`; None where the ratio alone counts.
        note: what a reader must know to trust the row.
    """

    figure: str
    unit: str
    ours: Sequence[float]
    peer: Sequence[float]
    peer_name: str
    required: float
    most: float | None = None
    more_is_better: bool = False
    note: str = ""

    @property
    def ratio(self) -> float:
        """How many times as good ours is."""
        ratio = statistics.median(self.peer) / statistics.median(self.ours)
        return 1 / ratio if self.more_is_better else ratio

    @property
    def is_reached(self) -> bool:
        """Whether the row holds what is required of it."""
        return self.ratio >= self.required and (self.most is None or statistics.median(self.ours) <= self.most)

    def text(self) -> str:
        """The row as a line for the terminal."""
        verdict = "reached" if self.is_reached else "NOT reached"
        wanted = f"{self.required:g}x" + (f", at most {self.most:g} {self.unit}" if self.most is not None else "")
        return (
            f"{self.figure}\n    {spread(self.ours)} {self.unit}, {self.peer_name} {spread(self.peer)} {self.unit}: "
            f"{self.ratio:.2f}x, {verdict} ({wanted}){'. ' + self.note if self.note else ''}"
        )


def spread(values: Sequence[float]) -> str:
    """Median, and the smallest and the largest where there are several."""
    median = _short(statistics.median(values))
    return median if len(values) == 1 else f"{median} ({_short(min(values))} to {_short(max(values))})"


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def take_turns(
    contenders: Mapping[str, Callable[[], Measured]], rounds: int, show: Callable[[Measured], str] = str
) -> dict[str, list[Measured]]:
    """What each contender measured in each round; they take turns, A B A B."""
    measured: dict[str, list[Measured]] = {name: [] for name in contenders}
    for number in range(rounds):
        for name, contender in contenders.items():
            measured[name].append(contender())
            print(f"round {number + 1} of {rounds}: {name:<28} {show(measured[name][-1])}", flush=True)
    return measured


def finish(command: Sequence[str], cwd: Path = ROOT, **variables: str) -> tuple[float, str]:
    """How many seconds a program takes from its start to its end, and its stdout. SystemExit where it fails."""
    start = time.perf_counter()
    done = subprocess.run(command, cwd=cwd, env=environment(**variables), capture_output=True, text=True)
    seconds = time.perf_counter() - start
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return seconds, done.stdout.strip()


_A_DEVELOPERS = ("KERAS_BACKEND", "HPSEARCH_DATABASE", "PYTHONDONTWRITEBYTECODE")


def environment(**variables: str) -> dict[str, str]:
    """This process's environment as a user's shell has it, quiet, and with `variables` on top.

    A developer's shell may keep Python from keeping its compiled modules; a user's does not.
    """
    inherited = {name: value for name, value in os.environ.items() if name not in _A_DEVELOPERS}
    return inherited | {"TF_CPP_MIN_LOG_LEVEL": "3"} | variables


def publish(name: str, rows: Sequence[Row], *, rounds: int, settings: Mapping[str, object], **more: object) -> None:
    """Print the rows and write them, with machine and versions, to benchmarks/results/NAME.json."""
    print()
    for row in rows:
        print(row.text(), flush=True)
    RESULTS.mkdir(exist_ok=True)
    facts = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "rounds": rounds,
        "settings": dict(settings),
        **machine(),
        "rows": [asdict(row) | {"ratio": round(row.ratio, 3), "is_reached": row.is_reached} for row in rows],
        **more,
    }
    (RESULTS / f"{name}.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


def machine() -> dict[str, object]:
    """Cores, processor, system, versions."""
    return {
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        "processor": processor(),
        "system": f"{platform.system()} {platform.machine()}",
        "versions": {"python": platform.python_version()} | {name: version(name) for name in PACKAGES},
    }


def processor() -> str:
    """Its name, where the system tells it."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def hpsearch(*arguments: str) -> list[str]:
    """The command line of `hpsearch`, as installed."""
    return [sys.executable, "-m", "hpsearch", *arguments]
