"""Scripts are packed once and kept by browsers; other answers are packed as they are made."""

from __future__ import annotations

import re
from pathlib import Path

import dash
import pytest
from tests.dashboard.asking import ask

from hpsearch.dashboard.static import LibraryFiles
from hpsearch.figures.plotly_js import plotly_js

GZIP = {"accept-encoding": "gzip"}
PLAIN = "/_dash-component-suites/dash/dash-renderer/build/dash_renderer.min.js"


@pytest.fixture(scope="module")
def scripts(app):
    """The library scripts that the page loads."""
    found = re.findall(r'src="(/_dash-component-suites/[^"]+)"', ask(app, "/").text)
    assert len(found) > 5
    return found


def test_every_script_of_the_page_is_there_packed_and_kept(app, scripts):
    for script in scripts:
        answer = ask(app, script, accept_encoding="gzip, deflate, br")

        assert answer.status == 200, script
        assert answer.header("cache-control") == "private, max-age=31536000, immutable"
        assert answer.header("etag")
        assert answer.header("vary") == "Accept-Encoding"
        assert "javascript" in answer.header("content-type")
        if len(answer.body) > 1000:
            assert answer.header("content-encoding") == "gzip", script
        assert answer.header("content-length") == str(len(answer.sent))


def test_what_only_browsers_of_long_ago_need_is_not_loaded(scripts):
    """Where one of these fails, Dash has another polyfill, and perhaps another need of it (assets/dashboard.js)."""
    assert not [script for script in scripts if "polyfill" in script or "dash_table" in script]
    folder = Path(dash.__file__).parent
    texts = [file.read_text() for place in ("dcc", "dash-renderer/build") for file in folder.glob(f"{place}/*.js")]
    assert {word for text in texts for word in re.findall(r"regeneratorRuntime\.(\w+)", text)} == {"mark", "wrap"}


def test_the_parts_that_are_loaded_later_are_there_too(app, scripts):
    later = [script for script in scripts if "/dcc/dash_core_components.v" in script]

    graph = later[0].replace("dash_core_components.v", "async-graph.v")

    assert ask(app, graph, accept_encoding="gzip").status == 200


def test_dash_gets_the_plotly_of_the_page_where_it_asks_by_itself(app, scripts):
    first = [script for script in scripts if "plotly" in script]

    asked = ask(app, "/_dash-component-suites/plotly/package_data/plotly.min.js")

    assert len(first) == 1
    assert asked.sent == ask(app, first[0]).sent == plotly_js().encode()


def test_who_cannot_unpack_gets_it_plain(app, scripts):
    packed, plain = ask(app, scripts[0], accept_encoding="gzip"), ask(app, scripts[0])

    assert plain.header("content-encoding") is None
    assert plain.sent == packed.body
    assert plain.header("etag") != packed.header("etag")


def test_what_has_not_changed_is_not_sent_again(app, scripts):
    tag = ask(app, scripts[0], accept_encoding="gzip").header("etag")

    answer = ask(app, scripts[0], accept_encoding="gzip", if_none_match=f'W/"other", {tag}')

    assert answer.status == 304
    assert answer.sent == b""
    assert answer.header("etag") == tag
    assert ask(app, scripts[0], accept_encoding="gzip", if_none_match='"other"').status == 200


def test_a_script_whose_name_says_no_version_is_asked_for_each_time(app):
    ask(app, "/")
    answer = ask(app, PLAIN)

    assert answer.status == 200
    assert answer.header("cache-control") == "no-cache"


def test_it_is_packed_once():
    files = LibraryFiles({"dash": {"dash-renderer/build/dash_renderer.min.js"}})

    first, second = (files.answer("dash", "dash-renderer/build/dash_renderer.min.js", GZIP) for _ in range(2))

    assert first.headers["content-encoding"] == "gzip"
    assert second.body is first.body


@pytest.mark.parametrize(
    "path",
    [
        "dash/dash.py",
        "dash/../dash/dash.py",
        "dash/dash-renderer/build/none.js",
        "os/os.py",
        "hpsearch/errors.py",
        "dash_ag_grid/__init__.py",
        "dash/",
        "dash/%00",
    ],
)
def test_nothing_else_of_a_library_is_served(app, path):
    answer = ask(app, f"/_dash-component-suites/{path}")

    assert answer.status == 404
    assert answer.json() == {"error": "There is no such file."}


def test_assets_are_asked_for_anew_and_not_sent_again(app):
    answer = ask(app, "/assets/dashboard.js")

    assert answer.status == 200
    assert ask(app, "/assets/dashboard.js", if_none_match=answer.header("etag")).status == 304


def test_other_answers_are_packed_as_they_are_made(app):
    packed, plain = ask(app, "/", accept_encoding="gzip"), ask(app, "/")

    assert packed.header("content-encoding") == "gzip"
    assert len(packed.sent) < len(plain.sent) / 2
    assert plain.header("content-encoding") is None


def test_small_answers_are_sent_as_they_are(app):
    assert ask(app, "/api/studies/missing", accept_encoding="gzip").header("content-encoding") is None


def test_what_every_page_loads_is_there(app, scripts):
    from hpsearch.dashboard.static import _LARGE

    LibraryFiles({}).prepare()  # every one of them exists

    loaded = [re.sub(r"\.v[^.]+", "", script) for script in scripts]
    for package, name in _LARGE:
        is_first = f"/_dash-component-suites/{package}/{name}" in loaded
        assert is_first or name.endswith(("plotly.min.js", "async-community.js"))  # by a figure, by a table
