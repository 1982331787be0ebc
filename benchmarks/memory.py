"""Resident memory over many trials: hpsearch's coordinator and its one worker beside Keras Tuner's own Tuner.

    python -m benchmarks.memory [--trials 500] [--peer-trials 50]

Both search the space of search_spaces/digits_space.yaml at random, one epoch a trial (a trial's memory is made while
its model is built and traced, not by further epochs). The resident size of each process is read from outside when a
trial has ended. Keras Tuner needs several seconds a trial, so it runs fewer. A worker that hpsearch has replaced by a
fresh one is told as another process. What was measured is printed and written to benchmarks/results/memory.json.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psutil
from benchmarks.keras_tuner_digits import SPACE
from benchmarks.turns import ROOT, processor

RESULT = ROOT / "benchmarks" / "results" / "memory.json"
_LOOK_SECONDS = 0.05
_STRIDE = 10  # of the readings that are written


@dataclass(frozen=True, slots=True)
class Reading:
    """Resident sizes when so many trials had ended, in bytes."""

    trials: int
    process: str  # ``coordinator``, ``worker`` or ``tuner``
    pid: int
    bytes: int


def hpsearch(trials: int) -> list[Reading]:
    """`hpsearch run` with one worker: its own process, and the worker's."""
    with tempfile.TemporaryDirectory(prefix="hpsearch-memory-") as folder:
        database = Path(folder) / "digits.db"
        settings = [f"search.max_trials={trials}", "training.epochs=1"]
        command = [sys.executable, "-m", "hpsearch", "run", str(SPACE), "--database", str(database), "--workers", "1"]
        for setting in settings:
            command += ["--set", setting]
        with _started([*command, "--no-retrain", "--quiet"]) as process:

            def sizes() -> Mapping[str, psutil.Process]:
                workers = [child for child in process.children() if "hpsearch.execution.worker" in child.cmdline()]
                return {"coordinator": process, **({"worker": workers[0]} if workers else {})}

            return _watch(process, lambda: _ended_trials(database), sizes)


def keras_tuner(trials: int) -> list[Reading]:
    """Keras Tuner's RandomSearch in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="hpsearch-memory-") as folder:
        command = [
            sys.executable,
            "-m",
            "benchmarks.keras_tuner_digits",
            "--keras-tuner",
            folder,
            "--trials",
            str(trials),
            "--epochs",
            "1",
        ]
        with _started(command) as process:
            return _watch(process, lambda: _saved_trials(Path(folder)), lambda: {"tuner": process})


@contextlib.contextmanager
def _started(command: Sequence[str]) -> Iterator[psutil.Popen]:
    environment = {name: value for name, value in os.environ.items() if name != "KERAS_BACKEND"}
    environment["TF_CPP_MIN_LOG_LEVEL"] = "3"
    with psutil.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL) as process:
        yield process
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")


def _watch(
    process: psutil.Popen, count: Callable[[], int], processes: Callable[[], Mapping[str, psutil.Process]]
) -> list[Reading]:
    """A reading of each process whenever another trial has ended."""
    readings: list[Reading] = []
    seen = 0
    while process.poll() is None:
        ended = count()
        if ended > seen:
            seen = ended
            with contextlib.suppress(psutil.NoSuchProcess):  # it ends just now
                for name, one in processes().items():
                    readings.append(Reading(ended, name, one.pid, one.memory_info().rss))
        time.sleep(_LOOK_SECONDS)
    return readings


def _ended_trials(database: Path) -> int:
    if not database.exists():
        return 0
    with contextlib.closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as rows:
        try:
            return int(rows.execute("SELECT count(*) FROM trials WHERE state = 'complete'").fetchone()[0])
        except sqlite3.OperationalError:  # the first moments of a new database
            return 0


def _saved_trials(folder: Path) -> int:
    return len(list(folder.glob("digits/trial_*/trial.json")))


def growth(readings: Sequence[Reading], process: str, early: int, late: int) -> float | None:
    """Its size after `late` trials over that after `early`; None where it has not come so far."""
    by_trials = {reading.trials: reading.bytes for reading in readings if reading.process == process}
    return by_trials[late] / by_trials[early] if early in by_trials and late in by_trials else None


def _names(readings: Sequence[Reading]) -> list[str]:
    return sorted({reading.process for reading in readings})


def _written(name: str, readings: Sequence[Reading]) -> dict[str, object]:
    of_it = [reading for reading in readings if reading.process == name]
    kept = [reading for reading in of_it if reading.trials == 1 or reading.trials % _STRIDE == 0]
    return {
        "process": name,
        "started": len({reading.pid for reading in of_it}),
        "largest_mib": max(reading.bytes for reading in of_it) >> 20,
        "mib_after_trials": {str(reading.trials): reading.bytes >> 20 for reading in kept},
    }


def _table(readings: Sequence[Reading]) -> None:
    for process in _names(readings):
        of_it = [reading for reading in readings if reading.process == process]
        pids = len({reading.pid for reading in of_it})
        marks = [reading for reading in of_it if reading.trials in (1, 10) or reading.trials % 50 == 0]
        sizes = "  ".join(f"{reading.trials}: {reading.bytes / 2**20:,.0f}" for reading in marks)
        print(f"{process:<12} {pids} process{'es' if pids > 1 else ''}, MiB after trials  {sizes}")
        print(f"{'':<12} largest {max(reading.bytes for reading in of_it) / 2**20:,.0f} MiB")


def main() -> None:
    """Measure, print and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=500)
    parser.add_argument("--peer-trials", type=int, default=50)
    arguments = parser.parse_args()
    ours = hpsearch(arguments.trials)
    _table(ours)
    theirs = keras_tuner(arguments.peer_trials)
    _table(theirs)
    for readings, process, early, late in (
        (ours, "coordinator", 50, arguments.trials),
        (ours, "worker", 50, arguments.trials),
        (theirs, "tuner", 10, arguments.peer_trials),
    ):
        ratio = growth(readings, process, early, late)
        if ratio is not None:
            print(f"{process}: {ratio:.2f} times its size after {early} trials, after {late}")
    facts = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {name: version(name) for name in ("hpsearch", "tensorflow", "keras", "keras-tuner")},
        "processor": processor(),
        "processes": [_written(name, readings) for readings in (ours, theirs) for name in _names(readings)],
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
