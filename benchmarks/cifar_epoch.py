"""Seconds an epoch on CIFAR-10: hpsearch's trainer against Keras's own `model.fit`, one process each, in turn.

    python -m benchmarks.cifar_epoch [--rounds 6] [--epochs 2] [--images 10000] [--extra-rounds 0]

Both train the network of benchmarks/cifar10.py on the same images of the training split, in batches of 32, and
validate on the same further 1,000 after each epoch; the images of `fit` are float32 from 0 to 1. Both have the same
number of threads for arithmetic (TensorFlow's intra-op and inter-op pools), all cores, and the same kernels: oneDNN's,
which `hpsearch run` turns on. `fit` may use threads of `tf.data` beside them, as it always does, and is compiled as
Keras's defaults have it, which on a CPU is without XLA. GPUs are hidden from both. The second figure adds horizontal
flips and shifts: `training.augmentation` here, the same two layers inside the model there.

Two further rows can be asked for, with rounds of their own: both sides with one thread, and `fit` as it comes, with
oneDNN only where TensorFlow chooses it by itself (it does not on every processor).

A process trains first without and then with augmentation. The first epoch of each holds the tracing and is told
apart; a process counts with the median of its later epochs, by the wall's clock; the processor's seconds of each epoch
are in the file too. Optimizer steps, parameters and validation accuracy are read from the trained models: steps and
parameters must be equal, and the accuracies (means over all processes, each with a seed of its own: one alone comes
out 0.04 higher or lower) within 0.05, or there is no table.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks import cifar10
from benchmarks.turns import ROOT, Row, finish, machine, publish, take_turns

VALIDATION = 1000
SPLIT_SEED = 7
REQUIRED = 1.2
TOLERANCE = 0.05  # of validation accuracy
OURS, FIT, FIT_AS_IT_COMES = "hpsearch", "fit", "fit as it comes"


@dataclass(frozen=True, slots=True)
class Training:
    """What one process trained, and how long that took.

    Attributes:
        seconds: of each epoch, validation included; the first has the tracing in it.
        cpu_seconds: the processor's for each epoch, of all threads together.
        val_accuracy: after the last epoch.
        steps: of the optimizer, as it counted them.
        parameters: that were trained.
        onednn: whether TensorFlow took oneDNN's kernels.
    """

    seconds: list[float]
    cpu_seconds: list[float]
    val_accuracy: float
    steps: int
    parameters: int
    onednn: bool

    @property
    def steady(self) -> float:
        """The median of the later epochs."""
        return statistics.median(self.seconds[1:])


@dataclass(frozen=True, slots=True)
class Setting:
    """What both sides of one figure have in common."""

    threads: int
    augmented: bool
    epochs: int
    images: int

    @property
    def figure(self) -> str:
        """Its name in the table."""
        threads = f"{self.threads} thread{'s' if self.threads > 1 else ''}"
        return f"CIFAR-10 epoch, {self.images:,} images, {'flips and shifts, ' if self.augmented else ''}{threads}"


# -- in a process of its own --------------------------------------------------------------------------------------


def train_ours(setting: Setting, seed: int) -> Training:
    """The trainer of `hpsearch run`, an epoch at a time."""
    from hpsearch.training.process import configure_process

    configure_process(threads=setting.threads)
    from hpsearch.space.configuration import Configuration
    from hpsearch.study import Direction, Objective
    from hpsearch.training.registry import make_trainer
    from hpsearch.training.task import Task

    training = {
        "trainer": "keras",
        "epochs": setting.epochs,
        "batch_size": cifar10.BATCH_SIZE,
        "optimizer": {"name": "adam", "learning_rate": cifar10.LEARNING_RATE},
        "loss": "sparse_categorical_crossentropy",
        "metrics": ["accuracy"],
    }
    if setting.augmented:
        training["augmentation"] = list(cifar10.AUGMENTATION)
    task = Task(
        Configuration(_dataset(setting.images), cifar10.LAYERS, training),
        Objective("val_accuracy", Direction.MAXIMIZE),
        seed=seed,
        split_seed=SPLIT_SEED,
        epochs=setting.epochs,
        data_dir=os.environ.get("HPSEARCH_DATA_DIR"),
        cache_dir=str(cifar10.ARRAYS),
    )
    trainer = make_trainer(task)
    clock = Clock()
    for _ in range(setting.epochs):
        accuracy = float(trainer.advance().values["val_accuracy"])
        clock.look()
    return _trained(clock, accuracy)


def train_with_fit(setting: Setting, seed: int) -> Training:
    """Keras's own loop on the same images, float32 from 0 to 1."""
    import keras
    import numpy as np
    import tensorflow as tf

    from hpsearch.training.datasets import split_indices

    tf.config.threading.set_intra_op_parallelism_threads(setting.threads)
    tf.config.threading.set_inter_op_parallelism_threads(setting.threads)
    keras.utils.set_random_seed(seed)
    splits = cifar10.training_split()
    train, validation = split_indices(_dataset(setting.images), splits.y_train, SPLIT_SEED)
    x_train, x_val = (splits.x_train[indices].astype(np.float32) / 255 for indices in (train, validation))
    y_train, y_val = splits.y_train[train], splits.y_train[validation]
    model = cifar10.keras_model(augmented=setting.augmented)
    clock = Clock()
    history = model.fit(
        x_train,
        y_train,
        batch_size=cifar10.BATCH_SIZE,
        epochs=setting.epochs,
        validation_data=(x_val, y_val),
        verbose=0,
        callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: clock.look())],
    )
    return _trained(clock, float(history.history["val_accuracy"][-1]))


