"""The database's file is moved away, or another one put in its place, while it is read."""

from __future__ import annotations

import pytest

from hpsearch.errors import DatabaseUnusable
from hpsearch.storage import open_store


def names(store):
    return [study.name for study in store.studies()]


def test_another_file_in_its_place_is_read_from_then_on(tmp_path, new_study):
    for file, study in (("studies.db", "first"), ("other.db", "second")):
        with open_store(tmp_path / file, create=True) as store:
            store.create_study(new_study(study))
    with open_store(tmp_path / "studies.db") as store:
        before, stamp = names(store), store.stamp(1)

        (tmp_path / "other.db").replace(tmp_path / "studies.db")

        assert (before, names(store)) == (["first"], ["second"])
        assert store.stamp(1)[0] != stamp[0]


def test_a_file_that_is_gone_is_told_and_found_again(tmp_path, new_study):
    with open_store(tmp_path / "studies.db", create=True) as store:
        store.create_study(new_study("first"))
    with open_store(tmp_path / "studies.db") as store:
        assert names(store) == ["first"]
        (tmp_path / "studies.db").rename(tmp_path / "away.db")

        with pytest.raises(DatabaseUnusable):
            names(store)

        (tmp_path / "away.db").rename(tmp_path / "studies.db")
        assert names(store) == ["first"]


def test_what_is_no_database_in_its_place_is_told(tmp_path, new_study):
    with open_store(tmp_path / "studies.db", create=True) as store:
        store.create_study(new_study("first"))
    with open_store(tmp_path / "studies.db") as store:
        names(store)
        (tmp_path / "junk").write_text("no database " * 100)
        (tmp_path / "junk").replace(tmp_path / "studies.db")

        with pytest.raises(DatabaseUnusable):
            names(store)
