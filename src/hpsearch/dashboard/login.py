"""How people and programs show the token: a form, a link, a cookie, or ``Authorization: Bearer``."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from html import escape
from urllib.parse import parse_qs, parse_qsl, quote, unquote, urlencode, urlsplit

from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import Receive

from hpsearch.dashboard.bodies import read_body

COOKIE = "hpsearch-dashboard"
LOGIN = "/login"
_FORM_BYTES = 4096
_NOT_FOR_PEOPLE = ("/api/", "/_")  # Dash's own addresses begin with _

_PAGE = """\
<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>hpsearch: sign in</title><link rel="icon" href="data:,">
<style>
:root {{ color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }}
body {{ margin: 15vh auto 0; padding: 0 1rem; max-width: 26rem; }}
input, button {{ box-sizing: border-box; width: 100%; margin-top: .5rem; padding: .5rem; font: inherit;
  border: 1px solid #8a94a3; border-radius: .4rem; }}
button {{ border-color: #0069a8; background: #0069a8; color: #fff; }}
</style></head>
<body><main>
<h1>hpsearch</h1>
<p role="alert">{said}</p>
<form method="post" action="{action}">
<label>Token<input type="password" name="token" autocomplete="current-password" required autofocus></label>
<input type="hidden" name="next" value="{next}">
<button>Sign in</button>
</form>
</main></body></html>
"""
# A browser that came from another site keeps a strict cookie back along the whole chain of redirects; a page's own way
# on is a new beginning. What it leads to is not told of the link, which has the token.
_ONWARD = """\
<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer"><meta http-equiv="refresh" content="0; url={wanted}">
<title>hpsearch: signed in</title><link rel="icon" href="data:,">
<style>
:root {{ color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }}
body {{ margin: 15vh auto 0; padding: 0 1rem; max-width: 26rem; }}
</style></head>
<body><main>
<h1>hpsearch</h1>
<p>You are signed in. <a href="{wanted}">Go on to the dashboard</a></p>
</main></body></html>
"""
_WANTED = "This dashboard asks for its token, which is in the file that it named when it started."
_WRONG = "That is not the token."


class Login:
    """Tells who knows the token from who does not.

    Wrong tokens are not counted: nobody guesses 256 random bits, and a wait would shut out all who share an address.
    """

    def __init__(self, token: str) -> None:
        self._token = token.encode()
        self._cookie = hmac.new(self._token, b"hpsearch dashboard cookie", hashlib.sha256).hexdigest()

    async def answer(self, connection: HTTPConnection, receive: Receive) -> Response | None:
        """What to answer in the application's place; None where it may answer itself.

        Raises:
            BodyTooLarge: the form is.
        """
        is_page = connection.scope["type"] == "http"
        method = connection.scope["method"] if is_page else ""
        path = connection.scope["path"]
        if method == "POST" and path == LOGIN:
            return self._posted(connection, await read_body(receive, _FORM_BYTES))
        if method in ("GET", "HEAD") and "token" in connection.query_params:
            return self._shown(connection, connection.query_params["token"], _here(connection))
        if _same(connection.cookies.get(COOKIE, "").encode(), self._cookie.encode()):
            return None
        scheme, _, given = connection.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return _refusal(connection, _WANTED, _here(connection))
        return None if self._is_token(given.strip()) else _refusal(connection, _WRONG, _here(connection))

    def _posted(self, connection: HTTPConnection, body: bytes) -> Response:
        form = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)
        path, _, query = form.get("next", ["/"])[0].partition("?")
        wanted = _address(unquote(path), parse_qsl(query, keep_blank_values=True))
        return self._shown(connection, form.get("token", [""])[0], "/" if wanted == LOGIN else wanted)

    def _shown(self, connection: HTTPConnection, given: str, wanted: str) -> Response:
        """The answer to a person who shows a token on the way to `wanted`."""
        if not self._is_token(given):
            return _refusal(connection, _WRONG, wanted)
        if _from_elsewhere(connection):
            answer: Response = HTMLResponse(_ONWARD.format(wanted=escape(wanted)))
        else:
            answer = Response(status_code=303, headers={"Location": wanted})
        secure = connection.scope["scheme"] == "https"
        answer.set_cookie(COOKIE, self._cookie, httponly=True, samesite="strict", path="/", secure=secure)
        return answer

    def _is_token(self, given: str) -> bool:
        return _same(given.encode(), self._token)


def _refusal(connection: HTTPConnection, said: str, wanted: str) -> Response:
    """A form for people with a browser, JSON for programs."""
    headers = {"WWW-Authenticate": "Bearer"}
    for_people = connection.scope["type"] == "http" and not connection.scope["path"].startswith(_NOT_FOR_PEOPLE)
    if not for_people or "text/html" not in connection.headers.get("accept", ""):
        return JSONResponse({"error": said}, 401, headers)
    page = _PAGE.format(said=escape(said), action=LOGIN, next=escape(wanted))
    return HTMLResponse(page, 401, headers)


def _from_elsewhere(connection: HTTPConnection) -> bool:
    """Whether a page of another site led here.

    Browsers say it to servers that they trust, by TLS or on their own machine; of others only the Referer tells.
    """
    said = connection.headers.get("sec-fetch-site")
    if said is not None:
        return said in ("cross-site", "same-site")
    try:
        place = urlsplit(connection.headers.get("referer", "")).netloc
    except ValueError:
        return True
    return place not in ("", connection.headers.get("host"))


def _here(connection: HTTPConnection) -> str:
    """What was asked for, without the token."""
    others = [pair for pair in connection.query_params.multi_items() if pair[0] != "token"]
    return _address(connection.scope["path"], others)


def _address(path: str, query: Iterable[tuple[str, str]]) -> str:
    """A place of this server: ``//other.example`` and ``/\\other.example`` would be another's."""
    asked = urlencode(list(query))
    return "/" + quote(path.lstrip("/\\"), safe="/~:@!$&'()*+,;=") + (f"?{asked}" if asked else "")


def _same(given: bytes, wanted: bytes) -> bool:
    """Whether both are equal; how long it takes does not tell where they differ."""
    return hmac.compare_digest(given, wanted)
