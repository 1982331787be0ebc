"""Models, migrations and saved databases of every version say the same."""

from __future__ import annotations

import contextlib
import re
import shutil
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine
from tests.data.make_present_schema import PRESENT, present_schema

from hpsearch import storage
from hpsearch.storage import open_store, schema, upgrade_database
from hpsearch.storage.models import Base

SAVED = sorted((Path(__file__).parents[1] / "data").glob("schema_*.db"))


def definitions(connection) -> dict[str, list[str]]:
    """Every table and index by name: its clauses, in an order that does not matter."""
    rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE type IN ('table', 'index') AND sql NOT NULL")
    own = ((name, sql) for name, sql in rows if name not in ("alembic_version", "sqlite_sequence"))
    return {name: sorted(re.sub(r"\s+", " ", line).strip(" ,") for line in sql.split("\n")) for name, sql in own}


def test_models_and_migrations_make_the_same_tables(store, database):
    engine = create_engine("sqlite://")
    Base.metadata.create_all(engine)
    with engine.connect() as connection:
        wanted = definitions(connection.connection.driver_connection)
    engine.dispose()

    migrated = sqlite3.connect(database)

    assert definitions(migrated) == wanted
    migrated.close()


def test_new_databases_are_what_all_migrations_make():
    assert present_schema() == PRESENT.read_text(encoding="utf-8")


def test_the_present_version_is_the_last_migration():
    config = Config()
    config.set_main_option("script_location", str(Path(storage.__file__).parent / "migrations"))

    assert ScriptDirectory.from_config(config).get_current_head() == schema.PRESENT


def test_every_version_has_a_saved_database():
    assert SAVED[-1].name == f"schema_{schema.PRESENT}.db"


@pytest.mark.parametrize("saved", SAVED, ids=lambda path: path.stem)
def test_a_saved_database_is_upgraded_and_keeps_what_it_holds(saved, tmp_path):
    database = tmp_path / "studies.db"
    shutil.copy(saved, database)

    before, after = upgrade_database(database)

    assert (f"schema_{before}", after) == (saved.stem, schema.PRESENT)
    with open_store(database) as store:
        study = store.study("golden")
        values = [trial.value for trial in store.trials(study.id)]
        (evaluation,) = store.evaluations(study.id)
        curve = store.epochs(study.id, 1)
    assert values == [0.5, 0.75, None]
    assert evaluation.metrics["accuracy"] == 0.7
    assert [epoch.values["val_accuracy"] for epoch in curve] == [0.25, 0.5, 0.75]


def test_two_who_create_the_same_database_at_once_both_find_it(database):
    def create(_):
        with open_store(database, create=True) as store:
            return store.studies()

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(create, range(2))) == [[], []]


def test_a_file_without_tables_that_another_has_just_made_gets_them(database):
    with contextlib.closing(sqlite3.connect(database)) as other:
        other.execute("PRAGMA journal_mode = WAL")
    assert database.stat().st_size > 0

    with open_store(database, create=True) as store:
        assert store.studies() == []


def test_enumerations_are_stored_in_lower_case_and_checked_by_the_database(store, train, database):
    train(0, [0.5])
    connection = sqlite3.connect(database)

    assert connection.execute("SELECT state FROM trials").fetchall() == [("complete",)]
    assert connection.execute('SELECT state, direction, "order" FROM studies').fetchone() == (
        "stopped",
        "maximize",
        "number",
    )
    with pytest.raises(sqlite3.IntegrityError):
        connection.execute("UPDATE trials SET state = 'COMPLETE'")
    connection.close()


def test_the_views_answer_people_who_write_sql(store, train, database):
    train(0, [0.1, 0.7], parameters={"units": 32, "rate": 0.5})
    train(1, [0.8], first=3, parent=0)
    connection = sqlite3.connect(database)

    best = connection.execute(
        "SELECT study, trial, place, value, parameters FROM best_trials ORDER BY place"
    ).fetchall()
    curve = connection.execute(
        "SELECT epoch, value, trained_by FROM learning_curves WHERE study = 'digits' AND trial = 1 ORDER BY epoch"
    ).fetchall()

    assert best == [
        ("digits", 1, 1, 0.8, '{"units":32}'),
        ("digits", 0, 2, 0.7, '{"units":32,"rate":0.5}'),
    ]
    assert curve == [(1, 0.1, 0), (2, 0.7, 0), (3, 0.8, 1)]
    connection.close()
