"""From a file or a mapping to a checked `Space`, every mistake reported at once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from hpsearch.errors import BuildError, Problem, SearchSpaceError
from hpsearch.space.calls import CUSTOM, name_fault
from hpsearch.space.catalogue import Catalogue, DataFacts, Kind
from hpsearch.space.checking import Checker, Fault
from hpsearch.space.cleaning import clean, named_part, refuse_references
from hpsearch.space.constraints import check_constraints
from hpsearch.space.dataset_section import read_dataset
from hpsearch.space.definitions import read_definitions
from hpsearch.space.families import Definitions
from hpsearch.space.layers import LayerCheck, counters_in
from hpsearch.space.mentions import report_unused, texts, words
from hpsearch.space.overrides import apply_overrides
from hpsearch.space.problems import Place, Problems, check_keys, nearest, show
from hpsearch.space.reading import plain_form, read_file, read_text
from hpsearch.space.references import ABSENT, ReferenceSyntaxError, is_switch, names_in, reference_in
from hpsearch.space.retraining import TRAINING_KEYS, read_retrain
from hpsearch.space.scopes import Scope, Vocabulary, thresholds_of
from hpsearch.space.search_section import read_search
from hpsearch.space.sections import read_limits, read_objective, read_study
from hpsearch.space.settings import SearchSettings
from hpsearch.space.space import Objective, Space
from hpsearch.space.training_settings import (
    DEFAULTS,
    KEYS,
    SettingRules,
    draw_faults,
    horizon_faults,
    images_in,
    is_off,
    share_or_count_faults,
)
from hpsearch.space.values import BROKEN, Pairs, Plain, Scalar, Section, is_whole, json_form

SECTIONS = (
    "study",
    "description",
    "seed",
    "dataset",
    "parameters",
    "model",
    "training",
    "objective",
    "constraints",
    "search",
    "limits",
    "retrain",
)
_MAPPINGS = ("dataset", "parameters", "training", "objective", "search", "limits", "retrain")
_FILLERS = {"classes": 10, "input_shape": [32, 32, 3]}  # while the data are not known, for checks that need some


def load(
    source: str | Path | Mapping[str, Plain],
    catalogue: Catalogue,
    overrides: Sequence[str] = (),
    base: Path | None = None,
    *,
    data_needed: bool = True,
    on_read: Callable[[Mapping[str, Plain]], object] = lambda document: None,
) -> Space:
    """The space that a file, or the mapping that it would hold, describes.

    Args:
        source: a path, or a mapping; mistakes in a mapping carry no line.
        catalogue: names, signatures and facts from the rooms above.
        overrides: ``key.path=value`` each, laid over the document before it is checked.
        base: what relative paths are relative to; by default the file's folder, or the current one for a mapping.
        data_needed: False lets data sets of one's own be missing; their classes and shape are then unknown.
        on_read: gets the document, overrides included, before the check, which may take seconds.

    Raises:
        SearchSpaceError: with every mistake.
    """
    if isinstance(source, Mapping):
        problems = Problems()
        text, tree = "", plain_form(source, problems)
        folder = base or Path.cwd()
    else:
        path = Path(source)
        problems = Problems(str(source))
        text = read_file(path)
        tree = read_text(text, problems, str(source))
        folder = base or path.parent
    if isinstance(tree, Pairs):
        tree = named_part(tree, problems, ())
    if not isinstance(tree, dict) or not tree:
        problems.raise_if_any()
        what = "is empty" if tree is None or tree == {} else f"holds {show(tree)}"
        raise SearchSpaceError(
            [
                Problem(
                    f"The space {what}; a mapping with `study`, `dataset`, `model`, ... was expected.",
                    _file(source),
                    None,
                )
            ]
        )
    tree = apply_overrides(tree, overrides, problems)
    on_read(tree)
    space = _Loading(tree, problems, catalogue, folder, data_needed).space(text)
    problems.raise_if_any()
    assert space is not None
    return space


def _file(source: str | Path | Mapping[str, Plain]) -> str | None:
    return None if isinstance(source, Mapping) else str(source)


class _Loading:
    """One document on its way to a space."""

    def __init__(self, tree: Section, problems: Problems, catalogue: Catalogue, base: Path, data_needed: bool) -> None:
        self._written = tree
        self._problems = problems
        self._catalogue = catalogue
        self._base = base
        self._data_needed = data_needed
        self._tree = {key: self._cleaned(key, value) for key, value in _as_meant(tree, problems).items()}

    def _cleaned(self, key: str, value: Plain) -> Plain:
        if isinstance(value, Pairs) and key in _MAPPINGS:
            value = named_part(value, self._problems, (key,))
        if key in ("parameters", "model", "training", "retrain"):
            return clean(value, self._problems, (key,))
        if key == "dataset" and isinstance(value, dict):
            return {k: clean(v, self._problems, (key, k)) if k == "train_subset" else v for k, v in value.items()}
        if key in ("search", "limits", "objective"):
            return refuse_references(value, self._problems, (key,), key)
        return value

    def space(self, text: str) -> Space | None:
        """The space; None where the document has mistakes, all of which are recorded."""
        tree, problems = self._tree, self._problems
        trainer = self._trainer()
        required = ["study", "training"] if trainer == "simulated" else ["study", "dataset", "model", "training"]
        check_keys(problems, self._written, (), SECTIONS, "The space", required)
        read_study(tree, problems)
        definitions = self._definitions()
        dataset, facts = self._dataset()
        vocabulary = self._vocabulary(definitions, facts)
        counters = counters_in(tree.get("model"))
        self._check_counters(definitions, counters)
        checker = Checker(vocabulary, self._catalogue, problems, definitions.broken, frozenset(counters))
        if "model" in tree:
            LayerCheck(checker).model(tree["model"])
        search = self._search(vocabulary, definitions)
        objective, rules = self._objective(checker, trainer, dataset)
        training, epochs = self._training(checker, rules, trainer)
        retrain, retrain_settings = read_retrain(tree.get("retrain", {}), checker, rules, training, epochs)
        self._train_subset(checker, dataset, facts)
        check_constraints(tree.get("constraints", []), checker)
        limits, limit_values = read_limits(tree.get("limits", {}), problems)
        if trainer != "simulated":
            report_unused(self._written, tree, definitions, counters, problems)
        if len(problems) or search is None:
            return None
        resolved = {
            "study": tree["study"],
            "description": tree.get("description", ""),
            "seed": tree.get("seed", 1),
            **({"dataset": dataset} if dataset is not None else {}),
            "parameters": tree.get("parameters") or {},
            **({"model": tree["model"]} if "model" in tree else {}),
            "training": training,
            "objective": objective,
            "constraints": tree.get("constraints", []),
            "search": search[0],
            "limits": limits,
            "retrain": retrain,
        }
        resolved = json_form(resolved)
        space = Space(
            yaml=text or json.dumps(resolved, indent=2, ensure_ascii=False),  # JSON is YAML
            resolved=resolved,
            name=tree["study"],
            description=resolved["description"],
            seed=resolved["seed"],
            trainer=trainer,
            objective=Objective(objective["metric"], objective["direction"]),
            search=search[1],
            limits=limit_values,
            retrain=retrain_settings,
            facts=None if trainer == "simulated" else facts,
            epochs=int(epochs),
            uses_custom=_uses_custom(resolved),
            vocabulary=vocabulary,
            rules=rules,
        )
        self._check_fixed_model(space)
        return space

    # Names -----------------------------------------------------------------------------------------------------------

    def _trainer(self) -> str:
        training = self._tree.get("training")
        trainer = training.get("trainer", "keras") if isinstance(training, dict) else "keras"
        if trainer is BROKEN:
            return "keras"
        if (fault := name_fault(self._catalogue, Kind.TRAINER, trainer)) is not None or CUSTOM.fullmatch(str(trainer)):
            message = fault.message if fault is not None else f"`{trainer}` is not a trainer"
            self._problems.add(("training", "trainer"), message if message.endswith(("?", ".")) else f"{message}.")
            return "keras"
        return str(trainer)

    def _definitions(self) -> Definitions:
        tree = self._tree.get("parameters")
        definitions = read_definitions(tree, self._problems)
        if tree is None or isinstance(tree, dict):
            return definitions
        return replace(definitions, broken=words(self._written))  # any name may be meant to be defined there

    def _dataset(self) -> tuple[Section | None, DataFacts | None]:
        if "dataset" not in self._tree:
            return None, None
        return read_dataset(
            self._tree["dataset"], self._problems, self._catalogue, self._base, data_needed=self._data_needed
        )

    def _vocabulary(self, definitions: Definitions, facts: DataFacts | None) -> Vocabulary:
        built_in: dict[str, Plain] = {}
        if facts is not None:
            built_in = {"classes": facts.classes, "input_shape": list(facts.input_shape)}
        elif self._trainer_needs_data() or "dataset" in self._tree:
            built_in = dict(_FILLERS)
        keys: dict[str, list[Scalar]] = {}
        _switch_keys(self._tree, keys)
        thresholds = thresholds_of(definitions.parameters.values(), keys)
        return Vocabulary(definitions.parameters, definitions.constants, definitions.families, built_in, thresholds)

    def _trainer_needs_data(self) -> bool:
        training = self._tree.get("training")
        return not isinstance(training, dict) or training.get("trainer", "keras") == "keras"

    def _check_counters(self, definitions: Definitions, counters: Mapping[str, Place]) -> None:
        defined = {*definitions.parameters, *definitions.constants, *definitions.families}
        for name in counters:
            if name in defined:
                self._problems.add(
                    ("parameters", name),
                    f"`{name}` is the counter of a repeat of the model; choose another name, or another `as:` there.",
                )

    def _search(self, vocabulary: Vocabulary, definitions: Definitions) -> tuple[Section, SearchSettings] | None:
        tree = self._tree.get("search")
        if definitions.broken and isinstance(tree, dict):  # `enqueue` cannot be judged while a parameter is unsound
            tree = {key: value for key, value in tree.items() if key != "enqueue"}
        has_parameters = bool(definitions.parameters or definitions.broken)
        return read_search(tree, self._problems, self._catalogue, vocabulary.parameters, has_parameters=has_parameters)

    # Training --------------------------------------------------------------------------------------------------------

    def _objective(
        self, checker: Checker, trainer: str, dataset: Section | None
    ) -> tuple[dict[str, str], SettingRules]:
        training = self._tree.get("training")
        sections = [section for section in (training, self._tree.get("retrain")) if isinstance(section, dict)]
        metrics: list[str] = ["accuracy"] if trainer == "simulated" else []
        for section in sections or [{}]:
            metrics += self._stored_metrics(checker, section.get("metrics", DEFAULTS["metrics"]))
        objective = read_objective(
            self._tree.get("objective", {}),
            self._problems,
            self._catalogue,
            metrics,
            open_to_known=trainer != "simulated",
        )
        if dataset is not None and dataset.get("validation", 0) is None and objective["metric"].startswith("val_"):
            self._problems.add(
                ("dataset", "validation"),
                f"Without validation images the objective `{objective['metric']}` cannot be measured; split some off.",
            )
        stored = dict.fromkeys(["loss", objective["metric"].removeprefix("val_"), *metrics])
        measured = (*(f"val_{name}" for name in stored), *stored)
        return objective, SettingRules(self._catalogue, measured)

    def _stored_metrics(self, checker: Checker, tree: Plain) -> list[str]:
        if not isinstance(tree, list) and not is_switch(tree):
            return []
        silent = checker.silent()
        if not silent.is_resolvable(tree, Scope(), ()):
            return []
        names = []
        for metrics in silent.values_reaching(tree, Scope()):
            rules = SettingRules(self._catalogue, ())
            for metric in metrics if isinstance(metrics, list) else []:
                if not any(rules.faults("metrics", [metric])):
                    names.append(self._catalogue.metric_name(metric))
        return names

    def _training(self, checker: Checker, rules: SettingRules, trainer: str) -> tuple[Section, Plain]:
        """The section with defaults, and a trial's full budget; BROKEN where that is not known."""
        tree, place = self._tree.get("training", BROKEN), ("training",)
        if not isinstance(tree, dict):
            if tree is not BROKEN:
                self._problems.add(place, f"`training` is {show(tree)}, but a mapping was expected.")
            return {}, BROKEN
        own = tuple(self._catalogue.signature(Kind.TRAINER, trainer).arguments) if trainer != "keras" else ()
        budget = self._budget()
        required = [] if trainer == "simulated" else ["optimizer", "loss"]
        if budget is None:
            required.append("epochs")
        elif "epochs" in tree:
            backend = self._tree["search"]["backend"]
            self._problems.add(
                (*place, "epochs"),
                f"A trial's budget under `{backend}` is `search.max_epochs`; leave `training.epochs` out.",
            )
        check_keys(self._problems, tree, place, (*TRAINING_KEYS, *own), "`training`", required)
        for key, value in tree.items():
            if key in KEYS:
                checker.check(value, Scope(), (*place, key), partial(rules.faults, key))
        if own:
            settings = {key: value for key, value in tree.items() if key in own}
            checker.check(settings, Scope(), place, partial(_trainer_faults, self._catalogue, trainer))
        defaults = {} if trainer == "simulated" else dict(DEFAULTS)
        section = {
            "trainer": trainer,
            **defaults,
            **{key: value for key, value in tree.items() if key in (*TRAINING_KEYS, *own)},
        }
        epochs = budget if budget is not None else self._fixed_epochs(checker, tree.get("epochs", BROKEN))
        self._check_horizon(checker, tree, budget)
        return section, epochs

    def _check_horizon(self, checker: Checker, tree: Section, budget: Plain) -> None:
        """Check the schedule against the budget, where both are sound by themselves."""
        epochs = budget if budget is not None else tree.get("epochs", BROKEN)
        together = {"learning_rate_schedule": tree.get("learning_rate_schedule"), "epochs": epochs}
        silent = checker.silent()
        if silent.is_resolvable(together, Scope(), ()):
            checker.check(together, Scope(), ("training",), horizon_faults)

    def _budget(self) -> Plain:
        """Epochs of a trial where the search backend says them; None where `training` does."""
        search = self._tree.get("search")
        if not isinstance(search, dict):
            return None
        backend = search.get("backend", "random")
        if not isinstance(backend, str) or backend not in self._catalogue.names(Kind.BACKEND):
            return search.get("max_epochs")
        if "max_epochs" not in self._catalogue.signature(Kind.BACKEND, backend).arguments:
            return None
        epochs = search.get("max_epochs", BROKEN)
        return int(epochs) if is_whole(epochs) and epochs >= 1 else BROKEN

    def _fixed_epochs(self, checker: Checker, tree: Plain) -> Plain:
        """The largest value of `training.epochs`: a trial's full budget is one number of the study."""
        silent = checker.silent()
        if not silent.is_resolvable(tree, Scope(), ()):
            return BROKEN
        values = [value for value in silent.values_reaching(tree, Scope()) if is_whole(value) and value >= 1]
        return int(max(values)) if values else BROKEN

    def _check_fixed_model(self, space: Space) -> None:
        """Build a model in which nothing varies: where that fails, no other can be drawn in its place."""
        searched = {*space.parameters, *space.vocabulary.families}
        if space.facts is None or names_in(self._tree["model"]) & searched:
            return
        try:
            problem = self._catalogue.model_problem(space.layers({}), space.facts)
        except BuildError as error:
            problem = str(error)
        if problem is not None:
            self._problems.add(("model",), problem)

    # The rest --------------------------------------------------------------------------------------------------------

    def _train_subset(self, checker: Checker, dataset: Section | None, facts: DataFacts | None) -> None:
        written = self._tree.get("dataset")
        if isinstance(written, dict) and "train_subset" in written:
            check = partial(_subset_faults, dataset or {}, facts)
            checker.check(written["train_subset"], Scope(), ("dataset", "train_subset"), check)


