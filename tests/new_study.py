"""A study that is about to be written, made with few words."""

from __future__ import annotations

from hpsearch.storage import NewStudy
from hpsearch.study import Direction, Objective, Order


def new_study(name, resolved, direction=Direction.MAXIMIZE, description=""):
    """Random search for ``val_accuracy`` in 20 trials; `resolved` goes on top of its resolved file."""
    return NewStudy(
        name=name,
        description=description,
        seed=7,
        objective=Objective("val_accuracy", direction),
        yaml=f"study: {name}\n",
        resolved={"study": name, "search": {"backend": "random", "max_trials": 20}, **resolved},
        decisive={"seed": 7},
        hash="0" * 64,
        backend="random",
        order=Order.NUMBER,
        lag=4,
        threads=1,
        versions={"keras": "3.15.1"},
    )
