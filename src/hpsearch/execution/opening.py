"""Opening a space with everything that the rooms know: Keras's names, the data sets, the search backends."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from hpsearch.search import registry as backends
from hpsearch.space import Space, load
from hpsearch.space.catalogue import DataFacts, Kind, Signature
from hpsearch.space.values import Plain
from hpsearch.training.catalogue import KerasCatalogue

_SEARCH_KINDS = frozenset({Kind.BACKEND, Kind.SAMPLER, Kind.PRUNER})


class RoomsCatalogue:
    """What the language asks, answered by the room that knows."""

    def __init__(self, data_dir: str | None) -> None:
        self._keras = KerasCatalogue(data_dir)

    def names(self, kind: Kind) -> Sequence[str]:
        """All valid names of `kind`."""
        return backends.names(kind) if kind in _SEARCH_KINDS else self._keras.names(kind)

    def signature(self, kind: Kind, name: str) -> Signature:
        """The arguments of `name`."""
        return backends.signature(kind, name) if kind in _SEARCH_KINDS else self._keras.signature(kind, name)

    def problem(self, kind: Kind, name: str, arguments: Mapping[str, Plain]) -> str | None:
        """Why `name` cannot be made with these arguments, or None."""
        if kind in _SEARCH_KINDS:
            return backends.problem(kind, name, arguments)
        return self._keras.problem(kind, name, arguments)

    def model_problem(self, layers: Sequence[Plain], facts: DataFacts) -> str | None:
        """Why no model can be built of these layers, or None."""
        return self._keras.model_problem(layers, facts)

    def metric_name(self, metric: Plain) -> str:
        """The documented name under which a metric is stored."""
        return self._keras.metric_name(metric)

    def metric_direction(self, metric: str) -> str | None:
        """``maximize``, ``minimize``, or None for a metric of one's own."""
        return self._keras.metric_direction(metric)

    def data_facts(self, dataset: Mapping[str, Plain]) -> DataFacts:
        """Classes and shape of a data set."""
        return self._keras.data_facts(dataset)


def open_space(
    source: str | Path | Mapping[str, Plain],
    overrides: Sequence[str] = (),
    data_dir: str | None = None,
    base: Path | None = None,
    on_read: Callable[[Mapping[str, Plain]], object] = lambda document: None,
) -> Space:
    """A space, read and checked whole.

    Args:
        source: a file, or the mapping that it would hold.
        overrides: ``key.path=value`` each, laid over it before the check.
        data_dir: where ``NAME.npz`` data sets lie.
        base: what paths in a mapping are relative to.
        on_read: gets the document before the check, which loads Keras.

    Raises:
        SearchSpaceError: with every mistake.
    """
    return load(source, RoomsCatalogue(data_dir), overrides, base, on_read=on_read)
