"""Running a study from Python: a process of its own, so that the caller's Keras is not touched."""

from __future__ import annotations

import json
import os
import signal
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
    workers_per_gpu: int | None = None,
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
        workers_per_gpu: how many share each GPU, with a part of its memory each.
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
        if workers_per_gpu is not None:
            arguments += ["--workers-per-gpu", str(workers_per_gpu)]
        for override in set:
            arguments += ["--set", override]
        arguments += [flag for flag, given in (("--no-retrain", not retrain), ("--again", again)) if given]
        arguments += ["--mapping", "-"] if isinstance(space, Mapping) else ["--", os.fspath(space)]
        _run(arguments, _as_json(space) if isinstance(space, Mapping) else None, Path(folder) / "summary.txt", quiet)
        started = json.loads(told.read_text())
    return open_study(started["study"], database=started["database"])


def _as_json(space: Mapping[str, Any]) -> str:
    """The mapping as the command reads it; keys that are no text, as those of `cases`, stay what they are."""
    from hpsearch.space.problems import Problems
    from hpsearch.space.reading import plain_form

    problems = Problems()
    plain = plain_form(space, problems)
    problems.raise_if_any()
    return json.dumps(plain)


def _run(arguments: Sequence[str], given: str | None, summary: Path, quiet: bool) -> None:
    """Run the command, pass its words on, and raise what its exit code means.

    It has a process group of its own and so hears of a Ctrl-C from here alone: terminals and notebooks send theirs to
    the caller's whole group, and two would end the running epochs without a checkpoint.
    """
    with (
        summary.open("w+") as answer,  # a pipe that nobody reads meanwhile could fill up
        subprocess.Popen(
            [sys.executable, "-m", "hpsearch", "run", *arguments],
            stdin=subprocess.PIPE if given is not None else subprocess.DEVNULL,
            stdout=answer,
            stderr=subprocess.PIPE,
            text=True,
            process_group=0,
        ) as process,
    ):
        if process.stdin is not None:
            process.stdin.write(given or "")
            process.stdin.close()
        words = _pass_on(process, quiet)
    if process.returncode == 2:
        raise ConfigError("".join(words).strip())
    if process.returncode == 130:
        raise KeyboardInterrupt
    if process.returncode != 0:
        raise StudyFailed("".join(words[-20:]).strip())
    if not quiet:
        sys.stdout.write(summary.read_text())


def _pass_on(process: subprocess.Popen[str], quiet: bool) -> list[str]:
    """What the process says on stderr, to its end; a Ctrl-C meanwhile is passed to it."""
    assert process.stderr is not None
    words = []
    try:
        for line in process.stderr:
            words.append(line)
            if not quiet:
                sys.stderr.write(line)
    except KeyboardInterrupt:
        process.send_signal(signal.SIGINT)
        _pass_on(process, quiet)
        raise
    return words
