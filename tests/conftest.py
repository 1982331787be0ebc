"""What holds for the whole suite: Keras's backend in this process, and which tests this machine can run."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

# The coordinator's side of hpsearch runs on NumPy, the trainer on TensorFlow; Keras decides once a process.
BACKEND = os.environ.setdefault("KERAS_BACKEND", "numpy")

# What a shell's script puts into the background is deaf to Ctrl-C, and all that is started from there, too.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

collect_ignore = [] if BACKEND == "tensorflow" else ["training/tensorflow_side"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs a GPU where there is none."""
    marked = [item for item in items if item.get_closest_marker("gpu")]
    if marked and not has_gpu():
        for item in marked:
            item.add_marker(pytest.mark.skip(reason="needs an NVIDIA GPU"))


@pytest.fixture(autouse=True)
def _environment_of_its_own() -> Iterator[None]:
    """Give back what a command run in this process has set: `predict` puts Keras on TensorFlow for its own process."""
    os.environ["KERAS_BACKEND"] = BACKEND  # a fixture of a whole file may have run such a command too
    before = dict(os.environ)
    yield
    for name in os.environ.keys() - before.keys():
        if name != "PYTEST_CURRENT_TEST":
            del os.environ[name]
    for name in ("KERAS_BACKEND", "PYTHONPATH"):
        if name in before:
            os.environ[name] = before[name]


def has_gpu() -> bool:
    """Whether NVIDIA's driver knows a GPU."""
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:  # no driver
        return False
    try:
        return bool(pynvml.nvmlDeviceGetCount())
    finally:
        pynvml.nvmlShutdown()
