"""``hpsearch export``: a study's rows in a file for other programs."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hpsearch.cli.options import database_option, study_option
from hpsearch.errors import ConfigError

if TYPE_CHECKING:
    import pandas

    from hpsearch.storage import Store


@click.command()
@study_option
@click.option("-o", "--output", required=True, metavar="FILE", help="Ends in .csv, .parquet or .jsonl.")
@click.option("--epochs", "by_epoch", is_flag=True, help="One row an epoch instead of one a trial (csv, parquet).")
@database_option
def export(study: str, output: str, by_epoch: bool, database: str) -> None:
    """Write all trials of a study to a file, one row each; .jsonl has their epochs too, one trial a line."""
    from hpsearch.storage import epochs_frame, open_store, trials_frame

    target = Path(output)
    writers = {".csv": _csv, ".parquet": _parquet, ".jsonl": None}
    if target.suffix not in writers:
        raise ConfigError(f"{output} should end in .csv, .parquet or .jsonl, which says what to write.")
    if not target.absolute().parent.is_dir():
        raise ConfigError(f"There is no folder {target.absolute().parent} to write {target.name} to.")
    temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with open_store(database) as store:
            found = store.study(study)
            write = writers[target.suffix]
            if write is None:
                with temporary.open("w", encoding="utf-8") as file:
                    file.writelines(_lines(store, found.id))
            else:
                write((epochs_frame if by_epoch else trials_frame)(store, found.id), temporary, index=not by_epoch)
        temporary.replace(target)
    except OSError as error:
        raise ConfigError(f"{target} cannot be written: {error.strerror}.") from error
    finally:
        temporary.unlink(missing_ok=True)
    click.echo(f"wrote {target}", err=True)


def _csv(frame: pandas.DataFrame, target: Path, index: bool) -> None:
    frame.to_csv(target, index=index)


def _parquet(frame: pandas.DataFrame, target: Path, index: bool) -> None:
    # a choice may mix kinds of values, for which parquet has no column: those become text
    mixed = [name for name in frame.columns if frame[name].dtype == object]
    for name in mixed:
        if len({type(value) for value in frame[name] if value is not None}) > 1:
            frame[name] = [None if value is None else json.dumps(value) for value in frame[name]]
    frame.to_parquet(target, index=index)


def _lines(store: Store, study_id: int) -> Iterator[str]:
    from hpsearch.cli.tables import to_line

    epochs: dict[int, dict[int, dict[str, float]]] = {}
    for trial, epoch, metric, value in store.epoch_values(study_id):
        epochs.setdefault(trial, {}).setdefault(epoch, {})[metric] = value
    for one in store.trials(study_id):
        record = asdict(one)
        del record["values"], record["backend_state"]
        curve = [{"epoch": epoch, **values} for epoch, values in sorted(epochs.get(one.number, {}).items())]
        yield to_line(record | {"epochs_trained": curve}) + "\n"
