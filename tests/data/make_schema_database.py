"""Makes ``schema_VERSION.db`` beside this file: a small study in the present schema, kept for tests of later upgrades.

Run it once, when a migration is added: ``python tests/data/make_schema_database.py``.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from hpsearch.storage import NewStudy, open_store, schema
from hpsearch.study import AttemptOutcome, Direction, ErrorKind, Objective, Order, StudyState, Trial, TrialState


def main() -> None:
    """Write the file anew."""
    path = Path(__file__).parent / f"schema_{schema.PRESENT}.db"
    path.unlink(missing_ok=True)
    with open_store(path, create=True) as store:
        study = store.create_study(
            NewStudy(
                name="golden",
                seed=1,
                objective=Objective("val_accuracy", Direction.MAXIMIZE),
                yaml="study: golden\n",
                resolved={"study": "golden"},
                decisive={},
                hash="0" * 64,
                backend="hyperband",
                order=Order.NUMBER,
                lag=0,
                threads=1,
            )
        )
        lease = store.claim(study.id)
        with store.writer(lease).transaction() as write:
            _train(write, 0, [0.25, 0.5], first=1, parent=None)
            _train(write, 1, [0.75], first=3, parent=0)
            write.add_trial(
                Trial(2, TrialState.INVALID, {"units": 0}, 3, seed=3, error_kind=ErrorKind.INVALID, error="no units")
            )
            evaluation = write.add_evaluation(1, 1, "retrained", seed=4, epochs=3, configuration={"layers": []})
            write.record_evaluation_epoch(evaluation, 1, {"loss": 0.5}, seconds=0.1)
            write.finish_evaluation(evaluation, {"accuracy": 0.7, "loss": float("nan")}, epoch=1)
            write.set_study_state(StudyState.COMPLETE)
        lease.release()
        store.add_note("golden", "kept for upgrades", trial=1)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = DELETE")
    connection.execute("VACUUM")
    connection.close()


def _train(write, number, values, first, parent):
    parameters = {"units": 32, "rate": 0.5, "activation": "relu", "bias": True, "norm": None}
    write.add_trial(Trial(number, TrialState.WAITING, parameters, 3, seed=2, parent=parent))
    write.move(number, TrialState.RUNNING)
    attempt = write.start_attempt(number, "worker-0", "host", "cpu", from_epoch=first - 1)
    for epoch, value in enumerate(values, start=first):
        write.record_epoch(number, attempt, epoch, {"loss": float("inf"), "val_accuracy": value}, seconds=0.1)
    write.end_attempt(number, attempt, AttemptOutcome.COMPLETE)
    write.move(number, TrialState.COMPLETE, value=max(values), epochs_done=first - 1 + len(values))
    write.tell(number, number)


if __name__ == "__main__":
    main()
