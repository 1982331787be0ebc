"""Reports and comparisons, opened from disk in a real browser."""

from __future__ import annotations

import pytest
from tests.browser.conftest import EVIL
from tests.end_to_end.command import hpsearch

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def reports(folder):
    """``NAME-report.html`` of the studies, and ``compared.html`` of two of them."""
    for name in ("digits", "halving", "evil", "failing"):
        done = hpsearch("report", "--study", name, folder=folder)
        assert done.returncode == 0, done.stderr
    done = hpsearch("compare", "evil", "halving", "-o", "compared.html", folder=folder)
    assert done.returncode == 0, done.stderr
    return folder


def open_and_scroll(page, file):
    """Open a file and look at every figure once, as a reader who scrolls down; how many of them were drawn."""
    page.goto(file.as_uri())
    plots = page.locator(".plot")
    for place in range(plots.count()):
        plots.nth(place).scroll_into_view_if_needed()
        page.wait_for_function(
            """place => {
                const plot = document.querySelectorAll('.plot')[place];
                const { annotations, images } = plot.layout || {};
                return plot.querySelector('.main-svg') && (plot.data.length || annotations?.length || images?.length);
            }""",
            arg=place,
        )
    return plots.count()


@pytest.mark.parametrize("name", ["digits", "halving", "evil", "failing"])
def test_every_figure_of_a_report_is_drawn_from_disk(page, reports, name):
    assert open_and_scroll(page, reports / f"{name}-report.html") > 3

    assert name in page.locator("h1").inner_text()


def test_figures_are_drawn_though_nobody_scrolls_to_them(page, reports):
    page.goto((reports / "digits-report.html").as_uri())

    page.wait_for_function(
        "() => [...document.querySelectorAll('.plot')].every(plot => plot.querySelector('.main-svg'))"
    )

    assert page.evaluate("window.scrollY") == 0


def test_a_comparison_is_drawn_from_disk(page, reports):
    assert open_and_scroll(page, reports / "compared.html") >= 3


def test_a_persons_text_is_shown_letter_by_letter(page, reports):
    page.goto((reports / "evil-report.html").as_uri())

    assert EVIL in page.locator("body").inner_text()


def test_a_phone_needs_no_scrolling_to_the_side(page, reports):
    page.set_viewport_size({"width": 380, "height": 800})

    for name in ("digits-report", "compared"):
        page.goto((reports / f"{name}.html").as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= 380


def test_it_prints_every_figure(page, reports):
    page.goto((reports / "digits-report.html").as_uri())

    printed = page.pdf(format="A4")

    assert len(printed) > 100_000


def test_light_and_dark_are_a_button(page, reports):
    page.goto((reports / "digits-report.html").as_uri())
    before = page.evaluate("getComputedStyle(document.body).backgroundColor")

    page.locator("button.theme").click()

    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != before
