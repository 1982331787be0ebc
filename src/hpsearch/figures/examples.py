"""Test images with their true names and the model's: wrong ones that it was sure of, and right ones."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go

from hpsearch.errors import ArtifactMissing
from hpsearch.figures.retraining import chosen, in_words, is_simulated, shortened
from hpsearch.figures.rows import StudyRows
from hpsearch.figures.theme import BLUE, VERMILION, new_figure, nothing_to_draw, plain
from hpsearch.storage import EvaluationRecord

if TYPE_CHECKING:
    import pandas

TITLE = "Test images"
_COLUMNS = 4  # so many fit beside each other on a phone
_LONGEST_NAME = 11  # under an image; whole names are on hover
_SIDE, _FRAME = 96, 4  # pixels of an image's longer side, of its frame
_HEADING, _SHOWN = 44, 90  # pixels of a heading, of an image in its frame
_ROW = {False: _SHOWN + 64, True: _SHOWN + 48}
_SIGNS = {False: "✗", True: "✓"}
_COLOURS = {False: VERMILION, True: BLUE}


@dataclass(frozen=True, slots=True)
class Examples:
    """What the figure draws.

    Attributes:
        retraining: whose test this is; None where the study has none.
        images: one row an image: ``index`` in the test split, ``true`` and ``predicted`` names, ``probability`` (the
            model's output for the predicted class), ``is_right``, ``pixels`` (height, width, channels); wrong ones
            first, the surest of them first, then right ones in the order of the test split.
        wrong: how many of all test images are wrong.
        right: how many of all test images are right.
        why_none: where there are no images, why.
    """

    retraining: EvaluationRecord | None
    images: pandas.DataFrame
    wrong: int = 0
    right: int = 0
    why_none: str = ""


def facts(rows: StudyRows, evaluation: int | None = None, each: int = 12) -> Examples:
    """At most `each` wrong and `each` right test images of a retraining; up to 24 of either are stored."""
    import pandas

    nothing = pandas.DataFrame(columns=["index", "true", "predicted", "probability", "is_right", "pixels"])
    retraining = chosen(rows, evaluation)
    if retraining is None:
        return Examples(None, nothing, why_none="No model of this study has been retrained and tested yet.")
    try:
        content = rows.examples(retraining.id)
    except ArtifactMissing:  # whose text names a folder, which is not every reader's business
        said = "The file of this retraining's example images has been changed or damaged, so they are not shown."
        return Examples(retraining, nothing, why_none=said)
    if content is None:
        said = "The example images of this retraining are not beside the database."
        if is_simulated(retraining):
            said = "Simulated training has no test images."
        return Examples(retraining, nothing, why_none=said)
    images = _read(content)
    shown = [images[~images["is_right"]].head(each), _spread(images[images["is_right"]], each)]
    right = sum(row[label] for label, row in enumerate(retraining.confusion))
    total = sum(map(sum, retraining.confusion))
    return Examples(retraining, pandas.concat(shown, ignore_index=True), total - right, right)


def _read(content: bytes) -> pandas.DataFrame:
    import numpy as np
    import pandas

    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        names = arrays["names"]
        return pandas.DataFrame(
            {
                "index": arrays["index"],
                "true": [str(name) for name in names[arrays["true"]]],
                "predicted": [str(name) for name in names[arrays["predicted"]]],
                "probability": arrays["probability"].astype("float64"),
                "is_right": arrays["true"] == arrays["predicted"],
                "pixels": list(arrays["images"]),
            }
        )


def _spread(images: pandas.DataFrame, count: int) -> pandas.DataFrame:
    """At most `count` of them, evenly."""
    step = max(1.0, len(images) / max(count, 1))
    return images.iloc[[int(place * step) for place in range(min(count, len(images)))]]


def figure(facts: Examples) -> go.Figure:
    """Two grids of images, wrong and right, each in a coloured frame with its names and a sign below."""
    if not len(facts.images):
        return nothing_to_draw(caption(facts))
    drawn = new_figure(showlegend=False, margin={"l": 4, "r": 4, "t": 4, "b": 4}, dragmode=False)
    top = 0  # pixels from the upper edge, as the axis counts
    for is_right in (False, True):
        images = facts.images[facts.images["is_right"] == is_right]
        if not len(images):
            continue
        drawn.add_annotation(
            text=_heading(facts, is_right, len(images)),
            x=0.05,
            y=top + _HEADING / 2,
            xanchor="left",
            yanchor="middle",
            showarrow=False,
            font={"size": 14},
        )
        top += _HEADING
        _draw_grid(drawn, images, is_right, top)
        top += -(-len(images) // _COLUMNS) * _ROW[is_right]
    drawn.update_layout(
        height=top + 8,
        xaxis={"visible": False, "range": [0, _COLUMNS], "fixedrange": True},
        yaxis={"visible": False, "range": [top, 0], "fixedrange": True},
    )
    return drawn


def _heading(facts: Examples, is_right: bool, count: int) -> str:
    sign = f"<b>{_coloured(_SIGNS[is_right], is_right)} {'Right' if is_right else 'Wrong'}</b>"
    if is_right:
        return f"{sign}: {count:,} of {facts.right:,}, evenly spread"
    return f"{sign}: the surest {count:,} of {facts.wrong:,}"


def _draw_grid(drawn: go.Figure, images: pandas.DataFrame, is_right: bool, top: int) -> None:
    """Images with names below, and over each an invisible mark that says everything on hover."""
    across = [place % _COLUMNS + 0.5 for place in range(len(images))]
    down = [top + place // _COLUMNS * _ROW[is_right] for place in range(len(images))]
    for x, y, pixels in zip(across, down, images["pixels"], strict=True):
        drawn.add_layout_image(
            source=_picture(pixels, _COLOURS[is_right]),
            xref="x",
            yref="y",
            x=x,
            y=y,
            sizex=0.96,
            sizey=_SHOWN,
            xanchor="center",
            yanchor="top",
            sizing="contain",
        )
    drawn.add_trace(
        go.Scatter(
            x=across,
            y=[y + _SHOWN + 5 for y in down],
            mode="text",
            text=[_names(image, is_right) for image in images.itertuples(index=False)],
            textposition="bottom center",
            textfont={"size": 10.5},
            cliponaxis=False,
            hoverinfo="skip",
        )
    )
    drawn.add_trace(
        go.Scatter(
            x=across,
            y=[y + _SHOWN / 2 for y in down],
            mode="markers",
            marker={"symbol": "square", "size": _SHOWN, "opacity": 0, "color": _COLOURS[is_right]},
            hovertext=[_everything(image) for image in images.itertuples(index=False)],
            hovertemplate="%{hovertext}<extra></extra>",
            name="right" if is_right else "wrong",
        )
    )


def _names(image: Any, is_right: bool) -> str:
    true, said = (plain(shortened(name, _LONGEST_NAME)) for name in (image.true, image.predicted))
    sign = f"<b>{_coloured(_SIGNS[is_right], is_right)}</b> {image.probability:.2f}"
    return f"{true}<br>{sign}" if is_right else f"true: {true}<br>said: {said}<br>{sign}"


def _everything(image: Any) -> str:
    said = f"{plain(image.predicted)} {image.probability:.4f}"
    return f"true: {plain(image.true)}<br>said: {said}<br>test image {image.index}"


def _coloured(text: str, is_right: bool) -> str:
    return f'<span style="color:{_COLOURS[is_right]}">{text}</span>'


def _picture(pixels: Any, colour: str) -> str:
    """An image (height, width, channels) in a frame, as a PNG's data URI; small ones keep their square pixels."""
    from PIL import Image, ImageOps

    picture = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    picture = picture.convert("RGBA" if picture.mode == "RGBA" else "RGB")
    factor = _SIDE / max(picture.size)
    if factor > 1:
        factor = int(factor)  # so that all pixels stay equally large
    size = [max(1, round(side * factor)) for side in picture.size]
    picture = picture.resize(size, Image.Resampling.NEAREST if factor >= 1 else Image.Resampling.LANCZOS)
    picture = ImageOps.expand(picture, border=_FRAME, fill=colour)
    file = io.BytesIO()
    picture.save(file, format="PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


def caption(facts: Examples) -> str:
    """What the figure shows, in words."""
    if facts.retraining is None or facts.why_none:
        return facts.why_none
    wrong = int((~facts.images["is_right"].astype(bool)).sum())
    right = len(facts.images) - wrong
    return (
        f"{in_words(facts.retraining)}: {wrong:,} of {facts.wrong:,} wrong test images, those that the model was "
        f"surest of, and {right:,} of {facts.right:,} right ones, evenly spread over the test split. The number is the "
        "model's output for the class that it said."
    )
