"""From a request to a running session: the space, the study's row, the lease."""

from __future__ import annotations

import json
import logging
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from hpsearch.cli.ahead import Ahead
from hpsearch.cli.run import offer_code_in
from hpsearch.cli.session import Session, Wish, cache_dir, print_summary, slots_for, tell
from hpsearch.errors import ConfigError, DataError, NothingFinished, StorageFull
from hpsearch.execution import launch
from hpsearch.execution.devices import make_slots, this_machine
from hpsearch.execution.messages import CHECKPOINT_SECONDS
from hpsearch.execution.opening import open_space
from hpsearch.report.choosing import choose
from hpsearch.report.retraining import what_is_wanted
from hpsearch.search.plan import plan
from hpsearch.space import Space
from hpsearch.space.values import Plain
from hpsearch.storage import Store, holds_study, open_store
from hpsearch.study import Study, StudyState
from hpsearch.wording import STUDY_NAME, STUDY_NAME_IN_WORDS


@dataclass(frozen=True, slots=True)
class Request:
    """What a person asked of `run` or `resume`."""

    database: str
    study: str | None
    workers: int | None
    workers_per_gpu: int | None = None
    executor: str = "local"
    overrides: tuple[str, ...] = ()
    retrain: bool = True
    again: bool = False
    quiet: bool = False
    smoke: bool = False
    tell_study: str | None = None  # a file for the study's name and database

    def in_database(self, database: str) -> Request:
        """The same, elsewhere."""
        return replace(self, database=database)

    def wish(self) -> Wish:
        """The part that the session needs, with this process's environment."""
        environment = dict(os.environ)
        return Wish(
            workers=self.workers,
            workers_per_gpu=self.workers_per_gpu,
            executor=self.executor,
            retrain=self.retrain,
            quiet=self.quiet,
            data_dir=environment.get("HPSEARCH_DATA_DIR"),
            environment=environment,
            checkpoint_seconds=_checkpoint_seconds(environment),
            throw_away=self.smoke,
        )


def run_space(source: Path | Mapping[str, Plain], request: Request) -> int:
    """Run a space file (or a mapping, whose paths are relative to the current folder); the exit code."""
    prepare_process(request)
    offer_code_in(source.resolve().parent if isinstance(source, Path) else Path.cwd())
    wish = request.wish()
    with Ahead() as ahead:
        return _run_space(source, request, wish, ahead)


def _run_space(source: Path | Mapping[str, Plain], request: Request, wish: Wish, ahead: Ahead) -> int:
    def start_ahead(document: Mapping[str, Plain]) -> None:
        name = request.study or document.get("study")
        if wish.executor == "local" and not (isinstance(name, str) and holds_study(request.database, name)):
            ahead.start(document, wish.environment, wish.workers, wish.workers_per_gpu, onednn=_onednn(wish))

    base = Path.cwd() if isinstance(source, Mapping) else None
    space = open_space(source, request.overrides, wish.data_dir, base, start_ahead)
    if request.smoke:
        space = space.smoke()
    name = space.name if request.study is None else request.study
    if not STUDY_NAME.fullmatch(name):
        raise ConfigError(f"--study {name!r} cannot be a study's name: use {STUDY_NAME_IN_WORDS}.")
    if request.again or not holds_study(request.database, name):
        check_data(space, wish)
    with open_store(request.database, create=True) as store:
        if request.again:
            name = _free_name(store, name)
        if request.tell_study is not None:
            Path(request.tell_study).write_text(json.dumps({"study": name, "database": str(store.path.absolute())}))
        if not store.has_study(name):
            slots = slots_for(space, wish)
            threads = slots[0].threads
            study = launch.create(store, space, name, slots=len(slots), threads=threads, onednn=_onednn(wish))
            return _go(store, study, space, wish, launch.Changes(()), ahead)
        study = store.study(name)
        made = launch.changes(store, study, space, again=f"--study NEW, or --again (as {_free_name(store, name)})")
        return _go(store, study, space, wish, made)


def resume_study(name: str, request: Request) -> int:
    """Go on with a study from what the database holds; the exit code."""
    offer_code_in(Path.cwd())
    prepare_process(request)
    wish = request.wish()
    with open_store(request.database, read_only=False) as store:
        study = store.study(name)
        space = open_space(study.resolved, request.overrides, wish.data_dir)
        made = launch.changes(store, study, space, again="--study NEW")
        return _go(store, study, space, wish, made)


