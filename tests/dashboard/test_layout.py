"""The layout that a page asks for first has the page in it, so that there is no second round."""

from __future__ import annotations

import json

import pytest
from tests.dashboard.asking import ask

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


def test_the_page_of_a_study_comes_with_its_figures_and_the_first_rows_of_its_table(app):
    layout = layout_of(app, referer=f"{HERE}/study/digits?states=complete")

    assert component(layout, "url")["pathname"] == "/study/digits"
    assert component(layout, "url")["search"] == "?states=complete"
    assert [row["number"] for row in component(layout, "first-rows")["data"]["rowData"]] == [0, 1]
    assert component(layout, {"type": "figure", "name": "history"})["figure"]["data"]


@pytest.mark.parametrize(
    ("path", "words"),
    [("/", "Studies"), ("/compare", "Compare studies"), ("/study/none", "There is no study"), ("/x", "no such page")],
)
def test_every_page_comes_with_the_layout(app, path, words):
    assert words in json.dumps(component(layout_of(app, referer=HERE + path), "page"))


def test_a_browser_that_does_not_say_where_it_is_gets_the_frame_and_asks_for_the_page(app):
    layout = layout_of(app)

    assert component(layout, "page").get("children") is None
    assert "pathname" not in component(layout, "url")


def test_browsers_ask_for_it_while_they_read_the_scripts(app):
    page = ask(app, "/study/digits").text

    assert page.index('<link rel="preload" as="fetch" crossorigin href="/_dash-layout">') < page.index("</head>")
