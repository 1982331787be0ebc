"""What holds for every registered figure."""

from __future__ import annotations

import json

import pytest

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
