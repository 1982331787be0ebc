"""With a token set, nobody gets anything without it."""

from __future__ import annotations

import re
from urllib.parse import urlencode

import pytest
from tests.dashboard.asking import ask, connect
from tests.dashboard.conftest import TOKEN
from tests.dashboard.test_hosts import hello

from hpsearch.dashboard.guard import Guard
from hpsearch.dashboard.login import Login

OWN = {"origin": "http://127.0.0.1:8050"}


@pytest.fixture
def guard():
    """A guard that asks for the token."""
    return Guard(hello, token=TOKEN)


def cookie_of(answer):
    return answer.header("set-cookie").partition(";")[0]


def post(app, fields, **headers):
    return ask(app, "/login", "POST", body=urlencode(fields).encode(), accept="text/html", **(OWN | headers))


def test_people_are_asked_with_a_form(guard):
    answer = ask(guard, "/study/digits?tab=cost", accept="text/html,*/*")

    assert answer.status == 401
    assert answer.header("content-type") == "text/html; charset=utf-8"
    assert '<form method="post" action="/login">' in answer.text
    assert 'type="password"' in answer.text
    assert 'value="/study/digits?tab=cost"' in answer.text
    # under no-referrer the browser would send the form with `Origin: null`, which is refused
    assert answer.header("referrer-policy") == "same-origin"


@pytest.mark.parametrize(
    ("path", "accept"), [("/", "*/*"), ("/api/studies", "text/html"), ("/_dash-layout", "text/html"), ("/", "")]
)
def test_programs_are_told_in_json(guard, path, accept):
    answer = ask(guard, path, accept=accept)

    assert answer.status == 401
    assert answer.header("www-authenticate") == "Bearer"
    assert "token" in answer.json()["error"]


def test_the_form_shows_no_address_as_html(guard):
    answer = ask(guard, '/"><script>alert(1)</script>?a="><b>', accept="text/html")

    assert "<script>" not in answer.text
    assert "<b>" not in answer.text


def test_a_program_gives_the_token_as_bearer(guard):
    assert ask(guard, "/", authorization=f"Bearer {TOKEN}").body == b"hello"
    assert ask(guard, "/", authorization=f"bearer  {TOKEN} ").status == 200
    for wrong in ["Bearer", "Bearer ", f"Bearer {TOKEN}x", f"Basic {TOKEN}", TOKEN, "Bearer é"]:
        assert ask(guard, "/", authorization=wrong).status == 401, wrong


@pytest.mark.parametrize(
    ("asked", "led_to"),
    [
        (f"/?token={TOKEN}", "/"),
        (f"/study/digits?tab=cost&token={TOKEN}&where.x=1,2", "/study/digits?tab=cost&where.x=1%2C2"),
        (f"//evil.example/?token={TOKEN}", "/evil.example/"),
        (f"/\\evil.example?token={TOKEN}", "/evil.example"),
        (f"/%0d%0aSet-Cookie: x?token={TOKEN}", "/%250d%250aSet-Cookie:%20x"),
    ],
)
def test_a_link_with_the_token_lets_in_and_forgets_it(guard, asked, led_to):
    answer = ask(guard, asked)

    assert answer.status == 303
    assert answer.header("location") == led_to
    assert TOKEN not in str(answer.raw_headers)
    assert ask(guard, "/", cookie=cookie_of(answer)).body == b"hello"


FROM_ELSEWHERE = [
    {"sec_fetch_site": "cross-site"},
    {"sec_fetch_site": "same-site"},
    {"referer": "http://elsewhere.example/"},  # by plain HTTP browsers tell only this machine's servers the other
    {"referer": "http://[x/"},
]


@pytest.mark.parametrize("said", FROM_ELSEWHERE)
def test_a_link_on_another_site_goes_on_by_a_page_of_its_own(guard, said):
    """Browsers would keep a strict cookie back from a redirect that began elsewhere."""
    answer = ask(guard, f"/study/digits?tab=cost&token={TOKEN}&where.x=1,2", accept="text/html", **said)

    assert answer.status == 200
    assert answer.header("location") is None
    wanted = "/study/digits?tab=cost&amp;where.x=1%2C2"
    assert f'<meta http-equiv="refresh" content="0; url={wanted}">' in answer.text
    assert f'<a href="{wanted}">' in answer.text
    assert '<meta name="referrer" content="no-referrer">' in answer.text  # of its own address, which has the token
    assert "<script" not in answer.text
    assert TOKEN not in answer.text + str(answer.raw_headers)
    assert "samesite=strict" in answer.header("set-cookie").lower()
    assert "httponly" in answer.header("set-cookie").lower()
    assert answer.header("cache-control") == "no-store"
    assert "default-src 'self'" in answer.header("content-security-policy")
    assert ask(guard, "/", cookie=cookie_of(answer)).body == b"hello"


