"""The dashboard in a real browser."""

from __future__ import annotations

import contextlib
import re
import sqlite3
import time
from functools import partial
from urllib.parse import parse_qs, urlsplit

import pytest
from PIL import Image
from tests.browser.conftest import EVIL, all_drawn
from tests.end_to_end.command import hpsearch, start

from hpsearch.figures.registry import FIGURES, RETRAIN_FIGURES, figure_module

pytestmark = pytest.mark.timeout(240)
TABS = ["overview", "parameters", "cost", "retrained"]


def query(folder, sql, *values):
    with sqlite3.connect(f"file:{folder}/studies.db?mode=ro", uri=True) as connection:
        return connection.execute(sql, values).fetchall()


def trials_with(folder, study, condition="true"):
    """Numbers of a study's trials that fit a condition on ``t``, a row of trials."""
    numbers = f"SELECT t.number FROM trials t JOIN studies s ON s.id = t.study_id WHERE s.name = ? AND {condition}"
    return [number for (number,) in query(folder, numbers, study)]


@contextlib.contextmanager
def run_until(begun, *arguments, folder):
    """A study that runs, from the moment when something of it is `begun` until the block ends."""
    running = start("run", *arguments, "--workers", 1, "--quiet", folder=folder)
    try:
        deadline = time.monotonic() + 30
        while not begun():
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield running
    finally:
        running.kill()
        running.communicate()


def in_the_table(page, trials):
    """Wait until the table counts as many trials as there are in `trials`, and shows some of them and no other."""
    page.wait_for_function(
        """trials => {
            const table = document.querySelector('#trials [aria-rowcount]');
            const numbers = [...document.querySelectorAll('#trials .ag-row [col-id="number"]')]
                .map(cell => cell.innerText).filter(text => text !== '').map(Number);
            return table !== null && Number(table.getAttribute('aria-rowcount')) === trials.length + 1
                && numbers.length > 0 && numbers.every(number => trials.includes(number));
        }""",
        arg=trials,
    )


def test_the_list_shows_every_study_with_its_best_and_state(page, server, folder):
    page.goto(server)

    page.wait_for_selector("#study-list table")

    text = page.locator("#study-list").inner_text()
    for name, best in query(
        folder,
        "SELECT name, (SELECT max(value) FROM trials t WHERE t.study_id = s.id AND state = 'complete') FROM studies s",
    ):
        assert name in text
        assert best is None or f"{best:.4f}" in text
    assert EVIL in text


def test_every_figure_of_a_retrained_study_is_drawn(page, server):
    drawn = set()
    for tab in TABS:
        page.goto(f"{server}/study/digits?tab={tab}")
        page.wait_for_selector(".figure")
        all_drawn(page)
        drawn |= set(page.locator(".figure h3").all_inner_texts())

    titles = {figure_module(name).TITLE for name in FIGURES if name != "funnel"}
    assert titles <= drawn
    assert page.locator(".modebar-btn[data-title*='png' i]").count() == len(RETRAIN_FIGURES)


@pytest.mark.parametrize("name", ["learning_curves", "parallel_coordinates"])  # as shapes, and by the graphics card
def test_a_figure_is_saved_as_a_picture(page, server, tmp_path, name):
    page.goto(f"{server}/study/digits?tab=parameters")
    all_drawn(page)

    assert _saved(page, name, tmp_path) == f"hpsearch-{name}.png"


def test_many_points_are_drawn_by_the_graphics_card(page, server, folder, tmp_path):
    """By programs that Plotly brings along: the page's policy lets none be written at run time."""
    done = hpsearch("run", "evil.yaml", *_set("study=many", "search.max_trials=500"), "--quiet", folder=folder)
    assert done.returncode == 0, done.stderr

    page.goto(f"{server}/study/many?tab=parameters")
    all_drawn(page)

    plot = "document.querySelector('#figure-slices .js-plotly-plot')"
    assert page.evaluate(f"[...new Set({plot}.data.map(trace => trace.type))]") == ["scattergl"]
    _saved(page, "slices", tmp_path)


def test_a_plotly_that_comes_late_draws_all_the_same(page, server, tmp_path):
    """Dash asks for another then, by a path of its own: it gets the same."""
    page.route(re.compile(r"/plotly\.v\w+\.min\.js"), lambda route: (time.sleep(2), route.continue_()))

    page.goto(f"{server}/study/digits?tab=parameters")
    all_drawn(page)

    assert "WebGL is not supported" not in page.locator("#figure-parallel_coordinates").inner_text()
    _saved(page, "parallel_coordinates", tmp_path)


