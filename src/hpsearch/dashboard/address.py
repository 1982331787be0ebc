"""What a page shows, as it stands in its address: a link shows another person the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qs, quote, unquote, urlencode

from hpsearch.figures.selection import Selection

OVERVIEW = "overview"
_OPTION = "show."  # before the options of figures


@dataclass(frozen=True, slots=True)
class Address:
    """The part after the question mark.

    Attributes:
        tab: of a study's page.
        trial: the one whose details are open.
        selection: which trials all figures and the table show.
        options: of figures, by ``figure.option``, such as ``history.by``.
    """

    tab: str = OVERVIEW
    trial: int | None = None
    selection: Selection = field(default_factory=Selection)
    options: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_search(cls, search: str | None) -> Address:
        """What ``?tab=...`` says; what cannot be read is left out."""
        query = parse_qs((search or "").removeprefix("?"), keep_blank_values=True)
        trial = query.get("trial", [""])[0]
        return cls(
            tab=query.get("tab", [OVERVIEW])[0],
            trial=int(trial) if trial.isascii() and trial.isdigit() and len(trial) < 10 else None,
            selection=Selection.from_query(query),
            options={
                name.removeprefix(_OPTION): values[0] for name, values in query.items() if name.startswith(_OPTION)
            },
        )

    def to_search(self) -> str:
        """The same as ``?tab=...``; empty where everything is as at first."""
        query: dict[str, list[str]] = {} if self.tab == OVERVIEW else {"tab": [self.tab]}
        if self.trial is not None:
            query["trial"] = [str(self.trial)]
        query |= self.selection.to_query()
        query |= {_OPTION + name: [value] for name, value in sorted(self.options.items())}
        return "?" + urlencode(query, doseq=True, safe=",.") if query else ""

    def options_of(self, figure: str) -> dict[str, str]:
        """The options of one figure, by their own names."""
        start = figure + "."
        return {name.removeprefix(start): value for name, value in self.options.items() if name.startswith(start)}

    def with_option(self, name: str, value: str | None) -> Address:
        """The same with one option set, or left to its default."""
        others = {key: text for key, text in self.options.items() if key != name}
        return replace(self, options=others if value is None else others | {name: value})


def study_path(name: str) -> str:
    """The path of a study's page."""
    return f"/study/{quote(name, safe='')}"


def study_of(pathname: str | None) -> str | None:
    """The study whose page a path is; None for another page."""
    start, _, name = (pathname or "").removesuffix("/").rpartition("/")
    return unquote(name) if start == "/study" and name else None


def is_compare(pathname: str | None) -> bool:
    """Whether a path is the comparison's."""
    return pathname in ("/compare", "/compare/")


def is_page(pathname: str) -> bool:
    """Whether a path is a page's; a study may be begun at any moment, so that its name says nothing."""
    return pathname == "/" or is_compare(pathname) or study_of(pathname) is not None


def compare_search(names: list[str]) -> str:
    """What the page of a comparison has after its path."""
    return "?" + urlencode({"study": names}, doseq=True) if names else ""


def compared(search: str | None) -> list[str]:
    """The studies that an address of the comparison names, each once."""
    return list(dict.fromkeys(parse_qs((search or "").removeprefix("?")).get("study", [])))
