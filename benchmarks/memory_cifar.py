"""Resident memory on CIFAR-10 and digits: hpsearch's processes beside Keras Tuner's, and what two workers share.

    python -m benchmarks.memory_cifar [--rounds 1] [--seconds 10] [--digits-trials 5]

- The coordinator of `hpsearch run` on digits against Keras Tuner's process, each until its end after so many random
  trials of one epoch: the largest resident size, looked at 20 times a second. Its cache is empty, so that it decodes
  the images itself.
- One worker on all 50,000 training images of CIFAR-10 (45,000 to train on, 5,000 to validate on) against Keras
  Tuner's process with the same network on the same images as float32 from 0 to 1, divided in two by scikit-learn: the
  largest resident size (the kernel's VmHWM, loading included) and the one while training (median of the last third).
- What the decoded images take in memory with two workers, beside one: the proportional set size (Pss) of all mappings
  of the kept `.npy` files in the study's processes, which counts a page that n processes map as 1/n in each.

The clock of `--seconds` starts when a trial of each worker has started (Keras Tuner: at the first batch of its first
trial); when it has run down, everything is read and the processes are ended, whatever they have trained. GPUs are
hidden. Linux only: it is the one system that tells Pss, peak and mappings of a process.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

import psutil
from benchmarks import cifar10
from benchmarks.keras_tuner_digits import SPACE
from benchmarks.turns import ROOT, Row, environment, hpsearch, publish, take_turns

MIB = 2**20
VALIDATION = 5000
_LOOK_SECONDS = 0.2
_SHORT_LOOK_SECONDS = 0.05
_PATIENCE_SECONDS = 300.0  # for a program to begin training
_MARK = "training"  # the file by which Keras Tuner's program says that it trains


@dataclass(frozen=True, slots=True)
class Size:
    """One process at the end of its time.

    Attributes:
        peak: the largest resident size that it ever had, in MiB like all others.
        training: its resident size while it trained: the median of the last third of all readings.
        pss: its proportional set size.
        data_pss: that part of `pss` which is mappings of decoded images.
        data_resident: what of those mappings is in memory, whoever else has it.
    """

    peak: float
    training: float
    pss: float
    data_pss: float
    data_resident: float


@dataclass(frozen=True, slots=True)
class Study:
    """All processes of one program: the one that was started, then those that it has started."""

    first: Size
    others: list[Size]

    @property
    def data_pss(self) -> float:
        """What the decoded images take in all of them together."""
        return self.first.data_pss + sum(size.data_pss for size in self.others)

    @property
    def workers_pss(self) -> float:
        """What all workers take together."""
        return sum(size.pss for size in self.others)


def hpsearch_on_cifar(workers: int, seconds: float) -> Study:
    """`hpsearch run` with so many workers, each on a trial that outlasts the measurement."""
    with tempfile.TemporaryDirectory(prefix="hpsearch-memory-") as folder:
        space, database = Path(folder) / "space.yaml", Path(folder) / "cifar.db"
        space.write_text(json.dumps(cifar10.space(epochs=1000, trials=workers)), encoding="utf-8")  # JSON is YAML
        options = ["--database", str(database), "--workers", str(workers), "--no-retrain", "--quiet"]
        with _started(hpsearch("run", str(space), *options)) as process:
            study = _sizes(process, lambda: _started_trials(database) == workers, seconds)
    if len(study.others) != workers:
        raise SystemExit(f"hpsearch has {len(study.others)} processes beside its own, not {workers}.")
    return study


def keras_tuner_on_cifar(seconds: float) -> Study:
    """`search_with_keras_tuner` in a fresh process."""
    with tempfile.TemporaryDirectory(prefix="hpsearch-memory-") as folder:
        command = [sys.executable, "-m", "benchmarks.memory_cifar", "--keras-tuner", folder]
        with _started(command) as process:
            return _sizes(process, (Path(folder) / _MARK).exists, seconds)


def search_with_keras_tuner(folder: Path) -> None:
    """Keras Tuner's RandomSearch over the same learning rates, on the same images; it trains until it is ended."""
    import keras
    import keras_tuner
    from sklearn.model_selection import train_test_split

    images, labels = cifar10.raw_arrays()
    images = images.astype("float32")
    images /= 255  # in place: no second copy
    x_train, x_val, y_train, y_val = train_test_split(images, labels, test_size=VALIDATION, stratify=labels)
    del images

    def build_model(hp: keras_tuner.HyperParameters) -> keras.Model:
        return cifar10.keras_model(learning_rate=hp.Float("learning_rate", 1e-4, 1e-3, sampling="log"))

    tuner = keras_tuner.RandomSearch(
        build_model, objective="val_accuracy", max_trials=1, directory=folder, project_name="cifar10"
    )
    mark = keras.callbacks.LambdaCallback(on_train_batch_begin=lambda batch, logs: (folder / _MARK).touch())
    tuner.search(
        x_train,
        y_train,
        validation_data=(x_val, y_val),
        batch_size=cifar10.BATCH_SIZE,
        epochs=1000,
        verbose=0,
        callbacks=[mark],
    )


