"""The final scores of a training on the test split."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from hpsearch.training.examples import examples
from hpsearch.training.losses_metrics import Loss, Metric
from hpsearch.training.task import ClassScore, Evaluation

Predictions = NDArray[np.float32]  # (images, classes)


def evaluate(
    members: Sequence[Predictions],
    labels: NDArray[np.int32],
    class_names: Sequence[str],
    *,
    images: NDArray[Any],
    value_range: tuple[float, float],
    loss: Loss,
    penalty: float,
    metrics: Sequence[Metric],
    combine: str | None,
    epoch: int | None,
) -> Evaluation:
    """Scores of one model's predictions, or of several members' together.

    Args:
        members: each member's predictions for all images.
        labels: the true classes, (images,).
        class_names: in label order.
        images: as stored, for the examples.
        value_range: smallest and largest value of a pixel as stored.
        loss: of the training.
        penalty: what regularisation adds to it, as in validation; 0 for an ensemble.
        metrics: of the study, beside those that are always there.
        combine: ``mean`` or ``vote``; None for a single model.
        epoch: whose weights these are; None for an ensemble.
    """
    from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

    predictions = combined(members, combine)
    predicted = predictions.argmax(axis=-1)
    numbers = list(range(len(class_names)))
    precision, recall, f1, support = precision_recall_fscore_support(
        labels, predicted, labels=numbers, zero_division=0.0
    )
    scores = zip(class_names, precision, recall, f1, support, strict=True)
    confusion = confusion_matrix(labels, predicted, labels=numbers)
    return Evaluation(
        metrics=_metrics(predictions, labels, loss, penalty, metrics),
        classes=tuple(ClassScore(name, float(p), float(r), float(f), int(n)) for name, p, r, f, n in scores),
        confusion=tuple(tuple(int(count) for count in row) for row in confusion),
        epoch=epoch,
        members=() if combine is None else tuple(_metrics(one, labels, loss, 0.0, metrics) for one in members),
        examples=examples(images, labels, predictions, class_names, value_range),
    )


def combined(members: Sequence[Predictions], combine: str | None) -> Predictions:
    """One prediction from all members': their mean, or the share of members that vote for each class."""
    if combine == "vote":
        classes = members[0].shape[-1]
        members = [np.eye(classes, dtype=np.float32)[member.argmax(axis=-1)] for member in members]
    return np.mean(np.stack(members), axis=0, dtype=np.float32) if len(members) > 1 else members[0]


def _metrics(
    predictions: Predictions, labels: NDArray[np.int32], loss: Loss, penalty: float, metrics: Sequence[Metric]
) -> dict[str, float]:
    from sklearn.metrics import accuracy_score, f1_score

    predicted = predictions.argmax(axis=-1)
    shares = np.eye(predictions.shape[-1], dtype=np.float32)[labels]
    values = {
        "accuracy": float(accuracy_score(labels, predicted)),
        "loss": float(loss(labels if loss.takes_integers else shares, predictions)) + penalty,
        "f1_weighted": float(f1_score(labels, predicted, average="weighted", zero_division=0.0)),
    }
    for each in metrics:
        if each.name not in values:
            values[each.name] = _value(each.metric, labels if each.takes_integers else shares, predictions)
    return values


def _value(metric: Any, labels: NDArray[Any], predictions: Predictions) -> float:
    metric.reset_state()
    metric.update_state(labels, predictions)
    return float(keras.ops.mean(metric.result()))
