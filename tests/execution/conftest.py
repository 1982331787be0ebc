"""Fixtures of the execution room's tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.execution.laboratory import Laboratory


@pytest.fixture
def laboratory(tmp_path: Path) -> Laboratory:
    """An empty database and a way to run simulated studies in it."""
    return Laboratory(tmp_path)
