"""How people and programs show the token: a form, a link, a cookie, or ``Authorization: Bearer``."""

from __future__ import annotations

import hashlib
import hmac
import math
import time
from collections import deque
from collections.abc import Callable, Iterable
from html import escape
from urllib.parse import parse_qs, parse_qsl, quote, unquote, urlencode

from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import Receive

from hpsearch.dashboard.bodies import read_body

COOKIE = "hpsearch-dashboard"
LOGIN = "/login"
WRONG_A_MINUTE = 10
_FORM_BYTES = 4096
_MOST_CLIENTS = 1000  # that are remembered for their wrong tokens
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
_WANTED = "This dashboard asks for its token, which is in the file that it named when it started."
_WRONG = "That is not the token."


class Tries:
    """Counts the wrong tokens of each client; who gave too many has to wait until a minute has passed.

    Args:
        clock: seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._wrong: dict[str, deque[float]] = {}

    def wait(self, client: str) -> float:
        """Seconds until the client may try again; 0 where it may now."""
        times = self._wrong.get(client, deque())
        while times and times[0] <= self._clock() - 60:
            times.popleft()
        return times[0] + 60 - self._clock() if len(times) >= WRONG_A_MINUTE else 0.0

    def count(self, client: str) -> None:
        """Remember a wrong token."""
        times = self._wrong.pop(client, deque(maxlen=WRONG_A_MINUTE))
        times.append(self._clock())
        self._wrong[client] = times  # the latest last
        if len(self._wrong) > _MOST_CLIENTS:
            del self._wrong[next(iter(self._wrong))]


class Login:
    """Tells who knows the token from who does not."""

    def __init__(self, token: str, tries: Tries | None = None) -> None:
        self._token = token.encode()
        self._cookie = hmac.new(self._token, b"hpsearch dashboard cookie", hashlib.sha256).hexdigest()
        self._tries = tries or Tries()

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
            others = [pair for pair in connection.query_params.multi_items() if pair[0] != "token"]
            given = connection.query_params["token"]
            return self._tried(connection, given) or self._let_in(connection, _address(path, others))
        if _same(connection.cookies.get(COOKIE, "").encode(), self._cookie.encode()):
            return None
        scheme, _, given = connection.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return self._tried(connection, given.strip())
        return _refusal(connection, 401, _WANTED, self._here(connection))

    def _posted(self, connection: HTTPConnection, body: bytes) -> Response:
        form = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)
        path, _, query = form.get("next", ["/"])[0].partition("?")
        wanted = _address(unquote(path), parse_qsl(query, keep_blank_values=True))
        if wanted == LOGIN:
            wanted = "/"
        return self._tried(connection, form.get("token", [""])[0], wanted) or self._let_in(connection, wanted)

    def _tried(self, connection: HTTPConnection, given: str, wanted: str | None = None) -> Response | None:
        """What to answer to a token that was given; None where it is the right one."""
        client = connection.client.host if connection.client is not None else ""
        wanted = self._here(connection) if wanted is None else wanted
        seconds = math.ceil(self._tries.wait(client))
        if seconds > 0:  # the right token too: else the limit would limit nothing
            said = f"Too many wrong tokens: try again in {seconds} seconds."
            return _refusal(connection, 429, said, wanted, {"Retry-After": str(seconds)})
        if _same(given.encode(), self._token):
            return None
        self._tries.count(client)
        return _refusal(connection, 401, _WRONG, wanted)

    def _let_in(self, connection: HTTPConnection, wanted: str) -> Response:
        answer = Response(status_code=303, headers={"Location": wanted})
        secure = connection.scope["scheme"] == "https"
        answer.set_cookie(COOKIE, self._cookie, httponly=True, samesite="strict", path="/", secure=secure)
        return answer

    def _here(self, connection: HTTPConnection) -> str:
        others = [pair for pair in connection.query_params.multi_items() if pair[0] != "token"]
        return _address(connection.scope["path"], others)


def _refusal(
    connection: HTTPConnection, status: int, said: str, wanted: str, headers: dict[str, str] | None = None
) -> Response:
    """A form for people with a browser, JSON for programs."""
    headers = (headers or {}) | ({"WWW-Authenticate": "Bearer"} if status == 401 else {})
    for_people = connection.scope["type"] == "http" and not connection.scope["path"].startswith(_NOT_FOR_PEOPLE)
    if not for_people or "text/html" not in connection.headers.get("accept", ""):
        return JSONResponse({"error": said}, status, headers)
    page = _PAGE.format(said=escape(said), action=LOGIN, next=escape(wanted))
    return HTMLResponse(page, status, headers)


def _address(path: str, query: Iterable[tuple[str, str]]) -> str:
    """A place of this server: ``//other.example`` and ``/\\other.example`` would be another's."""
    asked = urlencode(list(query))
    return "/" + quote(path.lstrip("/\\"), safe="/~:@!$&'()*+,;=") + (f"?{asked}" if asked else "")


def _same(given: bytes, wanted: bytes) -> bool:
    """Whether both are equal; how long it takes does not tell where they differ."""
    return hmac.compare_digest(given, wanted)
