"""The report of a study: one file with everything, for every kind of study, and nothing of a person's text runs."""

from __future__ import annotations

import contextlib
import html
from dataclasses import replace

import pytest
from tests.new_study import new_study
from tests.report.reading import Page

from hpsearch.figures.plotly_js import plotly_js
from hpsearch.figures.registry import RETRAIN_FIGURES, SEARCH_FIGURES
from hpsearch.report.sections import SECTIONS
from hpsearch.report.study_page import study_page
from hpsearch.storage import open_store
from hpsearch.study import Trial, TrialState

ALL = ["random", "hyperband", "pruned", "minimized", "one", "empty", "failures"]
EVIL = "</script><script>window.evil = 1</script><img src=x onerror=evil()>"


@pytest.mark.parametrize("name", ALL)
def test_every_section_of_every_study_shows_something_or_says_why_not(report, name):
    page = Page(report(name))

    for section in SECTIONS:
        assert len(page.text(section)) > 20, section
    assert [level for level, _ in page.headings][:2] == [1, 2]
    assert page.headings[0] == (1, name)
    assert all(after - before <= 1 for (before, _), (after, _) in zip(page.headings, page.headings[1:], strict=False))


@pytest.mark.parametrize("name", ["random", "hyperband", "empty"])
def test_a_report_needs_no_other_file_and_no_network(report, name):
    text = report(name)

    page = Page(text)
    targets = [attributes[key] for _, attributes in page.elements for key in ("src", "href") if attributes.get(key)]
    assert all(target.startswith("#") for target in targets)
    assert not {"link", "img", "iframe", "object"} & {tag for tag, _ in page.elements}
    assert "@import" not in text.replace(plotly_js(), "")
    assert "default-src 'none'" in text
    assert "unsafe-eval" not in text.replace(plotly_js(), "")


def test_every_figure_of_the_search_is_there_with_its_data_and_a_caption(report):
    page = Page(report("hyperband"))

    shown = {attributes.get("id") for tag, attributes in page.elements if tag == "figure"}
    assert shown == {f"figure-{name}" for name in SEARCH_FIGURES}
    drawn = {attributes["data-figure"] for _, attributes in page.elements if "data-figure" in attributes}
    assert drawn == set(page.data)
    assert "history" in drawn
    for name in drawn:
        assert page.data[name]["figure"]["data"]
        assert page.data[name]["config"]["responsive"]
        assert "sendChartToCloud" in page.data[name]["config"]["modeBarButtonsToRemove"]
        assert len(page.text(f"figure-{name}")) > 20


def test_plotly_is_in_the_file_once_and_only_where_it_draws(report):
    assert report("random").count(plotly_js()[:2000]) == 1
    assert len(report("empty")) < 100_000


def test_a_study_without_a_trial_says_so(report):
    page = Page(report("empty"))

    assert "The study has no trial yet." in page.text("best")
    assert "The study has no trial yet." in page.text("trials")
    assert "no trial is complete yet" in page.text("content")


def test_a_study_of_failures_only_shows_why_they_failed(report):
    page = Page(report("failures"))

    assert "No trial is complete yet; the study has 3 failed." in page.text("best")
    assert "ValueError: <script>no</script>" in page.text("trials")


def test_the_trials_of_a_study_are_all_in_the_table(report, sql):
    page = Page(report("random"))

    counts = sql("SELECT count(*) FROM trials JOIN studies s ON s.id = study_id WHERE s.name = 'random'")
    assert report("random").count('class="state state-') == counts[0][0]
    assert "learning_rate" in page.text("trials")


def test_a_table_of_too_many_trials_has_the_best_and_names_the_command_for_all(tmp_path):
    trials = [Trial(number, TrialState.WAITING, {"units": number}, 1, seed=1) for number in range(501)]

    with a_study(tmp_path, trials=trials) as (store, study):
        page = Page(study_page(store, study))

    assert "Shown are the best 200 of 501 trials" in page.text("trials")
    assert "hpsearch export --study evil" in page.text("trials")


def test_no_text_of_a_person_becomes_a_part_of_the_page(tmp_path):
    trials = [Trial(0, TrialState.WAITING, {"kind": EVIL}, 1, seed=1)]
    failed = [Trial(1, TrialState.WAITING, {"kind": EVIL}, 1, seed=1)]

    with a_study(tmp_path, trials, failed, evaluated=True) as (store, study):
        text = study_page(store, study)

    page = Page(text)
    assert page.scripts == 2  # Plotly's and the page's own
    assert "<script>window" not in text
    assert "<img" not in text.replace(plotly_js(), "")
    for section in ("content", "best", "tested", "trials", "space", "log"):
        assert EVIL in page.text(section), section
    assert html.escape(EVIL) not in page.text("content")


@contextlib.contextmanager
def a_study(folder, trials=(), failed=(), *, evaluated=False):
    """A study in which every text that a person can give is `EVIL`."""

    with open_store(folder / "studies.db", create=True) as store:
        study = store.create_study(evil_study())
        with store.claim(study.id) as lease, store.writer(lease).transaction() as write:
            write.add_event("slot", EVIL)
            for trial in trials:
                write.add_trial(trial)
                write.move(trial.number, TrialState.RUNNING)
                attempt = write.start_attempt(trial.number, "slot-0", "here", EVIL, from_epoch=0)
                write.record_epoch(trial.number, attempt, 1, {"val_accuracy": 0.5, "loss": 1.0}, seconds=0.5)
                write.end_attempt(trial.number, attempt, "complete")
                write.move(trial.number, TrialState.COMPLETE, value=0.5, epochs_done=1, best_epoch=1)
            for trial in failed:
                write.add_trial(trial)
                write.move(trial.number, TrialState.FAILED, error_kind="error", error=EVIL)
            if evaluated:
                made = write.add_evaluation(0, 1, "retrained", 3, 1, {"layers": [EVIL], "training": {"epochs": 1}})
                write.record_evaluation_epoch(made, 1, {"loss": 1.0, "learning_rate": 0.1}, 0.1, EVIL)
                names = (EVIL, "dog")
                scores = [{"name": n, "precision": 0.5, "recall": 0.5, "f1": 0.5, "support": 4} for n in names]
                write.finish_evaluation(made, {"accuracy": 0.5}, scores, [[2, 2], [2, 2]], 1)
        store.add_note("evil", EVIL)
        yield store, store.study("evil")


def evil_study():
    resolved = {"parameters": {"kind": [EVIL, "plain"]}, "training": {"trainer": "simulated"}}
    made = new_study("evil", resolved, description=EVIL)
    return replace(made, yaml=f"study: evil\n# {EVIL}\n", versions={"keras": EVIL})


def test_all_figures_of_a_retrained_model_are_there(recorded_page):
    page = recorded_page("cifar100")

    shown = {attributes.get("id") for tag, attributes in page.elements if tag == "figure"}
    assert {f"figure-{name}" for name in RETRAIN_FIGURES} <= shown


def test_the_time_of_a_study_that_has_not_ended_is_that_so_far(report):
    assert "0.0 s so far" in Page(report("one")).text("content")
    assert "from start to end" in Page(report("random")).text("content")


def test_each_retrained_model_is_said_to_read_the_test_split_once(recorded_page):
    assert "Each retrained model reads the test split once" in recorded_page("cifar100").text("tested")
