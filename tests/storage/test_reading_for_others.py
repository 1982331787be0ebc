"""Reading a database that only its owner may write."""

from __future__ import annotations

import os

from hpsearch.storage import open_store


def test_who_may_only_read_sees_what_its_owner_writes_later(database, new_study, monkeypatch):
    may = os.access
    with open_store(database, create=True) as store:
        store.create_study(new_study("first"))
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK and may(path, mode))
    with open_store(database) as watching:
        before = [study.name for study in watching.studies()]

        monkeypatch.setattr(os, "access", may)
        with open_store(database, read_only=False) as owner:
            monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK and may(path, mode))
            owner.create_study(new_study("second"))
            while_it_is_open = [study.name for study in watching.studies()]
        afterwards = [study.name for study in watching.studies()]

    assert before == ["first"]
    assert while_it_is_open == afterwards == ["first", "second"]