def _sizes(process: psutil.Popen, trains: Callable[[], bool], seconds: float) -> Study:
    """All processes of the program, `seconds` after it has begun to train."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not trains():
        if process.poll() is not None or time.monotonic() > deadline:
            raise SystemExit(f"{' '.join(process.args)} does not train (exit code {process.poll()}).")
        time.sleep(_LOOK_SECONDS)
    everyone = [psutil.Process(process.pid), *process.children(recursive=True)]
    resident: dict[int, list[int]] = {one.pid: [] for one in everyone}
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for one in everyone:
            resident[one.pid].append(one.memory_info().rss)
        time.sleep(_LOOK_SECONDS)
    first, *others = (_size(one, resident[one.pid]) for one in everyone)
    return Study(first, others)


def _size(process: psutil.Process, resident: Sequence[int]) -> Size:
    late = resident[-max(1, len(resident) // 3) :]
    data = [each for each in process.memory_maps() if each.path.startswith(f"{cifar10.ARRAYS}/")]
    return Size(
        peak=_peak_bytes(process.pid) / MIB,
        training=statistics.median(late) / MIB,
        pss=process.memory_full_info().pss / MIB,
        data_pss=sum(each.pss for each in data) / MIB,
        data_resident=sum(each.rss for each in data) / MIB,
    )


def _peak_bytes(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise SystemExit("This kernel does not tell the largest resident size of a process (VmHWM).")


@contextlib.contextmanager
def _started(
    command: Sequence[str], stdout: int | IO[str] = subprocess.DEVNULL, **variables: str
) -> Iterator[psutil.Popen]:
    """The program, ended with all that it has started when the block is left."""
    variables = {"XDG_CACHE_HOME": str(cifar10.CACHE_HOME), "CUDA_VISIBLE_DEVICES": "-1"} | variables
    with psutil.Popen(command, cwd=ROOT, env=environment(**variables), stdout=stdout) as process:
        try:
            yield process
        finally:
            everyone = [process, *process.children(recursive=True)] if process.poll() is None else []
            for one in everyone:
                with contextlib.suppress(psutil.NoSuchProcess):
                    one.kill()
            psutil.wait_procs(everyone[1:])


def _started_trials(database: Path) -> int:
    if not database.exists():
        return 0
    with contextlib.closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as rows:
        try:
            return int(rows.execute("SELECT count(*) FROM trials WHERE started_at IS NOT NULL").fetchone()[0])
        except sqlite3.OperationalError:  # the first moments of a new database
            return 0


def coordinator_on_digits(trials: int) -> float:
    """The largest resident size of `hpsearch run` itself, in MiB, over so many trials."""
    with tempfile.TemporaryDirectory(prefix="hpsearch-memory-") as folder:
        database = Path(folder) / "digits.db"
        options = ["--database", str(database), "--workers", "1", "--no-retrain", "--quiet"]
        for setting in (f"search.max_trials={trials}", "training.epochs=1"):
            options += ["--set", setting]
        largest, _ = _watched(hpsearch("run", str(SPACE), *options), XDG_CACHE_HOME=folder)
        with contextlib.closing(sqlite3.connect(database)) as rows:
            (trained,) = rows.execute("SELECT count(*) FROM trials WHERE state = 'complete'").fetchone()
    return _of_all(trials, trained, largest)


def keras_tuner_on_digits(trials: int) -> float:
    """The largest resident size of Keras Tuner's process, in MiB, over so many trials."""
    program = [sys.executable, "-m", "benchmarks.keras_tuner_digits", "--trials", str(trials), "--epochs", "1"]
    with tempfile.TemporaryDirectory(prefix="hpsearch-memory-") as folder:
        largest, said = _watched([*program, "--keras-tuner", folder])
    return _of_all(trials, json.loads(said.splitlines()[-1])["trials"], largest)


