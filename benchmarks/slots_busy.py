"""What the order rule costs: slots kept busy under `order: number` against `order: finished`, which tells at once.

    python -m benchmarks.slots_busy [--rounds N] [--seconds 2]

Every epoch of every trial takes equally long; simulated training sleeps through it (docs/simulated.md), so that eight
slots need no eight cores. Without a pruner, where `order: number` is the default, TPE's 60 trials and Hyperband's 70
(27 epochs, factor 3) run on 2, 4 and 8 slots: the share of slot time in which an attempt runs, from the rows. With each
of Optuna's pruners, where `order: finished` is the default, TPE's 60 trials of at most 27 epochs run on 4 slots: how
long the search takes. Both orders take turns; each round has a seed of its own. `--seconds` is how long a study takes
with all slots busy. What was measured is printed and written to benchmarks/results/slots_busy.json.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

from benchmarks.simulated_studies import SEED, a_folder, instant, rows, run, write_space
from benchmarks.turns import Row, publish, spread, take_turns

SLOTS = (2, 4, 8)
PRUNERS = ("median", "hyperband", "successive_halving")
PRUNED_SLOTS = 4
TRIALS = 60
EPOCHS = 5  # of a trial without a pruner
MOST_EPOCHS = 27  # with one, and of Hyperband
ENOUGH = 0.9  # of the share that `order: finished` keeps busy
HYPERBAND_TRIALS, HYPERBAND_EPOCHS = 70, 375  # what `hpsearch plan` says of it
ORDERS = ("number", "finished")


@dataclass(frozen=True, slots=True)
class Busy:
    """One search, from its rows.

    Attributes:
        share: of the slots' time until the last attempt ended, in which an attempt ran.
        seconds: from when the first worker was up until the last attempt ended.
        trials: that ended.
        epochs: that were trained.
    """

    share: float
    seconds: float
    trials: int
    epochs: int

    def text(self) -> str:
        """In one line."""
        return f"{self.share:.3f} busy, {self.seconds:6.2f} s, {self.trials} trials, {self.epochs} epochs"


def search(search: Mapping[str, object], slots: int, seconds_per_epoch: float, seed: int, epochs: int | None) -> Busy:
    """Run a study on so many slots and read what they did. SystemExit where the rows say another number of slots."""
    training: dict[str, object] = {} if epochs is None else {"epochs": epochs}
    with a_folder() as folder:
        space = write_space(folder, search, seconds_per_epoch=round(seconds_per_epoch, 4), **training)
        database = folder / "studies.db"
        run(space, database, "--set", f"seed={seed}", workers=slots)
        # a worker starts for seconds, with its first attempt given to it: it is not busy until it is up
        attempts = [
            (max(instant(started), instant(up)), instant(ended))
            for started, ended, up in rows(
                database,
                "SELECT attempts.started_at, attempts.ended_at, workers.started_at FROM attempts "
                "JOIN workers ON workers.name = attempts.worker",
            )
        ]
        ((workers,),) = rows(database, "SELECT count(*) FROM workers")
        ((trials,),) = rows(database, "SELECT count(*) FROM trials WHERE state IN ('complete', 'pruned')")
        ((trained,),) = rows(database, "SELECT count(*) FROM epochs")
    if workers != slots:
        raise SystemExit(f"{slots} slots were asked for and {workers} workers started")
    seconds = max(ended for _, ended in attempts) - min(started for started, _ in attempts)
    busy = sum(ended - started for started, ended in attempts)
    return Busy(busy / (slots * seconds), seconds, trials, trained)


def both_orders(
    name: str, settings: Mapping[str, object], slots: int, seconds_per_epoch: float, epochs: int | None, rounds: int
) -> tuple[list[Busy], list[Busy]]:
    """By number and as finished, in turn."""

    def contender(order: str) -> Callable[[], Busy]:
        seeds = itertools.count(SEED)
        return lambda: search({**settings, "order": order}, slots, seconds_per_epoch, next(seeds), epochs)

    measured = take_turns({f"{name}, {order}": contender(order) for order in ORDERS}, rounds, Busy.text)
    number, finished = measured.values()
    return number, finished


def without_pruner(rounds: int, seconds: float) -> tuple[list[Row], dict[str, object]]:
    """The share of slot time that is busy. SystemExit where both orders did not run as many trials and epochs."""
    tpe = {"backend": "optuna", "sampler": "tpe", "pruner": "none", "max_trials": TRIALS}
    hyperband = {"backend": "hyperband", "max_epochs": MOST_EPOCHS, "factor": 3}
    studies = [
        (f"TPE, {TRIALS} trials", tpe, EPOCHS, TRIALS * EPOCHS, TRIALS),
        (
            f"Hyperband ({MOST_EPOCHS}, 3), {HYPERBAND_TRIALS} trials",
            hyperband,
            None,
            HYPERBAND_EPOCHS,
            HYPERBAND_TRIALS,
        ),
    ]
    found: list[Row] = []
    runs: dict[str, object] = {}
    for slots, (name, settings, epochs, all_epochs, trials) in itertools.product(SLOTS, studies):
        figure = f"{name}, {slots} slots"
        number, finished = both_orders(figure, settings, slots, seconds * slots / all_epochs, epochs, rounds)
        for busy in (*number, *finished):
            if (busy.trials, busy.epochs) != (trials, all_epochs):
                raise SystemExit(f"{trials} trials and {all_epochs} epochs were expected, but these are {busy.text()}")
        found.append(
            Row(
                f"slots busy: {figure}",
                "of slot time",
                [busy.share for busy in number],
                [busy.share for busy in finished],
                "order: finished",
                required=ENOUGH,
                more_is_better=True,
                note=f"the search took {_seconds(number)} s against {_seconds(finished)} s",
            )
        )
        runs[figure] = _runs(number, finished)
    return found, runs


def with_pruner(rounds: int, seconds: float) -> tuple[list[Row], dict[str, object]]:
    """How much longer a pruned search takes whose verdicts may use only what was known when a trial was proposed."""
    found: list[Row] = []
    runs: dict[str, object] = {}
    for pruner in PRUNERS:
        settings = {"backend": "optuna", "sampler": "tpe", "pruner": pruner, "max_trials": TRIALS}
        figure = f"TPE, {pruner} pruner, {TRIALS} trials, {PRUNED_SLOTS} slots"
        # a third to two thirds of all epochs are pruned
        seconds_per_epoch = 2 * seconds * PRUNED_SLOTS / (TRIALS * MOST_EPOCHS)
        number, finished = both_orders(figure, settings, PRUNED_SLOTS, seconds_per_epoch, MOST_EPOCHS, rounds)
        trained = [statistics.median(busy.epochs for busy in run) for run in (number, finished)]
        share = [statistics.median(busy.share for busy in run) for run in (number, finished)]
        found.append(
            Row(
                f"the search takes: {figure}",
                "s",
                [busy.seconds for busy in number],
                [busy.seconds for busy in finished],
                "order: finished, the default with a pruner",
                required=0,
                note=(
                    f"a stated cost of asking for order: number, which trains {trained[0]:,.0f} epochs against "
                    f"{trained[1]:,.0f}; slots are busy {share[0]:.2f} against {share[1]:.2f} of the time"
                ),
            )
        )
        runs[figure] = _runs(number, finished)
    return found, runs


def _seconds(runs: Sequence[Busy]) -> str:
    return spread([busy.seconds for busy in runs])


def _runs(*runs: Sequence[Busy]) -> dict[str, object]:
    return {order: [asdict(busy) for busy in measured] for order, measured in zip(ORDERS, runs, strict=True)}


def main() -> None:
    """Measure, print the rows and write them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=2.0)
    arguments = parser.parse_args()
    found, runs = without_pruner(arguments.rounds, arguments.seconds)
    pruned, pruned_runs = with_pruner(arguments.rounds, arguments.seconds)
    settings = {"trials": TRIALS, "epochs": EPOCHS, "most_epochs": MOST_EPOCHS, "seconds": arguments.seconds}
    publish("slots_busy", [*found, *pruned], rounds=arguments.rounds, settings=settings, runs={**runs, **pruned_runs})


if __name__ == "__main__":
    main()