def _set(*settings):
    return [part for setting in settings for part in ("--set", setting)]


def _saved(page, name, folder):
    """Save a figure by its button; the name that the picture would have, which is one with something in it."""
    box = page.locator(f"#figure-{name}")
    box.hover()
    with page.expect_download() as saved:
        box.locator(".modebar-btn[data-title*='png' i]").click()
    saved.value.save_as(folder / "figure.png")
    with Image.open(folder / "figure.png") as picture:
        assert picture.width > 500
        assert len(picture.convert("RGB").getcolors(10**6) or []) > 20
    return saved.value.suggested_filename


def test_hyperbands_funnel_is_drawn(page, server):
    page.goto(f"{server}/study/halving")
    all_drawn(page)

    assert page.locator("#figure-funnel .main-svg").count()


def test_a_tab_is_part_of_the_address_and_the_keyboard_reaches_it(page, server):
    page.goto(f"{server}/study/evil")
    page.wait_for_selector(".figure")

    page.get_by_role("tab", name="Study").focus()
    page.keyboard.press("Enter")

    page.wait_for_selector("pre.yaml")
    assert "tab=facts" in page.url
    assert EVIL in page.locator("pre.yaml").inner_text()
    page.go_back()
    page.wait_for_selector(".figure")


def test_studies_that_are_ticked_stay_so_while_others_run(page, server, folder):
    page.goto(server)
    for name in ("evil", "halving"):
        page.get_by_role("checkbox", name=f"compare {name}").check()
    page.wait_for_selector("#compare-chosen.primary")

    done = hpsearch("run", "halving.yaml", "--set", "study=another", "--quiet", "--no-retrain", folder=folder)
    assert done.returncode == 0, done.stderr
    page.wait_for_selector("tr:has-text('another')")

    page.wait_for_selector("#compare-chosen.primary")
    address = page.locator("#compare-chosen").get_attribute("href")
    assert sorted(parse_qs(urlsplit(address).query)["study"]) == ["evil", "halving"]
    assert page.locator("#study-list input:checked").count() == 2


def test_states_filter_every_figure_and_the_table(page, server, folder):
    page.goto(f"{server}/study/evil?states=failed")
    all_drawn(page)

    failed = trials_with(folder, "evil", "t.state = 'failed'")
    in_the_table(page, failed)
    drawn = page.evaluate(
        "document.querySelector('#figure-history .js-plotly-plot').calcdata"
        ".map(points => [points[0].trace.name, points.length])"
    )
    assert {name.split(",")[0] for name, _ in drawn} == {"failed"}
    assert sum(count for _, count in drawn) == len(failed)


def test_a_filter_of_the_table_is_the_filter_of_the_page(page, server, folder):
    page.goto(f"{server}/study/evil?where.units=16..32")
    all_drawn(page)
    units = "SELECT trial_id FROM trial_parameters WHERE name = 'units' AND value_integer <= 32"
    in_the_table(page, trials_with(folder, "evil", f"t.id IN ({units})"))

    page.locator(".chip").first.click()

    page.wait_for_function("() => !location.search.includes('where')")
    page.wait_for_selector(".chip", state="detached")
    in_the_table(page, trials_with(folder, "evil"))
    page.wait_for_function(
        "every => document.querySelector('#figure-history .caption').textContent.startsWith(every + ' trials')",
        arg=len(trials_with(folder, "evil", "value IS NOT NULL")),
    )


def test_brushing_the_parallel_coordinates_filters_table_and_curves(page, server):
    page.goto(f"{server}/study/evil?tab=parameters")
    all_drawn(page)
    before = page.locator("#figure-history, #figure-learning_curves .caption").first.inner_text()

    _brush(page, "units", 0.97, 0.55)

    page.wait_for_function("() => location.search.includes('where.units')")
    page.wait_for_selector(".chip")
    page.wait_for_function(
        "before => document.querySelector('#figure-learning_curves .caption').innerText !== before", arg=before
    )


