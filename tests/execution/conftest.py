"""Fixtures of the execution room's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.execution.laboratory import Laboratory


@pytest.fixture
def laboratory(tmp_path: Path) -> Iterator[Laboratory]:
    """An empty database and a way to run simulated studies in it."""
    laboratory = Laboratory(tmp_path)
    yield laboratory
    laboratory.close()
