"""``hpsearch report`` and ``hpsearch compare`` as people type them: files, words, exit codes."""

from __future__ import annotations

import os

import pytest
from click.testing import CliRunner
from tests.report.reading import Page

from hpsearch.cli.main import cli


@pytest.fixture
def call(studies_db, tmp_path, monkeypatch):
    """``call(*arguments)``: in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(cli, [*map(str, arguments), "--database", str(studies_db)])


def test_a_report_is_written_here_under_the_studys_name(call, tmp_path):
    result = call("report", "--study", "random")

    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("random-report.html (")
    assert result.stdout.endswith(" MB)\n")
    assert Page((tmp_path / "random-report.html").read_text()).headings[0] == (1, "random")


def test_an_existing_file_is_replaced_and_nothing_else_is_left(call, tmp_path):
    target = tmp_path / "mine.html"
    target.write_text("before")

    result = call("report", "--study", "empty", "-o", target)

    assert result.exit_code == 0
    assert "The study has no trial yet." in target.read_text()
    assert os.listdir(tmp_path) == ["mine.html"]


def test_a_report_through_a_link_replaces_what_it_leads_to(call, tmp_path):
    (tmp_path / "real.html").write_text("before")
    (tmp_path / "link.html").symlink_to("real.html")

    call("report", "--study", "empty", "-o", "link.html")

    assert (tmp_path / "link.html").is_symlink()
    assert (tmp_path / "real.html").read_text() != "before"


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (".", "is a folder"),
        ("nowhere/report.html", "There is no folder"),
        ("x" * 300, "cannot be written"),
        (os.devnull, "is not a file that can be replaced"),
    ],
)
@pytest.mark.parametrize("command", [["report", "--study", "empty"], ["compare", "empty", "one"]])
def test_a_place_that_cannot_be_written_is_one_sentence_and_leaves_nothing(call, tmp_path, command, place, words):
    result = call(*command, "-o", place)

    assert result.exit_code == 2
    assert words in result.stderr
    assert result.stderr.count("\n") == 1
    assert os.listdir(tmp_path) == []


def test_a_report_of_a_missing_study_is_one_sentence_and_no_file(call, tmp_path):
    result = call("report", "--study", "rndom")

    assert (result.exit_code, result.stderr.count("\n"), os.listdir(tmp_path)) == (2, 1, [])
    assert "it holds random" in result.stderr


def test_studies_are_compared_in_a_table_on_stdout(call):
    result = call("compare", "random", "hyperband", "pruned")

    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["random", "hyperband", "pruned"]


def test_a_comparison_is_written_as_a_page_too(call, tmp_path):
    result = call("compare", "random", "hyperband", "-o", "both.html")

    page = Page((tmp_path / "both.html").read_text())
    assert result.stderr.startswith("wrote both.html (")
    assert page.headings[0] == (1, "random · hyperband")
    assert page.data
    assert "random" in page.text("table")


@pytest.mark.parametrize("others", [["empty"], ["failures"], ["empty", "one"]])
def test_studies_without_a_complete_trial_are_compared_all_the_same(call, tmp_path, others):
    result = call("compare", "random", *others, "-o", "both.html")

    assert result.exit_code == 0, result.output
    assert Page((tmp_path / "both.html").read_text()).headings
    assert f"\nNo trial of {others[0]} is complete yet.\n" in result.stdout


@pytest.mark.parametrize(
    ("studies", "words"),
    [
        (["random"], "needs two studies or more"),
        ([], "needs two studies or more"),
        (["random", "hyperband", "random"], "Study random is named twice"),
        (["random", "rndom"], "There is no study 'rndom'"),
        (["random", "minimized"], "values of other objectives do not compare"),
    ],
)
def test_what_cannot_be_compared_is_told_in_one_sentence(call, studies, words):
    result = call("compare", *studies)

    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert words in result.stderr
