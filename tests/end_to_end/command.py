"""The program as a person starts it."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path

SIMULATED = """\
study: simulated
parameters:
  units: {type: int, min: 16, max: 128, step: 16}
  activation: [relu, tanh]
  rate: {type: float, min: 1e-4, max: 1e-1, scale: log}
training: {trainer: simulated, epochs: 4}
search: {backend: random, max_trials: 6, lag: 4}
"""


def hpsearch(
    *arguments: object, folder: Path, environment: Mapping[str, str] | None = None, seconds: float = 240
) -> subprocess.CompletedProcess[str]:
    """Run `hpsearch` in `folder` to its end."""
    return subprocess.run(
        command(*arguments),
        cwd=folder,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


def command(*arguments: object) -> list[str]:
    """The command line."""
    return [sys.executable, "-m", "hpsearch", *map(str, arguments)]


def start(*arguments: object, folder: Path) -> subprocess.Popen[str]:
    """Start `hpsearch` in `folder`."""
    return subprocess.Popen(
        command(*arguments), cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ)
    )


def state(database: Path, study: str) -> str:
    """Where a study is in its life."""
    from hpsearch.storage import open_store

    with open_store(database) as store:
        return store.study(study).state.value


def table(database: Path, study: str) -> list[tuple[object, ...]]:
    """What must be the same whatever happened on the way."""
    from hpsearch.storage import open_store

    with open_store(database) as store:
        found = store.study(study)
        return [
            (
                trial.number,
                dict(trial.parameters),
                trial.epochs,
                trial.epochs_done,
                trial.state,
                trial.value,
                trial.seed,
                dict(trial.values),
            )
            for trial in store.trials(found.id, with_values=found.objective.metric)
        ]


def python(code: str, *, folder: Path | None = None, seconds: float = 240, **environment: str) -> str:
    """What a fresh interpreter prints when it runs `code`."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
