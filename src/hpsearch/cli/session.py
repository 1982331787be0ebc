"""One coordinator's time with a study: lease, workers, search, retrain, summary, exit code."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType

import click

from hpsearch.cli import interrupts
from hpsearch.cli.ahead import Ahead
from hpsearch.cli.display import LiveDisplay, PlainDisplay
from hpsearch.errors import StorageFull, StudyFailed
from hpsearch.execution.coordinator import Coordinator
from hpsearch.execution.devices import make_slots, this_machine
from hpsearch.execution.executor import Executor, Slot
from hpsearch.execution.inline import InlineExecutor
from hpsearch.execution.limits import End
from hpsearch.execution.local import LocalExecutor
from hpsearch.execution.progress import Nobody, Observer
from hpsearch.execution.records import Records
from hpsearch.execution.setting import Setting
from hpsearch.report.choosing import choose
from hpsearch.report.retraining import Retraining, Wanted, what_is_wanted
from hpsearch.report.summary import summary
from hpsearch.search.plan import plan
from hpsearch.search.registry import make_backend
from hpsearch.space import Space
from hpsearch.storage import Store, Writer
from hpsearch.study import Study, StudyState

log = logging.getLogger(__name__)

INTERRUPTED, TERMINATED = 130, 143


@dataclass(frozen=True, slots=True)
class Wish:
    """How a person wants a study to be run.

    Attributes:
        workers: None means as many as there are devices.
        workers_per_gpu: how many share each GPU; None means one, or what `workers` makes of it.
        executor: ``local`` or ``inline``.
        retrain: whether the winners are retrained.
        quiet: no progress, no news; the answer alone.
        data_dir: where ``NAME.npz`` data sets lie.
        environment: for workers, as the person had it.
        checkpoint_seconds: of training, after which a worker makes a checkpoint.
        throw_away: the database goes when the run ends.
    """

    workers: int | None
    workers_per_gpu: int | None
    executor: str
    retrain: bool
    quiet: bool
    data_dir: str | None
    environment: dict[str, str]
    checkpoint_seconds: float
    throw_away: bool = False


def slots_for(space: Space, wish: Wish, threads: int | None = None, most: int | None = None) -> list[Slot]:
    """The slots that this machine gives a study: never more than it has trials, or than its lag can feed (`most`)."""
    machine = this_machine(wish.environment)
    slots = make_slots(machine, wish.workers, _most_trials(space), threads, wish.workers_per_gpu)
    if most is not None and len(slots) > most:
        tell(wish, f"starting {most} of {len(slots)} workers: the study's lag can feed no more (--set search.lag=N)")
        slots = make_slots(machine, wish.workers, most, threads, wish.workers_per_gpu)
    return slots


def tell(wish: Wish, text: str) -> None:
    """News, on stderr, unless they are not wanted."""
    if not wish.quiet:
        click.echo(text, err=True)


def print_summary(store: Store, study: Study, space: Space, wish: Wish) -> None:
    """How the study ended, on stdout, and where to look further."""
    click.echo(summary(store, study, space))
    if not wish.throw_away:
        which = f"--study {study.name}{_database_option(store)}"
        click.echo(f"\nnext: hpsearch best {which}\n      hpsearch trials {which}")


class Session:
    """Runs a study while holding its lease.

    Args:
        store: opened for writing.
        study: its row.
        space: what it asks.
        writer: through the lease.
        slots: where to run.
        wish: how.
        unsaid: why the study has failed, where the coordinator that decided so died before it could say it.
        ahead: workers that have been started already.
    """

    def __init__(
        self,
        store: Store,
        study: Study,
        space: Space,
        writer: Writer,
        slots: list[Slot],
        wish: Wish,
        unsaid: str | None = None,
        ahead: Ahead | None = None,
    ) -> None:
        self._store = store
        self._unsaid = unsaid
        self._ahead = ahead
        self._study = study
        self._space = space
        self._writer = writer
        self._slots = slots
        self._wish = wish
        self._folder = store.artifacts_dir(study.id)
        self._stop: Callable[[End], None] = lambda end: None
        self._asked: End | None = None
        self._failed_retrains = 0

    def run(self) -> int:
        """Search, retrain the winners, summarise; the exit code."""
        with self._working() as executor:
            code = self._search(executor)
            if code is None and self._wish.retrain:
                code = self._retrain(executor, self._wanted())
                if code is not None:
                    self._set_state(StudyState.STOPPED)
                    tell(self._wish, self._how_to_go_on((self._asked or End.STOPPED).value))
            return self._close(code, StudyState.COMPLETE)

    def retrain_alone(self, wanted: Sequence[Wanted]) -> int:
        """Do these retrains, summarise; the exit code. The study's state stays as it is."""
        with self._working() as executor:
            code = self._retrain(executor, wanted)
            if code is not None:
                tell(self._wish, f"{(self._asked or End.STOPPED).value}; the same command goes on from here")
            return self._close(code, self._study.state)

    @contextlib.contextmanager
    def _working(self) -> Iterator[Executor]:
        """Workers, signals and the study's state around whatever is done with them."""
        self._warn_of_crowding()
        with self._signals(), self._executor() as executor:
            try:
                yield executor
            except StudyFailed as error:
                self._set_state(StudyState.FAILED, str(error))
                raise
            except StorageFull:
                # a full disk may still have room for one word in a row; else the next coordinator writes it
                with contextlib.suppress(StorageFull):
                    self._set_state(StudyState.STOPPED)
                raise
            except KeyboardInterrupt:  # the second signal: now
                self._set_state(StudyState.STOPPED)
                tell(self._wish, self._how_to_go_on("stopped at once"))
                raise

    def _close(self, code: int | None, state: StudyState) -> int:
        if code is not None:
            return code
        self._set_state(state)
        print_summary(self._store, self._store.study(self._study.name), self._space, self._wish)
        return 1 if self._failed_retrains else 0

    # The search ----------------------------------------------------------------------------------------------

    def _search(self, executor: Executor) -> int | None:
        if self._unsaid is None:  # else the study stays failed, whenever this process is killed too
            self._set_state(StudyState.RUNNING)
        with self._observer() as observer:
            coordinator = Coordinator(
                study=self._study,
                space=self._space,
                backend=make_backend(
                    self._space.parameters,
                    self._space.search,
                    self._study.objective,
                    self._space.epochs,
                    self._study.seed,
                ),
                executor=executor,
                records=Records(self._store, self._writer, self._study, self._folder),
                count_parameters=self._paper(),
                setting=replace(
                    self._setting(),
                    keep_best=0 if self._space.retrain.changes else (self._space.retrain.top or sys.maxsize),
                ),
                observer=observer,
                unsaid=self._unsaid,
            )
            self._stop = coordinator.stop
            if self._asked is not None:
                coordinator.stop(self._asked)
            end = coordinator.run()
        return self._after(end)

    def _after(self, end: End) -> int | None:
        if end.ends_the_search:
            if end is not End.EXHAUSTED:
                tell(self._wish, f"the search ended by its limit: {end.value}")
            return None
        self._set_state(StudyState.STOPPED)
        tell(self._wish, self._how_to_go_on(end.value))
        return _exit_code(end)

    def _paper(self) -> Callable[..., int] | None:
        if self._space.trainer == "simulated":
            return None
        from hpsearch.training.paper import count_parameters

        facts = self._space.facts
        assert facts is not None
        return lambda configuration: count_parameters(configuration, facts)

    @contextlib.contextmanager
    def _observer(self) -> Iterator[Observer]:
        if self._wish.quiet:
            yield Nobody()
            return
        planned = plan(self._space.parameters, self._space.search, self._space.epochs).epochs
        objective = self._study.objective
        if sys.stderr.isatty():
            from rich.console import Console

            with LiveDisplay(self._study.name, objective, planned, Console(stderr=True)) as display:
                yield display
        else:
            yield PlainDisplay(objective, planned, lambda line: click.echo(line, err=True))

    # The retrain ---------------------------------------------------------------------------------------------

    def _wanted(self) -> list[Wanted]:
        return what_is_wanted(self._store, self._study, self._space, choose(self._store, self._study, self._space))

    def _retrain(self, executor: Executor, wanted: Sequence[Wanted]) -> int | None:
        if not wanted:
            why = "" if self._wish.throw_away else f"; `hpsearch trials --study {self._study.name}` shows why"
            raise StudyFailed(f"no trial has ended well, so there is nothing to retrain{why}")
        retraining = Retraining(
            self._study,
            self._space,
            self._store,
            self._writer,
            executor,
            self._setting(),
            lambda line: tell(self._wish, line),
        )
        self._stop = lambda end: retraining.stop()
        if self._asked is not None:
            retraining.stop()
        is_through = retraining.run(wanted)
        self._failed_retrains = retraining.failed
        return None if is_through else _exit_code(self._asked or End.STOPPED)

    # Around both ---------------------------------------------------------------------------------------------

    def _setting(self) -> Setting:
        return Setting(
            data_dir=self._wish.data_dir,
            cache_dir=cache_dir(self._wish.environment),
            checkpoint_seconds=self._wish.checkpoint_seconds,
        )

    def _set_state(self, state: StudyState, error: str | None = None) -> None:
        with self._writer.transaction() as write:
            write.set_study_state(state, error)
            write.end_workers()  # at a start: those of a coordinator that could not say so any more

    def _how_to_go_on(self, what: str) -> str:
        if self._wish.throw_away:
            return f"{what}; nothing is kept of a smoke run"
        return f"{what}; go on with: hpsearch resume --study {self._study.name}{_database_option(self._store)}"

    def _warn_of_crowding(self) -> None:
        cores = os.cpu_count() or 1
        if len(self._slots) * self._study.threads > cores:
            tell(
                self._wish,
                f"{len(self._slots)} workers x {self._study.threads} threads (fixed when the study was created) "
                f"on {cores} cores: values stay the same, but it will be slow",
            )

    @contextlib.contextmanager
    def _executor(self) -> Iterator[Executor]:
        executor = InlineExecutor(self._slots) if self._wish.executor == "inline" else self._local_executor()
        executor.open()
        try:
            yield executor
        finally:
            executor.close()

    def _local_executor(self) -> Executor:
        deterministic, onednn = self._study.deterministic, self._study.onednn
        taken = self._ahead and self._ahead.take(self._slots, deterministic=deterministic, onednn=onednn)
        return taken or LocalExecutor(
            self._slots,
            self._wish.environment,
            deterministic=deterministic,
            onednn=onednn,
            prepare=self._space.trainer != "simulated",
        )

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """Once: stop after the epoch. Twice: now."""

        def ask(number: int, frame: FrameType | None) -> None:
            if self._asked is not None:
                raise KeyboardInterrupt
            self._asked = End.INTERRUPTED if number == signal.SIGINT else End.TERMINATED
            # not through a buffered stream: the signal may have come amid a write to it
            os.write(2, b"\nstopping after the running epochs; once more to stop at once\n")
            self._stop(self._asked)

        before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            interrupts.raise_lost()
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _database_option(store: Store) -> str:
    return "" if store.path == Path("studies.db") else f" --database {store.path}"


def _exit_code(end: End) -> int:
    return {End.STOPPED: 0, End.INTERRUPTED: INTERRUPTED, End.TERMINATED: TERMINATED}[end]


def cache_dir(environment: dict[str, str]) -> str:
    """Where decoded arrays are kept for all workers to map."""
    base = environment.get("XDG_CACHE_HOME") or os.path.join(environment.get("HOME", os.path.expanduser("~")), ".cache")
    return os.path.join(base, "hpsearch")


def _most_trials(space: Space) -> int | None:
    try:
        return plan(space.parameters, space.search, space.epochs).trials
    except ValueError:
        return None