def _as_meant(tree: Section, problems: Problems) -> Section:
    """`tree` with a misspelt section under the name that was meant: its content is checked, nothing else is missing."""
    meant: Section = {}
    for key, value in tree.items():
        free = [section for section in SECTIONS if section not in tree and section not in meant]
        section = key if key in SECTIONS else nearest(key, free)
        if section is not None and section != key:
            problems.note_misspelt(section, key)
        meant[section or key] = value
    return meant


def _subset_faults(dataset: Section, facts: DataFacts | None, value: Plain) -> Iterator[Fault]:
    if value != [] and is_off(value):
        return
    faults = list(share_or_count_faults("train_subset", value))
    yield from faults
    if not faults and facts is not None and facts.train_size is not None:
        part = dataset.get("validation")
        remaining = facts.train_size - (images_in(part, facts.train_size) if part is not None else 0)
        yield from draw_faults("train_subset", value, remaining, facts.classes, keep_rest=False)


def _trainer_faults(catalogue: Catalogue, trainer: str, value: Plain) -> Iterator[Fault]:
    problem = catalogue.problem(Kind.TRAINER, trainer, {} if value is ABSENT else value)
    if problem is not None:
        yield Fault(problem.rstrip("."), structural=False)


def _switch_keys(tree: Plain, found: dict[str, list[Scalar]]) -> None:
    """The case keys of every switch over a plain name."""
    if is_switch(tree) and isinstance(tree.get("cases"), dict | list):
        try:
            subject = reference_in(tree["switch"])
        except ReferenceSyntaxError:
            subject = None
        if isinstance(subject, str):
            pairs = tree["cases"] if isinstance(tree["cases"], list) else []
            found.setdefault(subject, []).extend(pair[0] for pair in pairs if isinstance(pair, list) and pair)
    for value in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        _switch_keys(value, found)


def _uses_custom(resolved: Mapping[str, Plain]) -> bool:
    parts = [resolved.get(key) for key in ("parameters", "model", "training", "retrain")]
    name = resolved.get("dataset", {}).get("name")
    return any(CUSTOM.fullmatch(text) is not None for text in texts([*parts, name]))
