"""The layout that a page asks for first has in it what the page's address shows."""

from __future__ import annotations

import json
import threading

import pytest
from tests.dashboard.asking import ask
from tests.dashboard.conftest import new_study

from hpsearch.dashboard import study_page
from hpsearch.dashboard.server import make_app
from hpsearch.storage import open_store

HERE = "http://127.0.0.1:8050"


def component(layout, name):
    """The properties of the component with that id; None where the layout has none."""
    if isinstance(layout, dict):
        if layout.get("props", {}).get("id") == name:
            return layout["props"]
        layout = list(layout.values())
    found = (component(each, name) for each in layout) if isinstance(layout, list) else ()
    return next((each for each in found if each is not None), None)


def layout_of(app, **headers):
    answer = ask(app, "/_dash-layout", **headers)
    assert answer.status == 200
    return json.loads(answer.body)


def is_the_frame_alone(layout):
    """Then the browser tells the page's address to a callback, which answers with the page."""
    return component(layout, "page").get("children") is None and "pathname" not in component(layout, "url")


def test_the_page_of_a_study_comes_with_its_figures_and_the_first_rows_of_its_table(app):
    layout = layout_of(app, referer=f"{HERE}/study/digits?states=complete")

    assert component(layout, "url")["pathname"] == "/study/digits"
    assert component(layout, "url")["search"] == "?states=complete"
    assert [row["number"] for row in component(layout, "first-rows")["data"]["rowData"]] == [0, 1]
    assert component(layout, {"type": "figure", "name": "history"})["figure"]["data"]


@pytest.mark.parametrize(
    ("path", "words"),
    [("/compare", "Compare studies"), ("/study/none", "There is no study"), ("/x", "no such page")],
)
def test_other_pages_come_with_it(app, path, words):
    assert words in json.dumps(component(layout_of(app, referer=HERE + path), "page"))


@pytest.mark.parametrize(
    "referer",
    [
        None,
        f"{HERE}/",  # the list, or an address that is too long to be told
        HERE,
        "https://elsewhere.example/study/digits",
        "http://127.0.0.1:9999/study/digits",
        "http://[x/study/digits",
        "about:blank",
        "/study/digits",
        "",
    ],
)
def test_where_the_address_is_not_told_the_frame_comes_alone(app, referer):
    assert is_the_frame_alone(layout_of(app, **({} if referer is None else {"referer": referer})))


def test_a_page_that_cannot_be_drawn_is_logged_and_keeps_its_frame(app, monkeypatch, caplog):
    monkeypatch.setattr(study_page, "layout", lambda *_: 1 // 0)

    assert is_the_frame_alone(layout_of(app, referer=f"{HERE}/study/digits"))
    assert "/study/digits could not be drawn" in caplog.text
    assert "ZeroDivisionError" in caplog.text


def test_the_first_request_of_all_draws_no_page_but_where_it_asks_for_the_layout(tmp_path, monkeypatch):
    """Dash looks at the layout once, whatever it is asked for, in the thread that all others wait for."""
    drawn = []
    with open_store(tmp_path / "studies.db", create=True) as store:
        app = make_app(store)
        store.create_study(new_study("digits"))
        monkeypatch.setattr(study_page, "layout", lambda *_: drawn.append(threading.current_thread()))

        ask(app, "/_dash-dependencies", referer=f"{HERE}/study/digits")

        assert drawn == []


def test_browsers_ask_for_dashs_first_two_answers_while_they_read_the_scripts(app):
    head = ask(app, "/study/digits").text.partition("</head>")[0]

    for answer in ("/_dash-layout", "/_dash-dependencies"):
        assert f'<link rel="preload" as="fetch" crossorigin href="{answer}">' in head
