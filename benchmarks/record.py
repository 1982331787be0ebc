"""Makes the database of recorded studies that is committed: one plain file, of complete studies alone.

    python benchmarks/record.py build/studies.db [STUDY ...] [--to studies.db]
    python -m benchmarks.readme_figures

The source may be in use and is only read. In the copy there are the named studies (default: all) with all their rows,
but without the rows of checkpoints, which serve to go on and are not committed. Those of the saved models stay, with
their SHA-256, so that `hpsearch predict` can say which file is missing. The copy is in journal_mode=DELETE: reading it
needs no second file, nor the right to write, and leaves it as it is.
"""

from __future__ import annotations

import argparse
import contextlib
import sqlite3
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from hpsearch.errors import StoreError
from hpsearch.storage import open_store
from hpsearch.study import StudyState

DATABASE = Path(__file__).parents[1] / "studies.db"


def record(source: Path, target: Path, names: Sequence[str] = ()) -> list[str]:
    """Make `target`, whole or not at all, and give the names of its studies.

    Raises:
        StoreError: `source` is no database, or has no such study.
        ValueError: one of the studies is not complete, there is none, or `target` is in use.
    """
    with open_store(source) as store:
        chosen = [store.study(name) for name in names or [summary.name for summary in store.studies()]]
    incomplete = [f"{study.name} is {study.state}" for study in chosen if study.state is not StudyState.COMPLETE]
    if incomplete or not chosen:
        raise ValueError(f"only complete studies are recorded: {', '.join(incomplete) or f'{source} holds none'}")
    if (log := target.with_name(f"{target.name}-wal")).exists():  # SQLite would play it into the new file
        raise ValueError(f"{target} is in use: {log} is there")
    with tempfile.TemporaryDirectory(dir=target.absolute().parent, prefix=".record-") as folder:
        copy = Path(folder) / target.name
        _copy(source, copy, [study.id for study in chosen])
        copy.replace(target)
    return [study.name for study in chosen]


def _copy(source: Path, target: Path, ids: Sequence[int]) -> None:
    with (
        contextlib.closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as reading,
        contextlib.closing(sqlite3.connect(target)) as writing,
    ):
        reading.backup(writing)  # one moment of it, whatever is written meanwhile
        writing.execute("PRAGMA foreign_keys = ON")  # a study goes with all that belongs to it
        with writing:
            writing.execute(f"DELETE FROM studies WHERE id NOT IN ({', '.join('?' * len(ids))})", ids)
            writing.execute("DELETE FROM artifacts WHERE kind != 'model'")
        writing.execute("PRAGMA journal_mode = DELETE")
        writing.execute("VACUUM")


def main() -> None:
    """Record, and say what was."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("studies", nargs="*", metavar="STUDY")
    parser.add_argument("--to", type=Path, default=DATABASE, metavar="FILE")
    arguments = parser.parse_args()
    try:
        names = record(arguments.source, arguments.to, arguments.studies)
    except (StoreError, ValueError) as error:
        sys.exit(str(error))
    print(f"{arguments.to}: {', '.join(names)}; {arguments.to.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
