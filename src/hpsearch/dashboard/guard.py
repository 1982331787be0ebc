"""One layer around the whole application that every request and every websocket passes.

It is plain ASGI: what is called an HTTP middleware never sees a websocket, and Dash has one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, HTTPConnection
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hpsearch.dashboard.bodies import BodyTooLarge, once_more, read_body
from hpsearch.dashboard.hosts import Hosts
from hpsearch.dashboard.login import Login

BODY_BYTES = 2**20  # what a page sends is names, numbers and the trials that are chosen
_POLICY_VIOLATION = 1008
_STARTS = ("http.response.start", "websocket.http.response.start")
_KEPT_NOWHERE = ("text/html", "application/json")


class Guard:
    """Lets through to `app` what comes from its own pages, or from people and programs who know the token.

    Args:
        hosts: names that the server answers to beside this machine's own.
        token: that everybody has to know; None where nobody has to.
        scripts: hashes of the scripts within the pages, as the content security policy names them.
    """

    def __init__(
        self, app: ASGIApp, *, hosts: Collection[str] = (), token: str | None = None, scripts: Iterable[str] = ()
    ) -> None:
        self.app = app
        self._hosts = Hosts(hosts)
        self._login = None if token is None else Login(token)
        self._headers = _headers(scripts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or serve one websocket."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        send = self._with_headers(send)
        connection = HTTPConnection(scope)
        try:
            answer = await self._answer(connection, receive)
            if answer is None and scope["type"] == "http":
                receive = once_more(await _body_of(connection, receive), receive)
        except BodyTooLarge:
            answer = JSONResponse({"error": "That is too much to send."}, 413, {"Connection": "close"})
        except ClientDisconnect:
            return
        if answer is None:
            await self.app(scope, receive, send)
        else:
            await _refuse(answer, scope, receive, send)

    async def _answer(self, connection: HTTPConnection, receive: Receive) -> Response | None:
        """What to answer instead of the application; None where it may answer."""
        objection = self._hosts.objection(connection)
        if objection is not None:
            return JSONResponse({"error": objection}, 403)
        return None if self._login is None else await self._login.answer(connection, receive)

    def _with_headers(self, send: Send) -> Send:
        async def send_with_headers(message: Message) -> None:
            if message["type"] in _STARTS:
                message.setdefault("headers", [])
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
                if headers.get("content-type", "").startswith(_KEPT_NOWHERE):
                    headers.setdefault("Cache-Control", "no-store")
            await send(message)

        return send_with_headers


async def _body_of(connection: HTTPConnection, receive: Receive) -> bytes:
    said = connection.headers.get("content-length", "0")
    if not (said.isascii() and said.isdigit()) or int(said) > BODY_BYTES:
        raise BodyTooLarge
    return await read_body(receive, BODY_BYTES)


async def _refuse(answer: Response, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await receive()  # the wish to connect
        if "websocket.http.response" not in scope.get("extensions", {}):
            await send({"type": "websocket.close", "code": _POLICY_VIOLATION})
            return
    await answer(scope, receive, send)


def _headers(scripts: Iterable[str]) -> dict[str, str]:
    """What every answer says about itself to browsers."""
    # Scripts within a page are named by their hashes, so none that somebody's text smuggles in would run.
    policy = {
        "default-src": ["'self'"],
        "script-src": ["'self'", *scripts],
        "style-src": ["'self'", "'unsafe-inline'"],
        "img-src": ["'self'", "data:", "blob:"],
        "font-src": ["'self'", "data:"],
        "connect-src": ["'self'"],
        "frame-ancestors": ["'none'"],
        "base-uri": ["'none'"],
        "form-action": ["'self'"],
        "object-src": ["'none'"],
    }
    return {
        "Content-Security-Policy": "; ".join(f"{name} {' '.join(places)}" for name, places in policy.items()),
        "X-Content-Type-Options": "nosniff",
        # not no-referrer: by it the layout knows which page asks, and forms would be sent with `Origin: null`
        "Referrer-Policy": "same-origin",
        "X-Frame-Options": "DENY",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
