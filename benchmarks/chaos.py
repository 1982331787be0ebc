"""Kills coordinators and workers at random moments, restarts, and compares the table with that of a calm run.

    python -m benchmarks.chaos [--kills 40] [--study NAME]... [--workers N]... [--seed S]

Each study is run twice: once undisturbed, and once under SIGKILL. A worker is killed only after it has reported an
epoch; a quarter of the kills (at least ten, where there are twenty) hit the coordinator, and after each of those the
same command is given again. Both runs must end with the same table: every column of every trial that is not a time, and
every metric of every epoch. Studies on simulated training take about half a minute for 40 kills.

Coordinators are forked from a process that has imported everything, which saves the seconds that a start would cost;
with `--processes` each is a fresh `python -m hpsearch`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PARAMETERS = """\
parameters:
  units: {type: int, min: 16, max: 128, step: 16}
  activation: [relu, tanh, leaky_relu]
  alpha: {type: float, min: 0.1, max: 0.3, step: 0.1, when: {activation: leaky_relu}}
  rate: {type: float, min: 1e-4, max: 1e-1, scale: log}
constraints: ["units * rate <= 4"]
limits: {max_consecutive_failures: 100}
"""
SIMULATED = "training: {trainer: simulated, %sseconds_per_epoch: 0.03, failure_rate: 0.1, nan_rate: 0.05}\n"
SEARCHES = {
    "random": ("epochs: 5, ", "{backend: random, max_trials: %d}"),
    "tpe": ("epochs: 5, ", "{backend: optuna, sampler: tpe, max_trials: %d}"),
    "tpe-median": ("epochs: 5, ", "{backend: optuna, sampler: tpe, pruner: median, max_trials: %d, order: number}"),
    "hyperband": ("", "{backend: hyperband, max_epochs: 27, factor: 3, iterations: %d}"),
}
COLUMNS = """number, state, epochs, epochs_done, parent, bracket, rung, known, told, value, last_value, best_epoch,
    seed, error_kind, error"""
_LEAST_COORDINATORS = 10
_KILLS = 50  # that a study of 60 trials is long enough for
_EPOCHS_BETWEEN = 3  # at most, between two kills
_PATIENCE_SECONDS = 300.0
_SETTLING_SECONDS = 0.05  # in which a coordinator writes what it has heard

Table = dict[str, list[tuple[Any, ...]]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a study went through, and what differed in the end."""

    coordinators: int  # killed
    workers: int  # killed
    seconds: float
    differences: list[str]


def space(name: str, times: int = 1) -> str:
    """The space file of one of the studies: 60 trials, or Hyperband's 70, that many times."""
    epochs, search = SEARCHES[name]
    search %= times if name == "hyperband" else 60 * times
    return f"study: {name}\nseed: 7\n{PARAMETERS}{SIMULATED % epochs}search: {search}\n"


class Nursery:
    """Starts coordinators: forks of one process that has imported what they need, or fresh processes.

    Workers make a checkpoint after every `checkpoint_seconds` of training, so that restarts find some amid trials.
    """

    def __init__(self, warm: bool = True, checkpoint_seconds: float = 0.06) -> None:
        self._environment = {**os.environ, "HPSEARCH_CHECKPOINT_SECONDS": str(checkpoint_seconds)}
        self._nurse = None
        if warm:
            self._nurse = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.chaos", "--nurse"],
                cwd=Path(__file__).parents[1],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env=self._environment,
            )

    def __enter__(self) -> Nursery:
        return self

    def __exit__(self, *error: object) -> None:
        if self._nurse is not None:
            assert self._nurse.stdin is not None
            assert self._nurse.stdout is not None
            self._nurse.stdin.close()
            self._nurse.wait(30)
            self._nurse.stdout.close()

    @contextlib.contextmanager
    def coordinator(self, arguments: Sequence[str], folder: Path) -> Iterator[Coordinator]:
        """A running ``hpsearch ARGUMENTS``; killed at the end of the block if it still runs."""
        with (folder / "said.txt").open("ab") as said:
            if self._nurse is None:
                process = subprocess.Popen(
                    [sys.executable, "-m", "hpsearch", *arguments],
                    cwd=folder,
                    stdout=said,
                    stderr=said,
                    env=self._environment,
                )
                child = Coordinator(process.pid, process.poll)
            else:
                child = self._born(arguments, folder)
            try:
                yield child
            finally:
                if child.exit_code() is None:
                    os.kill(child.pid, signal.SIGKILL)
                    child.wait()

    def _born(self, arguments: Sequence[str], folder: Path) -> Coordinator:
        assert self._nurse is not None
        assert self._nurse.stdin is not None
        assert self._nurse.stdout is not None
        answers = self._nurse.stdout
        self._nurse.stdin.write(json.dumps({"arguments": list(arguments), "folder": str(folder)}) + "\n")
        self._nurse.stdin.flush()
        pid = int(answers.readline())
        ended = folder / f"ended-{pid}"

        def poll() -> int | None:
            return int(ended.read_text() or 1) if ended.exists() else None

        return Coordinator(pid, poll)


