"""``hpsearch doctor``: versions, devices and the state of the database."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import click

import hpsearch
from hpsearch.cli.options import database_option
from hpsearch.errors import HpsearchError

PACKAGES = ("tensorflow", "keras", "jax", "numpy", "keras-tuner", "optuna", "scikit-learn", "SQLAlchemy", "alembic")
_GIB = 2**30


@click.command()
@database_option
def doctor(database: str) -> None:
    """Show versions, devices and the state of the database.

    Nothing heavy is imported: versions are those of the installed packages, GPUs are read from the driver.
    """
    healthy = True
    for title, rows in (("Versions", _versions()), ("Devices", _devices())):
        _section(title, rows)
    try:
        _section("Database", _database(database))
    except HpsearchError as error:
        healthy = False
        click.echo(f"  problem        {error}")
    if not healthy:
        raise click.exceptions.Exit(2)


def _section(title: str, rows: Iterator[tuple[str, str]]) -> None:
    click.echo(title)
    for name, value in rows:
        click.echo(f"  {name:<14} {value}")


def _versions() -> Iterator[tuple[str, str]]:
    yield "hpsearch", hpsearch.__version__
    yield "python", f"{platform.python_version()} ({sys.executable})"
    yield "system", platform.platform()
    for package in PACKAGES:
        try:
            yield package, version(package)
        except PackageNotFoundError:
            yield package, "not installed: pip install hpsearch brings it"


def _devices() -> Iterator[tuple[str, str]]:
    from hpsearch.execution.devices import list_gpus, make_slots, this_machine

    machine = this_machine(os.environ)
    yield "cores", str(machine.cores)
    yield "memory", f"{machine.memory_bytes / _GIB:.1f} GiB free"
    gpus = list_gpus()
    for index, gpu in enumerate(gpus):
        is_visible = any(gpu.is_called(visible.name, index) for visible in machine.gpus)
        hidden = "" if is_visible else " (hidden by CUDA_VISIBLE_DEVICES)"
        yield f"GPU {index}", f"{gpu.model}, {gpu.memory_bytes / _GIB:.0f} GiB{hidden}"
    if not gpus:
        yield "GPUs", "none"
    slots = make_slots(machine, None, None)
    yield "workers", f"{len(slots)} with --workers auto, {slots[0].threads} CPU threads each"


def _database(database: str) -> Iterator[tuple[str, str]]:
    from hpsearch.storage import open_store

    yield "path", str(Path(database).absolute()) if "://" not in database else database
    if "://" not in database and not Path(database).exists():
        yield "state", "not there yet; `hpsearch run` makes it"
        return
    with open_store(database) as store:
        summaries = store.studies()
    yield "schema", "up to date"
    yield "studies", str(len(summaries))
    for summary in summaries:
        trials = sum(summary.counts.values())
        yield "", f"{summary.name}: {summary.state}, {trials} trials, {summary.epochs} epochs"
