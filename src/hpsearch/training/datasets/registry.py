"""Every data set by name. Another one is one module and one line here."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol, cast

from hpsearch.errors import DataError
from hpsearch.space.catalogue import DataFacts
from hpsearch.space.values import Plain
from hpsearch.training.datasets.splits import Splits

DATASETS: Mapping[str, str] = MappingProxyType(
    {
        "digits": "hpsearch.training.datasets.digits:load",
        "mnist": "hpsearch.training.datasets.named:load",
        "fashion_mnist": "hpsearch.training.datasets.named:load",
        "cifar10": "hpsearch.training.datasets.named:load",
        "cifar100": "hpsearch.training.datasets.named:load",
        "npz": "hpsearch.training.datasets.npz:load",
        "images": "hpsearch.training.datasets.images:load",
    }
)
FUNCTION = "hpsearch.training.datasets.function:load"  # `module:function`, a data set of one's own

# What may stand beside `name`, `validation`, `train_subset` and `rescale`, which every data set takes.
SETTINGS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "digits": ("test",),
        "mnist": (),
        "fashion_mnist": (),
        "cifar10": (),
        "cifar100": ("labels",),
        "npz": ("path", "test"),
        "images": ("path", "size", "channels", "test"),
    }
)


class Source(Protocol):
    """What the module of a data set offers."""

    def load(self, dataset: Mapping[str, Plain], data_dir: str | None) -> Splits:
        """The arrays; of the test split nothing is read. Raises DataError."""
        ...

    def facts(self, dataset: Mapping[str, Plain], data_dir: str | None) -> DataFacts:
        """Classes and shape, with as little reading as possible. Raises DataError."""
        ...

    def identity(self, dataset: Mapping[str, Plain], data_dir: str | None) -> Plain:
        """What the arrays are a function of, as JSON; None where nobody can say. Raises DataError."""
        ...


def source_of(dataset: Mapping[str, Plain], *, custom: bool = True) -> Source:
    """The module of the data set that `dataset` names.

    Args:
        dataset: the resolved section.
        custom: whether ``module:function`` may be imported.

    Raises:
        DataError: there is none of that name, or it may not be imported.
    """
    name = str(dataset.get("name"))
    if ":" in name and not custom:
        raise DataError(f"The data set {name} may only be named in a file given on the command line.")
    reference = FUNCTION if ":" in name else DATASETS.get(name)
    if reference is None:
        raise DataError(f"There is no data set {name}; there are {', '.join(DATASETS)} and module:function.")
    return cast(Source, importlib.import_module(reference.partition(":")[0]))
