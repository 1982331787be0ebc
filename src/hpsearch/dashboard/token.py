"""The token that lets people in from elsewhere: a file that only its owner can read."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

from hpsearch.errors import ConfigError

_BYTES = 32
_SHORTEST = 16  # characters that a person's own token has at least
_LONGEST = 4096


def token_of(file: Path) -> tuple[str, bool]:
    """The token that `file` holds, and whether it was made now.

    Raises:
        ConfigError: the file cannot be made or read, others can read it, it is not ours, or it holds no good token.
    """
    made = _make(file)
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK)  # a pipe of that name would wait for its other end
    except OSError as error:
        raise ConfigError(f"The token cannot be read from {file}: {error.strerror}.") from error
    try:
        _require_private(file, os.fstat(descriptor))
        held = os.read(descriptor, _LONGEST + 1)
    finally:
        os.close(descriptor)
    return _checked(file, held), made


def _make(file: Path) -> bool:
    """Make the file with a new token, and the folders that it is to be in; False where it is there already."""
    try:
        for folder in reversed([folder for folder in file.absolute().parents if not folder.exists()]):
            folder.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    except OSError as error:
        raise ConfigError(f"The token's file {file} cannot be made: {error.strerror}.") from error
    try:
        with os.fdopen(descriptor, "w") as opened:
            opened.write(secrets.token_urlsafe(_BYTES) + "\n")
    except OSError as error:
        file.unlink(missing_ok=True)  # empty, or half a token
        raise ConfigError(f"The token's file {file} cannot be written: {error.strerror}.") from error
    return True


def _require_private(file: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise ConfigError(f"The token's file {file} is no file.")
    if found.st_uid != os.geteuid():
        raise ConfigError(f"The token's file {file} belongs to somebody else; name another with --token-file.")
    if found.st_mode & 0o077:
        raise ConfigError(f"Others can read the token's file {file}: run `chmod 600 {file}`, or delete it.")


def _checked(file: Path, held: bytes) -> str:
    try:
        token = held.decode("ascii").strip()
    except UnicodeDecodeError:
        token = ""
    if not held.strip():
        raise ConfigError(f"The token's file {file} is empty: delete it, and a new one is made.")
    if not token.isprintable() or " " in token or not _SHORTEST <= len(token) <= _LONGEST:
        raise ConfigError(
            f"The token's file {file} holds no token: one word of {_SHORTEST} or more letters, digits and signs."
        )
    return token
