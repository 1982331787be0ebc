"""Reports of simulated studies, and of the recorded ones, which have test scores."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.figures.conftest import sql, studies_db  # noqa: F401  # fixtures
from tests.report.reading import Page

from hpsearch.report.study_page import study_page
from hpsearch.storage import open_store

RECORDED = Path(__file__).parents[2] / "studies.db"


@pytest.fixture
def report(studies_db):  # noqa: F811  # the fixture of that name
    """``report(name)``: the text of a simulated study's page."""
    with open_store(studies_db) as store:
        yield lambda name: study_page(store, store.study(name))


@pytest.fixture
def recorded(tmp_path):
    """A copy of the recorded studies."""
    return Path(shutil.copy(RECORDED, tmp_path / "recorded.db"))


@pytest.fixture
def recorded_page(recorded):
    """``recorded_page(name)``: the page of a recorded study, read."""
    with open_store(recorded) as store:
        yield lambda name: Page(study_page(store, store.study(name)))
