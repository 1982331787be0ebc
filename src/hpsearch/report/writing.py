"""Pages on disk: whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from hpsearch.errors import ConfigError


def require_place(target: Path) -> None:
    """Raise ConfigError, before any work is done, where no file can come to be at `target`."""
    if os.path.isdir(target):  # unlike Path, it has no opinion on names that cannot be looked up
        raise ConfigError(f"{target} is a folder: name the file to write with -o.")
    if os.path.exists(target) and not os.path.isfile(target):
        raise ConfigError(f"{target} is not a file that can be replaced: name another one with -o.")
    if not os.path.isdir(target.absolute().parent):
        raise ConfigError(f"There is no folder {target.absolute().parent} to write {target.name} to.")


def write_page(target: Path, text: str) -> int:
    """Write `text` in the place of whatever file was there; its size in bytes.

    A reader sees the old file or the new one, never a part. ConfigError where it cannot be written.
    """
    require_place(target)
    content = text.encode("utf-8")
    real = Path(os.path.realpath(target))  # a link goes on leading where it led
    temporary = real.with_name(f".{real.name}.{os.getpid()}.part")
    try:
        temporary.write_bytes(content)
        temporary.replace(real)
    except OSError as error:
        raise ConfigError(f"{target} cannot be written: {error.strerror}.") from error
    finally:
        _discard(temporary)
    return len(content)


def _discard(temporary: Path) -> None:
    try:
        temporary.unlink(missing_ok=True)
    except OSError:  # the place itself is the trouble; the error that led here says so
        return