def test_a_brush_that_an_address_gives_is_drawn_and_goes_with_its_chip(page, server):
    page.goto(f"{server}/study/evil?tab=parameters&where.units=20..50&is.kind=plain")
    all_drawn(page)
    low, high = _brushed(page, "units")  # drawn to somewhere between values
    assert 16 < low < 32
    assert 48 < high < 64
    assert _brushed(page, "kind")

    page.locator(".chip", has_text="units").click()

    page.wait_for_function("() => !location.search.includes('where.units')")
    page.wait_for_function(f"() => !({_BRUSH})('units')")
    assert _brushed(page, "kind")


def test_a_persons_brush_goes_with_its_chip_and_comes_back_with_the_address(page, server):
    page.goto(f"{server}/study/evil?tab=parameters")
    all_drawn(page)
    _brush(page, "units", 0.97, 0.55)
    page.wait_for_selector(".chip")
    drawn = _brushed(page, "units")

    page.locator(".chip").first.click()
    page.wait_for_function(f"() => !({_BRUSH})('units')")
    page.go_back()

    page.wait_for_function(f"() => ({_BRUSH})('units')")
    assert _brushed(page, "units") == pytest.approx(drawn, rel=1e-3)

    page.locator(".chip").first.click()
    page.wait_for_function(f"() => !({_BRUSH})('units')")
    _brush(page, "units", 0.97, 0.55)  # one that Plotly has drawn, and which is not drawn again
    page.wait_for_selector(".chip")
    page.locator(".chip").first.click()
    page.wait_for_function(f"() => !({_BRUSH})('units')")


def test_a_brush_leaves_the_filters_of_other_axes_as_they_were(page, server):
    page.goto(f"{server}/study/evil?tab=parameters&where.value=0.2..")
    all_drawn(page)

    _brush(page, "units", 0.97, 0.55)

    page.wait_for_function("() => location.search.includes('where.units')")
    assert "where.value=0.2..&" in page.url + "&"


# what Plotly has drawn, which may be another thing than it was given
_BRUSH = """name => (document.querySelector('#figure-parallel_coordinates .js-plotly-plot')._fullData[0].dimensions
    .find(each => each.label.includes(name)).constraintrange)"""


def _brushed(page, name):
    """From where to where an axis of the parallel coordinates is brushed; None where it is not."""
    return page.evaluate(_BRUSH, name)


def _brush(page, name, start, end):
    """Drag along an axis of the parallel coordinates, as a person does, between two shares of its height."""
    place = page.evaluate(
        "name => document.querySelector('#figure-parallel_coordinates .js-plotly-plot').data[0].dimensions"
        ".findIndex(each => each.label.includes(name))",
        name,
    )
    brush = page.locator("#figure-parallel_coordinates .axis-brush").nth(place)
    brush.scroll_into_view_if_needed()
    box = brush.locator(".background").bounding_box()
    across = box["x"] + box["width"] / 2
    page.mouse.move(across, box["y"] + box["height"] * start)
    page.mouse.down()
    page.mouse.move(across, box["y"] + box["height"] * end, steps=10)
    page.mouse.up()


def test_the_first_rows_come_with_the_page_and_others_when_they_are_asked_for(page, server, folder):
    asked = []
    page.on("request", lambda request: asked.append(request.post_data or "") if request.method == "POST" else None)

    page.goto(f"{server}/study/evil")
    in_the_table(page, trials_with(folder, "evil"))
    assert not [body for body in asked if "rows-wanted" in body]

    page.get_by_role("columnheader", name="value").locator(".ag-header-cell-label").click()

    lowest = "SELECT min(value) FROM trials t JOIN studies s ON s.id = study_id WHERE s.name = 'evil'"
    first = f"{query(folder, lowest)[0][0]:.6g}"
    page.wait_for_function(
        """value => document.querySelector('#trials .ag-row[row-index="0"] [col-id="value"]')?.innerText === value""",
        arg=first,
    )
    assert [body for body in asked if "rows-wanted" in body]


def test_a_page_that_the_layout_cannot_know_asks_for_its_content(page, server, folder):
    """Of a long address browsers tell no more than where the server is."""
    states = ",".join(["complete"] + ["x" * 50] * 100)

    page.goto(f"{server}/study/evil?states={states}")
    all_drawn(page)

    in_the_table(page, trials_with(folder, "evil", "t.state = 'complete'"))


def test_an_address_of_which_the_browser_tells_a_part_is_shown_whole(page, server):
    def shortened(route):
        headers = route.request.headers
        route.continue_(headers=headers | {"referer": headers["referer"].partition("?")[0]})

    page.route("**/_dash-layout", shortened)
    page.goto(f"{server}/study/evil?states=failed&tab=parameters")

    page.wait_for_selector("#figure-slices")
    page.wait_for_function("() => document.querySelectorAll('.states input:checked').length === 1")


