"""Ctrl-C while the program starts.

Python prints and forgets what is raised in a callback of its garbage collector, and libraries that load here have such
callbacks: a KeyboardInterrupt may get lost in one. It is remembered, and raised again before the work begins.
"""

from __future__ import annotations

import signal
from types import FrameType

_asked = False


def remember() -> None:
    """From here on a Ctrl-C is remembered."""
    signal.signal(signal.SIGINT, _interrupt)


def _interrupt(number: int, frame: FrameType | None) -> None:
    global _asked
    _asked = True
    raise KeyboardInterrupt


def raise_lost() -> None:
    """Raise KeyboardInterrupt if there was one: that we are still here means that it was lost."""
    if _asked:
        raise KeyboardInterrupt
