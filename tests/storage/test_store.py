"""Opening a database, and what can be done to its studies."""

from __future__ import annotations

import hashlib
import sqlite3
from datetime import UTC, datetime

import pytest

from hpsearch.errors import (
    ConfigError,
    DatabaseUnusable,
    LeaseHeld,
    SchemaOutdated,
    StudyExists,
    StudyNotFound,
)
from hpsearch.storage import holds_study, open_store, write_artifact
from hpsearch.study import Order, StudyState, TrialState


def test_a_study_comes_back_as_it_was_written_and_runs_when_a_coordinator_says_so(store, new_study):
    new = new_study(order=Order.FINISHED, deterministic=False, onednn=False)

    study = store.create_study(new)

    assert store.study("digits") == study
    for name in ("name", "description", "seed", "objective", "yaml", "resolved", "hash", "backend", "order", "lag"):
        assert getattr(study, name) == getattr(new, name)
    assert (study.threads, study.deterministic, study.onednn, study.versions) == (1, False, False, new.versions)
    assert study.state is StudyState.STOPPED
    assert abs((datetime.now(UTC) - study.created_at).total_seconds()) < 60
    assert store.decisive(study.id) == {"seed": 7}


def test_a_name_is_given_once(store, new_study):
    store.create_study(new_study())

    with pytest.raises(StudyExists, match="digits already"):
        store.create_study(new_study())


def test_an_unknown_study_names_the_ones_there_are_nearest_first(store, new_study):
    for name in ("apples", "digits", "zebra"):
        store.create_study(new_study(name))

    with pytest.raises(StudyNotFound, match=r"no study 'digit' .* it holds digits, apples, zebra\."):
        store.study("digit")


def test_an_unknown_study_in_an_empty_database_says_that_there_is_none(store):
    with pytest.raises(StudyNotFound, match="it holds no study yet"):
        store.study("digits")


def test_a_url_names_the_same_file_as_a_path(store, study, database):
    with open_store(f"sqlite:///{database}") as other:
        assert other.study("digits") == study


@pytest.mark.parametrize("url", ["postgresql://host/name", "sqlite://", "sqlite:///:memory:", "nonsense://"])
def test_a_url_that_names_no_file_is_refused(url):
    with pytest.raises(DatabaseUnusable):
        open_store(url)


def test_a_missing_database_is_not_made_by_reading(database):
    with pytest.raises(DatabaseUnusable, match="There is no database"):
        open_store(database)

    assert not database.exists()


def test_a_database_that_another_program_is_just_making_holds_no_study_yet(tmp_path):
    path = tmp_path / "new.db"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")  # the file has its header, and no table
    assert path.stat().st_size > 0

    assert not holds_study(path, "digits")

    connection.close()


def test_a_folder_is_no_database(tmp_path):
    with pytest.raises(DatabaseUnusable, match="is a folder"):
        open_store(tmp_path, create=True)


def test_a_database_in_a_missing_folder_is_refused(tmp_path):
    with pytest.raises(DatabaseUnusable, match="no folder"):
        open_store(tmp_path / "missing" / "studies.db", create=True)


@pytest.mark.parametrize("create", [True, False])
def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path, create):
    path = tmp_path / "notes.db"
    path.write_text("not a database, but long enough for the header of one\n" * 20)
    before = path.read_bytes()

    with pytest.raises(DatabaseUnusable, match="not an SQLite database"):
        open_store(path, create=create)

    assert path.read_bytes() == before


@pytest.mark.parametrize("create", [True, False])
def test_another_programs_database_is_refused_and_left_alone(tmp_path, create):
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE customers (id INTEGER)")
    connection.close()
    before = path.read_bytes()

    with pytest.raises(DatabaseUnusable, match="not a database of hpsearch"):
        open_store(path, create=create)

    assert path.read_bytes() == before


@pytest.mark.parametrize(("version", "hint"), [("0000", "hpsearch db upgrade"), ("9999", "update hpsearch")])
def test_another_schema_is_refused_with_the_way_out(store, database, version, hint):
    store.close()
    connection = sqlite3.connect(database)
    connection.execute("UPDATE alembic_version SET version_num = ?", (version,))
    connection.commit()
    connection.close()

    with pytest.raises(SchemaOutdated, match=hint):
        open_store(database)


