"""The first page, of few studies and of many."""

from __future__ import annotations

from tests.new_study import new_study

from hpsearch.dashboard import study_list
from hpsearch.storage import open_store


def test_of_many_studies_the_newest_are_listed_and_those_that_somebody_runs(tmp_path, monkeypatch):
    monkeypatch.setattr(study_list, "_MOST", 3)
    with open_store(tmp_path / "studies.db", create=True) as store:
        ids = {name: store.create_study(new_study(name, {})).id for name in ("one", "two", "three", "four", "five")}
        with store.claim(ids["one"]):
            running, left_out = study_list.listed(store)
        later, more_left_out = study_list.listed(store)

    assert [study.name for study, _ in running] == ["five", "four", "three", "one"]
    assert [study.name for study, _ in later] == ["five", "four", "three"]
    assert (left_out, more_left_out) == (1, 2)
