"""Small spaces, and a way to see what is wrong with one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from textwrap import dedent

import pytest
from tests.space.plain_catalogue import PlainCatalogue

from hpsearch.errors import SearchSpaceError
from hpsearch.space import Space, load

Loader = Callable[..., Space]
Complaints = Callable[..., list[str]]

SMALL = """\
study: small
dataset: {{name: cifar10}}
parameters: {{{parameters}}}
model: [{model}]
training: {{epochs: {epochs}, optimizer: {optimizer}, loss: sparse_categorical_crossentropy{training}}}
search: {{{search}}}
{more}
"""


def small(
    parameters: str = "",
    model: str = "Flatten, Dense: $classes",
    training: str = "",
    optimizer: str = "adam",
    epochs: object = 4,
    search: str = "backend: random, max_trials: 3",
    more: str = "",
) -> str:
    """The text of a small space."""
    training = f", {training}" if training else ""
    return SMALL.format(
        parameters=parameters,
        model=model,
        training=training,
        optimizer=optimizer,
        epochs=epochs,
        search=search,
        more=more,
    )


@pytest.fixture
def catalogue() -> PlainCatalogue:
    return PlainCatalogue()


@pytest.fixture
def read(tmp_path: Path, catalogue: PlainCatalogue) -> Loader:
    """Loads the space that a text, or the parts of a small one, describe."""

    def read(text: str | None = None, overrides: Sequence[str] = (), **parts: str) -> Space:
        file = tmp_path / "space.yaml"
        file.write_text(dedent(text) if text is not None else small(**parts), encoding="utf-8")
        return load(file, catalogue, overrides)

    return read


@pytest.fixture
def complaints(read: Loader, tmp_path: Path) -> Complaints:
    """The mistakes in a space, each as ``line: sentence``; none where it loads."""

    def complaints(text: str | None = None, overrides: Sequence[str] = (), **parts: str) -> list[str]:
        try:
            read(text, overrides, **parts)
        except SearchSpaceError as error:
            return [str(problem).replace(f"{tmp_path / 'space.yaml'}:", "") for problem in error.problems]
        return []

    return complaints