@pytest.mark.parametrize("choice", ["16", "16&is.units=32", ""])
def test_a_choice_among_numbers_is_kept(page, server, folder, choice):
    page.goto(f"{server}/study/evil?is.units={choice}")
    all_drawn(page)
    page.wait_for_selector(".chip")
    page.wait_for_timeout(2_500)  # the grid tells of its filters a while after it is there

    assert f"is.units={choice}" in page.url
    if choice == "16":
        units = "SELECT trial_id FROM trial_parameters WHERE name = 'units' AND value_integer = 16"
        in_the_table(page, trials_with(folder, "evil", f"t.id IN ({units})"))


def test_a_row_can_be_opened_again_after_going_back(page, server):
    page.goto(f"{server}/study/evil")
    page.wait_for_selector("#trials .ag-row")
    cells = page.locator('#trials .ag-row [col-id="value"]')
    for place, number in ((1, 1), (2, 2)):
        cells.nth(place).click()
        page.get_by_role("heading", name=f"Trial {number} ").wait_for()
        assert page.locator("#trials .ag-row-selected").first.get_attribute("row-index") == str(number)

    page.go_back()
    page.get_by_role("heading", name="Trial 1 ").wait_for()
    page.wait_for_selector("#trials .ag-row-selected", state="detached")
    cells.nth(2).click()

    page.get_by_role("heading", name="Trial 2 ").wait_for()


def test_a_study_whose_coordinator_was_killed_is_not_offered_to_be_stopped(page, server, folder):
    slow = ("study=killed", "training.seconds_per_epoch=5")
    running = start("run", "evil.yaml", *_set(*slow), "--workers", 1, "--quiet", folder=folder)
    page.goto(server)
    page.wait_for_selector("tr:has-text('killed'):has-text('running')")
    running.kill()
    running.communicate()

    page.goto(f"{server}/study/killed")

    page.get_by_text("nobody runs it now").wait_for()
    assert page.locator("#stop").is_hidden()


def test_a_column_keeps_the_width_that_a_person_gave_it(page, server):
    page.goto(f"{server}/study/evil")
    page.wait_for_selector("#trials .ag-row")
    page.locator("#trials").scroll_into_view_if_needed()
    edge = page.locator("#trials .ag-header-cell[col-id='rate'] .ag-header-cell-resize").bounding_box()
    place = edge["x"] + edge["width"] / 2, edge["y"] + edge["height"] / 2
    page.mouse.move(*place)
    page.mouse.down()
    page.mouse.move(place[0] + 90, place[1], steps=5)
    page.mouse.up()
    width = "document.querySelector(\"#trials .ag-header-cell[col-id='rate']\").offsetWidth"
    wide = page.evaluate(width)

    page.locator(".columns summary").click()
    page.get_by_role("checkbox", name="best epoch").check()
    page.wait_for_selector("#trials .ag-header-cell[col-id='best_epoch']")

    assert page.evaluate(width) == wide


def test_columns_are_chosen_and_stay_chosen(page, server):
    page.goto(f"{server}/study/evil")
    page.wait_for_selector("#trials .ag-row")
    headers = "[...document.querySelectorAll('#trials .ag-header-cell')].map(cell => cell.getAttribute('col-id'))"
    assert "rate" in page.evaluate(headers)
    names = page.evaluate("[...document.querySelectorAll('.columns input')].map(one => one.value)")
    by_place = """[...document.querySelectorAll('#trials .ag-header-cell')]
        .sort((one, other) => one.getBoundingClientRect().left - other.getBoundingClientRect().left)
        .map(cell => cell.getAttribute('col-id'))"""

    page.locator(".columns summary").focus()
    page.keyboard.press("Enter")
    page.get_by_role("checkbox", name="rate", exact=True).uncheck()
    page.get_by_role("checkbox", name="best epoch").check()

    def shown():
        page.wait_for_function(f"() => (names => names.includes('best_epoch') && !names.includes('rate'))({headers})")

    def in_order():  # in the end: columns slide to their places
        page.wait_for_function(
            f"""names => {{
                const places = ({by_place}).map(name => names.indexOf(name));
                return places.every((place, at) => at === 0 || places[at - 1] < place);
            }}""",
            arg=names,
        )

    shown()
    in_order()
    page.keyboard.press("Escape")
    page.wait_for_function("() => !document.querySelector('.columns').open")
    assert page.evaluate("document.activeElement.innerText") == "Columns"
    page.reload()
    shown()
    in_order()


