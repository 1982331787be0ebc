"""Several studies side by side: which may be compared, their table, and the page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from hpsearch.errors import ConfigError
from hpsearch.figures import comparison
from hpsearch.figures.embedding import embed
from hpsearch.figures.rows import StudyRows
from hpsearch.report.page import render
from hpsearch.storage import Store
from hpsearch.study import Study
from hpsearch.wording import in_words, number


class Comparison:
    """Two studies or more with the same objective.

    Args:
        store: the open database.
        names: of the studies, in the order in which they are shown.

    Raises:
        ConfigError: fewer than two, one of them twice, or other objectives.
        StudyNotFound: names the ones that exist.
    """

    def __init__(self, store: Store, names: Sequence[str]) -> None:
        if len(names) < 2:
            raise ConfigError("A comparison needs two studies or more: hpsearch compare STUDY STUDY.")
        twice = [name for name, count in Counter(names).items() if count > 1]
        if twice:
            raise ConfigError(f"Study {twice[0]} is named twice: a comparison needs each once.")
        self.studies = [store.study(name) for name in names]
        _require_same_objective(self.studies)
        self._store = store

    @cached_property
    def facts(self) -> comparison.Comparison:
        """What figures, table and caption are made from."""
        return comparison.facts([StudyRows(self._store, study) for study in self.studies])

    @cached_property
    def records(self) -> list[dict[str, Any]]:
        """One row a study, plain Python values, seconds without fractions; None for what it does not have."""
        table = comparison.table(self.facts)
        records = table.astype(object).where(table.notna(), None).to_dict("records")
        return [
            {**{str(name): value for name, value in record.items()}, "seconds": round(record["seconds"])}
            for record in records
        ]

    @cached_property
    def columns(self) -> list[str]:
        """The columns of the table."""
        return [str(name) for name in comparison.table(self.facts).columns]

    @cached_property
    def without_complete(self) -> str:
        """A sentence that names the studies without a complete trial; empty where all have one."""
        return comparison.without_complete(self.facts)


def comparison_page(compared: Comparison) -> str:
    """The comparison as one HTML text that needs no other file."""
    figures = [embed(name, title, "", draw(compared.facts)) for name, (title, draw) in comparison.FIGURES.items()]
    objective = compared.studies[0].objective
    data = {
        "names": [study.name for study in compared.studies],
        "description": f"All of them {objective.direction} the {in_words(objective.metric)}.",
        "columns": [{"name": name, "is_number": _holds_numbers(compared, name)} for name in compared.columns],
        "rows": [[_cell(row[name]) for name in compared.columns] for row in compared.records],
        "caption": comparison.caption(compared.facts),
        "figures": figures,
    }
    return render("comparison.html", figures, data)


def _require_same_objective(studies: Sequence[Study]) -> None:
    first = studies[0]
    for other in studies[1:]:
        if other.objective != first.objective:
            raise ConfigError(
                f"Study {first.name} is to {first.objective.direction} {first.objective.metric}, study {other.name} to "
                f"{other.objective.direction} {other.objective.metric}: values of other objectives do not compare."
            )


def _holds_numbers(compared: Comparison, column: str) -> bool:
    return any(_is_number(row[column]) for row in compared.records)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _cell(value: Any) -> dict[str, Any]:
    if isinstance(value, float):
        return {"text": number(value), "is_number": True}
    if _is_number(value):
        return {"text": f"{value:,}", "is_number": True}
    return {"text": "-" if value is None else str(value), "is_number": False}
