"""The Python door: a study's results as DataFrames and plain values."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hpsearch import storage
from hpsearch.study import ParameterValue

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, slots=True)
class Best:
    """The best configuration of a study.

    Attributes:
        trial: its number.
        parameters: the active ones.
        metric: what the search optimised, such as ``val_accuracy``.
        value: its best over the trial's epochs, measured by the search on validation data.
        scores: of the retrained model on the test split, which the search never saw: ``accuracy``, ``loss``, ...;
            means over repeats; empty where it was not retrained, or the data have no test labels.
    """

    trial: int
    parameters: Mapping[str, ParameterValue]
    metric: str
    value: float
    scores: Mapping[str, float]


class OpenStudy:
    """One study in a database. Every call reads what is there now, so a running study can be followed."""

    def __init__(self, name: str, database: str | Path) -> None:
        self.name = name
        self.database = database

    def __repr__(self) -> str:
        return f"OpenStudy({self.name!r}, database={str(self.database)!r})"

    def trials(self) -> pandas.DataFrame:
        """One row a trial, indexed by its number; one column a parameter beside state, value, epochs, seconds, ..."""
        with storage.open_store(self.database) as store:
            return storage.trials_frame(store, store.study(self.name).id)

    def epochs(self) -> pandas.DataFrame:
        """One row an epoch that a trial trained itself: ``trial, epoch, seconds`` and one column a metric."""
        with storage.open_store(self.database) as store:
            return storage.epochs_frame(store, store.study(self.name).id)

    def best(self) -> Best:
        """The best configuration with its search value and its test scores. Raises NothingFinished."""
        with storage.open_store(self.database) as store:
            study = store.study(self.name)
            result = storage.results(store, study)[0]
        trial = result.trial
        assert trial.value is not None
        return Best(trial.number, dict(trial.parameters), study.objective.metric, trial.value, dict(result.scores))

    def evaluations(self) -> pandas.DataFrame:
        """One row a retraining: ``trial, repeat, role, seed, epochs, epoch, seconds`` and one column a test metric."""
        import pandas

        own = ("trial", "repeat", "role", "seed", "epochs", "epoch", "seconds")
        with storage.open_store(self.database) as store:
            records = store.evaluations(store.study(self.name).id, finished=True)
        rows = [{name: getattr(record, name) for name in own} | dict(record.metrics) for record in records]
        return pandas.DataFrame(rows, columns=None if rows else list(own))

    def load_model(self) -> Any:
        """The retrained model of the best trial, a Keras model that takes raw pixels. Imports Keras.

        Raises ArtifactMissing where no model was saved, or its file is gone or changed.
        """
        with storage.open_store(self.database) as store:
            path, record = storage.saved_model(store, store.study(self.name))
        from hpsearch.training.model_files import load_model

        return load_model(path, record.configuration["layers"])


def open_study(name: str, database: str | Path | None = None) -> OpenStudy:
    """The study `name` of a database: a path or URL, by default ``$HPSEARCH_DATABASE``, else ``studies.db`` here.

    Raises StudyNotFound with the names that there are, DatabaseUnusable, SchemaOutdated.

    >>> import hpsearch
    >>> hpsearch.open_study("digits").trials()  # doctest: +SKIP
    """
    chosen = database if database is not None else os.environ.get("HPSEARCH_DATABASE", "studies.db")
    with storage.open_store(chosen) as store:
        store.study(name)
    return OpenStudy(name, chosen)
