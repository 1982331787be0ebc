"""How much memory this process has, and had at most."""

from __future__ import annotations

import contextlib
import resource
import sys
from pathlib import Path

import psutil

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
_RESET_PEAK = "5"  # proc(5): resets the peak resident size to the present one


def resident_bytes() -> int:
    """The resident size now."""
    return int(psutil.Process().memory_info().rss)


def reset_peak() -> None:
    """Let `peak_bytes` begin anew, where the system can (Linux)."""
    with contextlib.suppress(OSError):
        _CLEAR.write_text(_RESET_PEAK, encoding="ascii")


def peak_bytes() -> int:
    """The largest resident size since `reset_peak`; since the process began where that does nothing."""
    try:
        for line in _STATUS.read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    # on Linux this would count what the process was before its exec: the coordinator
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
