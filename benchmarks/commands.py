"""How long the commands that only read take on a large study: hpsearch's against Optuna's own command line.

    python -m benchmarks.commands [--rounds N] [--trials 10000]

`hpsearch --help`, and `hpsearch best` and `hpsearch trials --limit 20` on a study of 10,000 trials x 27 epochs, beside
`optuna --help` and `optuna best-trial` on one of the same size. Each is timed from the start of its process to its end;
they take turns. The databases are made once, under build/benchmarks: hpsearch's by `hpsearch run` with simulated
training, which takes some minutes. What was measured is printed and written to benchmarks/results/commands.json.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.simulated_studies import STUDY, large_database, large_database_of_optuna, url
from benchmarks.turns import Row, finish, hpsearch, publish, take_turns

EPOCHS = 27
LIMIT = 20
HELP_SECONDS = 0.3
READING_SECONDS = 0.8


def measure(rounds: int, trials: int) -> list[Row]:
    """The three commands beside Optuna's. SystemExit where one of them does not print what it was asked for."""
    database, peers = large_database(trials, EPOCHS)[0], large_database_of_optuna(trials, EPOCHS)
    study = ["--study", STUDY, "--database", str(database)]
    optuna = str(Path(sys.executable).with_name("optuna"))
    commands = {
        "hpsearch --help": hpsearch("--help"),
        "optuna --help": [optuna, "--help"],
        "hpsearch best": hpsearch("best", *study),
        f"hpsearch trials --limit {LIMIT}": hpsearch("trials", *study, "--limit", str(LIMIT)),
        "optuna best-trial": [optuna, "best-trial", "--storage", url(peers), "--study-name", STUDY],
    }
    printed = {name: finish(command)[1].splitlines() for name, command in commands.items()}  # and their files are read
    if (listed := len(printed[f"hpsearch trials --limit {LIMIT}"]) - 1) != min(LIMIT, trials):
        raise SystemExit(f"hpsearch trials listed {listed} trials")

    def timed(command: list[str]) -> Callable[[], float]:
        return lambda: finish(command)[0]

    contenders = {name: timed(command) for name, command in commands.items()}
    measured = take_turns(contenders, rounds, lambda seconds: f"{seconds:.3f} s")
    size = f"{trials:,} trials x {EPOCHS} epochs"
    return [
        Row(
            "hpsearch --help",
            "s",
            measured["hpsearch --help"],
            measured["optuna --help"],
            "optuna --help",
            required=0,
            most=HELP_SECONDS,
            note="only its own time counts; optuna's is there to compare with",
        ),
        Row(
            f"hpsearch best, {size}",
            "s",
            measured["hpsearch best"],
            measured["optuna best-trial"],
            "optuna best-trial",
            required=1,
            most=READING_SECONDS,
        ),
        Row(
            f"hpsearch trials --limit {LIMIT}, {size}",
            "s",
            measured[f"hpsearch trials --limit {LIMIT}"],
            measured["optuna best-trial"],
            "optuna best-trial",
            required=1,
            most=READING_SECONDS,
            note="optuna trials has no limit and prints them all, so it is held against the command above",
        ),
    ]


def main() -> None:
    """Measure, print the rows and write them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--trials", type=int, default=10_000)
    arguments = parser.parse_args()
    settings = {"trials": arguments.trials, "epochs": EPOCHS, "limit": LIMIT}
    publish("commands", measure(arguments.rounds, arguments.trials), rounds=arguments.rounds, settings=settings)


if __name__ == "__main__":
    main()
