"""Processes, watched until they are gone."""

from __future__ import annotations

import time
from collections.abc import Sequence

import psutil


def alive(process: psutil.Process) -> bool:
    """Whether it still runs; one that has ended and waits for its parent to collect it does not."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def alive_after(processes: Sequence[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Those that still run after at most so many seconds."""
    deadline = time.monotonic() + seconds
    while any(map(alive, processes)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return [process for process in processes if alive(process)]


def own_workers() -> list[psutil.Process]:
    """The workers that this process has started and not yet collected, oldest first."""
    children = sorted(psutil.Process().children(), key=lambda child: child.pid)
    return [child for child in children if "hpsearch.execution.worker" in _command_line(child)]


def _command_line(process: psutil.Process) -> list[str]:
    """Its command line, which a process that has only just begun has not yet; empty where it has ended."""
    while alive(process):
        try:
            if words := process.cmdline():
                return words
        except psutil.NoSuchProcess:
            break
        time.sleep(0.001)
    return []
