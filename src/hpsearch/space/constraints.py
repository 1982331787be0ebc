"""The `constraints` section: comparisons that hold for every trial."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from hpsearch.space.checking import Checker, Fault
from hpsearch.space.expressions import Expression, ExpressionError, parse_comparison
from hpsearch.space.problems import Place, show
from hpsearch.space.references import ABSENT
from hpsearch.space.scopes import Scope
from hpsearch.space.values import BROKEN, Pairs, Plain


def check_constraints(tree: Plain, checker: Checker) -> None:
    """Check the list under `constraints`, each with every value that its parameters may have."""
    place: Place = ("constraints",)
    if not isinstance(tree, list) or isinstance(tree, Pairs):
        if tree is not BROKEN:
            checker.problems.add(place, f'`constraints` is {show(tree)}, but a list such as ["a <= b"] was expected.')
        return
    for number, text in enumerate(tree):
        if text is not BROKEN:
            _check(text, checker, (*place, number))


def _check(text: Plain, checker: Checker, place: Place) -> None:
    if not isinstance(text, str):
        checker.problems.add(place, f'{show(text)} is no constraint; text such as "a <= 2 * b" was expected.')
        return
    try:
        constraint = parse_comparison(text)
    except ExpressionError as error:
        checker.problems.add(place, f"The constraint {show(text)} cannot be read: {error}.")
        return
    also = ("model_parameters",)
    mentions = [f"${name}" for name in sorted(constraint.names)]
    if not checker.names_are_known(mentions, Scope(), place, also):
        return
    names = sorted(constraint.names - set(also))
    # a mapping of references stands for the constraint, so that each value is tried in it
    tree = {name: f"${name}" for name in names}
    checker.check(tree, Scope(), place, partial(_faults, constraint, frozenset(names)))


def _faults(constraint: Expression, names: frozenset[str], value: Plain) -> Iterator[Fault]:
    known = {} if value is ABSENT else value
    if names - set(known):
        return  # over an inactive parameter, so not applied
    try:
        constraint.value({**known, "model_parameters": 1_000})
    except ExpressionError as error:
        yield Fault(f"The constraint {show(constraint.text)} has no value: {error}", structural=False)
