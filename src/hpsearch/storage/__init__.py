"""Where results live: one SQLite file, and a folder of files beside it. The only room that knows SQL.

>>> from hpsearch.storage import open_store
>>> with open_store("studies.db") as store:  # doctest: +SKIP
...     study = store.study("digits")
...     best = store.best_trials(study.id, limit=3)
"""

from hpsearch.storage.artifacts import (
    artifacts_dir,
    artifacts_root,
    read_artifact,
    remove_strays,
    verify_artifact,
    write_artifact,
)
from hpsearch.storage.checking import check
from hpsearch.storage.frames import (
    attempts_frame,
    curves_frame,
    epochs_frame,
    failures_frame,
    trials_frame,
)
from hpsearch.storage.leases import Lease
from hpsearch.storage.records import (
    Artifact,
    EpochRecord,
    EvaluationRecord,
    NewStudy,
    Note,
    PendingAction,
    StudyEvent,
    StudySummary,
)
from hpsearch.storage.results import Result, results, saved_model
from hpsearch.storage.store import Store, holds_study, open_store, upgrade_database
from hpsearch.storage.writer import Write, Writer

__all__ = [
    "Artifact",
    "EpochRecord",
    "EvaluationRecord",
    "Lease",
    "NewStudy",
    "Note",
    "PendingAction",
    "Result",
    "Store",
    "StudyEvent",
    "StudySummary",
    "Write",
    "Writer",
    "artifacts_dir",
    "artifacts_root",
    "attempts_frame",
    "check",
    "curves_frame",
    "epochs_frame",
    "failures_frame",
    "holds_study",
    "open_store",
    "read_artifact",
    "remove_strays",
    "results",
    "saved_model",
    "trials_frame",
    "upgrade_database",
    "verify_artifact",
    "write_artifact",
]
