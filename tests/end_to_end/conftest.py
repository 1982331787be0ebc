"""What several files of this folder compare with."""

from __future__ import annotations

import pytest
from tests.end_to_end.command import SIMULATED, hpsearch, table


@pytest.fixture(scope="session")
def calm(tmp_path_factory):
    """The table of an undisturbed run of `SIMULATED`."""
    folder = tmp_path_factory.mktemp("calm")
    (folder / "fast.yaml").write_text(SIMULATED)
    assert hpsearch("run", "fast.yaml", "--workers", 2, folder=folder).returncode == 0
    return table(folder / "studies.db", "simulated")
