"""``hpsearch studies``: one line a study."""

from __future__ import annotations

import click

from hpsearch.cli.options import database_option, format_option, limit_option
from hpsearch.cli.tables import print_rows
from hpsearch.wording import NOBODY

_COLUMNS = ("study", "state", "backend", "trials", "failed", "epochs", "objective", "best", "best_trial")


@click.command()
@database_option
@limit_option
@format_option("table", "json", "csv")
def studies(database: str, limit: int | None, format: str) -> None:
    """List the studies of the database, the oldest first."""
    from hpsearch.storage import open_store
    from hpsearch.study import TrialState

    with open_store(database) as store, store.one_moment():
        found = store.studies()[:limit]
        run = {one.id: store.is_run(one) for one in found}
    rows = [
        {
            "study": study.name,
            "state": study.state.value,
            "running": run[study.id],
            "backend": study.backend,
            "trials": f"{study.ended}/{study.planned}" if study.planned else str(study.ended),
            "failed": study.counts.get(TrialState.FAILED, 0),
            "epochs": study.epochs,
            "objective": study.metric,
            "best": study.best_value,
            "best_trial": study.best_trial,
            "seconds": study.coordinator_seconds,
            "created_at": study.created_at.isoformat(),
            "description": study.description,
        }
        for study in found
    ]
    if format == "table":
        rows = [row | {"state": NOBODY} if row["state"] == "running" and not row["running"] else row for row in rows]
    if not rows and format == "table":
        click.echo(f"{database} holds no study yet.", err=True)
        return
    print_rows(rows, _COLUMNS, format)
