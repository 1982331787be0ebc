"""Checkpoints as files: written whole or not at all, and read only when their hash is right."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from pathlib import Path

from hpsearch.errors import ArtifactMissing, StorageFull, is_full
from hpsearch.execution.messages import Saved

CHECKPOINT = "the checkpoint "  # how every sentence about one that cannot be read begins


def save(content: bytes, epoch: int, directory: str | None, name: str) -> Saved:
    """A checkpoint as the file `name` in `directory`, or as bytes in the message where `directory` is None.

    Raises StorageFull where there is no room for the file.
    """
    digest = hashlib.sha256(content).hexdigest()
    if directory is None:
        return Saved(epoch=epoch, sha256=digest, size_bytes=len(content), content=content)
    path = Path(directory) / name
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)
    except OSError as error:
        if is_full(error):
            raise StorageFull(f"No room left for the checkpoint {path}: free some, then resume the study.") from error
        raise
    return Saved(epoch=epoch, sha256=digest, size_bytes=len(content), path=str(path))


def load(saved: Saved) -> bytes:
    """The bytes of a checkpoint. Raises ArtifactMissing where the file is gone, half-written or changed."""
    if saved.content is not None:
        return saved.content
    assert saved.path is not None
    try:
        content = Path(saved.path).read_bytes()
    except OSError as error:
        raise ArtifactMissing(f"{CHECKPOINT}{saved.path} cannot be read: {error.strerror}") from error
    if hashlib.sha256(content).hexdigest() != saved.sha256:
        raise ArtifactMissing(f"{CHECKPOINT}{saved.path} has other content than when it was written")
    return content


def write_atomically(path: Path, content: bytes) -> None:
    """Write `path` so that a reader, or a power cut, finds the old file, the new one or none, never half of one."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
