"""Images in, labels out, by the model that a study's retrain saved."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpsearch.errors import ConfigError, DataError
from hpsearch.storage import open_store, saved_model
from hpsearch.training.datasets import arrays, load

_ARRAY_NAMES = ("x_test", "X_test", "x", "X", "images")


def predictions(
    database: str, name: str, file: Path | None, data_dir: str | None, *, names: bool = False
) -> Sequence[object]:
    """A label for each image of `file`, or of the study's test split where there is none; class names if asked for.

    The study's data are read for the test split and for names alone.

    Raises:
        ArtifactMissing: the study has no retrained model, or its file is not there.
        ConfigError, DataError: `file` holds no images that the model takes.
    """
    with open_store(database) as store:
        path, record = saved_model(store, store.study(name))
    splits = load(record.configuration["dataset"], data_dir) if file is None or names else None
    if file is not None:
        images = read_images(file)
    elif splits is not None and splits.test is not None:
        images = splits.test()[0]
    else:
        raise DataError(f"the data set of study {name!r} has no test images; give a FILE of images")
    from hpsearch.training.model_files import classes_of, load_model  # with TensorFlow: once there is something to do

    labels = classes_of(load_model(path, record.configuration["layers"]), images)
    return labels.tolist() if splits is None or not names else [splits.class_names[label] for label in labels]


def read_images(file: Path) -> NDArray[Any]:
    """The images in an .npy or .npz file, in the form that a data set gives them. Raises ConfigError."""
    try:
        with file.open("rb") as stream:
            content = np.load(stream, allow_pickle=False)
            array = content if isinstance(content, np.ndarray) else _member(content, file)
    except FileNotFoundError:
        raise ConfigError(f"there is no file {file}") from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        reason = f" ({error.strerror})" if isinstance(error, OSError) and error.strerror else ""
        raise ConfigError(f"{file} is not a readable .npy or .npz file of images{reason}") from error
    return arrays.images(array, "the array", str(file))


def _member(content: Any, file: Path) -> NDArray[Any]:
    for name in _ARRAY_NAMES if len(content.files) > 1 else content.files:
        if name in content:
            return np.asarray(content[name])
    raise ConfigError(
        f"{file} holds {', '.join(content.files) or 'nothing'}; "
        f"expected one array, or one named {', '.join(_ARRAY_NAMES)}"
    )
