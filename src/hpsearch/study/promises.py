"""What a study's settings promise about running it again, in words."""

from __future__ import annotations

from hpsearch.study.study import Order, Study


def order_promise(study: Study) -> str:
    """What the order of telling means for the table of trials."""
    if study.order is Order.FINISHED:
        return "trials are told as they finish, so the table depends on timing where there are several slots"
    return "the same file, seed and lag give the same table, whatever the number of workers"


def bits_promise(study: Study) -> str:
    """The settings of arithmetic that are kept with the study, and whether values repeat to the last bit."""
    settings = (
        f"{study.threads} thread{'s' if study.threads > 1 else ''} a worker, oneDNN {'on' if study.onednn else 'off'}"
    )
    if study.deterministic:
        return f"{settings}, deterministic operations: on a CPU values repeat to the last bit"
    return f"{settings}, operations may differ in their last bits from run to run"
