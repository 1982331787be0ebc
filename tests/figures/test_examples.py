"""Test images with true and predicted names: kept by a real retrain, drawn from the file that it left."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import shutil
import sqlite3
from collections import Counter

import numpy as np
import pytest
from tests.end_to_end.command import hpsearch

from hpsearch.figures import examples
from hpsearch.figures.rows import StudyRows
from hpsearch.storage import check, open_store, write_artifact

SPACE = """\
study: digits
dataset: {name: digits}
parameters: {units: [16, 32]}
model: [Flatten, Dense: {units: $units, activation: relu}, Dense: {units: $classes, activation: softmax}]
training: {epochs: 1, optimizer: {name: adam, learning_rate: 0.002}, loss: sparse_categorical_crossentropy}
search: {backend: random, max_trials: 1}
retrain: {epochs: 1, repeats: 2}
"""
FILES = "SELECT evaluations.repeat, artifacts.path, artifacts.sha256 FROM artifacts JOIN evaluations ON "
FILES += "evaluations.id = artifacts.evaluation_id WHERE artifacts.kind = 'examples'"
CELLS = """
SELECT truth.value ->> 'name', said.value ->> 'name', cells.value
FROM evaluations, json_each(evaluations.confusion) rows, json_each(rows.value) cells,
     json_each(evaluations.classes) truth, json_each(evaluations.classes) said
WHERE evaluations.repeat = 1 AND truth.key = rows.key AND said.key = cells.key
"""
WRONG = """
SELECT sum(cells.value) FROM evaluations, json_each(evaluations.confusion) rows, json_each(rows.value) cells
WHERE evaluations.repeat = 1 AND (rows.key = cells.key) = ?
"""


@pytest.fixture(scope="module")
def retrained(tmp_path_factory):
    """A folder in which a study on digits was run and retrained twice, an epoch each."""
    folder = tmp_path_factory.mktemp("digits")
    (folder / "digits.yaml").write_text(SPACE)
    done = hpsearch("run", "digits.yaml", "--workers", 1, "--quiet", folder=folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def folder(retrained, tmp_path):
    """A copy of it, to be changed."""
    return shutil.copytree(retrained, tmp_path / "copy")


@pytest.fixture
def rows(folder):
    """The study's rows."""
    with open_store(folder / "studies.db") as store:
        yield StudyRows(store, store.study("digits"))


@pytest.fixture
def sql(folder):
    """``sql(query, *values)``: what a query finds."""

    def ask(query, *values):
        with contextlib.closing(sqlite3.connect(folder / "studies.db")) as connection:
            return connection.execute(query, values).fetchall()

    return ask


def the_file(folder):
    """The file of the example images."""
    (file,) = (folder / "studies-artifacts").rglob("*.npz")
    return file


def test_the_first_repeat_leaves_one_file_that_its_row_describes(folder, sql):
    ((repeat, path, sha256),) = sql(FILES)

    assert repeat == 1
    assert the_file(folder).as_posix().endswith(path)
    assert hashlib.sha256(the_file(folder).read_bytes()).hexdigest() == sha256
    with open_store(folder / "studies.db") as store:
        assert check(store) == []


def test_names_and_numbers_are_those_of_the_confusion_matrix(rows, sql):
    facts = examples.facts(rows, each=24)

    cells = {(true, said): count for true, said, count in sql(CELLS)}
    shown = Counter(zip(facts.images["true"], facts.images["predicted"], strict=True))
    assert all(count <= cells[pair] for pair, count in shown.items())
    assert [(facts.wrong,), (facts.right,)] == [*sql(WRONG, 0), *sql(WRONG, 1)]
    wrong = facts.images[~facts.images["is_right"]]
    assert len(wrong) == min(24, facts.wrong)
    assert wrong["probability"].is_monotonic_decreasing
    assert facts.images["index"].is_unique


def test_pixels_and_true_names_are_those_of_the_test_split(rows):
    from hpsearch.training.datasets import load

    images, labels = load({"name": "digits"}).test()

    facts = examples.facts(rows)

    for image in facts.images.itertuples(index=False):
        assert np.array_equal(image.pixels, (images[image.index] * (255 / 16)).round())
        assert image.true == str(labels[image.index])


def test_every_image_has_its_names_a_sign_and_a_colour(rows):
    facts = examples.facts(rows, each=3)

    drawn = examples.figure(facts)

    assert len(drawn.layout.images) == 6
    wrong, right = (trace for trace in drawn.data if trace.mode == "text")
    first = facts.images.iloc[0]
    assert wrong.text[0].startswith(f"true: {first['true']}<br>said: {first['predicted']}<br>")
    assert all("✗" in text and "#D55E00" in text for text in wrong.text)
    assert all("✓" in text and "#0072B2" in text for text in right.text)


def test_a_study_without_its_files_says_so(folder, rows):
    the_file(folder).unlink()

    drawn = examples.figure(examples.facts(rows))

    said = drawn.layout.annotations[0].text.replace("<br>", " ")
    assert said == "The example images of this retraining are not beside the database."


def test_a_damaged_file_is_not_shown(folder, rows):
    the_file(folder).write_bytes(the_file(folder).read_bytes() + b"more")

    drawn = examples.figure(examples.facts(rows))

    assert "changed or damaged" in drawn.layout.annotations[0].text
    assert str(folder) not in drawn.to_json()
    with open_store(folder / "studies.db") as store:
        assert any("SHA-256 differs" in sentence for sentence in check(store))


def test_a_deleted_study_takes_its_example_images_along(folder):
    with open_store(folder / "studies.db", read_only=False) as store:
        store.delete("digits")

    assert not list((folder / "studies-artifacts").rglob("*.npz"))


def test_names_of_classes_are_shown_letter_by_letter(folder):
    file = io.BytesIO()
    np.savez(
        file,
        images=np.zeros((2, 40, 300, 3), np.uint8),
        true=[0, 1],
        predicted=[1, 1],
        probability=np.array([0.9, 0.8], np.float32),
        index=[4, 2],
        names=["<script>", "a name & much more"],
    )
    with open_store(folder / "studies.db", read_only=False) as store:
        study = store.study("digits")
        evaluation = store.evaluations(study.id)[0].id
        written = write_artifact(store.artifacts_dir(study.id), "examples/own.npz", file.getvalue())
        with store.claim(study.id) as lease, store.writer(lease).transaction() as write:
            write.add_artifact("examples", "examples/own.npz", *written, evaluation=evaluation)
        drawn = examples.figure(examples.facts(StudyRows(store, study)))

    said = json.dumps(json.loads(drawn.to_json()), ensure_ascii=False)
    assert "<script>" not in said
    assert "&lt;script&gt;" in said
    assert "a name &amp; m…" in said


def test_the_caption_says_that_it_is_the_first_of_two_repeats(rows):
    assert examples.caption(examples.facts(rows)).startswith(
        "Trial 0, retrained for 1 epoch (the first of 2 repeats): "
    )
