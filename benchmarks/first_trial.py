"""From Enter to the first finished trial: `hpsearch run` against a script with Keras Tuner, on digits.

    python -m benchmarks.first_trial [--rounds 2]

Each is started as from a shell, in a fresh process and with nothing kept from before: hpsearch on
search_spaces/digits_space.yaml with one trial, one worker, an empty database and an empty cache; Keras Tuner as the
program in benchmarks/keras_tuner_digits.py, the same space written by hand, with one trial. The clock is the wall's,
from just before the process is started. hpsearch's first trial has ended at `ended_at` of its row; Keras Tuner's when
it last wrote the trial's `trial.json`, which it does when the trial is told to its oracle. What either does afterwards
does not count. Both must have trained one trial of five epochs; each draws its own, with its space's seed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.keras_tuner_digits import EPOCHS, SPACE
from benchmarks.turns import Row, finish, hpsearch, publish, take_turns


@dataclass(frozen=True, slots=True)
class Start:
    """One program's first trial.

    Attributes:
        seconds: from the start of its process to the end of that trial.
        seconds_to_the_end: of the process.
        trials: that it completed.
        epochs: that it trained.
    """

    seconds: float
    seconds_to_the_end: float
    trials: int
    epochs: int


def start_hpsearch(folder: Path) -> Start:
    """The command, in an empty `folder`."""
    database = folder / "digits.db"
    options = ["--set", "search.max_trials=1", "--workers", "1", "--no-retrain", "--database", str(database)]
    began = time.time()
    whole, _ = finish(hpsearch("run", str(SPACE), *options), XDG_CACHE_HOME=str(folder / "cache"))
    with contextlib.closing(sqlite3.connect(database)) as rows:
        complete = "FROM trials WHERE state = 'complete'"
        trials, ended_at = rows.execute(f"SELECT count(*), min(ended_at) {complete}").fetchone()
        (epochs,) = rows.execute("SELECT count(*) FROM epochs").fetchone()
    ended = datetime.fromisoformat(ended_at)
    ended = ended if ended.tzinfo is not None else ended.replace(tzinfo=UTC)
    return Start(ended.timestamp() - began, whole, trials, epochs)


def start_keras_tuner(folder: Path) -> Start:
    """The script, in an empty `folder`."""
    program = [sys.executable, "-m", "benchmarks.keras_tuner_digits", "--keras-tuner", str(folder), "--trials", "1"]
    began = time.time()
    whole, said = finish(program)
    ended = max(file.stat().st_mtime for file in folder.glob("digits/trial_*/trial.json"))
    counted = json.loads(said.splitlines()[-1])
    return Start(ended - began, whole, counted["trials"], counted["epochs"])


def in_an_empty_folder(program: Callable[[Path], Start]) -> Callable[[], Start]:
    """`program`, each time in a folder of its own."""

    def run() -> Start:
        with tempfile.TemporaryDirectory(prefix="hpsearch-bench-") as folder:
            return program(Path(folder))

    return run


def main() -> None:
    """Measure, print the row and write it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=2)
    arguments = parser.parse_args()
    programs = {"hpsearch": start_hpsearch, "Keras Tuner": start_keras_tuner}
    contenders = {name: in_an_empty_folder(program) for name, program in programs.items()}
    starts = take_turns(
        contenders,
        arguments.rounds,
        lambda start: f"{start.seconds:.2f} s, {start.trials} trial of {start.epochs} epochs",
    )
    trained = sorted({(start.trials, start.epochs) for each in starts.values() for start in each})
    if trained != [(1, EPOCHS)]:
        raise SystemExit(f"not comparable: (trials, epochs) trained were {trained}, not 1 and {EPOCHS}.")
    ours, theirs = starts["hpsearch"], starts["Keras Tuner"]
    row = Row(
        "from Enter to the first finished digits trial",
        "s",
        ours=[start.seconds for start in ours],
        peer=[start.seconds for start in theirs],
        peer_name="Keras Tuner",
        required=1,
        note=f"{EPOCHS} epochs on both sides; until `ended_at` of the trial's row, and the last write of trial.json",
    )
    every = {name: [asdict(start) for start in each] for name, each in starts.items()}
    publish("first_trial", [row], rounds=arguments.rounds, settings={"trials": 1, "epochs": EPOCHS}, starts=every)


if __name__ == "__main__":
    main()
