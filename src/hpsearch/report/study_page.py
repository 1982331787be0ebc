"""The report of one study as one HTML text."""

from __future__ import annotations

from typing import NamedTuple

from hpsearch.report.material import Material
from hpsearch.report.page import render
from hpsearch.report.scores import how_tested, test_metric, test_score, why_no_score
from hpsearch.report.sections import SECTIONS, make_section
from hpsearch.storage import Store
from hpsearch.study import Study
from hpsearch.wording import duration, in_words, number


class Tile(NamedTuple):
    """One figure that stands at the top of the page: what it is, the value, and what it rests on."""

    name: str
    value: str
    note: str


def study_page(store: Store, study: Study, data_dir: str | None = None) -> str:
    """Everything that the database holds of a study, in one HTML file that needs no other.

    Args:
        store: the open database; in `Store.one_moment`, so that all numbers on the page are of one.
        study: its row.
        data_dir: where ``NAME.npz`` data sets lie, for the Keras script alone.
    """
    material = Material(store, study, data_dir)
    sections = [make_section(name, material) for name in SECTIONS]
    figures = [figure for section in sections for figure in section.data.get("figures", ())]
    return render("study.html", figures, {"study": study, "tiles": _tiles(material), "sections": sections})


def _tiles(material: Material) -> list[Tile]:
    total = sum(material.counts.values())
    by_state = ", ".join(f"{count:,} {state.value}" for state, count in material.counts.items())
    end = "so far" if material.study.finished_at is None else "from start to end"
    spent = f"{duration(material.study.coordinator_seconds)} {end}"
    return [
        *_scores(material),
        Tile("trials", f"{total:,}", by_state or "none yet"),
        Tile("epochs", f"{material.store.own_epochs(material.study.id):,}", spent),
    ]


def _scores(material: Material) -> list[Tile]:
    """The value of the search and the test score, each with its own name: they measure different things."""
    best, metric = material.best, material.study.objective.metric
    if best is None:
        return [Tile("best in the search", "none", "no trial is complete yet")]
    searched = Tile("best in the search", number(best.trial.value), f"{in_words(metric)}, trial {best.trial.number}")
    tested = test_metric(material.study, best)
    if tested is None:
        return [searched, Tile("on the test split", "none", why_no_score(best))]
    note = f"{in_words(tested)}, {how_tested(best)}"
    return [searched, Tile("on the test split", test_score(best, tested), note)]
