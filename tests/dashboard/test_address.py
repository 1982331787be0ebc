"""What a page shows stands in its address."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.figures.test_selection import SELECTIONS

from hpsearch.dashboard.address import Address, compare_search, compared, is_compare, is_page, study_of, study_path

ADDRESSES = st.builds(
    Address,
    tab=st.sampled_from(["overview", "parameters", "study"]),
    trial=st.one_of(st.none(), st.integers(0, 10**8)),
    selection=SELECTIONS,
    options=st.dictionaries(st.sampled_from(["history.by", "contour.x"]), st.text(min_size=1, max_size=5), max_size=2),
)


@given(ADDRESSES)
def test_an_address_read_again_shows_the_same(address):
    assert Address.from_search(address.to_search()) == address


@pytest.mark.parametrize(
    "search", [None, "", "?", "?trial=-1", "?trial=1e3", "?trial=٣", "?trial=" + "9" * 40, "?%%%&&=&"]
)
def test_what_cannot_be_read_is_left_out(search):
    assert Address.from_search(search) == Address()


@given(st.text(st.characters(codec="utf-8", exclude_characters=""), min_size=1, max_size=20))
def test_any_name_of_a_study_comes_back_from_its_path(name):
    assert study_of(study_path(name)) == name
    assert study_of(study_path(name) + "/") == name


@pytest.mark.parametrize(
    "path", [None, "", "/", "/study", "/study/", "/study//", "/compare", "/other/x/y", "/study/x/y"]
)
def test_other_paths_are_no_studies(path):
    assert study_of(path) is None


def test_a_slash_at_the_end_of_a_page_says_nothing():
    assert is_compare("/compare")
    assert is_compare("/compare/")
    assert not is_compare("/compare//")


def test_pages_are_known_by_their_paths():
    pages = ["/", "/compare", "/compare/", "/study/digits", "/study/digits/", "/study/not-begun-yet"]
    others = ["", "//", "/x", "/study", "/study/", "/study/a/b", "/docs", "/index.html", "/Compare", "/compare/x"]

    assert [path for path in pages + others if is_page(path)] == pages


def test_a_comparison_names_each_study_once():
    assert compared(compare_search(["a b", "c&d", "a b"])) == ["a b", "c&d"]