def check_data(space: Space, wish: Wish) -> None:
    """Load a new study's data once, before anything is written: workers then find them decoded.

    Raises:
        DataError: they are missing, unreadable, cannot be split as asked, or there is no room to keep them.
    """
    if space.facts is None:
        return
    from hpsearch.training.datasets import Splits, cached, split_indices

    # a drawn train_subset is each trial's own affair
    dataset = {key: value for key, value in space.resolved["dataset"].items() if key != "train_subset"}

    def split(splits: Splits) -> None:
        split_indices(dataset, splits.y_train, space.seed, own_validation=splits.x_val is not None)

    try:
        cached(dataset, wish.data_dir, cache_dir(wish.environment), check=split)
    except StorageFull as error:
        raise DataError(str(error)) from error


def prepare_process(request: Request) -> None:
    """Put Keras on the backend that this process needs, before anything imports it; let the story be told."""
    if request.executor == "inline":  # then this process is the worker
        os.environ["KERAS_BACKEND"] = "tensorflow"
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # as other workers have it
    if not request.quiet and logging.getLogger().level > logging.INFO:
        logging.getLogger("hpsearch").setLevel(logging.INFO)


def _go(store: Store, study: Study, space: Space, wish: Wish, made: launch.Changes, ahead: Ahead | None = None) -> int:
    slots = slots_for(space, wish, study.threads, launch.most_slots(study, space))
    with store.claim(study.id) as lease:
        writer = store.writer(lease)
        if made:
            study = launch.adopt(store, study, space, made, writer)
            tell(wish, f"changed since it was created: {made}")
        unsaid = study.error if study.state is StudyState.FAILED and lease.taken_over and not made else None
        session = Session(store, study, space, writer, slots, wish, unsaid, ahead)
        if study.state is StudyState.COMPLETE and not made:
            return _complete_already(store, study, space, wish, session)
        _announce(store, study, space, wish, len(slots))
        return session.run()


def _complete_already(store: Store, study: Study, space: Space, wish: Wish, session: Session) -> int:
    tell(wish, f"study {study.name} is complete in {store.path}; run it anew with --again")
    records = store.evaluations(study.id, finished=True)
    wanted = what_is_wanted(store, study, space, choose(store, study, space)) if wish.retrain else []
    missing = [want for want in wanted if not any(want.is_what(record) for record in records)]
    if missing:
        return session.retrain_alone(missing)
    print_summary(store, study, space, wish)
    return 0


def _announce(store: Store, study: Study, space: Space, wish: Wish, workers: int) -> None:
    planned = plan(space.parameters, space.search, space.epochs)
    done = sum(store.counts(study.id).values())
    state = f", going on after {done} trials" if done else ""
    tell(wish, "database: a throw-away one" if wish.throw_away else f"database {store.path}")
    tell(
        wish,
        f"study {study.name}{state}: {space.search.backend}, {planned.trials} trials, {planned.epochs} epochs planned, "
        f"{workers} {'worker' if workers == 1 else 'workers'} x {study.threads} "
        f"{'thread' if study.threads == 1 else 'threads'}",
    )


def _checkpoint_seconds(environment: Mapping[str, str]) -> float:
    text = environment.get("HPSEARCH_CHECKPOINT_SECONDS", str(CHECKPOINT_SECONDS))
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not seconds >= 0:
        raise ConfigError(f"HPSEARCH_CHECKPOINT_SECONDS is {text!r}; give a number of seconds from 0.")
    return seconds


def _onednn(wish: Wish) -> bool:
    return wish.environment.get("TF_ENABLE_ONEDNN_OPTS", "1") != "0"


def _free_name(store: Store, name: str) -> str:
    number = 2
    while store.has_study(f"{name}-{number}"):
        number += 1
    free = f"{name}-{number}"
    if len(free) > 64:
        raise ConfigError(f"{free!r} is longer than 64 characters; give a shorter name with --study")
    return free


def retrain_study(
    name: str, request: Request, trial: int | None = None, epochs: int | None = None, repeats: int | None = None
) -> int:
    """Retrain a study's best trials, or `trial`; the exit code."""
    offer_code_in(Path.cwd())
    prepare_process(request)
    wish = request.wish()
    with open_store(request.database, read_only=False) as store:
        study = store.study(name)
        space = open_space(study.resolved, (), wish.data_dir)
        chosen = [store.trial(study.id, trial)] if trial is not None else choose(store, study, space)
        if not chosen or chosen[0].value is None:
            raise NothingFinished(
                f"study {name!r} has no trial that has ended well; `hpsearch trials --study {name}` shows why"
                if trial is None
                else f"trial {trial} of study {name!r} has no value; choose another with --trial"
            )
        wanted = what_is_wanted(store, study, space, chosen, epochs=epochs, repeats=repeats)
        with store.claim(study.id) as lease:
            machine = this_machine(wish.environment)
            slots = make_slots(machine, wish.workers, len(wanted), study.threads, wish.workers_per_gpu)
            session = Session(store, study, space, store.writer(lease), slots, wish)
            return session.retrain_alone(wanted)
