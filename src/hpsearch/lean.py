"""Importing a large library without the optional packages that it would pull in, for processes that start often."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# What Keras and TensorFlow import only to offer more where it is there: wrappers for scikit-learn, data frames in
# `fit`, conversion from JAX to LiteRT. Half of the seconds of `import tensorflow` and 230 MiB are theirs.
OFFERED_BY_TENSORFLOW = ("sklearn", "pandas", "jax")
OFFERED_BY_KERAS = ("sklearn", "pandas")  # its NumPy backend needs jax


@contextmanager
def without(*packages: str) -> Iterator[None]:
    """Within it, `packages` that are not loaded yet cannot be imported, as where they are not installed.

    Afterwards they can be; a library that has met their absence works on without them. Python's garbage collector
    rests meanwhile: among the half million objects that stay it finds nothing, a dozen times.
    """
    barred = [package for package in packages if package not in sys.modules]
    for package in barred:
        sys.modules[package] = None  # type: ignore[assignment]  # documented: import raises ModuleNotFoundError
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()
        for package in barred:
            del sys.modules[package]
