"""The web server around the application."""

from __future__ import annotations

import socket
from collections.abc import Callable

import uvicorn
from starlette.types import ASGIApp

from hpsearch.dashboard.guard import BODY_BYTES

_PATIENCE_SECONDS = 3  # for answers that are being made when it ends


def run(app: ASGIApp, listener: socket.socket, listening: Callable[[], object]) -> None:
    """Serve `app` to who connects to `listener`, until SIGINT or SIGTERM; the signal is then raised anew.

    Args:
        listening: is called once it serves.
    """
    config = uvicorn.Config(
        app,
        loop="asyncio",
        http="h11",
        ws="wsproto",
        ws_max_size=BODY_BYTES,
        lifespan="off",  # Dash would use it to add an address that `make_app` has
        log_config=None,
        access_log=False,  # it would have the token of a link
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=_PATIENCE_SECONDS,
    )
    _Server(config, listening).run(sockets=[listener])


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, listening: Callable[[], object]) -> None:
        super().__init__(config)
        self._listening = listening

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to serve."""
        await super().startup(sockets)
        if self.started:
            self._listening()