def test_reading_a_database_in_delete_mode_changes_no_byte_and_leaves_no_file(store, study, train, database):
    train(0, [0.5, 0.7])
    store.close()
    connection = sqlite3.connect(database)
    connection.execute("PRAGMA journal_mode = DELETE")
    connection.close()
    before = hashlib.sha256(database.read_bytes()).hexdigest()

    with open_store(database) as reader:
        reader.trials(study.id, with_values="val_accuracy")
        reader.studies()
    with open_store(database, read_only=False) as reader:  # may write, but does not
        reader.epochs(study.id, 0)

    assert hashlib.sha256(database.read_bytes()).hexdigest() == before
    assert [path.name for path in database.parent.iterdir()] == ["studies.db"]


def test_what_a_coordinator_writes_is_seen_by_a_reader_that_was_open_before(store, study, train, database):
    with open_store(database) as reader:
        assert reader.trials(study.id) == []

        train(0, [0.5])

        assert [trial.number for trial in reader.trials(study.id)] == [0]


def test_a_summary_counts_trials_and_knows_the_best(store, study, train):
    train(0, [0.5, 0.7])
    train(1, [0.9], state=TrialState.PRUNED)
    train(2, [0.8, 0.6])

    (summary,) = store.studies()

    assert summary.counts == {TrialState.COMPLETE: 2, TrialState.PRUNED: 1}
    assert (summary.ended, summary.planned, summary.epochs) == (3, 20, 5)
    assert (summary.best_value, summary.best_trial) == (0.8, 2)


def test_a_renamed_study_keeps_its_trials(store, study, train):
    train(0, [0.5])

    store.rename("digits", "numbers")

    assert store.study("numbers").id == study.id
    assert not store.has_study("digits")
    assert [event.text for event in store.events(study.id)] == ["renamed from digits to numbers"]


def test_a_study_is_not_renamed_to_a_taken_or_impossible_name(store, study, new_study):
    store.create_study(new_study("other"))

    with pytest.raises(StudyExists):
        store.rename("digits", "other")
    for impossible in ("a/b", "", "x" * 65, "..", "."):
        with pytest.raises(ConfigError):
            store.rename("digits", impossible)


def test_a_deleted_study_takes_its_rows_and_files_along_and_its_id_is_not_used_again(store, new_study):
    study = store.create_study(new_study())
    write_artifact(store.artifacts_dir(study.id), "model.keras", b"weights")

    store.delete("digits")

    assert not store.artifacts_dir(study.id).exists()
    assert store.create_study(new_study()).id > study.id


def test_a_running_study_is_not_deleted(store, study):
    with store.claim(study.id), pytest.raises(LeaseHeld):
        store.delete("digits")

    store.delete("digits")
    assert store.studies() == []


def test_a_request_to_stop_is_pending_until_it_is_done(store, study, writer, database):
    with open_store(database, read_only=False) as person:
        person.request_stop("digits")
    (action,) = store.pending_actions(study.id)

    with writer.transaction() as write:
        write.mark_done(action.id)

    assert action.kind == "stop"
    assert store.pending_actions(study.id) == []


def test_a_request_to_an_earlier_coordinator_does_not_reach_the_next(store, study):
    store.request_stop("digits")

    with store.claim(study.id):
        assert store.pending_actions(study.id) == []


def test_a_legal_change_is_written_with_its_event(store, study, writer):
    with writer.transaction() as write:
        write.update_study("max_trials 20 -> 40", resolved={"search": {"max_trials": 40}}, lag=8)
        write.add_seconds(2.5)
        write.add_seconds(1.0)
        write.set_study_state(StudyState.FAILED, error="too many failures")

    changed = store.study("digits")
    assert (changed.lag, changed.resolved["search"]["max_trials"], changed.coordinator_seconds) == (8, 40, 3.5)
    assert (changed.state, changed.error) == (StudyState.FAILED, "too many failures")
    assert changed.finished_at is not None
    assert [event.text for event in store.events(study.id)] == ["max_trials 20 -> 40"]


def test_notes_name_their_trial(store, study, train):
    train(3, [0.5])

    store.add_note("digits", "a lucky seed?", trial=3)
    store.add_note("digits", "see the second run")

    assert [(note.text, note.trial) for note in store.notes(study.id)] == [
        ("a lucky seed?", 3),
        ("see the second run", None),
    ]


def test_within_one_moment_nothing_that_others_write_is_seen(database, study, train):
    def seen(store):
        return store.own_epochs(study.id), len(store.trials(study.id))

    train(0, [0.5])
    with open_store(database) as watching:
        with watching.one_moment():
            before = seen(watching)
            train(1, [0.5, 0.6])
            within = seen(watching)
        after = seen(watching)

    assert (before, within, after) == ((1, 1), (1, 1), (3, 2))
