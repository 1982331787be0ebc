"""Callbacks of pages: none holds up the others, and a bug in one is told."""

from __future__ import annotations

import asyncio
import json
import logging
import threading

import dash
import pytest
from dash import Input, Output, html
from dash.exceptions import PreventUpdate
from tests.dashboard.asking import ask

from hpsearch.dashboard.backend import Backend
from hpsearch.errors import StudyNotFound

JSON = {"content_type": "application/json"}


@pytest.fixture
def page():
    """A page of one callback, whose function the test sets as `page.answer`."""
    page = dash.Dash("page", backend=Backend, add_log_handler=False, use_async=False, use_pages=False)
    page.layout = html.Div([html.Div(id="in"), html.Div(id="out")])
    page.answer = lambda value: value

    @page.callback(Output("out", "children"), Input("in", "children"))
    def callback(value):
        return page.answer(value)

    return page


def body(value):
    asked = {"id": "in", "property": "children", "value": value}
    out = {"id": "out", "property": "children"}
    whole = {"output": "out.children", "outputs": out, "inputs": [asked], "changedPropIds": ["in.children"]}
    return json.dumps(whole).encode()


def call(page, value):
    return ask(page.server, "/_dash-update-component", "POST", body=body(value), **JSON)


def test_a_callback_is_answered(page):
    answer = call(page, "hello")

    assert answer.status == 200
    assert answer.json()["response"] == {"out": {"children": "hello"}}


def test_one_that_draws_lets_the_others_pass(page):
    second_came = threading.Event()

    def answer(value):
        if value == "first":
            assert second_came.wait(10)
        else:
            second_came.set()
        return value

    page.answer = answer

    async def both():
        return await asyncio.gather(one_loop("first"), one_loop("second"))

    async def one_loop(value):
        received = [{"type": "http.request", "body": body(value), "more_body": False}]
        sent = []

        async def receive():
            return received.pop() if received else {"type": "http.disconnect"}

        async def send(message):
            sent.append(message)

        headers = [(b"content-type", b"application/json"), (b"host", b"127.0.0.1")]
        scope = {"type": "http", "method": "POST", "path": "/_dash-update-component", "query_string": b""}
        scope |= {"headers": headers, "root_path": "", "http_version": "1.1", "scheme": "http", "server": ("x", 1)}
        await page.server(scope | {"client": ("x", 1)}, receive, send)
        return sent[0]["status"]

    assert asyncio.run(both()) == [200, 200]


def test_nothing_new_is_no_error(page, caplog):
    def answer(value):
        raise PreventUpdate

    page.answer = answer

    assert call(page, "x").status == 204
    assert not caplog.records


def test_a_bug_is_told_with_its_traceback(page, caplog):
    page.answer = lambda value: 1 // 0

    answer = call(page, "x")

    assert answer.status == 500
    assert "ZeroDivisionError" not in answer.text
    assert [record.exc_info[0] for record in caplog.records if record.levelno == logging.ERROR] == [ZeroDivisionError]


OUT = b'"outputs": {"id": "out", "property": "children"}'
IN = b'{"id": "in", "property": "children", "value": 1}'
NOT_ASKED_BY_ANY_PAGE = {
    "nothing": b"",
    "no JSON": b"x",
    "no text": b"\xff",
    "an empty object": b"{}",
    "a list": b"[]",
    "null": b"null",
    "an endless list": b"[" * 100_000,
    "no such output": b'{"output": "none.children", "inputs": [], "outputs": []}',
    "an output that is no name": b'{"output": ["out.children"]}',
    "no values": b'{"output": "out.children", %b, "inputs": []}' % OUT,
    "too many values": b'{"output": "out.children", %b, "inputs": [%b, %b]}' % (OUT, IN, IN),
    "values without names": b'{"output": "out.children", %b, "inputs": [1]}' % OUT,
    "no outputs": b'{"output": "out.children", "inputs": [%b]}' % IN,
    "another's outputs": b'{"output": "out.children", "outputs": {"id": "in", "property": "x"}, "inputs": [%b]}' % IN,
}


@pytest.mark.parametrize("sent", NOT_ASKED_BY_ANY_PAGE.values(), ids=NOT_ASKED_BY_ANY_PAGE)
def test_what_no_page_asks_is_refused_in_a_sentence(page, caplog, sent):
    page.answer = lambda value: pytest.fail("it was called")

    answer = ask(page.server, "/_dash-update-component", "POST", body=sent, **JSON)

    assert answer.status == 400
    assert answer.json() == {"error": "This is not what a page of this dashboard asks."}
    assert not caplog.records


def test_what_does_not_say_that_it_is_json_is_refused(page):
    answer = ask(page.server, "/_dash-update-component", "POST", body=body("x"), content_type="text/plain")

    assert answer.status == 400


def test_what_the_store_says_is_no_bug(page, caplog):
    def answer(value):
        raise StudyNotFound("There is no study 'gone'.")

    page.answer = answer

    assert call(page, "x").status == 500
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
