"""Who may be meant, and who may ask: the rules for the headers Host and Origin.

A page of any site may make a browser ask this server, and may lead a name of its own here (DNS rebinding) to read the
answers. The browser then says the page's name in both headers, and that name is not one of ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import IPv6Address, ip_address

from starlette.requests import HTTPConnection

LOCAL = ("localhost", "127.0.0.1", "::1")
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\[\]:/@\\?#\s]+)(?::(\d{1,5}))?")
_PORTS = {"http": 80, "https": 443}
_SAFE = ("GET", "HEAD", "OPTIONS")


def host_and_port(text: str) -> tuple[str, int | None] | None:
    """``NAME``, ``NAME:PORT`` or ``[ADDRESS]:PORT`` taken apart, the name in one spelling; None for anything else."""
    found = _HOST.fullmatch(text)
    if found is None:
        return None
    name, port = found.groups()
    return _spelled(name.strip("[]")), None if port is None else int(port)


class Hosts:
    """The names that the server answers to: this machine's own for itself, those given, and where it was reached.

    The last is the address of the connection itself, an address in numbers: no page of another site has it as its name.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._names = {*LOCAL, *map(_spelled, names)}

    def objection(self, connection: HTTPConnection) -> str | None:
        """Why a request is not to be answered, as a sentence; None where its Host and Origin are in order."""
        given = connection.headers.getlist("host")
        own = host_and_port(given[0]) if len(given) == 1 else None
        reached = _reached(connection)
        if own is None:
            return "A request has to name one host."
        if not self._knows(own[0], reached):
            return f"This dashboard does not answer to the name {own[0]!a}: add it with --allow-host."
        return self._foreign(connection, own, reached)

    def _foreign(self, connection: HTTPConnection, own: tuple[str, int | None], reached: str | None) -> str | None:
        origins = connection.headers.getlist("origin")
        if not origins:  # no browser, or nothing that could change anything
            return None
        scheme, place = _origin(origins[0]) if len(origins) == 1 else ("", None)
        if place is None or not self._knows(place[0], reached):
            return "Pages of other sites may not ask this dashboard."
        changes = connection.scope["type"] == "websocket" or connection.scope["method"] not in _SAFE
        if changes and _whole(place, scheme) != _whole(own, scheme):
            return "Only this dashboard's own pages may do that."
        return None

    def _knows(self, name: str, reached: str | None) -> bool:
        return name in self._names or name == reached


def _origin(text: str) -> tuple[str, tuple[str, int | None] | None]:
    """Scheme and place of an Origin; no place where it is not one of the web, as ``null``."""
    scheme, separator, place = text.partition("://")
    if not separator or scheme not in _PORTS:
        return "", None
    return scheme, host_and_port(place)


def _whole(place: tuple[str, int | None], scheme: str) -> tuple[str, int]:
    name, port = place
    return name, _PORTS[scheme] if port is None else port


def _reached(connection: HTTPConnection) -> str | None:
    server = connection.scope.get("server")
    if server is None:
        return None
    try:
        ip_address(server[0])
    except ValueError:
        return None
    return _spelled(server[0])


def _spelled(name: str) -> str:
    """A name in lower case, an address in its shortest form."""
    try:
        address = ip_address(name)
    except ValueError:
        return name.lower()
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(address)
