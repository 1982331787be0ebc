"""Writes README's figures from the recorded studies and the measured times, between their markers.

    python -m benchmarks.readme_figures            # write them
    python -m benchmarks.readme_figures --check    # exit code 1 where README says something else

Every number comes from rows of the database, `studies.db` by default, which is only read, and from what
the benchmarks have written into benchmarks/results/.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.__main__ import BENCHMARKS
from benchmarks.turns import spread

from hpsearch.storage import Result, Store, StudySummary, open_store, results
from hpsearch.study import Direction, Study, Trial, TrialState
from hpsearch.wording import duration

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
DATABASE = ROOT / "studies.db"
SPEED = ROOT / "benchmarks" / "results"
SIZES = SPEED / "memory.json"
FIGURES, TIMES, MEMORY = "figures", "times", "memory"  # the names of README's generated sections
NONE_YET = "No study has been recorded yet: `studies.db` is not there."
NAMES = {
    "hpsearch": "hpsearch",
    "python": "Python",
    "tensorflow": "TensorFlow",
    "keras": "Keras",
    "keras-tuner": "Keras Tuner",
    "optuna": "Optuna",
}

WHOSE = {
    "coordinator": "hpsearch, coordinator",
    "worker": "hpsearch, its one worker",
    "tuner": "Keras Tuner, its one process",
}


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the figures need of one study.

    Attributes:
        best: of its complete trials, with what the test split said of it after the retrain.
        devices: such as ``2 x CPU (1 thread)``; workers that took turns in one slot count once.
    """

    study: Study
    summary: StudySummary
    best: Result
    trials: Sequence[Trial]
    devices: str

    @property
    def values(self) -> list[float]:
        """The objective of every complete trial."""
        return [trial.value for trial in self.trials if trial.state is TrialState.COMPLETE and trial.value is not None]

    @property
    def budget(self) -> int:
        """The most epochs that a trial may train."""
        return max(trial.epochs for trial in self.trials)

    @property
    def question(self) -> tuple[object, ...]:
        """Equal for studies that look for the same thing in the same data, with the same budget of a trial."""
        asked = self.study.resolved
        return (
            asked.get("dataset"),
            asked.get("model"),
            asked.get("parameters"),
            self.study.seed,
            self.study.objective,
            self.budget,
        )


def figures(database: Path) -> str:
    """The text between README's markers."""
    if not database.exists():
        return NONE_YET
    with open_store(database) as store:
        recorded = [_recorded(store, summary) for summary in store.studies()]
    return "\n".join([*_table(recorded), "", *_notes(), *_comparisons(recorded), "", *_machines(recorded)])


def times(folder: Path) -> str:
    """The table of all rows that the benchmarks have written into `folder`, those that lose among them."""
    results = [folder / f"{name}.json" for name in BENCHMARKS]
    if not all(result.exists() for result in results):
        return "Nothing has been measured yet: run `make bench`."
    facts = [json.loads(result.read_text(encoding="utf-8")) for result in results]
    lines = ["| | hpsearch | the other | times as good | wanted |", "|---|---|---|---|---|"]
    for row in (row for measured in facts for row in measured["rows"]):
        wanted = f"{row['required']:.2g}" if row["required"] else ""
        if row["most"] is not None:
            wanted += f"{', ' if wanted else ''}at most {row['most']:g} {row['unit']}"
        verdict = "" if row["is_reached"] else " (not reached)"
        ratio = f"{row['ratio']:.0f}" if row["ratio"] >= 100 else f"{row['ratio']:.2g}"
        cells = [
            row["figure"],
            f"{spread(row['ours'])} {row['unit']}",
            f"{row['peer_name']}: {spread(row['peer'])}",
            f"**{ratio}**{verdict}" if row["required"] else ratio,
            wanted,
        ]
        lines.append(f"| {' | '.join(cells)} |")
    first = facts[0]
    versions = ", ".join(f"{NAMES[name]} {first['versions'][name]}" for name in NAMES if name in first["versions"])
    others = [
        f"{name} on {measured['processor']}"
        for name, measured in zip(BENCHMARKS, facts, strict=True)
        if measured["processor"] != first["processor"]
    ]
    processors = "; ".join([first["processor"], *others])
    where = f"Medians, the smallest and the largest; {first['cores']} cores ({processors}), no GPU."
    return "\n".join([*lines, "", f"{where} {versions}."])


def memory(result: Path) -> str:
    """The table of the measured resident sizes."""
    if not result.exists():
        return "Nothing has been measured yet: run `python -m benchmarks.memory`."
    facts = json.loads(result.read_text(encoding="utf-8"))
    marks = ("1", "10", "50", "100", "200", "450")
    lines = [
        f"| resident MiB after trials | {' | '.join(marks)} | largest | processes |",
        f"|---|{'---|' * (len(marks) + 2)}",
    ]
    for process in facts["processes"]:
        after = process["mib_after_trials"]
        cells = [f"{after[mark]:,}" if mark in after else "" for mark in marks]
        lines.append(
            f"| {WHOSE[process['process']]} | {' | '.join(cells)} | {process['largest_mib']:,} | {process['started']} |"
        )
    return "\n".join(lines)


def with_section(readme: str, section: str, text: str) -> str:
    """`readme` with `text` between the section's markers. ValueError where it does not have each of them once."""
    opening, closing = f"<!-- {section}:begin -->", f"<!-- {section}:end -->"
    before, begin, rest = readme.partition(opening)
    _, end, after = rest.partition(closing)
    if not (begin and end) or opening in rest or closing in after:
        raise ValueError(f"expected {opening} once, and {closing} once after it")
    return f"{before}{opening}\n{text}\n{closing}{after}"


