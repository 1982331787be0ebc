"""The trainers that exist, by the name that ``training: {trainer: ...}`` gives."""

from __future__ import annotations

import importlib
from typing import Any

from hpsearch.errors import ConfigError
from hpsearch.training.task import Task, Trainer

TRAINERS = {
    "keras": "hpsearch.training.keras_trainer:open_training",
    "simulated": "hpsearch.training.simulated:open_training",
}


def make_trainer(task: Task) -> Trainer:
    """The trainer that `task` asks for (``keras`` where it names none), ready for its first epoch.

    Raises:
        ConfigError: no trainer has that name.
        BuildError: the model cannot be built from the task's configuration.
        DataError: the data are missing or unusable.
    """
    name = str(task.configuration.training.get("trainer", "keras"))
    if name not in TRAINERS:
        raise ConfigError(f"There is no trainer {name!r}; write one of {', '.join(TRAINERS)}.")
    module, attribute = TRAINERS[name].split(":")
    open_training: Any = getattr(importlib.import_module(module), attribute)
    trainer: Trainer = open_training(task)
    return trainer
