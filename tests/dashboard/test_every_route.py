"""Every address of the application, found by walking it: none is outside the guard, none changes anything by GET."""

from __future__ import annotations

import re

import pytest
from starlette.routing import Mount, WebSocketRoute
from tests.dashboard.asking import ask, connect
from tests.dashboard.conftest import TOKEN

from hpsearch.storage import open_store

EXAMPLES = {
    "name": "digits",
    "number": "0",
    "package_name": "dash",
    "fingerprinted_path:path": "dash-renderer/build/dash_renderer.min.js",
    "rest:path": "no/such",
    "path:path": "study/digits",
}
MUST_BE_THERE = {
    ("GET", "/"),
    ("GET", "/study/digits"),  # what no other route has
    ("GET", "/api/studies"),
    ("GET", "/api/studies/digits/trials"),
    ("POST", "/api/studies/digits/stop"),
    ("GET", "/_dash-layout"),
    ("POST", "/_dash-update-component"),
    ("GET", "/_dash-component-suites/dash/dash-renderer/build/dash_renderer.min.js"),
    ("GET", "/assets/dashboard.js"),
    ("websocket", "/_dash-ws-callback"),
}
NOT_THERE = [("GET", "/docs"), ("GET", "/openapi.json"), ("GET", "/favicon.ico"), ("GET", "//"), ("OPTIONS", "/")]
NOT_THERE += [("POST", "/_dash-anything"), ("GET", "/_dash-anything"), ("GET", "/_dash-update-component")]
BEARER = {"authorization": f"Bearer {TOKEN}"}


@pytest.fixture(scope="session")
def addresses(locked_app):
    """(method, path) of every route, with an example in the place of each parameter."""
    return sorted(set(walk(locked_app)))


def walk(app):
    """All that the application answers to, whatever it is wrapped in."""
    while hasattr(app, "app"):
        app = app.app
    for route in app.routes:
        path = re.sub(r"{([^}]+)}", lambda found: EXAMPLES[found[1]], route.path)
        if isinstance(route, WebSocketRoute):
            yield "websocket", path
        elif isinstance(route, Mount):
            yield "GET", f"{path}/dashboard.js"
        else:
            yield from ((method, path) for method in route.methods)


def reached(app, method, path, **headers):
    """The status, or what a websocket is told first."""
    if method == "websocket":
        return connect(app, path, **headers)
    return ask(app, path, method, **headers).status


def test_the_walk_finds_what_it_has_to(addresses):
    assert set(addresses) >= MUST_BE_THERE


def test_without_the_token_every_address_is_closed(locked_app, addresses):
    for method, path in [*addresses, *NOT_THERE]:
        assert reached(locked_app, method, path) == 401, (method, path)
        assert reached(locked_app, method, path, accept="text/html") == 401, (method, path)
        assert reached(locked_app, method, path, authorization="Bearer wrong") == 401, (method, path)


def test_a_server_that_cannot_refuse_a_websocket_closes_it(locked_app, addresses):
    for method, path in addresses:
        if method == "websocket":
            assert connect(locked_app, path, can_refuse=False) == ("close", 1008)


@pytest.mark.parametrize("foreign", [{"host": "evil.example"}, {"origin": "http://evil.example"}, {"origin": "null"}])
def test_to_others_every_address_is_closed(app, locked_app, addresses, foreign):
    for method, path in addresses:
        assert reached(app, method, path, **foreign) == 403, (method, path)
        assert reached(locked_app, method, path, **foreign, **BEARER) == 403, (method, path)


def test_with_the_token_every_address_is_open(locked_app, addresses):
    for method, path in addresses:
        origin = {"origin": "http://127.0.0.1:8050"} if method == "websocket" else {}
        assert reached(locked_app, method, path, **origin, **BEARER) not in (401, 403), (method, path)


