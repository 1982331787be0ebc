"""Studies on simulated training, for benchmarks of everything around training: hpsearch's, Optuna's, and large ones.

    python -m benchmarks.simulated_studies FILE SAMPLER TRIALS EPOCHS     Optuna's side, as a program of its own

Both sides search one space and train nothing: hpsearch's workers read an analytic learning curve (docs/simulated.md),
Optuna's loop reports the same curve without its noise. What they did is read back from their databases' rows. Databases
of many trials are made once, under build/benchmarks, and made anew when what they hold or how it is stored has changed.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.turns import BUILD, ROOT, finish, hpsearch, spread

if TYPE_CHECKING:
    import optuna

STUDY = "simulated"  # its name, on both sides
SEED = 7
PARAMETERS: Mapping[str, object] = {
    "learning_rate": {"type": "float", "min": 1e-4, "max": 1e-1, "scale": "log"},
    "filters": {"type": "int", "min": 16, "max": 128, "step": 16},
    "dropout": {"type": "float", "min": 0.0, "max": 0.5, "step": 0.1},
    "optimizer": ["adam", "sgd"],
    "momentum": {"type": "float", "min": 0.5, "max": 0.95, "when": {"optimizer": "sgd"}},
}
OURS_FACTS = (
    "SELECT ended_at FROM trials WHERE state = 'complete' ORDER BY number",
    "SELECT count(*) FROM epochs",
)
OPTUNA_FACTS = (
    "SELECT datetime_complete FROM trials WHERE state = 'COMPLETE' ORDER BY number",
    "SELECT count(*) FROM trial_intermediate_values",
)
_MIGRATIONS = ROOT / "src" / "hpsearch" / "storage" / "migrations" / "versions"
_ADDED = 1_000  # trials that Optuna itself adds to a large database; with 27 epochs it takes 50 ms for each


@dataclass(frozen=True, slots=True)
class Pace:
    """When each complete trial of a search ended, in number order, and how many epochs its rows hold."""

    ended: Sequence[float]
    epochs: int

    @property
    def trials(self) -> int:
        """How many there are."""
        return len(self.ended)

    @property
    def whole(self) -> float:
        """Milliseconds a trial, from the first one's end to the last one's: what starting up took is left out."""
        return self.between(0, self.trials - 1)

    def first(self, count: int) -> float:
        """Milliseconds a trial over the first `count`, their first one's start-up left out."""
        return self.between(0, count - 1)

    def last(self, count: int) -> float:
        """Milliseconds a trial over the last `count`."""
        return self.between(self.trials - 1 - count, self.trials - 1)

    def between(self, start: int, end: int) -> float:
        """Milliseconds a trial from the end of trial `start` to the end of trial `end`."""
        return (self.ended[end] - self.ended[start]) / (end - start) * 1000

    def text(self) -> str:
        """Its trials, and how long one takes at the beginning and at the end."""
        tenth = max(2, self.trials // 10)
        return (
            f"{self.whole:7.1f} ms a trial ({self.first(tenth):.1f} in the first tenth, {self.last(tenth):.1f} in the "
            f"last), {self.trials:,} trials, {self.epochs:,} epochs"
        )


def tenths(paces: Sequence[Pace]) -> str:
    """Milliseconds a trial in the first and in the last tenth of several runs."""
    tenth = max(2, paces[0].trials // 10)
    first, last = [pace.first(tenth) for pace in paces], [pace.last(tenth) for pace in paces]
    return f"{spread(first)} ms in the first tenth, {spread(last)} in the last"


def write_space(folder: Path, search: Mapping[str, object], **training: object) -> Path:
    """A file of the simulated space in `folder`."""
    space = {
        "study": STUDY,
        "seed": SEED,
        "parameters": PARAMETERS,
        "training": {"trainer": "simulated", **training},
        "search": dict(search),
    }
    path = folder / f"{STUDY}.yaml"
    path.write_text(json.dumps(space, indent=1), encoding="utf-8")  # JSON is YAML
    return path


def run(space: Path, database: Path, *options: str, workers: int = 1) -> None:
    """The command `hpsearch run` to its end, without a retrain."""
    where = ["--database", str(database), "--workers", str(workers)]
    finish(hpsearch("run", str(space), *where, "--no-retrain", "--quiet", *options))


@contextlib.contextmanager
def a_folder() -> Iterator[Path]:
    """An empty folder on the disk that the checkout is on, which /tmp may not be; it goes afterwards."""
    BUILD.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=BUILD, prefix="run-") as folder:
        yield Path(folder)


def rows(database: Path, query: str) -> list[tuple[Any, ...]]:
    """What `query` finds."""
    with contextlib.closing(sqlite3.connect(database)) as connection:  # not mode=ro, which leaves a -wal file behind
        return connection.execute(query).fetchall()


def instant(stored: str) -> float:
    """Unix seconds of an instant that hpsearch stored."""
    return datetime.fromisoformat(stored).replace(tzinfo=UTC).timestamp()


def pace(database: Path, facts: tuple[str, str]) -> Pace:
    """What the rows of a search say, by `OURS_FACTS` or `OPTUNA_FACTS`."""
    ended, epochs = facts
    return Pace([instant(moment) for (moment,) in rows(database, ended)], rows(database, epochs)[0][0])


def searched(search: Mapping[str, object], trials: int, epochs: int, *options: str) -> Pace:
    """hpsearch's pace with one worker on a new database. SystemExit where rows are missing."""
    with a_folder() as folder:
        space = write_space(folder, {**search, "max_trials": trials}, epochs=epochs)
        run(space, folder / "studies.db", *options)
        return _whole(pace(folder / "studies.db", OURS_FACTS), trials, epochs)


def searched_by_optuna(sampler: str, trials: int, epochs: int) -> Pace:
    """Optuna's pace on a new database, in a process of its own. SystemExit where rows are missing."""
    with a_folder() as folder:
        database = folder / "optuna.db"
        program = [sys.executable, "-m", "benchmarks.simulated_studies"]
        finish([*program, str(database), sampler, str(trials), str(epochs)])
        return _whole(pace(database, OPTUNA_FACTS), trials, epochs)


def _whole(found: Pace, trials: int, epochs: int) -> Pace:
    if (found.trials, found.epochs) != (trials, trials * epochs):
        raise SystemExit(f"{trials} trials x {epochs} epochs wanted, {found.trials} and {found.epochs} epochs found")
    return found


# Optuna's side --------------------------------------------------------------------------------------------------------


def search_with_optuna(database: Path, sampler: str, trials: int, epochs: int) -> None:
    """Optuna's own loop on a SQLite file: ask, suggest, report every epoch, tell."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(
        study_name=STUDY,
        storage=url(database),
        direction="maximize",
        sampler=getattr(optuna.samplers, sampler)(seed=SEED),
    )
    _search(study, trials, epochs)


def _search(study: optuna.Study, trials: int, epochs: int) -> None:
    from hpsearch.training.simulated import Curve

    for _ in range(trials):
        trial = study.ask()
        curve = Curve.of(suggest(trial))
        values = [curve.accuracy(epoch) for epoch in range(1, epochs + 1)]
        for epoch, value in enumerate(values, start=1):
            trial.report(value, epoch)
        study.tell(trial, max(values))


def suggest(trial: optuna.Trial) -> dict[str, Any]:
    """`PARAMETERS` as one writes them for Optuna."""
    configuration: dict[str, Any] = {
        "learning_rate": trial.suggest_float("learning_rate", 1e-4, 1e-1, log=True),
        "filters": trial.suggest_int("filters", 16, 128, step=16),
        "dropout": trial.suggest_float("dropout", 0.0, 0.5, step=0.1),
        "optimizer": trial.suggest_categorical("optimizer", ["adam", "sgd"]),
    }
    if configuration["optimizer"] == "sgd":
        configuration["momentum"] = trial.suggest_float("momentum", 0.5, 0.95)
    return configuration


def url(database: Path) -> str:
    """A file as Optuna's storages are named."""
    return f"sqlite:///{database}"


# Large databases, made once -------------------------------------------------------------------------------------------


def large_database(trials: int, epochs: int) -> tuple[Path, Path]:
    """A database of a random search that `hpsearch run` has made, never to be written again, and its space file."""
    search = {"backend": "random", "max_trials": trials}
    with a_folder() as folder:
        text = write_space(folder, search, epochs=epochs).read_text(encoding="utf-8")
    stored = [file.read_bytes() for file in sorted(_MIGRATIONS.glob("*.py"))]
    name = f"hpsearch-random-{trials}x{epochs}-{_digest(text.encode(), *stored)}"

    def make(database: Path) -> None:
        run(write_space(database.parent, search, epochs=epochs), database)

    made = _once(f"{name}.db", make, OURS_FACTS, trials, epochs)
    space = made.with_suffix(".yaml")
    space.write_text(text, encoding="utf-8")
    return made, space


def large_database_of_optuna(trials: int, epochs: int) -> Path:
    """The like of `large_database` in Optuna's tables; beyond 1,000 trials they repeat."""
    name = f"optuna-random-{trials}x{epochs}-{_digest(json.dumps(PARAMETERS).encode(), version('optuna').encode())}"

    def make(database: Path) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        sampler = optuna.samplers.RandomSampler(seed=SEED)
        in_memory = optuna.create_study(direction="maximize", sampler=sampler)
        _search(in_memory, min(trials, _ADDED), epochs)
        study = optuna.create_study(study_name=STUDY, storage=url(database), direction="maximize")
        study.add_trials(in_memory.get_trials(deepcopy=False))
        _repeat(database, trials)

    return _once(f"{name}.db", make, OPTUNA_FACTS, trials, epochs)


def _once(name: str, make: Callable[[Path], None], facts: tuple[str, str], trials: int, epochs: int) -> Path:
    made = BUILD / name
    if not made.exists():
        print(f"making {made.relative_to(ROOT)} ({trials:,} trials x {epochs} epochs) once: minutes", flush=True)
        with a_folder() as folder:
            make(folder / name)
            shutil.move(folder / name, made)  # whole or not at all
    _whole(pace(made, facts), trials, epochs)
    return made


def _repeat(database: Path, trials: int) -> None:
    """Copy the trials of an Optuna database, and all rows of theirs, until there are `trials`."""
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        ((there,),) = connection.execute("SELECT count(*) FROM trials")
        tables = [table for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            columns = {name: is_key for _, name, _, _, _, is_key in connection.execute(f"PRAGMA table_info({table})")}
            if "trial_id" not in columns:
                continue
            shifted = [name for name in ("trial_id", "number") if name in columns]  # both count the trials
            kept = [name for name, is_key in columns.items() if name not in shifted and not is_key]
            values = [*(f"{name} + :shift" for name in shifted), *kept]
            for shift in range(there, trials, there):
                connection.execute(
                    f"INSERT INTO {table} ({', '.join(shifted + kept)}) SELECT {', '.join(values)} FROM {table} "
                    "WHERE trial_id <= :there AND trial_id + :shift <= :trials",
                    {"shift": shift, "there": there, "trials": trials},
                )


def _digest(*parts: bytes) -> str:
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:8]


def main() -> None:
    """Optuna's search in this process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("sampler", choices=["RandomSampler", "TPESampler"])
    parser.add_argument("trials", type=int)
    parser.add_argument("epochs", type=int)
    arguments = parser.parse_args()
    search_with_optuna(arguments.file, arguments.sampler, arguments.trials, arguments.epochs)


if __name__ == "__main__":
    main()