def test_a_click_on_a_row_opens_the_trial_beside_the_best_and_escape_closes_it(page, server, folder):
    page.goto(f"{server}/study/evil")
    page.wait_for_selector("#trials .ag-row")

    page.locator('#trials .ag-row [col-id="number"]').nth(1).click()

    page.wait_for_selector(".panel.open h2")
    assert "Trial 1" in page.locator(".panel h2").inner_text()
    assert "trial=1" in page.url
    page.keyboard.press("Escape")
    page.wait_for_selector(".panel.open", state="detached")

    page.locator('#trials .ag-row [col-id="number"]').nth(1).click()
    page.wait_for_selector(".panel.open h2")


def test_the_keyboard_opens_a_row_and_comes_back_to_it(page, server):
    page.goto(f"{server}/study/evil")
    page.wait_for_selector("#trials .ag-row")
    page.locator('#trials .ag-row [col-id="number"]').nth(1).focus()
    page.keyboard.press("ArrowDown")

    page.keyboard.press("Enter")

    page.wait_for_selector(".panel.open h2")
    assert "trial=2" in page.url
    page.wait_for_function("() => document.activeElement.closest('.panel') !== null")
    page.keyboard.press("Escape")
    page.wait_for_selector(".panel.open", state="detached")
    assert page.evaluate("document.activeElement.closest('.ag-row')?.getAttribute('row-id')") == "2"


POINT = """name => {
    const plot = document.querySelector(`#figure-${name} .js-plotly-plot`);
    plot.scrollIntoView({block: 'center'});
    const box = plot.getBoundingClientRect();
    for (const trace of plot._fullData) {
        const number = trace.customdata && [trace.customdata[0]].flat()[0];
        const [x, y] = [plot._fullLayout[(trace.xaxis || 'x').replace('x', 'xaxis')],
                        plot._fullLayout[(trace.yaxis || 'y').replace('y', 'yaxis')]];
        if (trace.visible !== true || !(number >= 0) || trace.type === 'contour') continue;
        const place = trace.orientation === 'h' ? trace.base[0] + 0.5 * trace.x[0] : trace.x ? trace.x[0] : trace.x0;
        const [left, top] = [x.d2p(place), y.d2p(trace.y[0])];
        return {number, x: box.left + x._offset + left, y: box.top + y._offset + top};
    }
}"""


@pytest.mark.parametrize(
    ("tab", "figure"),
    [
        *(
            ("overview", "history"),
            ("overview", "learning_curves"),
            ("parameters", "slices"),
            ("parameters", "contour"),
        ),
        *(("cost", "cost"), ("cost", "timeline")),
    ],
)
def test_a_click_on_a_point_opens_its_trial(page, server, tab, figure):
    page.goto(f"{server}/study/evil?tab={tab}")
    all_drawn(page)
    page.wait_for_timeout(300)  # what is drawn late moves what is below it
    place = page.evaluate(POINT, figure)

    page.mouse.move(place["x"] + 1, place["y"])
    page.mouse.move(place["x"], place["y"])
    page.mouse.click(place["x"], place["y"])

    page.wait_for_selector(".panel.open h2")
    number = int(parse_qs(urlsplit(page.url).query)["trial"][0])
    assert f"Trial {number}" in page.locator(".panel h2").inner_text()


def test_a_failed_trial_shows_its_error_letter_by_letter(page, server, folder):
    failed = (
        "SELECT min(number) FROM trials t JOIN studies s ON s.id = study_id WHERE t.state = 'failed' AND s.name = ?"
    )
    number = query(folder, failed, "evil")[0][0]

    page.goto(f"{server}/study/evil?trial={number}")

    page.wait_for_selector(".panel.open pre")
    assert "Traceback" in page.locator(".panel pre").inner_text()


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/compare?study=nosuch&study=evil", "There is no study 'nosuch'"),
        ("/study/nothing", "There is no study 'nothing'"),
        ("/study/evil?trial=99999", "There is no trial 99999"),
        ("/study/failing", "none is complete yet"),
        ("/compare", "Choose two or more studies"),
    ],
)
def test_what_is_not_there_is_said_plainly(page, server, path, words):
    page.goto(server + path)

    page.get_by_text(words).first.wait_for()


