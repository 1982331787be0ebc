"""From single definitions to the parameters of a space: families expanded, conditions checked, parents first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

from hpsearch.space.constants import Constants, Unsound
from hpsearch.space.parameters import Condition, Parameter, ParameterKind
from hpsearch.space.problems import Place, Problems, check_keys, did_you_mean, listing, show
from hpsearch.space.references import ABSENT
from hpsearch.space.scopes import Family, Scope, Vocabulary, is_continuous, thresholds_of
from hpsearch.space.values import Plain, Scalar, equal, is_number, is_whole

MOST_MEMBERS = 100  # of a family
LONGEST_CHAIN = 50  # of conditions that hang on each other


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


@dataclass(frozen=True, slots=True)
class Draft:
    """A parameter before families and conditions are worked out."""

    parameter: Parameter
    when: Mapping[str, Plain]
    each: str | int | None


class Assembly:
    """Puts drafts together; definitions with mistakes are left out and their names noted as broken."""

    def __init__(self, drafts: dict[str, Draft], constants: Constants, problems: Problems, place: Place) -> None:
        self._drafts = drafts
        self._constants = constants
        self._problems = problems
        self._place = place
        self._member_names: dict[str, tuple[str, ...]] = {}

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
                counts = counts_of(number.parameter)
                if counts and 1 <= counts[-1] <= MOST_MEMBERS:
                    continue
                self._problems.add(
                    place,
                    f"`each` of `{name}` is `${draft.each}`, but whole numbers from 0 to {MOST_MEMBERS} were expected.",
                )
            elif draft.each not in self._constants.broken:
                self._problems.add(
                    place, f"There is no parameter `{draft.each}`{did_you_mean(draft.each, list(self._drafts))}"
                )
            self._constants.broken.add(name)
            del self._drafts[name]
        families = [(name, draft) for name, draft in self._drafts.items() if draft.each is not None]
        for member, family in [(member, name) for name, draft in families for member in self._members(name, draft)]:
            if member in self._constants.names:
                self._problems.add(
                    (*self._place, member),
                    f"`{member}` is a member of the family `{family}` already; choose another name.",
                )
                self._constants.broken.add(member)
                self._drafts.pop(member, None)

    def _members(self, name: str, draft: Draft) -> tuple[str, ...]:
        if draft.each is None:
            return (name,)
        count = counts_of(self._drafts[draft.each].parameter)[-1] if isinstance(draft.each, str) else draft.each
        return tuple(f"{name}_{number}" for number in range(count))

    def _find_parents(self) -> dict[str, list[str]]:
        """The definitions that each definition depends on."""
        owners = {member: name for name, members in self._member_names.items() for member in members}
        found: dict[str, list[str]] = {}
        for name, draft in self._drafts.items():
            found[name] = [owners.get(parent, parent) for parent in draft.when]
            if isinstance(draft.each, str):
                found[name].append(draft.each)
        return found

    def _drop_cycles(self, parents: Mapping[str, list[str]]) -> None:
        """Leave out definitions whose conditions go in a circle, or hang on too many others."""
        depths: dict[str, int] = {}

        def depth(name: str, trail: list[str]) -> int:
            if name in trail:
                cycle = trail[trail.index(name) :]
                self._problems.add(
                    (*self._place, cycle[0], "when"),
                    f"The conditions of {' -> '.join([*cycle, name])} go in a circle; none may depend on itself.",
                )
                self._constants.broken.update(cycle)
                return 0
            if name in parents and name not in depths:
                deepest = LONGEST_CHAIN if len(trail) > LONGEST_CHAIN else 0
                for parent in parents[name] if not deepest else ():
                    deepest = max(deepest, depth(parent, [*trail, name]))
                depths[name] = deepest + 1
            return depths.get(name, 0)

        for name in parents:
            depth(name, [])
        for name in parents:
            if depths[name] > LONGEST_CHAIN:
                self._constants.broken.add(name)
            if depths[name] == LONGEST_CHAIN + 1:
                message = f"`{name}` hangs on a chain of over {LONGEST_CHAIN} conditions; make it shorter."
                self._problems.add((*self._place, name), message)
        for name in self._constants.broken & set(self._drafts):
            del self._drafts[name]

    def assemble(self) -> Definitions:
        """The parameters in order, members expanded."""
        self._drop_unsound_families()
        self._member_names = {name: self._members(name, draft) for name, draft in self._drafts.items()}
        parents = self._find_parents()
        self._drop_cycles(parents)
        parameters: dict[str, Parameter] = {}
        families: dict[str, Family] = {}
        waiting = dict.fromkeys(self._drafts)
        while waiting:
            name = next(name for name in waiting if not any(parent in waiting for parent in parents[name]))
            del waiting[name]
            try:
                self._expand(name, parameters, families)
            except Unsound:
                self._constants.broken.update((name, *self._member_names[name]))
        return Definitions(self._constants.values, parameters, families, frozenset(self._constants.broken))

    def _expand(self, name: str, parameters: dict[str, Parameter], families: dict[str, Family]) -> None:
        draft = self._drafts[name]
        if isinstance(draft.each, str) and draft.each not in parameters:
            raise Unsound
        place = (*self._place, name, "when")
        conditions = [
            self._condition(name, draft, parent, wish, (*place, parent), parameters, families)
            for parent, wish in draft.when.items()
        ]
        pattern = replace(draft.parameter, when=tuple(conditions))
        if draft.each is None:
            expanded = {name: pattern}
        else:
            members = self._member_names[name]
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
        for member, parameter in expanded.items():
            if len(parameter.when) > 1 and not self._can_be_active(parameter, parameters):
                families.pop(name, None)
                self._problems.add(
                    (*self._place, name, "when"),
                    f"The condition of `{member}` can never hold; no trial would ever have it.",
                )
                raise Unsound
        parameters.update(expanded)

    def _can_be_active(self, parameter: Parameter, parameters: Mapping[str, Parameter]) -> bool:
        """Whether conditions that can hold one by one can hold together; a single one always can."""
        needed = {parameter.name: parameter}
        waiting = [parameter]
        while waiting:
            for condition in waiting.pop().when:
                if condition.parent not in needed:
                    needed[condition.parent] = parameters[condition.parent]
                    waiting.append(parameters[condition.parent])
        vocabulary = Vocabulary(needed, {}, {}, {}, thresholds_of(needed.values(), {}))
        worlds = vocabulary.worlds(Scope(), [parameter.name])
        return any(world[parameter.name] is not ABSENT for world in worlds)

    def _member_conditions(
        self,
        draft: Draft,
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
        if not blocks.when and counts_of(blocks)[0] > number:
            return tuple(own)  # always there
        return (Condition(draft.each, min=number + 1), *own)

    def _condition(
        self,
        name: str,
        draft: Draft,
        parent: str,
        wish: Plain,
        place: Place,
        parameters: Mapping[str, Parameter],
        families: Mapping[str, Family],
    ) -> Condition:
        if parent in self._constants.broken:
            raise Unsound
        if parent in self._constants.values:
            self._problems.add(
                place, f"`when` of `{name}` names the constant `{parent}`, but only a parameter can decide."
            )
            raise Unsound
        if parent in families and (draft.each is None or families[parent].number != draft.each):
            self._problems.add(
                place,
                f"`when` of `{name}` names the family `{parent}`, which is over another number; name a member, such as "
                f"`{families[parent].members[0]}`.",
            )
            raise Unsound
        if parent not in parameters and parent not in families:
            known = [*parameters, *(other for other in self._drafts if other != name)]
            self._problems.add(
                place, f"`when` of `{name}` names `{parent}`, which is no parameter{did_you_mean(parent, known)}"
            )
            raise Unsound
        pattern = families[parent].pattern if parent in families else parameters[parent]
        if isinstance(wish, dict):
            return self._range(name, pattern, parent, wish, place)
        wishes = wish if isinstance(wish, list) else [wish]
        if not wishes:
            self._problems.add(place, f"`when` of `{name}` lists no value of `{parent}`, so it could never hold.")
            raise Unsound
        values = [
            self._constants.value(item, (*place, number) if isinstance(wish, list) else place)
            for number, item in enumerate(wishes)
        ]
        sound = True
        for number, value in enumerate(values):
            at = (*place, number) if isinstance(wish, list) else place
            if not pattern.contains(value):
                self._problems.add(
                    at,
                    f"`when` of `{name}` waits for {show(value)}, which `{parent}` never is; it {_takes(pattern)}.",
                )
                sound = False
            elif any(equal(value, other) for other in values[:number]):
                self._problems.add(at, f"`when` of `{name}` names {show(value)} twice; once is enough.")
                sound = False
        if not sound:
            raise Unsound
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
            raise Unsound
        ends: dict[str, float] = {}
        for key, tree in wish.items():
            value = self._constants.value(tree, (*place, key))
            if not is_number(value):
                self._problems.add((*place, key), f"`{key}` is {show(value)}, but a number was expected.")
                raise Unsound
            ends[key] = value
        condition = Condition(parent, min=ends.get("min"), max=ends.get("max"))
        if not self._overlaps(pattern, condition):
            self._problems.add(place, f"`when` of `{name}` can never hold: `{parent}` {_takes(pattern)}.")
            raise Unsound
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


def counts_of(parameter: Parameter) -> list[int]:
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
        return f"takes {listing(show(value) for value in parameter.values)}"
    step = f" in steps of {parameter.step}" if parameter.step is not None else ""
    return f"takes numbers from {parameter.min} to {parameter.max}{step}"
