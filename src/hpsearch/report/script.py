"""The configuration of one of the best trials as a Keras script."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from hpsearch.errors import ConfigError
from hpsearch.report.scores import scores_line
from hpsearch.space.calls import CUSTOM
from hpsearch.space.configuration import Configuration
from hpsearch.storage import Result
from hpsearch.study import Study


def script_of(study: Study, result: Result, data_dir: str | None) -> str:
    """The configuration as it was retrained, in plain Keras; as the space would retrain it where it was not.

    Args:
        study: its row.
        result: one of its best trials.
        data_dir: where ``NAME.npz`` data sets lie.

    Raises:
        ConfigError: there is no model in it; data, or layers of one's own, are missing; the space cannot be opened.
        BuildError: this configuration cannot be resolved.
    """
    trainer = (study.resolved.get("training") or {}).get("trainer", "keras")
    if trainer != "keras":  # known before Keras is loaded
        raise ConfigError(f"A {trainer} training has no Keras script: there is no model in it.")
    from hpsearch.training import datasets
    from hpsearch.training.script import keras_script

    configuration, seed = _configuration(study, result, data_dir)
    _require_own_code(configuration)
    return keras_script(
        configuration,
        datasets.facts(configuration.dataset, data_dir),
        study.objective,
        seed=seed,
        split_seed=study.seed,
        title=f"Study {study.name}, trial {result.trial.number}: {scores_line(study, result)}.",
        data_dir=data_dir,
    )


def _configuration(study: Study, result: Result, data_dir: str | None) -> tuple[Configuration, int]:
    if result.evaluations:
        stored = result.evaluations[0].configuration
        return Configuration(**{**stored, "layers": tuple(stored["layers"])}), result.evaluations[0].seed
    from hpsearch.execution.opening import open_space

    space = open_space(study.resolved, data_dir=data_dir)
    return space.retrain_configuration(result.trial.parameters, result.trial.best_epoch), result.trial.seed


def _require_own_code(configuration: Configuration) -> None:
    """Raises ConfigError where a layer, loss or metric of one's own, ``module:name``, is not here."""
    from hpsearch.training.layer_calls import load

    own = asdict(configuration)
    del own["dataset"]  # its function is asked for its data anyway
    for name in dict.fromkeys(text for text in _texts(own) if CUSTOM.fullmatch(text)):
        try:
            load(name)
        except ValueError as error:
            raise ConfigError(f"{error}.") from error


def _texts(tree: Any) -> Iterator[str]:
    if isinstance(tree, Mapping):
        for name, item in tree.items():
            yield str(name)
            yield from _texts(item)
    elif isinstance(tree, list | tuple):
        for item in tree:
            yield from _texts(item)
    elif isinstance(tree, str):
        yield tree
