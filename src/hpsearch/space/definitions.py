"""The `parameters` section: constants, parameters, families and their conditions."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from hpsearch.space.expressions import FUNCTIONS, ExpressionError
from hpsearch.space.parameters import Condition, Parameter, ParameterKind, Scale
from hpsearch.space.problems import Place, Problems, check_keys, did_you_mean, listing, show
from hpsearch.space.references import ABSENT, ReferenceSyntaxError, reference_in
from hpsearch.space.scopes import Family, Scope, Vocabulary, is_continuous, thresholds_of
from hpsearch.space.values import (
    BROKEN,
    Pairs,
    Plain,
    Scalar,
    as_number,
    contains_broken,
    equal,
    is_number,
    is_scalar,
    is_whole,
)

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
BUILT_IN = ("classes", "input_shape", "model_parameters")
MOST_MEMBERS = 100  # of a family
LARGEST_WHOLE = 2**53  # beyond, neighbouring whole numbers are one number to floats

_NUMERIC_KEYS = ("type", "min", "max", "step", "scale", "when", "each")
_CHOICE_KEYS = ("type", "values", "when", "each")


@dataclass(frozen=True)
class Definitions:
    """What the section defines.

    Attributes:
        parameters: members expanded, parents before children, otherwise in the file's order.
        broken: names that are defined, but not soundly: what uses them is not checked further.
    """

    constants: dict[str, Scalar] = field(default_factory=dict)
    parameters: dict[str, Parameter] = field(default_factory=dict)
    families: dict[str, Family] = field(default_factory=dict)
    broken: frozenset[str] = frozenset()


def read_definitions(tree: Plain, problems: Problems, place: Place = ("parameters",)) -> Definitions:
    """The constants, parameters and families of the section, all mistakes recorded."""
    if tree is None:
        return Definitions()
    if not isinstance(tree, dict):
        if tree is not BROKEN:
            problems.add(place, f"`parameters` is {show(tree)}, but a mapping of names was expected.")
        return Definitions()
    return _Section(tree, problems, place).read()


@dataclass(frozen=True, slots=True)
class _Draft:
    """A parameter before families and conditions are worked out."""

    parameter: Parameter
    when: Mapping[str, Plain]
    each: str | int | None


class _Section:
    def __init__(self, tree: dict[str, Plain], problems: Problems, place: Place) -> None:
        self._tree = {name: value for name, value in tree.items() if self._name_is_free(name, problems, (*place, name))}
        self._problems = problems
        self._place = place
        self._constants: dict[str, Scalar] = {}
        self._evaluating: list[str] = []
        self._broken: set[str] = set(tree) - set(self._tree)
        self._drafts: dict[str, _Draft] = {}

    @staticmethod
    def _name_is_free(name: str, problems: Problems, place: Place) -> bool:
        if not NAME.fullmatch(name):
            problems.add(
                place, f"`{name}` cannot be a name; use up to 64 letters, digits and underscores, not a digit first."
            )
        elif name in BUILT_IN or name in FUNCTIONS:
            problems.add(place, f"`{name}` is built in and cannot be defined; choose another name.")
        elif keyword.iskeyword(name):
            problems.add(place, f"`{name}` is a word of arithmetic's syntax; choose another name, such as `{name}_`.")
        else:
            return True
        return False

    def read(self) -> Definitions:
        for name, definition in self._tree.items():
            if is_scalar(definition):
                self._constant(name)
        for name, definition in self._tree.items():
            if not is_scalar(definition):
                self._parameter(name, definition)
        self._drop_unsound_families()
        self._drop_cycles()
        return self._assemble()

    # Constants -----------------------------------------------------------------------------------------------------

    def _constant(self, name: str) -> Scalar:
        if name in self._constants:
            return self._constants[name]
        place = (*self._place, name)
        if name in self._evaluating:
            cycle = " -> ".join([*self._evaluating[self._evaluating.index(name) :], name])
            self._problems.add(place, f"The constants {cycle} are defined by each other; give one of them a value.")
            self._broken.update(self._evaluating)
            raise _Unsound
        self._evaluating.append(name)
        try:
            value = self._value(self._tree[name], place)
        except _Unsound:
            self._broken.add(name)
            if len(self._evaluating) > 1:
                raise
            return None
        finally:
            self._evaluating.pop()
        self._constants[name] = value
        return value

    def _value(self, tree: Plain, place: Place) -> Scalar:
        """The value of a bound, step, value or constant. Raises _Unsound where there is none."""
        if tree is BROKEN:
            raise _Unsound
        if not is_scalar(tree):
            self._problems.add(place, f"{show(tree)} is no value; a text, number, boolean or null was expected.")
            raise _Unsound
        try:
            reference = reference_in(tree)
        except ReferenceSyntaxError as error:
            self._problems.add(place, str(error))
            raise _Unsound from None
        if reference is None:
            value: Scalar = as_number(tree)
            return value
        names = [reference] if isinstance(reference, str) else sorted(reference.names)
        values = {name: self._constant_named(name, place) for name in names}
        if isinstance(reference, str):
            return values[reference]
        try:
            result: Scalar = reference.value(values)
        except ExpressionError as error:
            self._problems.add(place, f"The expression {show(tree)} has no value: {error}.")
            raise _Unsound from None
        return result

    def _constant_named(self, name: str, place: Place) -> Scalar:
        if name in self._broken:
            raise _Unsound
        if name not in self._tree:
            known = [other for other, value in self._tree.items() if is_scalar(value)]
            what = f"`{name}` is known only once the data are" if name in BUILT_IN else f"There is no constant `{name}`"
            self._problems.add(place, what + did_you_mean(name, known))
            raise _Unsound
        if not is_scalar(self._tree[name]):
            self._problems.add(
                place, f"`{name}` is a parameter, but bounds, steps, values and constants may use constants alone."
            )
            raise _Unsound
        value = self._constant(name)
        if name in self._broken:
            raise _Unsound
        return value

    # Parameters ----------------------------------------------------------------------------------------------------

    def _parameter(self, name: str, definition: Plain) -> None:
        before = len(self._problems)
        place = (*self._place, name)
        try:
            if isinstance(definition, list) and not isinstance(definition, Pairs):
                self._drafts[name] = _Draft(self._choice(name, definition, place), {}, None)
            else:
                self._drafts[name] = self._full(name, definition, place)
        except _Unsound:
            self._broken.add(name)
        if len(self._problems) > before:
            self._broken.add(name)
            self._drafts.pop(name, None)

    def _full(self, name: str, definition: Plain, place: Place) -> _Draft:
        if not isinstance(definition, dict) or contains_broken(definition):
            raise _Unsound
        kinds = [kind.value for kind in ParameterKind]
        if "type" not in definition:
            check_keys(
                self._problems, definition, place, (*_NUMERIC_KEYS, "values"), f"The parameter `{name}`", ["type"]
            )
            raise _Unsound
        if definition["type"] not in kinds:
            self._problems.add(
                (*place, "type"),
                f"`{name}` has the type {show(definition['type'])}{did_you_mean(str(definition['type']), kinds)}",
            )
            raise _Unsound
        kind = ParameterKind(definition["type"])
        keys = _CHOICE_KEYS if kind is ParameterKind.CHOICE else _NUMERIC_KEYS
        required = ["values"] if kind is ParameterKind.CHOICE else ["min", "max"]
        if not check_keys(self._problems, definition, place, keys, f"The {kind} parameter `{name}`", required):
            raise _Unsound
        if kind is ParameterKind.CHOICE:
            values = definition["values"]
            if not isinstance(values, list) or isinstance(values, Pairs):
                self._problems.add(
                    (*place, "values"), f"`values` of `{name}` is {show(values)}, but a list was expected."
                )
                raise _Unsound
            parameter = self._choice(name, values, (*place, "values"))
        else:
            parameter = self._numeric(name, kind, definition, place)
        return _Draft(
            parameter, self._when(name, definition.get("when", {}), place), self._each(name, definition, place)
        )

    def _choice(self, name: str, items: Sequence[Plain], place: Place) -> Parameter:
        if not items:
            self._problems.add(place, f"The choice `{name}` is empty; give at least one value.")
            raise _Unsound
        values: list[Scalar] = []
        sound = True
        for number, item in enumerate(items):
            try:
                value = self._value(item, (*place, number))
            except _Unsound:
                sound = False
                continue
            if any(equal(value, other) for other in values):
                self._problems.add(
                    (*place, number), f"The choice `{name}` has {show(value)} twice; values that are equal are one."
                )
                sound = False
            values.append(value)
        if not sound:
            raise _Unsound
        return Parameter(name, ParameterKind.CHOICE, values=tuple(values))

    def _numeric(self, name: str, kind: ParameterKind, definition: Mapping[str, Plain], place: Place) -> Parameter:
        low = self._number(name, kind, "min", definition, place)
        high = self._number(name, kind, "max", definition, place)
        step = self._number(name, kind, "step", definition, place) if "step" in definition else None
        scale = definition.get("scale", Scale.LINEAR.value)
        if scale not in list(Scale):
            self._problems.add(
                (*place, "scale"), f"`scale` of `{name}` is {show(scale)}, but linear or log was expected."
            )
            raise _Unsound
        if low is None or high is None or ("step" in definition and step is None):
            raise _Unsound
        if low > high:
            self._problems.add((*place, "min"), f"`{name}` has min {low} above max {high}; swap them.")
        elif scale == Scale.LOG and low <= 0:
            self._problems.add((*place, "min"), f"`{name}` has min {low}, but `scale: log` needs a min above 0.")
        elif scale == Scale.LOG and step is not None:
            self._problems.add(
                (*place, "step"),
                f"`{name}` has both `scale: log` and `step`; for a few values write a choice, such as "
                f"[{', '.join(str(value) for value in _powers(low, high))}], else leave `step` out.",
            )
        elif step is not None:
            self._check_grid(name, low, high, step, place)
        return Parameter(name, kind, low, high, step, Scale(scale))

    def _number(
        self, name: str, kind: ParameterKind, key: str, definition: Mapping[str, Plain], place: Place
    ) -> int | float | None:
        try:
            value = self._value(definition[key], (*place, key))
        except _Unsound:
            return None
        if not is_number(value):
            self._problems.add((*place, key), f"`{key}` of `{name}` is {show(value)}, but a number was expected.")
            return None
        if kind is ParameterKind.FLOAT:
            return float(value)
        if not is_whole(value) or abs(value) > LARGEST_WHOLE:
            wanted = "a whole number was expected" if not is_whole(value) else "whole numbers go up to 2**53"
            self._problems.add((*place, key), f"`{key}` of the int `{name}` is {value}, but {wanted}.")
            return None
        return int(value)

    def _check_grid(self, name: str, low: int | float, high: int | float, step: int | float, place: Place) -> None:
        if step <= 0:
            self._problems.add((*place, "step"), f"`step` of `{name}` is {step}, but a number above 0 was expected.")
            return
        first, last, width = (Decimal(repr(number)) for number in (low, high, step))
        steps = (last - first) // width
        reached = first + steps * width
        if reached != last:
            written = int(reached) if isinstance(low, int) else float(reached)
            self._problems.add(
                (*place, "step"),
                f"`{name}` does not reach its max {high} from {low} in steps of {step}: the last value is {written}; "
                f"change max or step.",
            )

    # Families and conditions ---------------------------------------------------------------------------------------

    def _each(self, name: str, definition: Mapping[str, Plain], place: Place) -> str | int | None:
        """The number of a family's members: a whole number, or the name of the parameter that is it."""
        if "each" not in definition:
            return None
        tree, place = definition["each"], (*place, "each")
        try:
            reference = reference_in(tree)
        except ReferenceSyntaxError as error:
            self._problems.add(place, str(error))
            raise _Unsound from None
        if reference is not None and not isinstance(reference, str):
            if len(reference.names) == 1 and reference.text.strip() in reference.names:
                reference = reference.text.strip()
            elif any(not is_scalar(self._tree.get(other, [])) for other in reference.names):
                self._problems.add(
                    place, f"`each` of `{name}` is {show(tree)}, but a number or one `$name` was expected."
                )
                raise _Unsound
        if isinstance(reference, str) and not is_scalar(self._tree.get(reference, "")):
            return reference
        if isinstance(reference, str) and reference not in self._tree:
            if reference not in self._broken:
                self._problems.add(
                    place, f"There is no parameter `{reference}`{did_you_mean(reference, list(self._tree))}"
                )
            raise _Unsound
        count = self._value(tree, place)
        if not is_whole(count) or not 1 <= int(count or 0) <= MOST_MEMBERS:
            self._problems.add(
                place, f"`each` of `{name}` is {show(count)}, but a whole number from 1 to {MOST_MEMBERS} was expected."
            )
            raise _Unsound
        return int(count or 0)

    def _when(self, name: str, tree: Plain, place: Place) -> Mapping[str, Plain]:
        if (isinstance(tree, dict) and tree) or tree == {}:
            return {parent: tree[parent] for parent in tree}
        self._problems.add(
            (*place, "when"), f"`when` of `{name}` is {show(tree)}, but a mapping of parameters to values was expected."
        )
        raise _Unsound

    def _drop_unsound_families(self) -> None:
        """Check that what families are over counts something."""
        for name, draft in list(self._drafts.items()):
            if not isinstance(draft.each, str):
                continue
            place = (*self._place, name, "each")
            number = self._drafts.get(draft.each)
            if number is not None and number.each is not None:
                self._problems.add(
                    place, f"`each` of `{name}` is the family `{draft.each}`, but one number was expected."
                )
            elif number is not None:
                counts = _counts(number.parameter)
                if counts and 1 <= counts[-1] <= MOST_MEMBERS:
                    continue
                self._problems.add(
                    place,
                    f"`each` of `{name}` is `${draft.each}`, but whole numbers from 0 to {MOST_MEMBERS} were expected.",
                )
            elif draft.each not in self._broken:
                self._problems.add(
                    place, f"There is no parameter `{draft.each}`{did_you_mean(draft.each, list(self._drafts))}"
                )
            self._broken.add(name)
            del self._drafts[name]
        members = {member: name for name, draft in self._drafts.items() for member in self._members(name, draft)}
        for member, family in members.items():
            if member != family and (member in self._tree):
                self._problems.add(
                    (*self._place, member),
                    f"`{member}` is a member of the family `{family}` already; choose another name.",
                )
                self._broken.add(member)
                self._drafts.pop(member, None)

    def _members(self, name: str, draft: _Draft) -> tuple[str, ...]:
        if draft.each is None:
            return (name,)
        count = _counts(self._drafts[draft.each].parameter)[-1] if isinstance(draft.each, str) else draft.each
        return tuple(f"{name}_{number}" for number in range(count))

    def _parents(self, name: str) -> list[str]:
        """The definitions that `name` depends on."""
        draft = self._drafts[name]
        families = {member: owner for owner, other in self._drafts.items() for member in self._members(owner, other)}
        parents = [families.get(parent, parent) for parent in draft.when]
        return [*parents, draft.each] if isinstance(draft.each, str) else parents

    def _drop_cycles(self) -> None:
        state: dict[str, int] = {}

        def visit(name: str, trail: list[str]) -> None:
            if name not in self._drafts or state.get(name) == 2:
                return
            if state.get(name) == 1:
                cycle = trail[trail.index(name) :]
                self._problems.add(
                    (*self._place, cycle[0], "when"),
                    f"The conditions of {' -> '.join([*cycle, name])} go in a circle; none may depend on itself.",
                )
                self._broken.update(cycle)
                return
            state[name] = 1
            for parent in self._parents(name):
                visit(parent, [*trail, name])
            state[name] = 2

        for name in list(self._drafts):
            visit(name, [])
        for name in self._broken & set(self._drafts):
            del self._drafts[name]

    def _assemble(self) -> Definitions:
        parameters: dict[str, Parameter] = {}
        families: dict[str, Family] = {}
        waiting = list(self._drafts)
        while waiting:
            name = next(
                (name for name in waiting if not any(parent in waiting for parent in self._parents(name))),
                waiting[0],
            )
            waiting.remove(name)
            try:
                self._expand(name, parameters, families)
            except _Unsound:
                self._broken.add(name)
                self._broken.update(self._members(name, self._drafts[name]))
        return Definitions(self._constants, parameters, families, frozenset(self._broken))

    def _expand(self, name: str, parameters: dict[str, Parameter], families: dict[str, Family]) -> None:
        draft = self._drafts[name]
        place = (*self._place, name, "when")
        conditions = [
            self._condition(name, draft, parent, wish, (*place, parent), parameters, families)
            for parent, wish in draft.when.items()
        ]
        pattern = replace(draft.parameter, when=tuple(conditions))
        if draft.each is None:
            expanded = {name: pattern}
        else:
            members = self._members(name, draft)
            expanded = {
                member: replace(
                    pattern,
                    name=member,
                    family=name,
                    when=self._member_conditions(draft, number, conditions, parameters, families),
                )
                for number, member in enumerate(members)
            }
            families[name] = Family(name, draft.each, members, pattern)
        vocabulary = Vocabulary(
            {**parameters, **expanded},
            self._constants,
            {},
            {},
            thresholds_of([*parameters.values(), *expanded.values()], {}),
        )
        for member in expanded:
            if not any(world[member] is not ABSENT for world in vocabulary.worlds(Scope(), [member])):
                families.pop(name, None)
                self._problems.add(
                    (*self._place, name, "when"),
                    f"The condition of `{member}` can never hold; no trial would ever have it.",
                )
                raise _Unsound
        parameters.update(expanded)

    def _member_conditions(
        self,
        draft: _Draft,
        number: int,
        conditions: Iterable[Condition],
        parameters: Mapping[str, Parameter],
        families: Mapping[str, Family],
    ) -> tuple[Condition, ...]:
        own = [
            replace(condition, parent=families[condition.parent].members[number])
            if condition.parent in families
            else condition
            for condition in conditions
        ]
        if not isinstance(draft.each, str):
            return tuple(own)
        blocks = parameters[draft.each]
        if not blocks.when and _counts(blocks)[0] > number:
            return tuple(own)  # always there
        return (Condition(draft.each, min=number + 1), *own)

    def _condition(
        self,
        name: str,
        draft: _Draft,
        parent: str,
        wish: Plain,
        place: Place,
        parameters: Mapping[str, Parameter],
        families: Mapping[str, Family],
    ) -> Condition:
        if parent in self._broken:
            raise _Unsound
        if parent in self._constants:
            self._problems.add(
                place, f"`when` of `{name}` names the constant `{parent}`, but only a parameter can decide."
            )
            raise _Unsound
        if parent in families and (draft.each is None or families[parent].number != draft.each):
            self._problems.add(
                place,
                f"`when` of `{name}` names the family `{parent}`, which is over another number; name a member, such as "
                f"`{families[parent].members[0]}`.",
            )
            raise _Unsound
        if parent not in parameters and parent not in families:
            known = [*parameters, *(other for other in self._drafts if other != name)]
            self._problems.add(
                place, f"`when` of `{name}` names `{parent}`, which is no parameter{did_you_mean(parent, known)}"
            )
            raise _Unsound
        pattern = families[parent].pattern if parent in families else parameters[parent]
        if isinstance(wish, dict):
            return self._range(name, pattern, parent, wish, place)
        wishes = wish if isinstance(wish, list) else [wish]
        if not wishes:
            self._problems.add(place, f"`when` of `{name}` lists no value of `{parent}`, so it could never hold.")
            raise _Unsound
        values = [
            self._value(item, (*place, number) if isinstance(wish, list) else place)
            for number, item in enumerate(wishes)
        ]
        sound = True
        for number, value in enumerate(values):
            at = (*place, number) if isinstance(wish, list) else place
            if not pattern.contains(value):
                self._problems.add(
                    at,
                    f"`when` of `{name}` waits for {show(value)}, which `{parent}` never is; {_takes(pattern)}.",
                )
                sound = False
            elif any(equal(value, other) for other in values[:number]):
                self._problems.add(at, f"`when` of `{name}` names {show(value)} twice; once is enough.")
                sound = False
        if not sound:
            raise _Unsound
        return Condition(parent, values=tuple(values))

    def _range(self, name: str, pattern: Parameter, parent: str, wish: dict[str, Plain], place: Place) -> Condition:
        if (
            not check_keys(self._problems, wish, place, ("min", "max"), f"The condition of `{name}` on `{parent}`")
            or not wish
        ):
            if not wish:
                self._problems.add(
                    place, f"The condition of `{name}` on `{parent}` is empty; give `min`, `max` or values."
                )
            raise _Unsound
        ends: dict[str, float] = {}
        for key, tree in wish.items():
            value = self._value(tree, (*place, key))
            if not is_number(value):
                self._problems.add((*place, key), f"`{key}` is {show(value)}, but a number was expected.")
                raise _Unsound
            ends[key] = value
        condition = Condition(parent, min=ends.get("min"), max=ends.get("max"))
        if not self._overlaps(pattern, condition):
            self._problems.add(place, f"`when` of `{name}` can never hold: {_takes(pattern)}.")
            raise _Unsound
        return condition

    @staticmethod
    def _overlaps(pattern: Parameter, condition: Condition) -> bool:
        if pattern.kind is ParameterKind.CHOICE:
            return any(condition.holds(value) for value in pattern.values)
        assert pattern.min is not None
        assert pattern.max is not None
        low = pattern.min if condition.min is None else max(pattern.min, condition.min)
        high = pattern.max if condition.max is None else min(pattern.max, condition.max)
        if is_continuous(pattern) or low > high:
            return low <= high
        step = Decimal(repr(pattern.step or 1))
        start = Decimal(repr(pattern.min))
        first = start + -((start - Decimal(repr(low))) // step) * step
        while first < Decimal(repr(low)):
            first += step
        return first <= Decimal(repr(high))


class _Unsound(Exception):
    """A definition has a mistake that is already recorded, or rests on one that has."""


def _counts(parameter: Parameter) -> list[int]:
    """The values of a parameter that counts something, in rising order; empty where it does not count."""
    if parameter.kind is ParameterKind.FLOAT:
        return []
    if parameter.kind is ParameterKind.INT:
        assert parameter.min is not None
        assert parameter.max is not None
        return [int(parameter.min), int(parameter.max)] if parameter.min >= 0 else []
    if not all(is_whole(value) for value in parameter.values):
        return []
    counts = sorted(int(value) for value in parameter.values if isinstance(value, int | float))
    return counts if counts[0] >= 0 else []


def _takes(parameter: Parameter) -> str:
    if parameter.kind is ParameterKind.CHOICE:
        return f"it takes {listing(show(value) for value in parameter.values)}"
    step = f" in steps of {parameter.step}" if parameter.step is not None else ""
    return f"it takes numbers from {parameter.min} to {parameter.max}{step}"


def _powers(low: float, high: float) -> list[float]:
    """A few values from `low` to `high` that a person would choose on a logarithmic scale."""
    ratio = (high / low) ** 0.25
    if isinstance(low, int) and isinstance(high, int):
        doubled = [low * 2**power for power in range(64) if low * 2**power < high]
        return [*doubled, high] if len(doubled) < 8 else [low, high]
    return [low, *(float(f"{low * ratio**power:.1g}") for power in (1, 2, 3)), high]
