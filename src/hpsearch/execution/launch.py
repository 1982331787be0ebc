"""A study's row: created from a space, or found and held against it."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata

from hpsearch.errors import StudyChanged
from hpsearch.search.registry import default_order, make_backend
from hpsearch.space import Space, difference
from hpsearch.space.values import Plain
from hpsearch.storage import NewStudy, Store, Writer
from hpsearch.study import Direction, Objective, Order, Study

_PACKAGES = ("tensorflow", "keras", "keras-tuner", "optuna", "numpy", "scikit-learn", "scipy")
_GROWS = ("max_trials", "iterations", "lag")  # keys of `search` that may only become larger


@dataclass(frozen=True, slots=True)
class Changes:
    """What a file says otherwise than the study that it continues; every one of them is allowed."""

    lines: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.lines)

    def __str__(self) -> str:
        return "; ".join(self.lines)


def create(store: Store, space: Space, name: str, *, slots: int, threads: int, onednn: bool) -> Study:
    """A new study. Lag, threads and order are fixed here, so that whatever continues it later has the same table."""
    search = space.search
    return store.create_study(
        NewStudy(
            name=name,
            description=space.description,
            seed=space.seed,
            objective=Objective(space.objective.metric, Direction(space.objective.direction)),
            yaml=space.yaml,
            resolved=space.resolved,
            decisive=space.decisive,
            hash=space.hash,
            backend=search.backend,
            order=Order(search.order) if search.order is not None else default_order(search),
            lag=search.lag if search.lag is not None else default_lag(slots),
            threads=threads,
            deterministic=bool(space.resolved["training"].get("deterministic", True)),
            onednn=onednn,
            versions=versions(),
        )
    )


def default_lag(slots: int) -> int:
    """How many untold trials a proposal may leave out: none with one slot, else enough to keep all slots busy."""
    return 0 if slots == 1 else 2 * slots


def most_slots(study: Study, space: Space) -> int | None:
    """How many slots the study's lag can keep busy; None for any number: nothing is waited for, or nobody learns."""
    if study.order is Order.FINISHED:
        return None
    backend = make_backend(space.parameters, space.search, study.objective, space.epochs, study.seed)
    if not backend.learns:
        return None
    return max(1, study.lag if space.search.lag is None else space.search.lag)


def changes(store: Store, study: Study, space: Space, again: str) -> Changes:
    """What `space` changes about the study that it continues.

    Args:
        again: what to type to run it as a study of its own, for the refusal.

    Raises:
        StudyChanged: something that decides trials differs, or what may only grow has shrunk.
    """
    if space.hash != study.hash:
        differing = difference(store.decisive(study.id), space.decisive)
        raise StudyChanged(
            f"study {study.name!r} in {store.path} was made from another file: {'; '.join(differing)}; "
            f"run this one as a new study with {again}, or in another database with --database PATH"
        )
    before, now = _comparable(study.resolved, study), _comparable(space.resolved, study)
    old, new = before["search"], now["search"]
    assert isinstance(old, dict)
    assert isinstance(new, dict)
    for key in _GROWS:
        if key in old and key in new and new[key] < old[key]:
            raise StudyChanged(
                f"search.{key} of study {study.name!r} is {old[key]} and cannot shrink to {new[key]}; "
                f"run it as a new study with {again}"
            )
    return Changes(tuple(difference(before, now)))


def adopt(store: Store, study: Study, space: Space, made: Changes, writer: Writer) -> Study:
    """Write allowed changes, with an event, and give the study as it is now."""
    event = str(made)
    if space.search.lag is not None and space.search.lag != study.lag:
        event += f"; the lag of {space.search.lag} holds from trial {sum(store.counts(study.id).values())} on"
    with writer.transaction() as write:
        write.update_study(
            event,
            description=space.description,
            yaml=space.yaml,
            resolved=dict(space.resolved),
            lag=space.search.lag,
        )
    return store.study(study.name)


def versions() -> dict[str, str]:
    """Versions of everything that a study's values may depend on, without importing any of it."""
    found = {"python": platform.python_version(), "hpsearch": metadata.version("hpsearch")}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:  # an extra, or a CPU build under another name
            continue
    return found | {"platform": platform.platform(), "machine": platform.machine()}


def _comparable(resolved: Mapping[str, Plain], study: Study) -> dict[str, Plain]:
    """A resolved space without the study's name and without where its data lie; where it has no lag, the study's."""
    plain = {key: value for key, value in resolved.items() if key != "study"}
    search = plain.get("search")
    plain["search"] = {"lag": study.lag, **search} if isinstance(search, dict) else {"lag": study.lag}
    if isinstance(plain.get("dataset"), dict):
        plain["dataset"] = {key: value for key, value in plain["dataset"].items() if key != "path"}
    return plain
