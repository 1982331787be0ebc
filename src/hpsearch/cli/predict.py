"""``hpsearch predict``: classes for images, from a study's retrained model."""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from hpsearch.cli.options import database_option, study_option
from hpsearch.errors import ConfigError


@click.command()
@study_option
@database_option
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--split", type=click.Choice(["test"]), help="The study's own test images.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Where to write; otherwise stdout."
)
@click.option("--names", is_flag=True, help="Class names instead of label numbers.")
def predict(study: str, database: str, file: Path | None, split: str | None, output: Path | None, names: bool) -> None:
    """Predict classes with the model that STUDY's retrain saved, and write them as ID,Prediction.

    FILE holds raw pixels as the data set does: .npy, or .npz with x_test, x, or one array alone. IDs count from 0.
    """
    if (file is None) == (split is None):
        raise click.UsageError("give either --split test or a FILE of images")
    if output is not None and not output.absolute().parent.is_dir():
        raise ConfigError(f"There is no folder {output.absolute().parent} to write {output.name} to.")
    os.environ["KERAS_BACKEND"] = "tensorflow"  # this process trains nothing and coordinates nothing
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from hpsearch.cli.predicting import predictions
    from hpsearch.cli.run import offer_code_in

    offer_code_in(Path.cwd())
    labels = predictions(database, study, file, os.environ.get("HPSEARCH_DATA_DIR"), names=names)
    if output is None:
        _write(sys.stdout, labels)
        return
    try:
        with output.open("w", newline="") as stream:
            _write(stream, labels)
    except OSError as error:
        raise ConfigError(f"{output} cannot be written: {error.strerror}.") from error
    click.echo(f"{len(labels):,} predictions in {output}", err=True)


def _write(stream: object, labels: Sequence[object]) -> None:
    writer = csv.writer(stream, lineterminator="\n")  # type: ignore[arg-type]  # any text stream
    writer.writerow(["ID", "Prediction"])
    writer.writerows(enumerate(labels))
