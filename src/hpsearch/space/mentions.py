"""What a space file mentions, and what it defines without mentioning it anywhere."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from hpsearch.space.families import Definitions
from hpsearch.space.problems import Problems
from hpsearch.space.references import names_in
from hpsearch.space.values import Plain, Section


def texts(tree: Plain) -> Iterator[str]:
    """Every text in `tree`, keys included."""
    if isinstance(tree, str):
        yield tree
    elif isinstance(tree, dict):
        for key, value in tree.items():
            yield key
            yield from texts(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from texts(value)


def words(tree: Plain) -> frozenset[str]:
    """Whatever can be a name in the texts of `tree`."""
    return frozenset(word for text in texts(tree) for word in re.findall(r"[A-Za-z_]\w*", text))


def report_unused(
    written: Section, tree: Section, definitions: Definitions, counters: Iterable[str], problems: Problems
) -> None:
    """Report what is defined but mentioned nowhere; a mention under a misspelt key counts.

    Nothing is unused where what would use it is missing or cannot be read: that has been told.
    """
    model, training = tree.get("model"), tree.get("training")
    if not isinstance(model, list) or not model or not isinstance(training, dict) or "optimizer" not in training:
        return
    if problems.mentions("The expression `"):
        return
    mentioned = set().union(*(names_in(value) for key, value in written.items() if key != "parameters"))
    mentioned |= words(written.get("constraints", []))
    others = {key: value for key, value in written.items() if key not in ("parameters", "search")}
    mentioned |= words([text for text in texts(others) if "$" in text])
    parameters = tree.get("parameters")
    for name, definition in parameters.items() if isinstance(parameters, dict) else ():
        mentioned |= {inner for inner in names_in(definition) if inner != name}
        if isinstance(definition, dict) and isinstance(definition.get("when"), dict):
            mentioned |= set(definition["when"])
    mentioned |= set(counters)
    for name in [*definitions.constants, *definitions.parameters]:
        family = definitions.parameters[name].family if name in definitions.parameters else None
        uses = {family, *definitions.families[family].members} if family in definitions.families else {name}
        if not uses & mentioned and not problems.mentions(f"did you mean `{family or name}`?"):
            what = "constant" if name in definitions.constants else "parameter"
            problems.add(
                ("parameters", family or name),
                f"The {what} `{family or name}` is used nowhere; use it as `${family or name}`, or remove it.",
            )
