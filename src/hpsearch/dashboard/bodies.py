"""Bodies of requests: read whole, and only so much of them."""

from __future__ import annotations

from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive


class BodyTooLarge(Exception):
    """A request's body is larger than it may be."""


async def read_body(receive: Receive, limit: int) -> bytes:
    """The whole body. BodyTooLarge as soon as more than `limit` bytes have come; ClientDisconnect."""
    body = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        if len(body) > limit:
            raise BodyTooLarge
        more = message.get("more_body", False)
    return bytes(body)


def once_more(body: bytes, receive: Receive) -> Receive:
    """What gives a body that was read already to whoever reads it next."""
    given = False

    async def give() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return give