def test_reading_changes_nothing(locked_app, addresses, database):
    before = database.read_bytes()

    statuses = {
        (method, path): reached(locked_app, method, path, **BEARER)
        for method, path in addresses
        if method in ("GET", "HEAD")
    } | {"epochs": ask(locked_app, "/api/studies/digits/epochs?trial=0", **BEARER).status}

    assert {asked: status for asked, status in statuses.items() if status not in (200, 404)} == {
        ("GET", "/api/studies/digits/epochs"): 400  # of which trials it does not say
    }
    assert statuses["GET", "/api/studies/digits/trials"] == 200
    assert database.read_bytes() == before
    with open_store(database) as store:
        assert store.pending_actions(store.study("digits").id) == []


@pytest.mark.parametrize(
    "path", ["/", "/study/digits", "/study/digits/", "/study/not-begun-yet", "/compare", "/compare/"]
)
def test_pages_are_there(app, path):
    answer = ask(app, path)

    assert answer.status == 200
    assert "_dash-config" in answer.text
    assert ask(app, path, "HEAD").status == 200


@pytest.mark.parametrize(
    "path",
    [
        *("/docs", "/docs/oauth2-redirect", "/redoc", "/openapi.json"),
        *(
            "/nothing",
            "//",
            "/study",
            "/study/",
            "/study/a/b",
            "/compare/x",
            "/index.html",
            "/login",
            "/api",
            "/assets",
        ),
    ],
)
def test_where_no_page_is_the_page_says_so(app, path):
    answer = ask(app, path)

    assert answer.status == 404
    assert answer.header("content-type").startswith("text/html")
    assert "_dash-config" in answer.text
    assert "swagger" not in answer.text.lower()
    assert (
        "There is no such page." in ask(app, "/_dash-layout", referer=f"http://127.0.0.1:8050{path}").text
        or path == "//"
    )
    assert ask(app, path, "HEAD").status == 404


def test_the_picture_that_browsers_ask_for_by_themselves_is_not_there(app):
    answer = ask(app, "/favicon.ico")

    assert answer.status == 204
    assert answer.body == b""


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE"])
@pytest.mark.parametrize("path", ["/_dash-anything", "/_nothing", "/_dash-update-component/x"])
def test_of_dashs_addresses_the_unknown_are_not_there(app, method, path):
    answer = ask(app, path, method)

    assert answer.status == 404
    assert answer.header("content-type") == "application/json"
    assert method == "HEAD" or answer.json() == {"error": f"There is nothing at {path}."}


@pytest.mark.parametrize(
    ("method", "path", "allow", "said"),
    [
        ("GET", "/_dash-update-component", "POST", "POST"),
        ("HEAD", "/_dash-update-component", "POST", None),
        ("DELETE", "/_dash-update-component", "POST", "POST"),
        ("POST", "/_dash-layout", "GET, HEAD", "GET"),
        ("POST", "/api/studies", "GET, HEAD", "GET"),
        ("POST", "/", "GET, HEAD", "GET"),
        ("POST", "/study/digits", "GET, HEAD", "GET"),
        ("OPTIONS", "/compare/", "GET, HEAD", "GET"),
    ],
)
def test_what_is_asked_for_in_another_way_is_told_how(app, method, path, allow, said):
    answer = ask(app, path, method)

    assert answer.status == 405
    assert answer.header("allow") == allow
    assert said is None or answer.json() == {"error": f"Ask for this with {said}."}


@pytest.mark.parametrize(
    "path", ["/assets/../conftest.py", "/assets/%2e%2e/api.py", "/assets/..%2fapi.py", "/assets//etc/passwd"]
)
def test_assets_are_those_of_the_dashboard_alone(app, path):
    answer = ask(app, path)

    assert answer.status == 404 or "_dash-config" in answer.text


@pytest.mark.parametrize("packing", ["gzip", "identity"])
@pytest.mark.parametrize(
    "path", ["/", "/docs", "/api/studies", "/api/nothing", "/_dash-layout", "/assets/dashboard.js", "/login"]
)
def test_head_is_answered_as_get_without_the_body(app, path, packing):
    whole = ask(app, path, accept_encoding=packing)
    answer = ask(app, path, "HEAD", accept_encoding=packing)

    assert answer.status == whole.status
    assert dict(answer.raw_headers).keys() == dict(whole.raw_headers).keys()
    assert answer.header("content-type") == whole.header("content-type")
    assert answer.sent == b""
