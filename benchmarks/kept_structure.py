"""A trial whose structure this process has trained before, against the first trial of that structure.

    python -m benchmarks.kept_structure [--rounds 3] [--kept 3] [--threads 1]

The network of search_spaces/digits_space.yaml, with L2 on its weights, five epochs a trial. A first trial builds the
model, traces the epoch and trains; the next ones, of the same structure but with another learning rate, momentum,
dropout rate, L2 factor and seed, find the epoch compiled. Each round takes another structure (other filters and
another activation, as filters alone need no new trace), once with Adam and once with SGD and momentum, all in one
process, which has trained something else before: what TensorFlow does once in its life belongs to no trial.

Two figures for each optimizer: the seconds of a trial, from `make_trainer` to the end of its last epoch, and what of
it is not arithmetic: those seconds without five epochs of the median length that epochs of that structure have once
compiled. Functions traced are counted: some by each first trial, none by a kept one. One kept trial of each optimizer
is trained once more as the first in a fresh process; its checkpoint (weights, the optimizer's state, everything) and
the values of its epochs must be the same to the last bit.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import json
import os
import random
import statistics
import sys
import time
import weakref
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from benchmarks.turns import ROOT, Row, finish, publish

from hpsearch.space.configuration import Configuration
from hpsearch.study import Direction, Objective
from hpsearch.training.task import Task

EPOCHS = 5
OPTIMIZERS = ("adam", "sgd")
SEED = 7


class Structure(NamedTuple):
    """What is traced anew."""

    first_filters: int
    second_filters: int
    activation: str

    def __str__(self) -> str:
        return f"{self.first_filters}/{self.second_filters} {self.activation}"


WARM_UP = Structure(8, 8, "sigmoid")  # is not measured
STRUCTURES = (  # the filters are the digits space's own
    Structure(16, 32, "relu"),
    Structure(24, 48, "tanh"),
    Structure(32, 64, "elu"),
    Structure(16, 48, "gelu"),
    Structure(24, 64, "selu"),
    Structure(32, 32, "silu"),
    Structure(16, 64, "softplus"),
    Structure(24, 32, "softsign"),
    Structure(32, 48, "hard_sigmoid"),
)


@dataclass(frozen=True, slots=True)
class Wish:
    """One trial: its structure, and the numbers that may change within it."""

    structure: Structure
    optimizer: str
    learning_rate: float
    momentum: float
    dropout: float
    l2: float
    seed: int

    def task(self) -> Task:
        """What the trainer is given."""
        optimizer: dict[str, Any] = {"name": self.optimizer, "learning_rate": self.learning_rate}
        if self.optimizer == "sgd":
            optimizer["momentum"] = self.momentum
        training = {
            "trainer": "keras",
            "epochs": EPOCHS,
            "batch_size": 32,
            "optimizer": optimizer,
            "loss": "sparse_categorical_crossentropy",
            "metrics": ["accuracy"],
        }
        return Task(
            Configuration({"name": "digits", "validation": 0.1}, self._layers(), training),
            Objective("val_accuracy", Direction.MAXIMIZE),
            seed=self.seed,
            split_seed=SEED,
            epochs=EPOCHS,
        )

    def _layers(self) -> tuple[Any, ...]:
        weights = {"kernel_regularizer": {"l2": self.l2}}
        blocks = (
            (
                {"Conv2D": {"filters": filters, "kernel_size": 3, "padding": "same", **weights}},
                {"BatchNormalization": {"momentum": 0.9}},
                {"Activation": self.structure.activation},
                {"MaxPooling2D": 2},
            )
            for filters in self.structure[:2]
        )
        dense = {"Dense": {"units": 64, "activation": "relu", **weights}}
        last = {"Dense": {"units": 10, "activation": "softmax"}}
        return (*(layer for block in blocks for layer in block), "Flatten", dense, {"Dropout": self.dropout}, last)


@dataclass(frozen=True, slots=True)
class Trial:
    """A trained trial.

    Attributes:
        seconds: from `make_trainer` to the end of its last epoch.
        epochs: seconds of each epoch.
        traced: how many functions TensorFlow traced meanwhile.
        values: of each epoch, by metric.
        checkpoint: SHA-256 of everything that the training holds at its end.
    """

    seconds: float
    epochs: list[float]
    traced: int
    values: list[dict[str, float]]
    checkpoint: str


class Traces:
    """Counts what TensorFlow traces, whoever asks for it."""

    def __init__(self) -> None:
        self._counts: weakref.WeakKeyDictionary[Any, int] = weakref.WeakKeyDictionary()

    def new(self) -> int:
        """Traces made since the last call by functions that are still there."""
        import tensorflow as tf

        functions = [one for one in gc.get_objects() if isinstance(one, tf.types.experimental.PolymorphicFunction)]
        counts = {one: int(one.experimental_get_tracing_count()) for one in functions}
        made = sum(count - self._counts.get(one, 0) for one, count in counts.items())
        self._counts.update(counts)
        return made


def train(wish: Wish, traces: Traces) -> Trial:
    """Train a trial in this process, as a worker does."""
    from hpsearch.training.registry import make_trainer

    traces.new()
    task = wish.task()
    started = time.perf_counter()
    trainer = make_trainer(task)
    results = []
    epochs = []
    for _ in range(EPOCHS):
        epoch_started = time.perf_counter()
        results.append(trainer.advance())
        epochs.append(time.perf_counter() - epoch_started)
    seconds = time.perf_counter() - started
    checkpoint = hashlib.sha256(trainer.checkpoint()).hexdigest()
    return Trial(seconds, epochs, traces.new(), [dict(result.values) for result in results], checkpoint)


def wishes(structure: Structure, optimizer: str, count: int) -> list[Wish]:
    """`count` trials of one structure, all other numbers drawn from the ranges of the digits space."""
    draw = random.Random(f"{structure} {optimizer}")
    return [
        Wish(
            structure,
            optimizer,
            learning_rate=3e-4 * (1e-2 / 3e-4) ** draw.random(),
            momentum=draw.uniform(0.5, 0.95),
            dropout=draw.uniform(0.3, 0.5),
            l2=1e-5 * 100 ** draw.random(),
            seed=draw.randrange(2**31),
        )
        for _ in range(count)
    ]


def measure(rounds: int, kept: int, threads: int) -> dict[str, list[list[Trial]]]:
    """For each optimizer and each structure its trials in order: the first one, then `kept` kept ones."""
    _prepare(threads)
    traces = Traces()
    for optimizer in OPTIMIZERS:
        train(wishes(WARM_UP, optimizer, 1)[0], traces)
    trained: dict[str, list[list[Trial]]] = {optimizer: [] for optimizer in OPTIMIZERS}
    for number, structure in enumerate(STRUCTURES[:rounds]):
        for optimizer in OPTIMIZERS:
            trials = [train(wish, traces) for wish in wishes(structure, optimizer, 1 + kept)]
            refuse_untold_traces(structure, optimizer, trials)
            trained[optimizer].append(trials)
            seconds = ", ".join(f"{trial.seconds:.2f}" for trial in trials)
            print(
                f"round {number + 1} of {rounds}: {optimizer:<5} {structure!s:<20} {seconds} s,"
                f" traced {', '.join(str(trial.traced) for trial in trials)} functions",
                flush=True,
            )
    return trained


def refuse_untold_traces(structure: Structure, optimizer: str, trials: Sequence[Trial]) -> None:
    """SystemExit where a kept trial traced something, or the first one nothing."""
    if not trials[0].traced or any(trial.traced for trial in trials[1:]):
        raise SystemExit(f"{optimizer}, {structure}: not kept, functions traced were {[one.traced for one in trials]}.")


def refuse_other_bits(optimizer: str, kept: Trial, threads: int) -> None:
    """Train a kept trial, the second of the first structure, in a fresh process; SystemExit where a bit differs."""
    wish = wishes(STRUCTURES[0], optimizer, 2)[1]
    command = [sys.executable, "-m", "benchmarks.kept_structure", "--threads", str(threads)]
    _, said = finish([*command, "--fresh", json.dumps(asdict(wish))], ROOT, **_variables(threads))
    fresh = Trial(**json.loads(said.splitlines()[-1]))
    if (fresh.values, fresh.checkpoint) != (kept.values, kept.checkpoint):
        raise SystemExit(f"{optimizer}: a kept trial's bits differ from those of the same trial in a fresh process.")
    print(f"{optimizer}: a kept trial has the bits of the same one in a fresh process ({fresh.checkpoint[:12]})")


def _prepare(threads: int) -> None:
    from hpsearch.training.process import configure_process

    os.environ.update(_variables(threads))
    configure_process(threads=threads)


def _variables(threads: int) -> dict[str, str]:
    """What `hpsearch run` gives a worker on a CPU, and quiet."""
    return {
        "KERAS_BACKEND": "tensorflow",
        "CUDA_VISIBLE_DEVICES": "-1",
        "TF_ENABLE_ONEDNN_OPTS": "1",
        "OMP_NUM_THREADS": str(threads),
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }


def rows(optimizer: str, structures: Sequence[Sequence[Trial]]) -> list[Row]:
    """Whole trials, and what of them is not arithmetic."""
    firsts = [trials[0] for trials in structures]
    kept = [trial for trials in structures for trial in trials[1:]]
    arithmetic = [EPOCHS * _steady_epoch(trials) for trials in structures]
    rest_of_firsts = [trial.seconds - sums for trial, sums in zip(firsts, arithmetic, strict=True)]
    rest_of_kept = [
        trial.seconds - sums for trials, sums in zip(structures, arithmetic, strict=True) for trial in trials[1:]
    ]
    peer = "the first trial of the structure"
    note = (
        f"{EPOCHS} epochs take {statistics.median(arithmetic):.2f} s once compiled; one kept trial was trained in a"
        " fresh process too: the same bits"
    )
    return [
        Row(f"{optimizer}: a trial of a kept structure", "s", _seconds(kept), _seconds(firsts), peer, 2, note=note),
        Row(f"{optimizer}: what of it is not arithmetic", "s", rest_of_kept, rest_of_firsts, peer, 5),
    ]


def _steady_epoch(trials: Sequence[Trial]) -> float:
    return statistics.median(seconds for trial in trials[1:] for seconds in trial.epochs)


def _seconds(trials: Sequence[Trial]) -> list[float]:
    return [trial.seconds for trial in trials]


def _told(trial: Trial) -> dict[str, object]:
    """A trial for the file: without the values of its epochs, which are compared above and of no further use."""
    return {name: value for name, value in asdict(trial).items() if name != "values"}


def main() -> None:
    """Measure, check the bits, print the table and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--rounds", type=int, default=3, help=f"structures of each optimizer, at most {len(STRUCTURES)}"
    )
    parser.add_argument("--kept", type=int, default=3, help="kept trials of each structure")
    parser.add_argument("--threads", type=int, default=1, help="for arithmetic, as a worker a core has")
    parser.add_argument("--fresh", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.fresh:
        _prepare(arguments.threads)
        given = json.loads(arguments.fresh)
        wish = Wish(**given | {"structure": Structure(*given["structure"])})
        print(json.dumps(asdict(train(wish, Traces()))))
        return
    if not 1 <= arguments.rounds <= len(STRUCTURES) or arguments.kept < 1:
        parser.error(f"--rounds is from 1 to {len(STRUCTURES)}, --kept at least 1")

    trained = measure(arguments.rounds, arguments.kept, arguments.threads)
    for optimizer, structures in trained.items():
        refuse_other_bits(optimizer, structures[0][1], arguments.threads)
    table = [row for optimizer, structures in trained.items() for row in rows(optimizer, structures)]
    trials = {
        optimizer: {
            str(structure): [_told(trial) for trial in each]
            for structure, each in zip(STRUCTURES, several, strict=False)
        }
        for optimizer, several in trained.items()
    }
    settings = {"epochs": EPOCHS, "kept": arguments.kept, "threads": arguments.threads}
    publish("kept_structure", table, rounds=arguments.rounds, settings=settings, trials=trials)


if __name__ == "__main__":
    main()
