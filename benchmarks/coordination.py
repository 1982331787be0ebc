"""What a trial costs beyond its training: hpsearch's coordinator against Optuna's loop, both on a SQLite file.

    python -m benchmarks.coordination [--rounds N] [--trials 10000] [--peer-trials 300] [--tpe-trials 1000]

Nothing is trained (docs/simulated.md): hpsearch searches by `hpsearch run` with one worker process, Optuna by
ask, five reports and tell with RDBStorage, each in a process of its own, over the same space and 5 epochs a trial. They
take turns. The time a trial is read from the rows, from the end of the first trial to the end of the last, so that
starting up is left out on both sides. Four things are measured: random search; whether its last 1,000 trials cost what
its first did; TPE, as many trials on both sides, because its cost grows with them; and how long a search of 10,000
trials needs, from the start of a fresh process, until it proposes the next one. The databases for that are made once,
under build/benchmarks. What was measured is printed and written to benchmarks/results/coordination.json.
"""

from __future__ import annotations

import argparse
import itertools
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.simulated_studies import (
    STUDY,
    Pace,
    a_folder,
    instant,
    large_database,
    large_database_of_optuna,
    rows,
    run,
    searched,
    searched_by_optuna,
    tenths,
    url,
)
from benchmarks.turns import Row, finish, publish, spread, take_turns

EPOCHS = 5
EPOCHS_BEFORE_RESTART = 27  # the databases of benchmarks/commands.py, so that they are made once
NO_SLOWER = 1.2  # the last 1,000 trials against the first
FIRST_ASK = """
import sys, time
import optuna
optuna.logging.set_verbosity(optuna.logging.ERROR)
sampler = optuna.samplers.RandomSampler(seed=7)
study = optuna.load_study(study_name=sys.argv[1], storage=sys.argv[2], sampler=sampler)
trial = study.ask()
print(trial.number, time.time())
"""


