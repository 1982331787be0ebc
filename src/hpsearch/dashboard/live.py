"""Studies as they are now, read and drawn once for all who watch."""

from __future__ import annotations

import base64
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from hpsearch.figures.embedding import least_width
from hpsearch.figures.registry import figure_module
from hpsearch.figures.rows import StudyRows

if TYPE_CHECKING:
    from hpsearch.figures.selection import Selection
    from hpsearch.storage import Store
    from hpsearch.study import Study

Made = TypeVar("Made")
_KEPT_STUDIES = 8
_KEPT_DRAWINGS = 128
_KEPT_RECENT = 64
_STAMP = "stamp"


@dataclass(frozen=True, slots=True)
class Drawing:
    """A figure ready to be sent.

    Attributes:
        figure: as JSON has it.
        caption: what it shows, in words; empty where it is a sentence itself.
        least_width: in pixels; where there is less room it scrolls.
    """

    figure: Mapping[str, Any]
    caption: str
    least_width: int

    @classmethod
    def of(cls, drawn: Any, caption: str) -> Drawing:
        """What a figure's module has drawn; it says itself why it is empty where it is."""
        figure = drawn.to_plotly_json()
        for trace in figure["data"]:
            if isinstance(trace.get("customdata"), dict):
                trace["customdata"] = _as_lists(trace["customdata"])
        return cls(figure, caption if drawn.data else "", least_width(drawn))

    @property
    def height(self) -> int:
        """For how many pixels it was drawn."""
        return int(self.figure["layout"].get("height", 380))

    @property
    def style(self) -> Mapping[str, str]:
        """The size of the box that it fits: as wide as there is room, as high as it was drawn for."""
        return {"height": f"{self.height}px", "minWidth": f"{self.least_width}px"}


def _as_lists(packed: Mapping[str, str]) -> Any:
    """An array that Plotly has packed. Dash looks up in it, by number, what belongs to the point that was clicked."""
    import numpy

    flat = numpy.frombuffer(base64.b64decode(packed["bdata"]), packed["dtype"])
    return flat.reshape([int(size) for size in packed["shape"].split(",")] if "shape" in packed else -1).tolist()


class Kept:
    """The last few things that were made, by key; whoever asks for one that is being made waits for it."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._made: OrderedDict[Hashable, Any] = OrderedDict()
        self._making: dict[Hashable, threading.Lock] = {}
        self._lock = threading.Lock()

    def __contains__(self, key: Hashable) -> bool:
        """Whether it has been made and is kept."""
        with self._lock:
            return key in self._made

    def get(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """What belongs to `key`, made now where it is not there."""
        with self._lock:
            if key in self._made:
                self._made.move_to_end(key)
                found: Made = self._made[key]
                return found
            making = self._making.setdefault(key, threading.Lock())
        with making:
            with self._lock:
                if key in self._made:
                    found = self._made[key]
                    return found
            try:
                made = make()
            except BaseException:
                with self._lock:
                    self._making.pop(key, None)
                raise
            with self._lock:
                self._made[key] = made
                self._making.pop(key, None)
                while len(self._made) > self._size:
                    self._made.popitem(last=False)
            return made


@dataclass
class Live:
    """The database behind the pages: many viewers cost one reading and one drawing a change.

    Attributes:
        store: opened for reading.
        open_writing: opens the same database for the one action that writes.
        fresh: for so many seconds what was read counts as what is there: in a study with ten epochs a second each of
            many viewers would see another change, and each change is drawn.
    """

    store: Store
    open_writing: Callable[[], Store]
    fresh: float = 0.0
    _recent: Kept = field(default_factory=lambda: Kept(_KEPT_RECENT))
    _rows: Kept = field(default_factory=lambda: Kept(_KEPT_STUDIES))
    _drawings: Kept = field(default_factory=lambda: Kept(_KEPT_DRAWINGS))

    def study(self, name: str) -> Study:
        """A study by name. StudyNotFound."""
        return self.store.study(name)

    def recent(self, key: Hashable, read: Callable[[], Made]) -> Made:
        """What `read` gives, or has given within the last `fresh` seconds to another who asked for `key`."""
        if not self.fresh:
            return read()
        return self._recent.get((key, time.monotonic() // self.fresh), read)

    def stamp(self, name: str) -> str:
        """A text that is another whenever the study's rows are."""

        def read() -> str:
            study = self.store.study(name)
            return repr((study.id, *self.store.stamp(study.id)))

        return self.recent((_STAMP, name), read)

    def rows(self, name: str) -> StudyRows:
        """The study's rows as they are now."""
        return self._rows_at(name, self.stamp(name))

    def _rows_at(self, name: str, stamp: str) -> StudyRows:
        def read() -> StudyRows:
            rows = StudyRows(self.store, self.store.study(name))
            _ = rows.trials  # now, while others wait: not by each of them
            return rows

        return self._rows.get((name, stamp), read)

    def drawing(self, name: str, figure: str, selection: Selection, options: Mapping[str, object]) -> Drawing:
        """A figure of the chosen trials, with what its ``facts`` takes beside the rows."""
        stamp = self.stamp(name)
        key = (name, stamp, figure, repr(selection), repr(sorted(options.items())))

        def draw() -> Drawing:
            module = figure_module(figure)
            facts = module.facts(self._rows_at(name, stamp).selected(selection), **options)
            return Drawing.of(module.figure(facts), module.caption(facts))

        return self._drawings.get(key, draw)

    def request_stop(self, name: str) -> None:
        """Ask whoever runs the study to stop it: the one thing that a page may change."""
        with self.open_writing() as store:
            store.request_stop(name)
