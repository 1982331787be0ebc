"""Importing a large library without the optional packages that it would pull in, for processes that start often."""

from __future__ import annotations

import gc
import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

# What Keras and TensorFlow import only to offer more where it is there: wrappers for scikit-learn, data frames in
# `fit`, conversion from JAX to LiteRT. Half of the seconds of `import tensorflow` and 230 MiB are theirs.
OFFERED_BY_TENSORFLOW = ("sklearn", "pandas", "jax")
# The same of Keras and Keras Tuner; the Bayesian oracle gets its two back (`search.keras_tuner_bayesian`).
_OFFERED_BY_KERAS = ("sklearn", "pandas", "scipy.optimize")
# What Keras's NumPy backend takes convolutions and Fourier transforms from: a model is built without either. Half of
# the seconds of `import keras`, and 150 MiB.
_SELDOM_USED = ("jax", "jax.lax", "keras.src.backend.jax", "keras.src.backend.jax.math", "scipy.linalg")


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


@contextmanager
def later(*modules: str) -> Iterator[None]:
    """Within it, importing one of `modules` that is not loaded yet gives a promise: it is loaded on first use.

    It is not to be looked into at once: what of it would be used within is not there.
    """
    promised = [name for name in modules if name not in sys.modules]
    sys.modules.update({name: _Promise(name) for name in promised})
    try:
        yield
    finally:
        for name in promised:
            del sys.modules[name]


@contextmanager
def lean_keras() -> Iterator[None]:
    """For importing Keras and what stands on it, with no more than it takes to build models.

    For its backends NumPy and TensorFlow: on JAX it could not start.
    """
    with without(*_OFFERED_BY_KERAS), later(*_SELDOM_USED):
        yield


class _Promise(ModuleType):
    """Stands for a module until something in it is used."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.__spec__ = ModuleSpec(name, None, is_package=True)
        self.__path__: list[str] = []  # of its submodules only those are there that are promised, too

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # the import system looks for some, and does without
            raise AttributeError(name)
        if sys.modules.get(self.__name__) is not self:
            return getattr(importlib.import_module(self.__name__), name)
        return sys.modules.get(f"{self.__name__}.{name}") or _PromisedName(self, name)


class _PromisedName:
    """Stands for what ``from MODULE import NAME`` has taken from a promise."""

    def __init__(self, module: _Promise, name: str) -> None:
        self._module = module
        self._name = name

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return self._kept()(*arguments, **named)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._kept(), name)

    def _kept(self) -> Any:
        module = self._module.__name__
        if sys.modules.get(module) is self._module:
            raise ModuleNotFoundError(f"{module} is not loaded yet", name=module)
        return getattr(importlib.import_module(module), self._name)