def test_two_studies_are_compared(page, server):
    page.goto(f"{server}/compare?study=evil&study=halving")

    page.wait_for_selector("#comparison table")
    page.wait_for_function(
        "() => document.querySelectorAll('#comparison .js-plotly-plot > .plot-container').length >= 3"
    )
    assert "evil" in page.locator("#comparison table").inner_text()


def test_a_comparison_follows_its_address(page, server):
    page.goto(f"{server}/compare?study=evil&study=halving")
    page.wait_for_selector("#comparison table")

    page.get_by_role("link", name="Compare", exact=True).click()

    page.get_by_text("Choose two or more studies.").wait_for()
    page.go_back()
    page.wait_for_selector("#comparison table")


def test_a_running_study_is_followed_without_losing_the_zoom_and_stopped(page, server, folder):
    (folder / "live.yaml").write_text(
        """
study: live
parameters: {rate: {type: float, min: 1e-4, max: 1e-1, scale: log}}
training: {trainer: simulated, epochs: 4, seconds_per_epoch: 0.5}
search: {backend: random, max_trials: 500}
"""
    )
    begun = partial(trials_with, folder, "live", "value IS NOT NULL")
    with run_until(begun, "live.yaml", "--no-retrain", folder=folder) as running:
        page.goto(f"{server}/study/live")
        all_drawn(page)
        plot = "document.querySelector('#figure-history .js-plotly-plot')"
        zoomed = _zoom(page, plot)
        points = page.evaluate(f"{plot}.calcdata[0].length")
        scrolled = page.evaluate("(window.scrollTo(0, 200), window.scrollY)")

        page.wait_for_function(f"before => {plot}.calcdata[0].length > before", arg=points)

        assert page.evaluate(f"{plot}.layout.yaxis.range") == zoomed
        assert page.evaluate("window.scrollY") == scrolled
        _an_epoch_is_seen_within_three_seconds(page, folder)
        _focus_and_marked_text_stay(page)
        _a_table_stays_where_it_is_scrolled_to(page, server)

        page.goto(f"{server}/study/live")
        page.once("dialog", lambda dialog: dialog.accept())
        page.locator("#stop").click()
        page.get_by_text("stopped").first.wait_for()
        assert running.wait(10) in (0, 1, 130)


def test_a_study_that_is_renamed_while_its_page_is_open_is_told_of_and_can_be_left(page, server, folder):
    few = _set("study=before", "search.max_trials=3")
    assert hpsearch("run", "evil.yaml", *few, "--quiet", "--no-retrain", folder=folder).returncode == 0
    page.goto(f"{server}/study/before")
    all_drawn(page)

    assert hpsearch("rename", "after", "--study", "before", folder=folder).returncode == 0

    page.get_by_text("There is no study 'before'").wait_for()
    page.get_by_role("tab", name="Parameters").click()
    page.wait_for_timeout(2_000)  # of a page that asks every 1.5 s: nothing goes wrong
    page.get_by_role("link", name="Studies").click()
    page.wait_for_selector("#study-list table")
    assert "after" in page.locator("#study-list").inner_text()


def test_a_retraining_is_followed_and_stopped(page, server, folder):
    (folder / "retrained.yaml").write_text(
        """
study: retrained
parameters: {rate: {type: float, min: 1e-4, max: 1e-1, scale: log}}
training: {trainer: simulated, epochs: 1, seconds_per_epoch: 0.2}
search: {backend: random, max_trials: 1}
retrain: {epochs: 400}
"""
    )
    epochs_of = "SELECT 1 FROM evaluations JOIN studies s ON s.id = study_id WHERE s.name = 'retrained' AND epochs_done"
    with run_until(partial(query, folder, epochs_of), "retrained.yaml", folder=folder) as running:
        page.goto(f"{server}/study/retrained?tab=retrained")
        page.get_by_text("epochs of trial 0's retraining").wait_for()
        all_drawn(page)
        epochs = "document.querySelector('#figure-retrain_curves .js-plotly-plot').calcdata[0].length"
        seen = page.evaluate(epochs)

        page.wait_for_function(f"before => {epochs} > before", arg=seen)
        page.get_by_text(re.compile(r"Trial 0, retrained for \d+ of 400 epochs so far")).wait_for()

        page.once("dialog", lambda dialog: dialog.accept())
        page.locator("#stop").click()
        page.get_by_text("stopped").first.wait_for()
        assert running.wait(10) == 0