class Coordinator:
    """A process that may be killed."""

    def __init__(self, pid: int, poll: Callable[[], int | None]) -> None:
        self.pid = pid
        self.exit_code = poll

    def wait(self) -> int:
        """Its exit code, once it has ended."""
        while (code := self.exit_code()) is None:
            time.sleep(0.005)
        return code


def nurse() -> None:
    """Fork a coordinator for each line of stdin, tell its pid, and note in its folder how it ended."""
    from hpsearch.cli.main import main

    os.environ["KERAS_BACKEND"] = "numpy"
    with tempfile.TemporaryDirectory() as folder:  # one study in this process: then everything is imported
        file = Path(folder) / "warm.yaml"
        file.write_text(space("tpe").replace("max_trials: 60", "max_trials: 1"))
        hyperband = Path(folder) / "hyperband.yaml"
        hyperband.write_text(space("hyperband").replace("max_epochs: 27", "max_epochs: 2"))
        for one in (file, hyperband):
            options = ["--database", f"{folder}/warm.db", "--workers", "1", "--quiet"]
            with contextlib.redirect_stdout(None), contextlib.suppress(SystemExit):
                main(["run", str(one), *options])
    os.environ["KERAS_BACKEND"] = "numpy"
    for line in sys.stdin:
        wish = json.loads(line)
        pid = os.fork()
        if pid == 0:
            said = os.open(Path(wish["folder"]) / "said.txt", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            for stream in (1, 2):
                os.dup2(said, stream)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.chdir(wish["folder"])
            main(wish["arguments"])
        print(pid, flush=True)
        _, status = os.waitpid(pid, 0)
        ended = Path(wish["folder"]) / f"ended-{pid}"
        ended.with_suffix(".new").write_text(str(os.waitstatus_to_exitcode(status)))
        ended.with_suffix(".new").rename(ended)


def run_calmly(nursery: Nursery, file: Path, database: Path, workers: int) -> Table:
    """The table of an undisturbed run."""
    with nursery.coordinator(_command(file, database, workers), database.parent) as coordinator:
        code = coordinator.wait()
    if code != 0:
        raise RuntimeError(f"the calm run ended with {code}:\n{(database.parent / 'said.txt').read_text()}")
    return table(database)


def torment(
    nursery: Nursery,
    file: Path,
    database: Path,
    workers: int | Sequence[int],
    kills: int,
    seed: int,
) -> tuple[int, int]:
    """Run a study to its end under `kills` SIGKILLs; how many coordinators and how many workers were killed.

    Args:
        nursery: starts coordinators.
        file: the space.
        database: its own file.
        workers: how many; of several numbers, one is drawn at each restart.
        kills: that many, then it is left in peace.
        seed: of who is killed and when.

    Raises:
        RuntimeError: a coordinator ended otherwise than by our hand, or the study ended before the last kill.
    """
    chance = random.Random(seed)
    coordinators = max(_LEAST_COORDINATORS, kills // 4) if kills >= 2 * _LEAST_COORDINATORS else kills // 3
    plan = ["coordinator"] * coordinators + ["worker"] * (kills - coordinators)
    chance.shuffle(plan)
    killed = {"coordinator": 0, "worker": 0}
    while True:
        count = workers if isinstance(workers, int) else chance.choice(list(workers))
        with nursery.coordinator(_command(file, database, count), database.parent) as coordinator:
            while plan:
                if not _await_epochs(database, coordinator, chance.randint(1, _EPOCHS_BETWEEN)):
                    break
                time.sleep(chance.uniform(0.0, 0.03))  # amid whatever follows from an epoch
                if plan[-1] == "worker":
                    if not _kill_a_worker(database, coordinator, chance):
                        break
                    killed[plan.pop()] += 1
                else:
                    with contextlib.suppress(ProcessLookupError):  # it has ended just now
                        os.kill(coordinator.pid, signal.SIGKILL)
                        killed[plan.pop()] += 1
                    break
            code = coordinator.wait()
        if code == 0 and not plan:
            return killed["coordinator"], killed["worker"]
        if code != -signal.SIGKILL:
            said = (database.parent / "said.txt").read_text()[-3_000:]
            raise RuntimeError(f"a coordinator ended with {code}, {len(plan)} kills before the last:\n{said}")


def _command(file: Path, database: Path, workers: int) -> list[str]:
    return ["run", str(file), "--database", str(database), "--workers", str(workers), "--no-retrain", "--quiet"]


def _await_epochs(database: Path, coordinator: Coordinator, more: int) -> bool:
    """Wait until that many more epochs have been reported; False where the coordinator ends before."""
    before = _epochs(database)
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while coordinator.exit_code() is None:
        if _epochs(database) >= before + more:
            return True
        if time.monotonic() > deadline:
            raise RuntimeError(f"no epoch for {_PATIENCE_SECONDS:.0f} s in {database}")
        time.sleep(0.005)
    return False


def _epochs(database: Path) -> int:
    """A number that grows with every epoch that is reported, also when one is trained again."""
    return int(_ask(database, "SELECT count(*) + coalesce(sum(attempt), 0) FROM epochs", 0))


def _kill_a_worker(database: Path, coordinator: Coordinator, chance: random.Random) -> bool:
    """Kill one that has reported an epoch of the attempt that it works at; False where the coordinator ends before.

    It is stopped first, and killed only if what it said until then shows no other attempt: three workers that die
    before their first epoch would rightly fail a trial.
    """
    while coordinator.exit_code() is None:
        found = _who_reported_an_epoch(database)
        if not found:
            time.sleep(0.002)
            continue
        pid = chance.choice(found)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
            time.sleep(_SETTLING_SECONDS)
            if pid in _who_reported_an_epoch(database):
                os.kill(pid, signal.SIGKILL)
                return True
            os.kill(pid, signal.SIGCONT)
    return False


def _who_reported_an_epoch(database: Path) -> list[int]:
    query = """SELECT group_concat(DISTINCT workers.pid) FROM attempts
        JOIN workers ON workers.name = attempts.worker AND workers.ended_at IS NULL
        JOIN epochs ON epochs.trial_id = attempts.trial_id AND epochs.attempt = attempts.attempt
        WHERE attempts.ended_at IS NULL"""
    found = _ask(database, query, None)
    return sorted(int(pid) for pid in str(found).split(",")) if found else []


def _ask(database: Path, query: str, otherwise: Any) -> Any:
    if not database.exists():
        return otherwise
    with contextlib.closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as rows:
        try:
            return rows.execute(query).fetchone()[0]
        except sqlite3.OperationalError:  # the first moments of a new database
            return otherwise


def table(database: Path) -> Table:
    """Everything of a study that must not depend on what happened on the way."""
    with contextlib.closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as rows:
        return {
            "trials": rows.execute(f"SELECT {COLUMNS} FROM trials ORDER BY number").fetchall(),
            "parameters": rows.execute(
                """SELECT number, name, trial_parameters.kind, value_text, value_integer, value_float, value_boolean
                FROM trial_parameters JOIN trials ON trials.id = trial_id ORDER BY number, name"""
            ).fetchall(),
            "epoch_values": rows.execute(
                """SELECT number, epoch, metric, epoch_values.value, kind FROM epoch_values
                JOIN trials ON trials.id = trial_id ORDER BY number, epoch, metric"""
            ).fetchall(),
        }


def differences(calm: Table, other: Table, most: int = 5) -> list[str]:
    """The first rows that differ, in words; empty where the tables are the same."""
    found = []
    for name, rows in calm.items():
        others = other[name]
        if len(rows) != len(others):
            found.append(f"{name}: {len(rows)} rows, then {len(others)}")
        found += [f"{name}: {row} became {now}" for row, now in zip(rows, others, strict=False) if row != now][:most]
    return found


def put_to_the_test(nursery: Nursery, name: str, workers: int, kills: int, seed: int, folder: Path) -> Outcome:
    """Run one of the studies calmly and under kills, and compare."""
    file = folder / f"{name}.yaml"
    file.write_text(space(name, times=-(-kills // _KILLS)))
    calm = run_calmly(nursery, file, folder / "calm.db", workers)
    started = time.monotonic()
    coordinators, killed_workers = torment(nursery, file, folder / "tormented.db", workers, kills, seed)
    seconds = time.monotonic() - started
    return Outcome(coordinators, killed_workers, seconds, differences(calm, table(folder / "tormented.db")))


def main() -> None:
    """Torment studies, print what became of each, and exit with 1 where a table differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=40, help="of each study")
    parser.add_argument("--study", action="append", choices=SEARCHES, help="which (default: all)")
    parser.add_argument("--workers", action="append", type=int, help="how many (default: 1, then 4)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", action="store_true", help="a fresh process for each coordinator")
    parser.add_argument("--nurse", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.nurse:
        nurse()
        return
    failed = False
    with Nursery(warm=not arguments.processes) as nursery:
        for name in arguments.study or SEARCHES:
            for workers in arguments.workers or (1, 4):
                with tempfile.TemporaryDirectory(prefix="hpsearch-chaos-") as folder:
                    outcome = put_to_the_test(nursery, name, workers, arguments.kills, arguments.seed, Path(folder))
                failed |= bool(outcome.differences)
                told = "DIFFERENT" if outcome.differences else "the same table"
                print(
                    f"{name:<11} {workers} worker{'s' if workers > 1 else ' '}: {outcome.coordinators} coordinators"
                    f" and {outcome.workers} workers killed in {outcome.seconds:.0f} s, {told}",
                    *outcome.differences,
                    sep="\n  ",
                    flush=True,
                )
    sys.exit(failed)


if __name__ == "__main__":
    main()