@pytest.mark.parametrize("path", ["//evil.example/", "/\\evil.example/", '/"><script>alert(1)</script>'])
def test_that_page_leads_nowhere_else(guard, path):
    answer = ask(guard, f"{path}?token={TOKEN}", sec_fetch_site="cross-site")

    for led_to in re.findall(r'(?:url=|href=")(/[^"]*)"', answer.text):
        assert not led_to.startswith(("//", "/\\"))
    assert len(re.findall('(?:url=|href=")/', answer.text)) == 2
    assert "<script" not in answer.text


@pytest.mark.parametrize("said", FROM_ELSEWHERE)
def test_a_wrong_token_on_another_site_lets_nobody_in(guard, said):
    answer = ask(guard, "/?token=wrong", accept="text/html", **said)

    assert answer.status == 401
    assert answer.header("set-cookie") is None


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"sec_fetch_site": "none"},
        {"sec_fetch_site": "same-origin", "referer": "http://127.0.0.1:8050/x"},
        {"referer": "http://127.0.0.1:8050/x"},
    ],
)
def test_any_other_link_is_a_redirect(guard, said):
    assert ask(guard, f"/?token={TOKEN}", accept="text/html", **said).status == 303


def test_the_cookie_is_for_this_site_alone_and_not_for_scripts(guard):
    cookie = ask(guard, f"/?token={TOKEN}").header("set-cookie")

    attributes = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert attributes == {"httponly", "samesite=strict", "path=/"}


def test_a_wrong_token_in_a_link_lets_nobody_in(guard):
    answer = ask(guard, "/?token=wrong", accept="text/html")

    assert answer.status == 401
    assert answer.header("set-cookie") is None
    assert "That is not the token." in answer.text
    assert "wrong" not in re.findall('name="next" value="([^"]*)"', answer.text)[0]


def test_a_link_cannot_let_a_form_in(guard):
    assert ask(guard, f"/?token={TOKEN}", "POST", **OWN).status == 401
    assert connect(guard, f"/?token={TOKEN}") == 401


@pytest.mark.parametrize(
    ("wanted", "led_to"),
    [
        ("/study/a%20b?tab=cost", "/study/a%20b?tab=cost"),
        ("", "/"),
        ("/login", "/"),
        ("//evil.example/x", "/evil.example/x"),
        ("https://evil.example", "/https://evil.example"),
        ("/%5cevil.example", "/evil.example"),
    ],
)
def test_the_form_lets_in_and_leads_on(guard, wanted, led_to):
    answer = post(guard, {"token": TOKEN, "next": wanted})

    assert answer.status == 303
    assert answer.header("location") == led_to
    assert ask(guard, "/", cookie=cookie_of(answer)).status == 200
    assert connect(guard, "/", cookie=cookie_of(answer)) == "accept"


@pytest.mark.parametrize("fields", [{"token": "wrong"}, {"token": ""}, {}, {"next": "/"}, {"token": "é"}])
def test_the_form_with_another_token_is_shown_again(guard, fields):
    answer = post(guard, fields)

    assert answer.status == 401
    assert "That is not the token." in answer.text
    assert answer.header("set-cookie") is None


def test_the_form_of_another_site_is_refused(guard):
    assert post(guard, {"token": TOKEN}, origin="http://evil.example").status == 403
    assert post(guard, {"token": TOKEN}, origin="null").status == 403


def test_a_form_has_its_limit(guard):
    assert post(guard, {"token": "x" * 5000}).status == 413


def test_a_forged_cookie_is_none(guard):
    for forged in [f"hpsearch-dashboard={TOKEN}", "hpsearch-dashboard=", "hpsearch-dashboard=é", "other=1"]:
        assert ask(guard, "/", cookie=forged).status == 401
        assert connect(guard, "/", cookie=forged) == 401
        assert connect(guard, "/", cookie=forged, can_refuse=False) == ("close", 1008)


def test_a_cookie_is_worth_nothing_under_another_token(guard):
    cookie = cookie_of(ask(guard, f"/?token={TOKEN}"))

    assert ask(Guard(hello, token=TOKEN + "2"), "/", cookie=cookie).status == 401


def test_a_websocket_takes_the_token_too(guard):
    assert connect(guard, "/") == 401
    assert connect(guard, "/", can_refuse=False) == ("close", 1008)
    assert connect(guard, "/", authorization=f"Bearer {TOKEN}") == "accept"


def test_who_guesses_keeps_nobody_out(guard):
    cookie = cookie_of(ask(guard, f"/?token={TOKEN}"))
    for _ in range(100):
        assert post(guard, {"token": "wrong"}).status == 401
        assert ask(guard, "/?token=wrong").status == 401
        assert ask(guard, "/api/studies", authorization="Bearer wrong").status == 401
        assert ask(guard, "/", cookie="hpsearch-dashboard=wrong").status == 401

    assert ask(guard, "/api/studies", authorization=f"Bearer {TOKEN}").status == 200
    assert connect(guard, "/", authorization=f"Bearer {TOKEN}") == "accept"
    assert ask(guard, "/", cookie=cookie).status == 200
    assert ask(guard, f"/?token={TOKEN}").status == 303
    assert post(guard, {"token": TOKEN}).status == 303


def test_the_cookie_does_not_hold_the_token():
    assert TOKEN not in Login(TOKEN)._cookie
