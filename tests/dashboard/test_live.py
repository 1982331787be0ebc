"""What is read once for all who watch."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from types import SimpleNamespace

import pytest
from tests.figures.conftest import studies_db  # noqa: F401  # a fixture
from tests.new_study import new_study

from hpsearch.dashboard.answers import study_line
from hpsearch.dashboard.live import Kept, Live
from hpsearch.dashboard.pages import draw_ahead
from hpsearch.dashboard.progress import left_of, planned, time_left
from hpsearch.dashboard.study_page import head, layout
from hpsearch.figures.selection import Selection
from hpsearch.storage import open_store
from hpsearch.study import StudyState, Trial, TrialState


@pytest.fixture
def live(studies_db):  # noqa: F811  # the fixture of that name
    with open_store(studies_db) as store:
        yield Live(store, lambda: open_store(studies_db, read_only=False))


def test_many_who_ask_at_once_cost_one_making():
    kept, made, together = Kept(4), [], threading.Barrier(8)

    def ask(_):
        together.wait()
        return kept.get("key", lambda: made.append(1) or len(made))

    with ThreadPoolExecutor(8) as viewers:
        answers = list(viewers.map(ask, range(8)))

    assert answers == [1] * 8


def test_a_making_that_fails_is_tried_again():
    kept = Kept(4)

    with pytest.raises(ZeroDivisionError):
        kept.get("key", lambda: 1 // 0)

    assert kept.get("key", lambda: 3) == 3


def test_only_the_last_few_are_kept():
    kept, made = Kept(2), []

    for key in ("a", "b", "a", "c", "a", "b"):
        kept.get(key, lambda key=key: made.append(key))

    assert made == ["a", "b", "c", "b"]


def test_a_study_that_has_not_changed_is_read_and_drawn_once(live):
    assert live.rows("random") is live.rows("random")
    assert live.drawing("random", "history", Selection(), {}) is live.drawing("random", "history", Selection(), {})


def test_what_was_read_counts_for_a_while_for_all_who_ask(monkeypatch):
    now, read = [0.0], []
    monkeypatch.setattr("hpsearch.dashboard.live.time", SimpleNamespace(monotonic=lambda: now[0]))
    live = Live(store=None, open_writing=None, fresh=0.75)

    for now[0] in (0.0, 0.7, 0.8, 1.4, 1.6):
        live.recent("key", lambda: read.append(now[0]))

    assert read == [0.0, 0.8, 1.6]


@pytest.mark.parametrize(
    ("running", "looked_at"),
    [((), ["fifth", "fourth", "third", "second"]), (("first", "third"), ["third", "first", "fifth", "fourth"])],
)
def test_the_studies_that_people_will_most_likely_look_at_are_drawn_ahead(tmp_path, running, looked_at):
    file = tmp_path / "studies.db"
    with open_store(file, create=True) as store, ExitStack() as leases:
        for name in ("first", "second", "third", "fourth", "fifth"):
            study = store.create_study(new_study(name, {"training": {"epochs": 2}}))
            if name in running:
                leases.enter_context(store.claim(study.id))
        live = Live(store, lambda: store)

        draw_ahead(live)

        assert list(dict.fromkeys(key[0] for key in live._drawings._made)) == looked_at


def test_what_was_drawn_ahead_is_what_the_page_shows(live):
    draw_ahead(live)
    ahead = dict(live._drawings._made)

    for name in {key[0] for key in ahead}:
        layout(live, name, "")

    assert ahead
    assert live._drawings._made == ahead


def test_a_study_that_cannot_be_drawn_ahead_is_told_and_keeps_none_of_the_others_back(tmp_path, monkeypatch, caplog):
    file = tmp_path / "studies.db"
    with open_store(file, create=True) as store:
        for name in ("sound", "broken"):
            store.create_study(new_study(name, {"training": {"epochs": 2}}))
        live = Live(store, lambda: store)
        read = live.rows
        monkeypatch.setattr(live, "rows", lambda name: 1 // 0 if name == "broken" else read(name))

        draw_ahead(live)

    assert {key[0] for key in live._drawings._made} == {"sound"}
    assert "'broken' could not be drawn ahead" in caplog.text


def test_what_is_written_while_a_page_is_made_is_news_to_it(tmp_path, monkeypatch):
    file = tmp_path / "studies.db"
    with open_store(file, create=True) as store:
        study = store.create_study(new_study("random", {"training": {"epochs": 2}}))
        live = Live(store, lambda: store)
        read = live.rows

        def rows_and_then_another_trial(name):
            found = read(name)
            if not store.trials(study.id):
                with store.claim(study.id) as lease, store.writer(lease).transaction() as write:
                    write.add_trial(Trial(0, TrialState.WAITING, {"rate": 0.1}, 2, seed=0))
            return found

        monkeypatch.setattr(live, "rows", rows_and_then_another_trial)
        page = layout(live, "random", "")

        seen = next(each for each in page.children if getattr(each, "id", None) == "stamp").data
        assert store.trials(study.id)
        assert seen[0] != live.stamp("random")


def test_a_complete_study_can_be_stopped_while_it_is_retrained(tmp_path):
    def stop_is_offered():
        summary = store.summary("digits")
        (_, stop) = head(summary, left_of(store, summary), asked=False)[0].children
        return not getattr(stop, "hidden", False)

    with open_store(tmp_path / "studies.db", create=True) as store:
        study = store.create_study(new_study("digits", {"training": {"epochs": 2}}))
        with store.claim(study.id) as lease:
            with store.writer(lease).transaction() as write:
                write.set_study_state(StudyState.COMPLETE)
            assert stop_is_offered()
        assert not stop_is_offered()


def test_a_retraining_is_told_as_soon_as_it_has_epochs_and_the_search_has_ended(tmp_path):
    with open_store(tmp_path / "studies.db", create=True) as store:
        study = store.create_study(new_study("digits", {"training": {"epochs": 2}, "search": {"max_trials": 1}}))
        with store.claim(study.id) as lease:
            writer = store.writer(lease)
            with writer.transaction() as write:
                write.set_study_state(StudyState.RUNNING)
                write.add_trial(Trial(0, TrialState.WAITING, {"rate": 0.1}, 2, seed=0))
                superseded = write.add_evaluation(0, 0, "retrained", 3, 20, {})
                write.record_evaluation_epoch(superseded, 1, {"loss": 1.0}, 0.1)
            searching = left_of(store, store.summary("digits"))
            with writer.transaction() as write:
                write.move(0, TrialState.FAILED, error_kind="error", error="ValueError: no")
                underway = write.add_evaluation(0, 1, "retrained", 3, 20, {})
                for epoch in (1, 2, 3):
                    write.record_evaluation_epoch(underway, epoch, {"loss": 1.0}, 0.1)
            left = left_of(store, store.summary("digits"))
            api = study_line(store, store.summary("digits"))
        nobody = left_of(store, store.summary("digits"))

    assert searching.retraining is None
    assert (left.retraining.id, left.seconds) == (underway, None)
    assert time_left(StudyState.RUNNING, left) == "retraining trial 0: 3 of 20 epochs"
    assert (api["retraining"], api["seconds_left"]) == ({"trial": 0, "epochs_done": 3, "epochs": 20}, None)
    assert nobody.retraining is None


def test_a_database_without_a_study_has_nothing_to_draw_ahead(tmp_path):
    with open_store(tmp_path / "studies.db", create=True) as store:
        draw_ahead(Live(store, lambda: store))


def test_a_figure_shows_only_the_chosen_trials(live):
    everything = live.drawing("random", "history", Selection(), {})
    some = live.drawing("random", "history", Selection(states=("complete",)), {})

    assert {trace["name"] for trace in some.figure["data"]} == {"complete", "best so far"}
    assert len(everything.figure["data"]) > len(some.figure["data"])


def test_the_plan_of_a_search_is_read_from_its_file():
    halving = {"search": {"backend": "hyperband", "max_epochs": 27, "factor": 3}}

    assert planned(halving) == (70, 375)
    assert planned({"search": {"backend": "random", "max_trials": 20}, "training": {"epochs": 5}}) == (20, 100)
    assert planned({"search": {"backend": "grid"}, "training": {"epochs": 5}}) == (None, None)


def test_a_study_that_nobody_runs_has_no_time_left(live):
    left = left_of(live.store, live.store.summary("random"))

    assert (left.planned_trials, left.planned_epochs, left.seconds) == (30, 120, None)