class Clock:
    """The wall's and the processor's time between looks."""

    def __init__(self) -> None:
        self._looks: list[tuple[float, float]] = []
        self.look()

    def look(self) -> None:
        """An epoch begins or ends."""
        self._looks.append((time.perf_counter(), time.process_time()))

    def spans(self) -> tuple[list[float], list[float]]:
        """Seconds from each look to the next: the wall's, and the processor's."""
        pairs = list(itertools.pairwise(self._looks))
        return [end[0] - start[0] for start, end in pairs], [end[1] - start[1] for start, end in pairs]


def _dataset(images: int) -> dict[str, Any]:
    return {"name": "cifar10", "validation": VALIDATION, "train_subset": images}


_counted: list[Any] = []  # optimizers and models of this process's earlier trainings, alive so that no id comes again


def _trained(clock: Clock, val_accuracy: float) -> Training:
    """With the steps of the optimizers and the trained parameters of the models that are new in this process."""
    import keras
    from tensorflow.python.framework import test_util

    before = {id(one) for one in _counted}
    there = [one for one in gc.get_objects() if id(one) not in before]
    optimizers = [one for one in there if isinstance(one, keras.optimizers.Optimizer)]
    models = [one for one in there if isinstance(one, keras.Model)]
    weights = {id(weight): weight for model in models for weight in model.trainable_weights}  # models lie in models
    _counted.extend([*optimizers, *models])
    steps = sum(int(optimizer.iterations.numpy()) for optimizer in optimizers if optimizer.built)
    parameters = sum(int(weight.numpy().size) for weight in weights.values())
    return Training(*clock.spans(), val_accuracy, steps, parameters, onednn=bool(test_util.IsMklEnabled()))


# -- around those processes ---------------------------------------------------------------------------------------


def contender(name: str, settings: Sequence[Setting], first_seed: int) -> Callable[[], list[Training]]:
    """`name` in a fresh process, one setting after the other, each time with the next seed."""
    seeds = itertools.count(first_seed)
    (threads,) = {setting.threads for setting in settings}

    def run() -> list[Training]:
        wish = json.dumps({"contender": name, "seed": next(seeds), "settings": [asdict(each) for each in settings]})
        variables = {"KERAS_BACKEND": "tensorflow", "CUDA_VISIBLE_DEVICES": "-1"}
        if name != FIT_AS_IT_COMES:  # these are what `hpsearch run` gives its workers
            variables |= {"TF_ENABLE_ONEDNN_OPTS": "1", "OMP_NUM_THREADS": str(threads)}
        _, said = finish([sys.executable, "-m", "benchmarks.cifar_epoch", "--train", wish], ROOT, **variables)
        return [Training(**each) for each in json.loads(said.splitlines()[-1])]

    return run


def train(wish: str) -> list[Training]:
    """What a process started by `contender` does."""
    given = json.loads(wish)
    trains = train_ours if given["contender"] == OURS else train_with_fit
    return [trains(Setting(**each), given["seed"]) for each in given["settings"]]


def refuse_unequal_work(setting: Setting, trained: Mapping[str, Sequence[Training]]) -> None:
    """SystemExit where not all processes made as many steps with as many parameters."""
    counted = {name: sorted({(one.steps, one.parameters) for one in runs}) for name, runs in trained.items()}
    if len({work for each in counted.values() for work in each}) > 1:
        raise SystemExit(f"{setting.figure}: not comparable, (steps, parameters) were {counted}.")


