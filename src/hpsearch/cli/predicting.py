"""Images in, labels out, by the model that a study's retrain saved."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpsearch.errors import ArtifactMissing, ConfigError, DataError
from hpsearch.storage import EvaluationRecord, Store, open_store, verify_artifact
from hpsearch.study import Study

_ARRAY_NAMES = ("x_test", "X_test", "x", "X", "images")


def predictions(
    database: str, name: str, file: Path | None, data_dir: str | None, *, names: bool = False
) -> Sequence[object]:
    """A label for each image of `file`, or of the study's test split where there is none; class names if asked for.

    Raises:
        ArtifactMissing: the study has no retrained model, or its file is not there.
        ConfigError, DataError: `file` holds no images that the model takes.
    """
    with open_store(database) as store:
        study = store.study(name)
        model, record = saved_model(store, study)
    given = None if file is None else read_images(file)

    from hpsearch.training.datasets import load  # with TensorFlow: only once there is something to predict
    from hpsearch.training.model_files import predict_file

    splits = load(record.configuration["dataset"], data_dir)
    if given is not None:
        images = given
    else:
        if splits.test is None:
            raise DataError(f"the data set of study {name!r} has no test images; give a FILE of images")
        images = np.asarray(splits.test()[0])
    expected = splits.x_train.shape[1:]
    if images.ndim == len(expected) and expected[-1] == 1:
        images = images[..., np.newaxis]
    if images.shape[1:] != expected:
        raise ConfigError(f"the model takes images of shape {expected}; these have {images.shape[1:]}")
    labels = predict_file(model, images)
    return [splits.class_names[label] for label in labels] if names else [int(label) for label in labels]


def saved_model(store: Store, study: Study) -> tuple[Path, EvaluationRecord]:
    """The `.keras` file of the study's best retrained trial (its first repeat), and that retrain's record."""
    records = [record for record in store.evaluations(study.id, finished=True) if record.error is None]
    ranks = {trial.number: rank for rank, trial in enumerate(store.best_trials(study.id, limit=None))}
    # the best trial's newest retrain: a later one was asked for by a person
    for record in sorted(records, key=lambda record: (ranks.get(record.trial, len(ranks)), record.repeat, -record.id)):
        for artifact in store.artifacts(study.id, kind="model", evaluation=record.id):
            return verify_artifact(store.artifacts_dir(study.id), artifact), record
    raise ArtifactMissing(
        f"study {study.name!r} has no retrained model; make one with: hpsearch retrain --study {study.name}"
    )


def read_images(file: Path) -> NDArray[Any]:
    """The array of images in an .npy or .npz file."""
    try:
        content = np.load(file, allow_pickle=False)
    except FileNotFoundError:
        raise ConfigError(f"there is no file {file}") from None
    except (OSError, ValueError, EOFError) as error:
        raise ConfigError(f"{file} is neither an .npy nor an .npz file: {error}") from error
    if isinstance(content, np.ndarray):
        return content
    with content:
        for name in _ARRAY_NAMES:
            if name in content:
                return np.asarray(content[name])
        if len(content.files) == 1:
            return np.asarray(content[content.files[0]])
        raise ConfigError(
            f"{file} holds {', '.join(content.files)}; expected one array, or one named {', '.join(_ARRAY_NAMES)}"
        )
