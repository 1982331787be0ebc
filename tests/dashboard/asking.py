"""Requests to an application in this process, as a web server would pass them on."""

from __future__ import annotations

import asyncio
import gzip
import json
from dataclasses import dataclass

HERE = "127.0.0.1:8050"


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    raw_headers: list[tuple[bytes, bytes]]
    sent: bytes

    def header(self, name):
        """The value of a header; None where it is missing."""
        return next((value.decode() for key, value in self.raw_headers if key.decode().lower() == name.lower()), None)

    @property
    def body(self):
        """What was sent, unpacked."""
        return gzip.decompress(self.sent) if self.header("content-encoding") == "gzip" else self.sent

    @property
    def text(self):
        """The same as text."""
        return self.body.decode()

    def json(self):
        """The same as JSON has it: NaN, which it does not have, is an error."""

        def refuse(name):
            raise ValueError(f"{name} is no JSON")

        return json.loads(self.body, parse_constant=refuse)


def ask(app, path, method="GET", *, host=HERE, body=b"", client="127.0.0.1", server=("127.0.0.1", 8050), **headers):
    """One request. `body` may be several parts, sent without saying how long they are together."""
    parts = [body] if isinstance(body, bytes) else list(body)
    named = [(b"host", host.encode())] if host is not None else []
    if isinstance(body, bytes) and body:
        named.append((b"content-length", str(len(body)).encode()))
    scope = _scope("http", path, server, client, named, headers) | {"method": method, "scheme": "http"}
    left = list(enumerate(parts, start=1))
    sent = []

    async def receive():
        if not left:
            return {"type": "http.disconnect"}
        number, part = left.pop(0)
        return {"type": "http.request", "body": part, "more_body": number < len(parts)}

    async def send(message):
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    start = next(message for message in sent if message["type"] == "http.response.start")
    whole = b"".join(message.get("body", b"") for message in sent if message["type"] == "http.response.body")
    return Answer(start["status"], start["headers"], whole)


def connect(app, path, *, host=HERE, client="127.0.0.1", server=("127.0.0.1", 8050), can_refuse=True, **headers):
    """What a websocket is told first: ``accept``, a status such as 401, or ``close`` with its code."""
    scope = _scope("websocket", path, server, client, [(b"host", host.encode())], headers)
    scope |= {"scheme": "ws", "subprotocols": [], "extensions": {"websocket.http.response": {}} if can_refuse else {}}
    messages = [{"type": "websocket.connect"}, {"type": "websocket.disconnect", "code": 1001}]
    sent = []

    async def receive():
        return messages.pop(0)

    async def send(message):
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    first = sent[0]
    if first["type"] == "websocket.http.response.start":
        return first["status"]
    return ("close", first["code"]) if first["type"] == "websocket.close" else first["type"].removeprefix("websocket.")


def _scope(kind, path, server, client, named, headers):
    bare, _, query = path.partition("?")
    given = [(name.replace("_", "-").lower().encode(), value.encode()) for name, value in headers.items()]
    return {
        "type": kind,
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "path": bare,
        "raw_path": bare.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [*named, *given],
        "server": server,
        "client": (client, 50_000),
        "state": {},
        "extensions": {},
    }
