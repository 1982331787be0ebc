"""hpsearch against Keras Tuner's own Tuner on digits: the same space, the same numbers of trials and epochs.

    python -m benchmarks.keras_tuner_digits [--rounds 2] [--trials 20] [--hyperband-rounds 1]

Each program runs in a process of its own and is timed from its start to its end, imports included. They take turns, so
that a slow spell of the machine meets all of them. Keras Tuner trains one trial at a time; hpsearch is timed with one
worker, which shows what a compiled and kept epoch saves, and with two. Hyperband (max_epochs 27, factor 3) is timed
with two workers; both go on with a promoted trial where its parent ended. Retraining is left out on both sides.

Trials and epochs are counted as they were trained, not as they were asked for, and must be equal; the best validation
accuracies (medians) must be within 0.02. Keras Tuner needs tensorboard: `pip install -e .[bench]`.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import sqlite3
import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from benchmarks import turns
from benchmarks.turns import ROOT, Row, finish, publish, take_turns
from ruamel.yaml import YAML

SPACE = ROOT / "search_spaces" / "digits_space.yaml"
EPOCHS = 5  # what the space file says
MAX_EPOCHS = 27  # of Hyperband
SEED = 7
TOLERANCE = 0.02  # of validation accuracy
PEER = "Keras Tuner"


@dataclass(frozen=True, slots=True)
class Run:
    """One search: its wall time, what it trained, and the best validation accuracy that it found."""

    seconds: float
    trials: int
    epochs: int
    best: float

    def __str__(self) -> str:
        return f"{self.seconds:6.1f} s   {self.trials} trials, {self.epochs} epochs, best {self.best:.4f}"


def hpsearch(space: str, workers: int) -> Run:
    """The command `hpsearch run` on a file of that text with that many workers, a database on disk included."""
    with tempfile.TemporaryDirectory(prefix="hpsearch-bench-") as folder:
        database, file = Path(folder) / "digits.db", Path(folder) / "digits.yaml"
        file.write_text(space, encoding="utf-8")
        options = ["--workers", str(workers), "--no-retrain", "--quiet"]
        seconds, _ = finish(turns.hpsearch("run", str(file), "--database", str(database), *options))
        with contextlib.closing(sqlite3.connect(database)) as rows:
            counted = rows.execute("SELECT count(*), max(value) FROM trials WHERE state = 'complete'").fetchone()
            (epochs,) = rows.execute("SELECT count(*) FROM epochs").fetchone()
    return Run(seconds, counted[0], epochs, counted[1])


def space(search: Mapping[str, object], epochs: int | None) -> str:
    """digits_space.yaml with another `search`, and with `training.epochs`, which Hyperband has none of."""
    yaml = YAML(typ="rt")
    document = yaml.load(SPACE.read_text(encoding="utf-8"))
    document["search"] = dict(search)
    if epochs is None:
        del document["training"]["epochs"]
    else:
        document["training"]["epochs"] = epochs
    written = io.StringIO()
    yaml.dump(document, written)
    return written.getvalue()


def keras_tuner(*options: str) -> Run:
    """This file as a program: `search_with_keras_tuner` in a fresh process."""
    with tempfile.TemporaryDirectory(prefix="hpsearch-bench-") as folder:
        seconds, said = finish(
            [sys.executable, "-m", "benchmarks.keras_tuner_digits", "--keras-tuner", folder, *options]
        )
    return Run(seconds, **json.loads(said))


def search_with_keras_tuner(folder: str, trials: int | None, epochs: int = EPOCHS) -> dict[str, float]:
    """Keras Tuner over the space of digits_space.yaml, written by hand: its trials, epochs and best.

    Args:
        folder: for its files.
        trials: of random search; None for Hyperband.
        epochs: of each random trial.
    """
    import keras
    import keras_tuner
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    images, labels = load_digits(return_X_y=True)
    images = (images / 16).reshape(-1, 8, 8, 1).astype("float32")
    images, _, labels, _ = train_test_split(images, labels, test_size=0.2, stratify=labels, random_state=0)
    x_train, x_val, y_train, y_val = train_test_split(images, labels, test_size=0.1, stratify=labels, random_state=SEED)

    def activation(hp, name):
        if name == "leaky_relu":
            return keras.layers.LeakyReLU(negative_slope=hp.get("leaky_alpha"))
        return keras.layers.Activation(name)

    def optimizer(hp):
        rate = hp.Float("learning_rate", 3e-4, 1e-2, sampling="log")
        name = hp.Choice("optimizer", ["adam", "sgd", "nadam"])
        with hp.conditional_scope("optimizer", ["sgd"]):
            momentum = hp.Float("momentum", 0.5, 0.95)
        if name == "sgd":
            return keras.optimizers.SGD(rate, momentum=momentum)
        return {"adam": keras.optimizers.Adam, "nadam": keras.optimizers.Nadam}[name](rate)

    def build_model(hp):
        layers = keras.layers
        kernel = hp.Choice("kernel_size", [3, 5])
        name = hp.Choice("activation", ["relu", "tanh", "leaky_relu"])
        with hp.conditional_scope("activation", ["leaky_relu"]):
            hp.Float("leaky_alpha", 0.1, 0.3, step=0.1)
        model = keras.Sequential(
            [
                layers.Input((8, 8, 1)),
                layers.Conv2D(hp.Int("conv_1_filters", 16, 32, step=8), kernel, padding="same"),
                layers.BatchNormalization(momentum=0.9),
                activation(hp, name),
                layers.MaxPooling2D(2),
                layers.Conv2D(hp.Int("conv_2_filters", 32, 64, step=16), kernel, padding="same"),
                layers.BatchNormalization(momentum=0.9),
                activation(hp, name),
                layers.MaxPooling2D(2),
                layers.Flatten(),
                layers.Dense(hp.Int("dense_units", 64, 128, step=32), activation="relu"),
                layers.Dropout(hp.Float("dropout", 0.3, 0.5, step=0.1)),
                layers.Dense(10, activation="softmax"),
            ]
        )
        model.compile(optimizer(hp), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
        return model

    files = {"objective": "val_accuracy", "seed": SEED, "directory": folder, "project_name": "digits"}
    if trials is None:
        tuner = keras_tuner.Hyperband(build_model, max_epochs=MAX_EPOCHS, factor=3, **files)
    else:
        tuner = keras_tuner.RandomSearch(build_model, max_trials=trials, **files)
    trained: list[int] = []
    tuner.search(
        x_train,
        y_train,
        validation_data=(x_val, y_val),
        batch_size=32,
        verbose=0,
        callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: trained.append(epoch))],
        **({} if trials is None else {"epochs": epochs}),
    )
    done = [trial for trial in tuner.oracle.trials.values() if trial.status == "COMPLETED"]
    return {"trials": len(done), "epochs": len(trained), "best": float(max(trial.score for trial in done))}


def compared(contenders: Mapping[str, Callable[[], Run]], rounds: int) -> dict[str, list[Run]]:
    """Every run. SystemExit where the contenders did not train the same, or did not come as far."""
    runs = take_turns(contenders, rounds)
    if len(trained := {(run.trials, run.epochs) for measured in runs.values() for run in measured}) > 1:
        raise SystemExit(f"not comparable: (trials, epochs) trained were {sorted(trained)}")
    best = {name: statistics.median(run.best for run in measured) for name, measured in runs.items()}
    if max(best.values()) - min(best.values()) > TOLERANCE:
        raise SystemExit(f"not comparable: the best validation accuracies were {best}")
    return runs


def row(runs: Mapping[str, Sequence[Run]], name: str, figure: str, required: float) -> Row:
    """How one contender compares with Keras Tuner."""
    best = {who: statistics.median(run.best for run in runs[who]) for who in (name, PEER)}
    trained = runs[name][0]
    return Row(
        figure=f"{figure}, {name}",
        unit="s",
        ours=[run.seconds for run in runs[name]],
        peer=[run.seconds for run in runs[PEER]],
        peer_name=PEER,
        required=required,
        note=f"{trained.trials} trials, {trained.epochs} epochs each; best {best[name]:.4f} and {best[PEER]:.4f}",
    )


def main() -> None:
    """Measure, print the table and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--hyperband-rounds", type=int, default=1)
    parser.add_argument("--keras-tuner", metavar="FOLDER", help=argparse.SUPPRESS)
    parser.add_argument("--hyperband", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--epochs", type=int, default=EPOCHS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.keras_tuner:
        trials = None if arguments.hyperband else arguments.trials
        print(json.dumps(search_with_keras_tuner(arguments.keras_tuner, trials, arguments.epochs)))
        return

    rows, measured = [], {}
    at_random = space({"backend": "random", "max_trials": arguments.trials}, EPOCHS)
    one, two = "1 worker", "2 workers"
    figure = f"digits, {arguments.trials} random trials x {EPOCHS} epochs"
    runs = compared(
        {
            PEER: partial(keras_tuner, "--trials", str(arguments.trials)),
            one: partial(hpsearch, at_random, 1),
            two: partial(hpsearch, at_random, 2),
        },
        arguments.rounds,
    )
    rows += [row(runs, one, figure, 3.0), row(runs, two, figure, 6.0)]
    measured["random"] = {name: [asdict(run) for run in several] for name, several in runs.items()}
    if arguments.hyperband_rounds:
        halving = space({"backend": "hyperband", "max_epochs": MAX_EPOCHS, "factor": 3}, None)
        runs = compared(
            {PEER: partial(keras_tuner, "--hyperband"), two: partial(hpsearch, halving, 2)}, arguments.hyperband_rounds
        )
        rows.append(row(runs, two, f"digits, Hyperband to {MAX_EPOCHS} epochs", 6.0))
        measured["hyperband"] = {name: [asdict(run) for run in several] for name, several in runs.items()}
    settings = {"trials": arguments.trials, "epochs": EPOCHS, "max_epochs": MAX_EPOCHS}
    publish("keras_tuner_digits", rows, rounds=arguments.rounds, settings=settings, runs=measured)


if __name__ == "__main__":
    main()