def refuse_unequal_learning(ours: Sequence[Training], theirs: Sequence[Training]) -> None:
    """SystemExit where one side learns better than the other."""
    reached = [statistics.mean(one.val_accuracy for one in runs) for runs in (ours, theirs)]
    if abs(reached[0] - reached[1]) > TOLERANCE:
        raise SystemExit("not comparable: mean validation accuracies were {:.3f} and {:.3f} (fit).".format(*reached))


def row(setting: Setting, ours: Sequence[Training], theirs: Sequence[Training], peer: str) -> Row:
    """Ours beside `fit`."""
    first = [statistics.median(one.seconds[0] for one in runs) for runs in (ours, theirs)]
    cpu = [statistics.median(seconds for one in runs for seconds in one.cpu_seconds[1:]) for runs in (ours, theirs)]
    accuracy = [statistics.mean(one.val_accuracy for one in runs) for runs in (ours, theirs)]
    every = [seconds for one in theirs for seconds in one.seconds[1:]]
    kernels = "with" if theirs[0].onednn else "without"
    return Row(
        setting.figure,
        "s an epoch",
        ours=[one.steady for one in ours],
        peer=[one.steady for one in theirs],
        peer_name="Keras model.fit" if peer == FIT else "Keras model.fit as it comes",
        required=REQUIRED,
        note=(
            f"fit {kernels} oneDNN, its single epochs from {min(every):.2f} to {max(every):.2f} s; processor's seconds"
            f" {cpu[0]:.2f} against {cpu[1]:.2f}; the first epoch, with tracing, {first[0]:.1f} s against"
            f" {first[1]:.1f} s; {ours[0].steps} steps each; validation accuracy (mean) {accuracy[0]:.3f} against"
            f" {accuracy[1]:.3f}"
        ),
    )


def main() -> None:
    """Measure, print the table and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--epochs", type=int, default=2, help="of each process; the first is not counted")
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--extra-rounds", type=int, default=0, help="of the two further rows")
    parser.add_argument("--train", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.train:
        print(json.dumps([asdict(each) for each in train(arguments.train)]))
        return
    if arguments.epochs < 2 or arguments.rounds < 1:
        parser.error("--epochs must be at least 2, as the first is not counted, and --rounds at least 1")

    cifar10.training_split()  # decoded here, outside of all that is timed
    cores = int(str(machine()["cores"]))
    plans = [(cores, (False, True), FIT, arguments.rounds)]
    if arguments.extra_rounds:
        plans += [(1, (False,), FIT, arguments.extra_rounds)] if cores > 1 else []
        plans += [(cores, (False,), FIT_AS_IT_COMES, arguments.extra_rounds)]
    table: list[Row] = []
    everyone: dict[bool, list[Training]] = {True: [], False: []}  # by whether it is ours
    processes: list[dict[str, object]] = []
    for number, (threads, augmented, peer, rounds) in enumerate(plans):
        settings = [Setting(threads, each, arguments.epochs, arguments.images) for each in augmented]
        print("\n" + ", then ".join(each.figure for each in settings), flush=True)
        trained = take_turns(
            {name: contender(name, settings, 1 + 100 * number) for name in (OURS, peer)}, rounds, _shown
        )
        for place, setting in enumerate(settings):
            of_setting = {name: [run[place] for run in runs] for name, runs in trained.items()}
            refuse_unequal_work(setting, of_setting)
            table.append(row(setting, of_setting[OURS], of_setting[peer], peer))
            for name, runs in of_setting.items():
                everyone[name == OURS] += runs
                processes += [{"figure": setting.figure, "contender": name, **asdict(one)} for one in runs]
    refuse_unequal_learning(everyone[True], everyone[False])
    told = {
        "images": arguments.images,
        "validation_images": VALIDATION,
        "epochs": arguments.epochs,
        "batch_size": cifar10.BATCH_SIZE,
        "extra_rounds": arguments.extra_rounds,
    }
    publish("cifar_epoch", table, rounds=arguments.rounds, settings=told, processes=processes)


def _shown(trainings: Sequence[Training]) -> str:
    def one(training: Training) -> str:
        epochs = ", ".join(f"{seconds:.2f}" for seconds in training.seconds)
        return f"epochs {epochs} s, {training.steps} steps, val_accuracy {training.val_accuracy:.3f}"

    return "; ".join(map(one, trainings))


if __name__ == "__main__":
    main()
