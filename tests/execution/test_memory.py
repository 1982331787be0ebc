"""An attempt's peak is its own, not that of whatever its worker ran before."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
from hpsearch.execution import memory
large = bytearray(300 * 2**20)
with_it = memory.peak_bytes()
del large
memory.reset_peak()
print(with_it - memory.peak_bytes() > 200 * 2**20, memory.peak_bytes() >= memory.resident_bytes())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems cannot reset a peak")
def test_a_peak_begins_anew_with_each_job():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["True", "True"]