def test_zoom_stays_in_a_comparison_and_in_a_trials_own_curves_while_they_change(page, server, folder):
    trials_of_12_seconds = ("training.seconds_per_epoch=0.4", "training.epochs=30", "training.failure_rate=0")
    settings = _set("study=changing", *trials_of_12_seconds)
    begun = partial(trials_with, folder, "changing", "t.epochs_done > 0")
    with run_until(begun, "evil.yaml", *settings, "--no-retrain", folder=folder):
        for path, box in (("/study/changing?trial=0", ".panel"), ("/compare?study=changing&study=evil", "#comparison")):
            page.goto(server + path)
            page.wait_for_selector(f"{box} .js-plotly-plot .main-svg")
            plot = f"document.querySelector('{box} .js-plotly-plot')"
            page.evaluate(f"Plotly.relayout({plot}, {{'yaxis.range': [0.1, 0.4]}})")
            before = page.evaluate(f"JSON.stringify({plot}.data)")

            page.wait_for_function(f"before => JSON.stringify({plot}.data) !== before", arg=before)

            assert page.evaluate(f"{plot}.layout.yaxis.range") == [0.1, 0.4]


def _zoom(page, plot):
    """Drag a box over a figure as a person does; the range that it then shows."""
    box = page.locator("#figure-history .nsewdrag").first.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.1, box["y"] + box["height"] * 0.1)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.8, box["y"] + box["height"] * 0.7, steps=8)
    page.mouse.up()
    page.wait_for_function(f"() => {plot}.layout.yaxis.autorange === false")
    return page.evaluate(f"{plot}.layout.yaxis.range")


def _focus_and_marked_text_stay(page):
    page.locator("#stop").focus()
    page.evaluate("getSelection().selectAllChildren(document.querySelector('#study-head h1'))")
    marked = page.evaluate("getSelection().toString()")

    for _ in range(2):
        before = page.locator("#study-head").inner_text()
        page.wait_for_function("before => document.querySelector('#study-head').innerText !== before", arg=before)

    assert page.evaluate("[document.activeElement.id, getSelection().toString()]") == ["stop", marked]


def _a_table_stays_where_it_is_scrolled_to(page, server):
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(server)
    page.wait_for_selector("#study-list table")
    page.evaluate("document.querySelector('#study-list .scrolled').scrollLeft = 120")
    before = page.locator("#study-list").inner_text()

    page.wait_for_function("before => document.querySelector('#study-list').innerText !== before", arg=before)

    assert page.evaluate("document.querySelector('#study-list .scrolled').scrollLeft") == 120
    page.set_viewport_size({"width": 1280, "height": 900})


def _an_epoch_is_seen_within_three_seconds(page, folder):
    shown = (
        "Number([...document.querySelectorAll('#study-head dt')].find(each => each.innerText === 'epochs')"
        ".nextSibling.innerText.split(' of ')[0].replace(',', ''))"
    )
    newest = "SELECT id FROM trials WHERE study_id = (SELECT max(id) FROM studies)"
    trained, began = query(folder, f"SELECT count(*) FROM epochs WHERE trial_id IN ({newest})")[0][0], time.monotonic()

    page.wait_for_function(f"wanted => {shown} >= wanted", arg=trained, timeout=10_000)

    assert time.monotonic() - began < 3


@pytest.mark.parametrize(
    "path", ["/", "/study/digits", "/study/digits?tab=parameters", "/compare?study=evil&study=halving"]
)
def test_a_phone_needs_no_scrolling_to_the_side(page, server, path):
    page.set_viewport_size({"width": 380, "height": 800})
    page.goto(server + path)
    page.wait_for_selector("#study-list table, .figure")

    assert page.evaluate("document.documentElement.scrollWidth") <= 380


def test_on_a_phone_a_figure_of_many_parts_scrolls_in_its_box(page, server):
    page.set_viewport_size({"width": 380, "height": 800})
    page.goto(f"{server}/study/digits?tab=parameters")
    all_drawn(page)

    for name in ("slices", "parallel_coordinates"):
        room, figure = page.evaluate(
            "name => (box => [box.clientWidth, box.scrollWidth])(document.querySelector(`#figure-${name} .plot-box`))",
            name,
        )
        assert figure > room
    assert page.evaluate("document.documentElement.scrollWidth") <= 380
