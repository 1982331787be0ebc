"""Where links lead in a real browser: from another site with the token, and to pages that are not there."""

from __future__ import annotations

import contextlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from tests.browser.conftest import serving
from tests.dashboard.conftest import new_study

from hpsearch.storage import open_store


@pytest.fixture(scope="module")
def locked(tmp_path_factory):
    """The address of a dashboard that asks for a token, and the token."""
    folder = tmp_path_factory.mktemp("locked")
    with open_store(folder / "studies.db", create=True) as store:
        store.create_study(new_study("digits"))
    with serving(folder, "--token-file", "token") as address:
        yield address, (folder / "token").read_text().strip()


@pytest.fixture
def visitor(chromium):
    """A page of a browser that has never been here, which may visit other sites."""
    with contextlib.closing(chromium.new_context()) as context:
        page = context.new_page()
        page.set_default_timeout(20_000)
        yield page


@contextlib.contextmanager
def another_site(link):
    """The address of a site that has that link."""

    class Site(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(f'<a href="{link}">go</a>'.encode())

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://localhost:{server.server_port}/"
        finally:
            server.shutdown()


def test_a_link_with_the_token_on_another_site_lets_in(locked, visitor):
    address, token = locked
    with another_site(f"{address}/study/digits?tab=cost&token={token}") as elsewhere:
        visitor.goto(elsewhere)
        visitor.click("text=go")

        visitor.wait_for_url(f"{address}/study/digits?tab=cost")
        visitor.wait_for_selector("#page h1")

        assert "token" not in visitor.evaluate("document.referrer")
        assert [cookie["sameSite"] for cookie in visitor.context.cookies()] == ["Strict"]
        visitor.go_back()
        assert visitor.url == elsewhere  # the page between the two is not in the history


def test_a_link_with_the_token_that_is_typed_lets_in(locked, visitor):
    address, token = locked

    answer = visitor.goto(f"{address}/?token={token}")

    assert answer.status == 200
    assert visitor.url == f"{address}/"
    assert answer.request.redirected_from.response().status == 303


def test_of_an_address_without_a_page_one_is_told_so(locked, visitor):
    address, token = locked
    visitor.goto(f"{address}/?token={token}")

    answer = visitor.goto(f"{address}/nothing")

    assert answer.status == 404
    visitor.wait_for_selector("text=There is no such page.")
    visitor.click("nav >> text=Studies")
    visitor.wait_for_selector("text=digits")


@pytest.mark.parametrize("path", ["/study/digits/", "/compare/?study=digits"])
def test_a_slash_at_the_end_shows_the_page(locked, visitor, path):
    address, token = locked
    visitor.goto(f"{address}/?token={token}")

    visitor.goto(address + path)

    visitor.wait_for_selector("#page h1")
    assert "There is no" not in visitor.inner_text("#page")
