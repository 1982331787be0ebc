"""What every answer says about itself, and how much may be sent."""

from __future__ import annotations

import base64
import hashlib
import re

import pytest
from tests.dashboard.asking import ask

from hpsearch.dashboard.guard import BODY_BYTES, Guard


async def count(scope, receive, send):
    """An application that tells how many bytes it was sent."""
    size, more = 0, True
    while more:
        message = await receive()
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(size).encode()})


def test_a_body_arrives_whole():
    assert ask(Guard(count), "/", "POST", body=b"x" * BODY_BYTES).body == str(BODY_BYTES).encode()
    assert ask(Guard(count), "/", "POST", body=[b"abc", b"", b"de"]).body == b"5"


def test_a_body_that_is_too_large_is_refused():
    too_large = b"x" * (BODY_BYTES + 1)

    assert ask(Guard(count), "/", "POST", body=too_large).status == 413
    assert ask(Guard(count), "/", "POST", body=[too_large[:1000]] * 1100).status == 413
    assert ask(Guard(count), "/", "GET", body=too_large).status == 413


def test_a_body_that_is_said_to_be_too_large_is_not_read():
    answer = ask(Guard(count), "/", "POST", body=[b"x"], content_length=str(2**40))

    assert answer.status == 413
    assert answer.json() == {"error": "That is too much to send."}


@pytest.mark.parametrize("path", ["/", "/api/studies", "/api/no/such", "/assets/dashboard.js"])
def test_every_answer_says_how_it_is_to_be_treated(app, path):
    answer = ask(app, path)

    assert answer.header("x-content-type-options") == "nosniff"
    assert answer.header("referrer-policy") == "same-origin"
    assert answer.header("x-frame-options") == "DENY"
    assert answer.header("cross-origin-opener-policy") == "same-origin"
    policy = dict(part.split(" ", 1) for part in answer.header("content-security-policy").split("; "))
    assert policy["default-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == policy["object-src"] == "'none'"
    assert policy["form-action"] == policy["connect-src"] == "'self'"
    assert not {"'unsafe-inline'", "'unsafe-eval'"} & set(policy["script-src"].split())


def test_refusals_say_so_too(locked_app):
    for answer in [ask(locked_app, "/"), ask(locked_app, "/", host="evil.example")]:
        assert answer.status in (401, 403)
        assert "default-src 'self'" in answer.header("content-security-policy")


@pytest.mark.parametrize("path", ["/", "/study/digits", "/api/studies"])
def test_what_a_study_holds_is_kept_by_no_cache(app, path):
    assert ask(app, path).header("cache-control") == "no-store"


def test_the_policy_names_every_script_within_the_page(app):
    answer = ask(app, "/")
    page = re.sub(r"<!--.*?-->", "", answer.text, flags=re.S)  # what only browsers of long ago read

    scripts = re.findall(r"<script(?![^>]*\bsrc=)(?![^>]*application/json)[^>]*>(.*?)</script>", page, re.S)
    assert scripts
    for script in scripts:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in answer.header("content-security-policy")


def test_the_page_loads_nothing_from_elsewhere(app):
    page = ask(app, "/").text

    loaded = re.findall(r"""<(?:script|link|img)[^>]*\b(?:src|href)="([^"]*)""", page)
    assert len(loaded) > 5
    assert all(place.startswith("/") and not place.startswith("//") for place in loaded)
