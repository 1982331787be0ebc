"""``hpsearch show``: a study, or one of its trials with its epochs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from hpsearch.cli.options import database_option, format_option, study_option
from hpsearch.cli.tables import text_table, to_json
from hpsearch.report.states import state_in_words
from hpsearch.study import reason
from hpsearch.study.promises import bits_promise, order_promise
from hpsearch.wording import duration, number, parameter_value

_ATTEMPT = ("attempt", "outcome", "worker", "host", "device", "from_epoch", "peak", "error")

if TYPE_CHECKING:
    from hpsearch.storage import EpochRecord, Store
    from hpsearch.study import Attempt, Study, Trial


@click.command()
@study_option
@click.option("--trial", "trial_number", type=click.IntRange(min=0), metavar="N", help="Show this trial.")
@database_option
@format_option("table", "json")
def show(study: str, trial_number: int | None, database: str, format: str) -> None:
    """Show a study, or one trial with its attempts and epochs."""
    from hpsearch.storage import open_store

    with open_store(database) as store, store.one_moment():
        found = store.study(study)
        if trial_number is None:
            click.echo(_study_json(store, found) if format == "json" else "\n".join(_study(store, found)))
            return
        trial = store.trial(found.id, trial_number)
        attempts = store.attempts(found.id, trial_number)
        epochs = store.epochs(found.id, trial_number)
    if format == "json":
        shown = asdict(trial) | {
            "attempts": [asdict(one) for one in attempts],
            "epochs": [asdict(one) for one in epochs],
        }
        del shown["values"]
        click.echo(to_json(shown))
    else:
        click.echo("\n".join(_trial(found, trial, attempts, epochs)))


def _study(store: Store, study: Study) -> Iterator[str]:
    yield f"study {study.name}: {state_in_words(study, is_running=store.is_running(study.id))}"
    if study.description:
        yield f"  {study.description}"
    if study.error:
        yield f"  {study.error.strip().splitlines()[-1]}"
    yield ""
    counts = ", ".join(f"{count} {state}" for state, count in store.counts(study.id).items()) or "none yet"
    facts = {
        "trials": counts,
        "objective": f"{study.objective.metric}, {study.objective.direction}",
        "search": f"{study.backend}, seed {study.seed}",
        "order": f"{study.order}, lag {study.lag}: {order_promise(study)}",
        "bits": bits_promise(study),
        "created": f"{study.created_at:%Y-%m-%d %H:%M:%S} UTC",
        "run for": duration(study.coordinator_seconds),
        "versions": ", ".join(f"{name} {version}" for name, version in study.versions.items()),
        "files": str(store.artifacts_dir(study.id)),
    }
    yield from (f"{name:<10} {fact}" for name, fact in facts.items() if fact)
    for event in store.events(study.id):
        yield f"{'event':<10} {event.happened_at:%Y-%m-%d %H:%M:%S} {event.kind}: {event.text}"
    for note in store.notes(study.id):
        yield f"{'note':<10} {note.text}" + (f" (trial {note.trial})" if note.trial is not None else "")


def _study_json(store: Store, study: Study) -> str:
    counts = {state.value: count for state, count in store.counts(study.id).items()}
    more = {"running": store.is_running(study.id), "trials": counts}
    return to_json(asdict(study) | more | {"events": [asdict(event) for event in store.events(study.id)]})


def _trial(study: Study, trial: Trial, attempts: list[Attempt], epochs: list[EpochRecord]) -> Iterator[str]:
    kind = (
        f" ({trial.error_kind})" if trial.error_kind is not None and trial.error_kind.value != trial.state.value else ""
    )
    yield f"trial {trial.number} of study {study.name}: {trial.state}{kind}"
    yield ""
    best = number(trial.value) + (f" at epoch {trial.best_epoch}" if trial.best_epoch is not None else "")
    facts: dict[str, Any] = {
        "value": f"{best} ({study.objective.metric}, on validation data)" if trial.value is not None else None,
        "epochs": f"{trial.epochs_done} of {trial.epochs}",
        "continues": f"trial {trial.parent}" if trial.parent is not None else None,
        "bracket": f"{trial.bracket}, rung {trial.rung}" if trial.bracket is not None else None,
        "size": f"{trial.model_parameters:,} model parameters" if trial.model_parameters is not None else None,
        "time": duration(trial.seconds),
        "seed": trial.seed,
    }
    yield from (f"{name:<10} {fact}" for name, fact in facts.items() if fact is not None)
    if trial.parameters:
        yield ""
        width = max(len(name) for name in trial.parameters)
        yield from (f"{name:<{width}}  {parameter_value(value)}" for name, value in trial.parameters.items())
    if attempts:
        yield ""
        yield text_table([_attempt(one) for one in attempts], _ATTEMPT)
    if epochs:
        yield ""
        metrics = list(dict.fromkeys(name for epoch in epochs for name in epoch.values))
        rows = [{"epoch": one.epoch, "trial": one.trial, **one.values, "seconds": one.seconds} for one in epochs]
        yield text_table(rows, ["epoch", *(["trial"] if trial.parent is not None else []), *metrics, "seconds"])
    if trial.error:
        yield ""
        yield trial.error.rstrip()


def _attempt(attempt: Attempt) -> dict[str, Any]:
    return asdict(attempt) | {
        "outcome": attempt.outcome.value if attempt.outcome is not None else "open",
        "peak": f"{attempt.peak_memory_bytes / 2**20:,.0f} MiB" if attempt.peak_memory_bytes is not None else None,
        "error": reason(attempt.error) if attempt.error is not None else None,
    }
