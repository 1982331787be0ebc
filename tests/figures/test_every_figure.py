"""What holds for every registered figure."""

from __future__ import annotations

import json

import pytest
from tests.figures.written import written

from hpsearch.figures import parallel_coordinates, slices
from hpsearch.figures.registry import FIGURES, figure_module

ALL = ["random", "hyperband", "pruned", "minimized", "one", "empty", "failures"]


@pytest.mark.parametrize("study", ALL)
@pytest.mark.parametrize("name", FIGURES)
def test_it_draws_every_study_or_says_why_not(rows, name, study):
    module = figure_module(name)

    facts = module.facts(rows(study))
    drawn = module.figure(facts)

    assert drawn.data or drawn.layout.annotations
    assert len(module.caption(facts)) > 10
    assert module.TITLE[0].isupper()
    json.loads(drawn.to_json())


@pytest.mark.parametrize("name", FIGURES)
def test_it_shows_a_persons_text_letter_by_letter(rows, name):
    module = figure_module(name)

    drawn = module.figure(module.facts(rows("failures"))).to_json()

    assert "<script>" not in json.dumps(json.loads(drawn), ensure_ascii=False)


@pytest.mark.parametrize("name", ["parallel_coordinates", "slices", "contour"])
def test_figures_of_complete_and_pruned_trials_say_so_where_only_others_have_values(tmp_path, name):
    space = {"rate": {"type": "float", "min": 0, "max": 1}}
    trials = [("running", {"rate": n / 4}, [n / 4]) for n in range(4)]
    with written(tmp_path, space, trials) as rows:
        facts = figure_module(name).facts(rows)

    said = "No trial is complete or pruned yet."
    assert figure_module(name).caption(facts) == said
    assert figure_module(name).figure(facts).layout.annotations[0].text == said


def test_captions_count_one_as_one(tmp_path):
    space = {"rate": {"type": "float", "min": 0, "max": 1}}
    trials = [("complete", {"rate": n / 4}, [n / 4]) for n in range(4)]
    with written(tmp_path, space, trials) as rows:
        lines, small = (module.caption(module.facts(rows)) for module in (parallel_coordinates, slices))
    (tmp_path / "one").mkdir()
    with written(tmp_path / "one", space, trials[:1]) as rows:
        of_one = [module.caption(module.facts(rows)) for module in (parallel_coordinates, slices)]

    assert "over the one parameter that varies" in lines
    assert small.endswith("against the one parameter that varies.")
    assert of_one == ["No parameter varies among the trials that have a value."] * 2