def random_search(rounds: int, trials: int, peer_trials: int) -> tuple[list[Row], dict[str, object]]:
    """Random search against Optuna's, and its last trials against its first."""
    few = min(trials, peer_trials)
    contenders: dict[str, Callable[[], Pace]] = {
        "hpsearch": lambda: searched({"backend": "random"}, trials, EPOCHS),
        "Optuna": lambda: searched_by_optuna("RandomSampler", peer_trials, EPOCHS),
        "hpsearch, inline": lambda: searched({"backend": "random"}, few, EPOCHS, "--executor", "inline"),
    }
    measured = take_turns(contenders, rounds, Pace.text)
    ours, peer, inline = measured["hpsearch"], measured["Optuna"], [pace.whole for pace in measured["hpsearch, inline"]]
    thousand = min(1_000, trials // 10)
    return [
        Row(
            f"random search, a trial beyond its training: {trials:,} trials x {EPOCHS} epochs, one worker",
            "ms a trial",
            [pace.whole for pace in ours],
            [pace.whole for pace in peer],
            f"Optuna, RandomSampler, RDBStorage, {peer_trials:,} trials",
            required=10,
            note=(
                f"Optuna runs fewer trials, as its cost hardly grows: {tenths(peer)}; hpsearch: {tenths(ours)}; "
                f"with --executor inline {spread(inline)} ms. "
                "hpsearch writes with synchronous=NORMAL, Optuna as SQLite comes"
            ),
        ),
        Row(
            f"random search, the last {thousand:,} of {trials:,} trials",
            "ms a trial",
            [pace.last(thousand) for pace in ours],
            [pace.first(thousand) for pace in ours],
            f"its own first {thousand:,}",
            required=1 / NO_SLOWER,
        ),
    ], _by_tenths(measured)


def tpe(rounds: int, trials: int) -> tuple[list[Row], dict[str, object]]:
    """TPE against Optuna's."""
    search = {"backend": "optuna", "sampler": "tpe", "pruner": "none"}
    contenders: dict[str, Callable[[], Pace]] = {
        "hpsearch, TPE": lambda: searched(search, trials, EPOCHS),
        "Optuna, TPE": lambda: searched_by_optuna("TPESampler", trials, EPOCHS),
    }
    measured = take_turns(contenders, rounds, Pace.text)
    ours, peer = measured.values()
    return [
        Row(
            f"TPE, a trial beyond its training: {trials:,} trials x {EPOCHS} epochs, one worker",
            "ms a trial",
            [pace.whole for pace in ours],
            [pace.whole for pace in peer],
            "Optuna, TPESampler, RDBStorage",
            required=3,
            note=(
                f"hpsearch: {tenths(ours)}; Optuna: {tenths(peer)}. Optuna's defaults on both sides; "
                "one sampler for the whole study on both"
            ),
        )
    ], _by_tenths(measured)


def restart(rounds: int, trials: int) -> list[Row]:
    """From the start of a process until it proposes the next trial of a large search."""
    made, space = large_database(trials, EPOCHS_BEFORE_RESTART)
    peers = large_database_of_optuna(trials, EPOCHS_BEFORE_RESTART)

    def ours() -> float:
        with a_folder() as folder:
            database = Path(shutil.copy(made, folder / "studies.db"))
            started = time.time()
            run(space, database, "--set", f"search.max_trials={trials + 1}")
            return _moment_of(database, trials) - started

    def optuna() -> float:
        with a_folder() as folder:
            database = Path(shutil.copy(peers, folder / "optuna.db"))
            started = time.time()
            _, said = finish([sys.executable, "-c", FIRST_ASK, STUDY, url(database)])
            number, asked = said.split()
            if int(number) != trials:
                raise SystemExit(f"trial {trials} was expected, and Optuna asked for {number}")
            return float(asked) - started

    def seconds(value: float) -> str:
        return f"{value:.2f} s"

    measured = take_turns({"hpsearch, restart": ours, "Optuna, load and ask": optuna}, rounds, seconds)
    return [
        Row(
            f"restart after {trials:,} trials x {EPOCHS_BEFORE_RESTART} epochs, until the next proposal",
            "s",
            measured["hpsearch, restart"],
            measured["Optuna, load and ask"],
            "Optuna: import, load_study, first ask",
            required=1,
            most=5,
            note="random search on both sides; Optuna's ask without its suggest calls",
        )
    ]


def _moment_of(database: Path, number: int) -> float:
    """Unix seconds at which a trial was proposed. SystemExit where it is not the last of all."""
    ((created, last),) = rows(
        database, f"SELECT created_at, (SELECT max(number) FROM trials) FROM trials WHERE number = {number}"
    )
    if last != number:
        raise SystemExit(f"trial {number} should be the last, but there is trial {last}")
    return instant(created)


def _by_tenths(measured: dict[str, list[Pace]]) -> dict[str, object]:
    """Milliseconds a trial in each tenth of every run, for the results."""
    return {name: [_tenths_of(pace) for pace in paces] for name, paces in measured.items()}


def _tenths_of(pace: Pace) -> list[float]:
    marks = [place * (pace.trials - 1) // 10 for place in range(11)]
    return [round(pace.between(start, end), 2) for start, end in itertools.pairwise(marks)]


def main() -> None:
    """Measure, print the rows and write them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--restart-rounds", type=int, default=2)
    parser.add_argument("--trials", type=int, default=10_000, help="of random search, and before the restart")
    parser.add_argument("--peer-trials", type=int, default=300, help="of Optuna's random search")
    parser.add_argument("--tpe-trials", type=int, default=1_000, help="of TPE, on both sides")
    arguments = parser.parse_args()

    found, by_tenths = random_search(arguments.rounds, arguments.trials, arguments.peer_trials)
    tpe_found, tenths_of_tpe = tpe(arguments.rounds, arguments.tpe_trials)
    by_tenths |= tenths_of_tpe
    found += [*tpe_found, *restart(arguments.restart_rounds, arguments.trials)]
    settings = {
        "epochs": EPOCHS,
        "trials": arguments.trials,
        "peer_trials": arguments.peer_trials,
        "tpe_trials": arguments.tpe_trials,
        "restart_rounds": arguments.restart_rounds,
    }
    publish("coordination", found, rounds=arguments.rounds, settings=settings, milliseconds_a_tenth=by_tenths)


if __name__ == "__main__":
    main()