def _of_all(trials: int, trained: int, largest: float) -> float:
    if trained != trials:
        raise SystemExit(f"not comparable: {trained} of {trials} trials are complete.")
    return largest


def _watched(command: Sequence[str], **variables: str) -> tuple[float, str]:
    """The largest resident size of a program until its end, in MiB, and its stdout."""
    largest = 0
    with tempfile.TemporaryFile("w+") as said, _started(command, said, **variables) as process:
        while process.poll() is None:
            with contextlib.suppress(psutil.NoSuchProcess):  # it ends just now
                largest = max(largest, process.memory_info().rss)
            time.sleep(_SHORT_LOOK_SECONDS)
        if process.returncode:
            raise SystemExit(f"{' '.join(command)} ended with {process.returncode}.")
        said.seek(0)
        return largest / MIB, said.read()


def rows(digits: dict[str, list[float]], cifar: dict[str, list[Study]], trials: int) -> list[Row]:
    """What was measured, as figures."""
    one, two, peer = cifar["hpsearch, 1 worker"], cifar["hpsearch, 2 workers"], cifar["Keras Tuner"]
    tuner = "Keras Tuner's process"
    pss = [statistics.median(study.workers_pss for study in studies) for studies in (one, two)]
    resident = statistics.median(size.data_resident for study in two for size in study.others)
    return [
        Row(
            "memory of the coordinator, digits",
            "MiB",
            digits["hpsearch"],
            digits["Keras Tuner"],
            tuner,
            2,
            note=f"largest resident over {trials} trials of one epoch; hpsearch trains in a worker beside it",
        ),
        Row(
            "memory of a worker training on CIFAR-10, 50,000 images",
            "MiB",
            [study.others[0].training for study in one],
            [study.first.training for study in peer],
            tuner,
            1,
            note="resident, shared pages of the decoded images included; Keras Tuner has them as float32",
        ),
        Row(
            "the same, the largest it ever was",
            "MiB",
            [study.others[0].peak for study in one],
            [study.first.peak for study in peer],
            tuner,
            1,
            note="resident, loading included",
        ),
        Row(
            "memory that the decoded CIFAR-10 takes, two workers",
            "MiB",
            [study.data_pss for study in two],
            [study.data_pss for study in one],
            "with one worker",
            1 / 1.2,
            note=(
                f"Pss of its mappings in all processes of the study; each of two workers has {resident:.0f} MiB of them"
                f" resident. All Pss of the workers: one {pss[0]:,.0f} MiB, two {pss[1]:,.0f} MiB"
            ),
        ),
    ]


def main() -> None:
    """Measure, print the table and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=10.0, help="of training on CIFAR-10 before it is read")
    parser.add_argument("--digits-trials", type=int, default=5)
    parser.add_argument("--keras-tuner", metavar="FOLDER", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.keras_tuner:
        search_with_keras_tuner(Path(arguments.keras_tuner))
        return
    if not sys.platform.startswith("linux"):
        raise SystemExit("This benchmark reads /proc and so runs on Linux only.")

    cifar10.training_split()  # decoded before anything is measured
    trials = arguments.digits_trials
    digits = take_turns(
        {
            "hpsearch": lambda: coordinator_on_digits(trials),
            "Keras Tuner": lambda: keras_tuner_on_digits(trials),
        },
        arguments.rounds,
        lambda size: f"digits: {size:,.0f} MiB",
    )
    cifar = take_turns(
        {
            "hpsearch, 1 worker": lambda: hpsearch_on_cifar(1, arguments.seconds),
            "Keras Tuner": lambda: keras_tuner_on_cifar(arguments.seconds),
            "hpsearch, 2 workers": lambda: hpsearch_on_cifar(2, arguments.seconds),
        },
        arguments.rounds,
        _shown,
    )
    settings = {"seconds": arguments.seconds, "digits_trials": trials, "validation_images": VALIDATION}
    processes = {name: [asdict(study) for study in studies] for name, studies in cifar.items()}
    publish("memory_cifar", rows(digits, cifar, trials), rounds=arguments.rounds, settings=settings, cifar10=processes)


def _shown(study: Study) -> str:
    sizes = [f"{size.training:,.0f} (peak {size.peak:,.0f})" for size in (study.first, *study.others)]
    return f"resident {' + '.join(sizes)} MiB, Pss of the images {study.data_pss:,.0f} MiB"


if __name__ == "__main__":
    main()
