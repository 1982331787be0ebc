"""What is wrong with a database, in sentences."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, text

from hpsearch.errors import ArtifactMissing
from hpsearch.storage.artifacts import artifacts_root, verify_artifact
from hpsearch.storage.store import Store

# what no CHECK can hold, since it compares rows
_RULES = {
    "is running, but no attempt at it is open": """
        SELECT studies.name, trials.number FROM trials JOIN studies ON studies.id = trials.study_id
        WHERE trials.state = 'running' AND studies.lease_token IS NOT NULL
          AND NOT EXISTS (SELECT 1 FROM attempts WHERE attempts.trial_id = trials.id AND ended_at IS NULL)""",
    "has ended, but an attempt at it is open": """
        SELECT studies.name, trials.number FROM trials JOIN studies ON studies.id = trials.study_id
        WHERE trials.state NOT IN ('waiting', 'running')
          AND EXISTS (SELECT 1 FROM attempts WHERE attempts.trial_id = trials.id AND ended_at IS NULL)""",
    "is invalid, but has epochs": """
        SELECT DISTINCT studies.name, trials.number
        FROM trials JOIN studies ON studies.id = trials.study_id JOIN epochs ON epochs.trial_id = trials.id
        WHERE trials.state = 'invalid'""",
    "continues a trial that has not ended, or a later one": """
        SELECT studies.name, trials.number FROM trials JOIN studies ON studies.id = trials.study_id
        JOIN trials parents ON parents.study_id = trials.study_id AND parents.number = trials.parent
        WHERE parents.state IN ('waiting', 'running') OR parents.number >= trials.number""",
    "has values of an epoch that has no row": """
        SELECT DISTINCT studies.name, trials.number
        FROM epoch_values
        LEFT JOIN epochs ON epochs.trial_id = epoch_values.trial_id AND epochs.epoch = epoch_values.epoch
        JOIN trials ON trials.id = epoch_values.trial_id JOIN studies ON studies.id = trials.study_id
        WHERE epochs.id IS NULL""",
    "names an attempt in its epochs that it never had": """
        SELECT DISTINCT studies.name, trials.number
        FROM epochs JOIN trials ON trials.id = epochs.trial_id JOIN studies ON studies.id = trials.study_id
        LEFT JOIN attempts ON attempts.trial_id = epochs.trial_id AND attempts.attempt = epochs.attempt
        WHERE attempts.id IS NULL""",
}


def check(store: Store) -> list[str]:
    """One sentence for each thing that is wrong; an empty list for a sound database.

    Looks at the file's own structure, rows without the row that they belong to, states that contradict other rows,
    and every artifact's presence and SHA-256.
    """
    with store._read() as connection:
        problems = [*_structure(connection), *_contradictions(connection)]
    return problems + list(_files(store))


def _structure(connection: Connection) -> Iterator[str]:
    for (message,) in connection.execute(text("PRAGMA integrity_check")):
        if message != "ok":
            yield f"The file is damaged: {message}."
    for table, row, parent, _ in connection.execute(text("PRAGMA foreign_key_check")):
        yield f"Row {row} of {table} belongs to a row of {parent} that does not exist."


def _contradictions(connection: Connection) -> Iterator[str]:
    for rule, statement in _RULES.items():
        for study, trial in connection.execute(text(statement)):
            yield f"Trial {trial} of study {study} {rule}."


def _files(store: Store) -> Iterator[str]:
    studies = store.studies()
    for study in studies:
        folder = store.artifacts_dir(study.id)
        for artifact in store.artifacts(study.id):
            try:
                verify_artifact(folder, artifact)
            except ArtifactMissing as error:
                yield f"Study {study.name}: {error}"
    root = artifacts_root(store.path)
    known = {str(study.id) for study in studies}
    for folder in sorted(root.iterdir()) if root.is_dir() else ():
        if folder.name not in known:
            yield f"{folder} belongs to no study: it can be deleted."
