"""hpsearch against Keras Tuner's own Tuner: the same digits space, the same number of trials and epochs.

    python benchmarks/keras_tuner_digits.py [--rounds 3] [--trials 20]

Each program runs in a process of its own and is timed from its start to its end, imports included. They take turns, so
that a slow spell of the machine meets all of them. Keras Tuner trains one trial at a time; hpsearch is timed with one
worker, which shows what the compiled epoch saves, and with one worker a core. Retraining is left out on both sides.
Trials and epochs are counted as they were trained, not as they were asked for, and must be equal. Everything that was
measured is written to benchmarks/results/keras_tuner_digits.json, from which benchmarks/readme_figures.py draws the
table in README. Keras Tuner needs tensorboard: `pip install -e .[bench]`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).parents[1]
SPACE = ROOT / "search_spaces" / "digits_space.yaml"
RESULT = ROOT / "benchmarks" / "results" / "keras_tuner_digits.json"
EPOCHS = 5  # what the space file says
SEED = 7


@dataclass(frozen=True, slots=True)
class Run:
    """One search: its wall time, what it trained, and the best validation accuracy that it found."""

    seconds: float
    trials: int
    epochs: int
    best: float


Contender = Callable[[Path, int], Run]  # given an empty folder and a number of trials


def hpsearch(workers: int) -> Contender:
    """The command `hpsearch run` with that many workers, a database on disk included."""

    def run(folder: Path, trials: int) -> Run:
        database = str(folder / "digits.db")
        command = [sys.executable, "-m", "hpsearch"]
        settings = ["--workers", str(workers), "--set", f"search.max_trials={trials}", "--no-retrain", "--quiet"]
        seconds, _ = _finish([*command, "run", str(SPACE), "--database", database, *settings])
        with contextlib.closing(sqlite3.connect(database)) as rows:
            counted = rows.execute("SELECT count(*), max(value) FROM trials WHERE state = 'complete'").fetchone()
            (epochs,) = rows.execute("SELECT count(*) FROM epochs").fetchone()
        return Run(seconds, counted[0], epochs, counted[1])

    return run


def keras_tuner(folder: Path, trials: int) -> Run:
    """This file as a program: `search_with_keras_tuner` in a fresh process."""
    seconds, said = _finish([sys.executable, __file__, "--keras-tuner", str(folder), "--trials", str(trials)])
    return Run(seconds, **json.loads(said))


def search_with_keras_tuner(folder: str, trials: int, epochs: int = EPOCHS) -> dict[str, float]:
    """Keras Tuner's RandomSearch over the space of digits_space.yaml, written by hand: its trials, epochs and best."""
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

    tuner = keras_tuner.RandomSearch(
        build_model, objective="val_accuracy", max_trials=trials, seed=SEED, directory=folder, project_name="digits"
    )
    trained: list[int] = []
    tuner.search(
        x_train,
        y_train,
        validation_data=(x_val, y_val),
        batch_size=32,
        epochs=epochs,
        verbose=0,
        callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: trained.append(epoch))],
    )
    done = [trial for trial in tuner.oracle.trials.values() if trial.status == "COMPLETED"]
    return {"trials": len(done), "epochs": len(trained), "best": float(max(trial.score for trial in done))}


def measure(contenders: Mapping[str, Contender], rounds: int, trials: int) -> dict[str, list[Run]]:
    """Every run; the contenders take turns. SystemExit where they did not train the same number of epochs."""
    runs: dict[str, list[Run]] = {name: [] for name in contenders}
    for number in range(rounds):
        for name, contender in contenders.items():
            with tempfile.TemporaryDirectory(prefix="hpsearch-bench-") as folder:
                run = contender(Path(folder), trials)
            runs[name].append(run)
            print(
                f"round {number + 1} of {rounds}: {name:<22} {run.seconds:6.1f} s   {run.trials} trials, "
                f"{run.epochs} epochs, best val_accuracy {run.best:.4f}",
                flush=True,
            )
    if len(trained := {(run.trials, run.epochs) for measured in runs.values() for run in measured}) > 1:
        raise SystemExit(f"not comparable: (trials, epochs) trained were {sorted(trained)}")
    return runs


def table(runs: Mapping[str, Sequence[Run]], trials: int) -> list[dict[str, object]]:
    """One row a contender: median, fastest and slowest run, and how many times as fast as the first one."""
    times = {name: [run.seconds for run in measured] for name, measured in runs.items()}
    first = statistics.median(next(iter(times.values())))
    return [
        {
            "contender": name,
            "median_seconds": round(statistics.median(seconds), 2),
            "fastest_seconds": round(min(seconds), 2),
            "slowest_seconds": round(max(seconds), 2),
            "seconds_a_trial": round(statistics.median(seconds) / trials, 2),
            "times_as_fast": round(first / statistics.median(seconds), 2),
            "best_val_accuracy": round(statistics.median(run.best for run in runs[name]), 4),
        }
        for name, seconds in times.items()
    ]


def _finish(command: Sequence[str]) -> tuple[float, str]:
    """How many seconds `command` takes and what it says on stdout; its stderr where it fails."""
    environment = {name: value for name, value in os.environ.items() if name != "KERAS_BACKEND"}
    environment["TF_CPP_MIN_LOG_LEVEL"] = "3"
    start = time.perf_counter()
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    seconds = time.perf_counter() - start
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr}")
    return seconds, done.stdout.strip()


def processor() -> str:
    """Its name, where the system tells it."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def main() -> None:
    """Measure, print the table and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--keras-tuner", metavar="FOLDER", help=argparse.SUPPRESS)
    parser.add_argument("--epochs", type=int, default=EPOCHS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.keras_tuner:
        print(json.dumps(search_with_keras_tuner(arguments.keras_tuner, arguments.trials, arguments.epochs)))
        return

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    contenders: dict[str, Contender] = {"Keras Tuner": keras_tuner, "hpsearch, 1 worker": hpsearch(1)}
    if cores > 1:
        contenders[f"hpsearch, {min(cores, 8)} workers"] = hpsearch(min(cores, 8))
    runs = measure(contenders, arguments.rounds, arguments.trials)

    rows = table(runs, arguments.trials)
    print(f"\n{arguments.trials} trials x {EPOCHS} epochs, {cores} cores, median of {arguments.rounds} runs")
    print(f"{'':<22} {'median':>9} {'fastest':>9} {'slowest':>9} {'a trial':>9} {'speed':>7} {'best':>7}")
    for row in rows:
        seconds = [row[f"{name}_seconds"] for name in ("median", "fastest", "slowest")] + [row["seconds_a_trial"]]
        print(
            f"{row['contender']:<22} "
            + " ".join(f"{value:7.2f} s" for value in seconds)
            + f" {row['times_as_fast']:6.2f}x {row['best_val_accuracy']:7.4f}"
        )
    RESULT.parent.mkdir(exist_ok=True)
    facts = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "trials": arguments.trials,
        "epochs": EPOCHS,
        "rounds": arguments.rounds,
        "cores": cores,
        "processor": processor(),
        "system": f"{platform.system()} {platform.machine()}",
        "versions": {name: version(name) for name in ("hpsearch", "tensorflow", "keras", "keras-tuner")},
        "table": rows,
        "runs": {name: [asdict(run) for run in measured] for name, measured in runs.items()},
    }
    RESULT.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