def _recorded(store: Store, summary: StudySummary) -> Recorded:
    study = store.study(summary.name)
    return Recorded(study, summary, results(store, study)[0], store.trials(study.id), _devices(store, study))


def _devices(store: Store, study: Study) -> str:
    slots = {(attempt.host, attempt.worker.rpartition("-")[0], attempt.device) for attempt in store.attempts(study.id)}
    return ", ".join(f"{count} x {device}" for device, count in Counter(device for *_, device in slots).items())


def _table(recorded: Sequence[Recorded]) -> Iterator[str]:
    yield "| study | backend | trials | epochs | best in the search | retrained, tested once | search time | workers |"
    yield "|---|---|---|---|---|---|---|---|"
    for one in recorded:
        cells = [
            one.study.name,
            _backend(one.study),
            ", ".join(f"{count} {state}" for state, count in one.summary.counts.items()),
            _epochs(one),
            f"{one.study.objective.metric} {one.best.trial.value:.4f} (trial {one.best.trial.number})",
            _tested(one.best),
            duration(one.study.coordinator_seconds),
            one.devices,
        ]
        yield f"| {' | '.join(cells)} |"


def _epochs(one: Recorded) -> str:
    """What was trained, and what was planned where early stopping or a pruner has saved some."""
    of = {trial.number: trial for trial in one.trials}
    planned = sum(trial.epochs - (of[trial.parent].epochs if trial.parent is not None else 0) for trial in one.trials)
    trained = one.summary.epochs
    return f"{trained:,}" if trained == planned else f"{trained:,} of {planned:,}"


def _backend(study: Study) -> str:
    asked = study.resolved["search"]
    named = [str(asked[key]) for key in ("sampler", "pruner") if asked.get(key) not in (None, "none")]
    return f"{study.backend} ({', '.join(named)})" if named else study.backend


def _tested(best: Result) -> str:
    if not best.scores:
        return "no test score"
    name = "accuracy" if "accuracy" in best.scores else next(iter(best.scores))
    spread = f" ± {best.deviations[name]:.4f}" if best.deviations else ""
    retrain = best.evaluations[0]
    how = "the search's own weights" if retrain.role == "kept" else f"{retrain.epochs_done} epochs"
    return f"{name} {best.scores[name]:.4f}{spread} ({how})"


def _notes() -> Iterator[str]:
    yield "The search's value is the best of many, on validation images; the test score is one look of the retrained"
    yield "model at images that the search never saw. Where fewer epochs were trained than planned, early stopping or a"
    yield "pruner saved the rest. Search time is wall time, with all workers at once and without the retrain."


def _comparisons(recorded: Sequence[Recorded]) -> Iterator[str]:
    """How studies compare with random search that was asked the same question."""
    for chance in recorded:
        others = [one for one in recorded if one is not chance and one.question == chance.question]
        if chance.study.backend != "random" or not others:
            continue
        yield ""
        yield f"On the same images, with at most {chance.budget} epochs a trial ({chance.study.objective.metric}):"
        yield ""
        yield f"- {chance.study.name}: median {statistics.median(chance.values):.4f}, best {_best(chance)}"
        yield from (f"- {one.study.name}: best {_best(one)}" for one in others)
        same = [one.study.name for one in others if one.best.trial.parameters == chance.best.trial.parameters]
        if same:
            yield ""
            yield f"The best of {' and '.join([chance.study.name, *same])} is one configuration: equal seeds draw"
            yield "some equal configurations, and equal configurations train to equal values, to the last bit."


def _best(one: Recorded) -> str:
    best = max(one.values) if one.study.objective.direction is Direction.MAXIMIZE else min(one.values)
    return f"{best:.4f}, in {one.summary.epochs:,} epochs"


def _machines(recorded: Sequence[Recorded]) -> Iterator[str]:
    """With what the studies were made: one line where it was the same for all."""
    made: dict[str, list[str]] = {}
    for one in recorded:
        versions = one.study.versions
        system = f"{versions['platform'].partition('-')[0]} {versions['machine']}"
        named = ", ".join(f"{shown} {versions[name]}" for name, shown in NAMES.items() if name in versions)
        made.setdefault(f"{named}; {system}", []).append(one.study.name)
    for setting, studies in made.items():
        yield f"Recorded with {setting}" + (f" ({', '.join(studies)})." if len(made) > 1 else ".")


def main() -> None:
    """Write README's figures, or compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 where README differs")
    parser.add_argument("--database", type=Path, default=DATABASE)
    parser.add_argument("--times", type=Path, default=SPEED)
    parser.add_argument("--sizes", type=Path, default=SIZES)
    parser.add_argument("--readme", type=Path, default=README)
    arguments = parser.parse_args()

    present = arguments.readme.read_text(encoding="utf-8")
    wanted = with_section(present, FIGURES, figures(arguments.database))
    wanted = with_section(wanted, TIMES, times(arguments.times))
    wanted = with_section(wanted, MEMORY, memory(arguments.sizes))
    if wanted == present:
        return
    if arguments.check:
        sys.exit(
            f"{arguments.readme} differs from what was recorded and measured: run {Path(__file__).name} without --check"
        )
    arguments.readme.write_text(wanted, encoding="utf-8")


if __name__ == "__main__":
    main()
