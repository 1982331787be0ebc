"""Running a study from Python: a process of its own, so that the caller's Keras is not touched."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hpsearch.errors import ConfigError, StudyFailed

if TYPE_CHECKING:
    from hpsearch.door import OpenStudy


def run(
    space: str | os.PathLike[str] | Mapping[str, Any],
    *,
    database: str | os.PathLike[str] | None = None,
    study: str | None = None,
    workers: int | None = None,
    set: Sequence[str] = (),
    retrain: bool = True,
    again: bool = False,
    quiet: bool = False,
) -> OpenStudy:
    """The study that `space` describes, run (or gone on with) to its end.

    Works from a script without a ``__main__`` guard and from a notebook. News and the summary are written as
    ``hpsearch run`` writes them.

    Args:
        space: a space file, or the mapping that it would hold; paths in a mapping are relative to the current folder.
        database: default ``HPSEARCH_DATABASE``, else ``studies.db`` in the current folder.
        study: another name than the file's.
        workers: how many trials run at once; None for as many as there are devices.
        set: ``key.path=value`` each, laid over the file.
        retrain: whether the best are retrained and tested.
        again: run anew under a free name.
        quiet: write nothing.

    Raises:
        ConfigError: a mistake in the space or the arguments; the message has every one.
        StudyFailed: the study ended as failed.
        KeyboardInterrupt: it was interrupted; running the same again goes on.

    >>> import hpsearch
    >>> digits = hpsearch.run("digits_space.yaml", workers=2)  # doctest: +SKIP
    >>> digits.best()  # doctest: +SKIP
    """
    from hpsearch.door import open_study

    with tempfile.TemporaryDirectory(prefix="hpsearch-") as folder:
        told = Path(folder) / "study.json"
        arguments = ["--tell-study", str(told), *(["--quiet"] if quiet else [])]
        if database is not None:
            arguments += ["--database", os.fspath(database)]
        if study is not None:
            arguments += ["--study", study]
        if workers is not None:
            arguments += ["--workers", str(workers)]
        for override in set:
            arguments += ["--set", override]
        arguments += [flag for flag, given in (("--no-retrain", not retrain), ("--again", again)) if given]
        mapping = space if isinstance(space, Mapping) else None
        arguments += ["--mapping", "-"] if mapping is not None else ["--", os.fspath(space)]  # type: ignore[arg-type]
        _run(arguments, None if mapping is None else json.dumps(mapping), quiet)
        started = json.loads(told.read_text())
    return open_study(started["study"], database=started["database"])


def _run(arguments: Sequence[str], given: str | None, quiet: bool) -> None:
    """Run the command, pass its words on, and raise what its exit code means."""
    process = subprocess.Popen(
        [sys.executable, "-m", "hpsearch", "run", *arguments],
        stdin=subprocess.PIPE if given is not None else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        if given is not None:
            assert process.stdin is not None
            process.stdin.write(given)
            process.stdin.close()
        assert process.stderr is not None
        assert process.stdout is not None
        words = []
        try:
            for line in process.stderr:
                words.append(line)
                if not quiet:
                    sys.stderr.write(line)
            summary = process.stdout.read()
        except KeyboardInterrupt:  # a terminal has sent it to the process too; a notebook's kernel has not
            process.terminate()
            process.wait()
            raise
    if process.returncode == 2:
        raise ConfigError("".join(words).strip())
    if process.returncode == 130:
        raise KeyboardInterrupt
    if process.returncode != 0:
        raise StudyFailed("".join(words[-20:]).strip())
    if not quiet:
        sys.stdout.write(summary)
