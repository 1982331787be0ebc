"""From a command to pages that are served, and to a clean end."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Sequence
from contextlib import closing
from ipaddress import ip_address
from pathlib import Path

from hpsearch.dashboard.hosts import host_and_port
from hpsearch.dashboard.token import token_of
from hpsearch.errors import ConfigError
from hpsearch.storage import open_store

_WHY = {errno.EADDRINUSE: "is in use: give another with --port, or --port 0 for any free one"}


def serve(
    database: str,
    host: str,
    port: int,
    *,
    allow_hosts: Sequence[str],
    token_file: Path | None,
    own_token_file: Path,
    tell: Callable[[str], object],
) -> None:
    """Serve pages about the studies of `database` until a signal ends it, which is then raised anew.

    Args:
        port: 0 for any free one.
        allow_hosts: further names that it answers to.
        token_file: holds the token that everybody has to know; is made where it is not there.
        own_token_file: the same where others could reach the server and no file is given.
        tell: is given lines about where the pages and the token are.

    Raises:
        ConfigError: the address cannot be listened on, or the token's file is not in order.
        StoreError: there is no such database.
    """
    names = [_name(given) for given in [host, *allow_hosts]]
    with open_store(database) as store, closing(_listener(host, port)) as listener:
        address, port = listener.getsockname()[:2]
        token = None
        if token_file is not None or not ip_address(address).is_loopback:
            file = token_file or own_token_file
            token, made = token_of(file)
            tell(f"the token that it asks for is in {file}" + (", made now" if made else ""))
        from hpsearch.dashboard.running import run  # Dash takes seconds to load: mistakes are told before
        from hpsearch.dashboard.server import make_app

        where = f"dashboard of {database} on http://{f'[{host}]' if ':' in host else host}:{port} - Ctrl-C ends it"
        run(make_app(store, hosts=names, token=token), listener, lambda: tell(where))


def _listener(host: str, port: int) -> socket.socket:
    """A socket that listens there; where a name has several addresses, on one of the fourth version. ConfigError."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise ConfigError(f"There is no address {host!r} to listen on: {error.strerror}.") from error
    family, _, _, _, address = min(found, key=lambda one: one[0] is not socket.AF_INET)
    # TCP by name: otherwise asyncio would not set TCP_NODELAY, and an answer's second part wait 40 ms for the first
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port is free as soon as its server ended
        listener.bind(address)
        listener.listen()
    except OSError as error:
        listener.close()
        why = _WHY.get(error.errno or 0, f"cannot be listened on: {error.strerror}")
        raise ConfigError(f"Port {port} of {host} {why}.") from error
    return listener


def _name(given: str) -> str:
    """The name alone of what a person gave as a host."""
    found = host_and_port(f"[{given}]" if given.count(":") > 1 and "[" not in given else given)
    if found is None:
        raise ConfigError(f"{given!r} is not the name of a host: give it alone, as in dashboard.example.org.")
    return found[0]
