"""A full disk, a locked file, files that are gone: each in one sentence, and nothing half-written."""

from __future__ import annotations

import sqlite3
import threading

import pytest

from hpsearch.errors import ArtifactMissing, DatabaseUnusable, StorageFull
from hpsearch.storage import Artifact, check, connection, read_artifact, write_artifact
from hpsearch.study import AttemptOutcome, TrialState


def leave_no_room(store):
    """Let the file not grow: SQLite then says what it says on a full disk."""
    with store._write() as open_connection:
        (pages,) = open_connection.exec_driver_sql("PRAGMA page_count").one()
        open_connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")


def test_a_full_disk_stops_a_study_with_nothing_half_written(store, study, writer, trial):
    leave_no_room(store)

    with pytest.raises(StorageFull, match="No room left"), writer.transaction() as write:
        write.add_trial(trial(0, parameters={"text": "x" * 1_000_000}))

    assert store.trials(study.id) == []


def test_a_full_disk_before_the_study_starts_is_the_persons_to_act_on(store, new_study):
    leave_no_room(store)

    with pytest.raises(DatabaseUnusable, match="free some first"):
        store.create_study(new_study(yaml="x" * 1_000_000))

    assert store.studies() == []


def test_a_write_waits_for_another_programs_lock(store, study, writer, trial, database):
    other = sqlite3.connect(database, check_same_thread=False, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    timer = threading.Timer(0.3, lambda: other.execute("COMMIT"))
    timer.start()

    with writer.transaction() as write:
        write.add_trial(trial(0))

    timer.join()
    other.close()
    assert len(store.trials(study.id)) == 1


def test_a_lock_that_never_ends_is_told_in_one_sentence(store, study, database, monkeypatch):
    monkeypatch.setattr(connection, "BUSY_MILLISECONDS", 20)
    monkeypatch.setattr(connection, "LOCK_PATIENCE_SECONDS", 0.1)
    other = sqlite3.connect(database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    store._writing.dispose()  # the next connection has the short patience

    with pytest.raises(DatabaseUnusable, match="locked by another program"):
        store.claim(study.id)

    other.close()


def test_a_file_is_read_back_as_it_was_written(tmp_path):
    sha256, size = write_artifact(tmp_path, "trials/3.ckpt", b"weights")

    assert read_artifact(tmp_path, Artifact("checkpoint", "trials/3.ckpt", sha256, size)) == b"weights"
    assert [path.name for path in (tmp_path / "trials").iterdir()] == ["3.ckpt"]


def test_a_missing_or_damaged_file_is_not_read(tmp_path):
    sha256, size = write_artifact(tmp_path, "model.keras", b"weights")
    artifact = Artifact("model", "model.keras", sha256, size)
    (tmp_path / "model.keras").write_bytes(b"weightz")

    with pytest.raises(ArtifactMissing, match="changed or damaged"):
        read_artifact(tmp_path, artifact)
    (tmp_path / "model.keras").unlink()
    with pytest.raises(ArtifactMissing, match="is not there"):
        read_artifact(tmp_path, artifact)


def test_a_sound_database_has_no_problems(store, study, writer, train):
    train(0, [0.5])
    sha256, size = write_artifact(store.artifacts_dir(study.id), "0.ckpt", b"weights")
    with writer.transaction() as write:
        write.add_artifact("checkpoint", "0.ckpt", sha256, size, trial=0, epoch=1)

    assert check(store) == []
    assert [artifact.trial for artifact in store.artifacts(study.id, kind="checkpoint")] == [0]


def test_the_check_names_every_contradiction_and_missing_file(store, study, writer, train, trial, database):
    train(0, [0.5])
    with writer.transaction() as write:
        write.add_trial(trial(1))
        write.start_attempt(1, "worker", "here", "cpu")
        write.move(1, TrialState.FAILED, error_kind="lost")
        write.add_artifact("checkpoint", "gone.ckpt", "0" * 64, 7, trial=0, epoch=1)
    raw = sqlite3.connect(database)
    raw.execute("DELETE FROM epochs")
    raw.execute("INSERT INTO events VALUES (99, 77, 'x', 'x', '{}', '2026-01-01 00:00:00')")
    raw.commit()
    raw.close()
    (store.artifacts_dir(study.id).parent / "55").mkdir(parents=True)

    problems = "\n".join(check(store))

    assert "Trial 1 of study digits has ended, but an attempt at it is open." in problems
    assert "Trial 0 of study digits has values of an epoch that has no row." in problems
    assert "Row 99 of events belongs to a row of studies that does not exist." in problems
    assert "gone.ckpt is not there" in problems
    assert "55 belongs to no study" in problems


def test_a_replaced_and_a_removed_file_leave_one_row_and_none(store, study, writer, train):
    train(0, [0.5])
    with writer.transaction() as write:
        write.add_artifact("checkpoint", "0.ckpt", "1" * 64, 7, trial=0, epoch=1)
        write.add_artifact("checkpoint", "0.ckpt", "2" * 64, 8, trial=0, epoch=2)
    assert [(found.sha256, found.epoch) for found in store.artifacts(study.id, trial=0)] == [("2" * 64, 2)]

    with writer.transaction() as write:
        write.remove_artifact("0.ckpt")

    assert store.artifacts(study.id) == []
    assert store.attempts(study.id, 0)[0].outcome is AttemptOutcome.COMPLETE
