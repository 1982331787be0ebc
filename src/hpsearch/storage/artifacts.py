"""Files beside the database: where they lie, written whole or not at all, verified when read."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from hpsearch.errors import ArtifactMissing, DatabaseUnusable, StorageFull, is_full
from hpsearch.storage.connection import database_path
from hpsearch.storage.records import Artifact


def artifacts_root(database: str | Path) -> Path:
    """The folder of all studies of a database: ``NAME-artifacts`` beside ``NAME.db``."""
    path = database_path(database)
    return path.with_name(f"{path.stem}-artifacts")


def artifacts_dir(database: str | Path, study_id: int) -> Path:
    """The folder of one study's files, made on the first write: ``NAME-artifacts/<study id>`` beside ``NAME.db``."""
    return artifacts_root(database) / str(study_id)


def write_artifact(folder: Path, path: str, content: bytes) -> tuple[str, int]:
    """Write `content` to `folder` / `path` and give its SHA-256 and size in bytes.

    A reader sees the old file or the new one, never a part: the content goes to a temporary name, to the disk, and
    only then to its own. StorageFull where there is no room; DatabaseUnusable where the folder cannot be written.
    """
    target = folder / path
    temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
        _settle(target.parent)
    except OSError as error:
        _discard(temporary)
        if is_full(error):
            raise StorageFull(f"No room left for {target}: free some, then resume the study.") from error
        raise DatabaseUnusable(f"{target} cannot be written: {error.strerror}.") from error
    return hashlib.sha256(content).hexdigest(), len(content)


def remove_strays(folder: Path, directory: str, artifacts: Iterable[Artifact]) -> None:
    """Remove the files in `folder` / `directory` that none of `artifacts` names: a crash has left them there."""
    known = {folder / artifact.path for artifact in artifacts}
    place = folder / directory
    for path in place.iterdir() if place.is_dir() else ():
        if path not in known and path.is_file():
            path.unlink(missing_ok=True)  # a worker of a coordinator that stood still may just have renamed it


def read_artifact(folder: Path, artifact: Artifact) -> bytes:
    """The content of a file; ArtifactMissing where it is not there or is not the one that was written."""
    target = verify_artifact(folder, artifact)
    return target.read_bytes()


def verify_artifact(folder: Path, artifact: Artifact) -> Path:
    """The whole path of a file whose size and SHA-256 are as recorded; else ArtifactMissing."""
    target = folder / artifact.path
    if not target.is_file():
        raise ArtifactMissing(
            f"{target} is not there: keep {folder.parent} beside the database, or make the file again with a retrain."
        )
    with target.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != artifact.sha256:
        raise ArtifactMissing(f"{target} has been changed or damaged since it was written: its SHA-256 differs.")
    return target


def delete_artifacts(folder: Path) -> None:
    """Remove a study's folder with everything in it; nothing where there is none."""
    if folder.exists():
        shutil.rmtree(folder)


def _settle(folder: Path) -> None:
    """Make a rename in `folder` survive a power cut, where the system can."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _discard(temporary: Path) -> None:
    try:
        temporary.unlink(missing_ok=True)
    except OSError:  # the folder itself is the trouble; the error that led here says so
        return
