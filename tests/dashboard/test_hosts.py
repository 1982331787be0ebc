"""Only the dashboard's own pages may ask it, by names that are its own."""

from __future__ import annotations

import pytest
from tests.dashboard.asking import ask, connect

from hpsearch.dashboard.guard import Guard
from hpsearch.dashboard.hosts import host_and_port


async def hello(scope, receive, send):
    """An application that accepts everything."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


@pytest.fixture
def guard():
    """A guard that knows one further name."""
    return Guard(hello, hosts=["Dash.Example.org"])


OWN = ["localhost", "localhost:8050", "LOCALHOST:1", "127.0.0.1:8050", "[::1]:8050", "[0:0::1]", "dash.example.org:80"]
FOREIGN = [
    *("evil.example", "evil.example:8050", "localhost.evil.example", "evil.example@localhost", "192.168.1.9:8050"),
    *("", "localhost:x", "localhost:8050:1", "[::1", "local host", "localhost/", "xn--lcalhost-1ld:8050"),
]


@pytest.mark.parametrize("host", OWN)
def test_it_answers_to_its_own_names(guard, host):
    assert ask(guard, "/", host=host).status == 200
    assert connect(guard, "/", host=host) == "accept"


@pytest.mark.parametrize("host", FOREIGN)
def test_it_answers_to_no_other_name(guard, host):
    assert ask(guard, "/", host=host).status == 403
    assert connect(guard, "/", host=host) == 403
    assert connect(guard, "/", host=host, can_refuse=False) == ("close", 1008)


def test_a_request_without_a_host_is_refused(guard):
    assert ask(guard, "/", host=None).status == 403


def test_it_answers_to_the_address_that_it_was_reached_by(guard):
    reached = ("192.168.1.9", 8050)

    assert ask(guard, "/", host="192.168.1.9:8050", server=reached).status == 200
    assert ask(guard, "/", host="192.168.1.9:8050", server=("::ffff:192.168.1.9", 8050)).status == 200
    assert ask(guard, "/", host="evil.example", server=reached).status == 403
    assert ask(guard, "/", host="evil.example", server=("evil.example", 8050)).status == 403


def test_what_is_refused_says_why(guard):
    answer = ask(guard, "/", host="evil.example")

    assert answer.json() == {
        "error": "This dashboard does not answer to the name 'evil.example': add it with --allow-host."
    }
    assert answer.header("content-type") == "application/json"


@pytest.mark.parametrize("origin", ["http://127.0.0.1:8050", "http://localhost:3000", "https://dash.example.org"])
def test_pages_of_its_own_names_may_read(guard, origin):
    assert ask(guard, "/", origin=origin).status == 200


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "", "file://", "chrome-extension://abc", "http://", "//127.0.0.1:8050"]
)
def test_pages_of_others_may_do_nothing(guard, origin):
    assert ask(guard, "/", origin=origin).status == 403
    assert ask(guard, "/", "POST", origin=origin).status == 403
    assert connect(guard, "/", origin=origin) == 403


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_only_its_own_pages_may_change_anything(guard, method):
    assert ask(guard, "/", method, origin="http://127.0.0.1:8050").status == 200
    assert ask(guard, "/", method, origin="http://127.0.0.1:3000").status == 403
    assert ask(guard, "/", method, origin="http://localhost:8050").status == 403
    assert ask(guard, "/", method).status == 200  # no browser sends such a thing without saying from where


def test_only_its_own_pages_may_open_a_websocket(guard):
    assert connect(guard, "/", origin="http://127.0.0.1:8050") == "accept"
    assert connect(guard, "/", origin="http://127.0.0.1:3000") == 403
    assert connect(guard, "/", origin="http://127.0.0.1:3000", can_refuse=False) == ("close", 1008)


def test_a_port_that_everybody_knows_need_not_be_said(guard):
    assert ask(guard, "/", "POST", host="dash.example.org", origin="https://dash.example.org").status == 200
    assert ask(guard, "/", "POST", host="dash.example.org", origin="https://dash.example.org:443").status == 200
    assert ask(guard, "/", "POST", host="dash.example.org", origin="http://dash.example.org:443").status == 403


@pytest.mark.parametrize(
    ("text", "taken_apart"),
    [
        ("Dash:80", ("dash", 80)),
        ("10.0.0.1", ("10.0.0.1", None)),
        ("[FE80::0:1]:9", ("fe80::1", 9)),
        ("[::ffff:10.0.0.1]", ("10.0.0.1", None)),
        ("http://dash", None),
        ("user@dash", None),
        ("dash:", None),
        ("dash:123456", None),
    ],
)
def test_a_host_is_taken_apart(text, taken_apart):
    assert host_and_port(text) == taken_apart
