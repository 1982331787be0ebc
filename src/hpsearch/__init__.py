"""Hyperparameter search for Keras: one YAML file in, a database of every trial and a retrained model out.

>>> import hpsearch
>>> study = hpsearch.run("digits_space.yaml")  # doctest: +SKIP
>>> study.best().scores["accuracy"]  # doctest: +SKIP
0.975
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hpsearch.door import OpenStudy, open_study
    from hpsearch.starting import run

__version__ = "0.1.0"

__all__ = ["OpenStudy", "__version__", "open_study", "run"]

_DOOR = {
    "run": "hpsearch.starting:run",
    "open_study": "hpsearch.door:open_study",
    "OpenStudy": "hpsearch.door:OpenStudy",
}


def __getattr__(name: str) -> Any:
    """Load the Python door on first use, so that commands and workers do not pay for it."""
    if name not in _DOOR:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _DOOR[name].split(":")
    return getattr(import_module(module), attribute)
