"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

Function = TypeVar("Function", bound=Callable[..., Any])

DEFAULT_DATABASE = "studies.db"


def database_option(function: Function) -> Function:
    """Add ``--database PATH|URL``, passed on as `database`."""
    return click.option(
        "--database",
        envvar="HPSEARCH_DATABASE",
        default=DEFAULT_DATABASE,
        show_default=True,
        show_envvar=True,
        metavar="PATH|URL",
        help="The SQLite file that holds the studies.",
    )(function)


def study_option(function: Function) -> Function:
    """Add the required ``--study NAME``, passed on as `study`."""
    return click.option("--study", required=True, metavar="NAME", help="Name of the study.")(function)


def limit_option(function: Function) -> Function:
    """Add ``--limit N``, passed on as `limit`."""
    return click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Show at most N rows.")(function)


def sort_option(function: Function) -> Function:
    """Add ``--sort COLUMN``, passed on as `sort`."""
    return click.option(
        "--sort", metavar="COLUMN", help="Sort by a column; -COLUMN for the largest first. Default: number."
    )(function)


def workers_options(function: Function) -> Function:
    """Add ``--workers N|auto`` and ``--workers-per-gpu K``, passed on as `workers` and `workers_per_gpu`."""
    function = click.option(
        "--workers-per-gpu",
        type=click.IntRange(min=1),
        metavar="K",
        help="How many share each GPU, with a part of its memory each.",
    )(function)
    return click.option(
        "--workers", default="auto", metavar="N|auto", show_default=True, help="How many trials run at once."
    )(function)


def format_option(*formats: str) -> Callable[[Function], Function]:
    """Add ``--format``, one of `formats`, the first being the default; passed on as `format`."""

    def decorate(function: Function) -> Function:
        return click.option(
            "--format", type=click.Choice(formats), default=formats[0], show_default=True, help="How to print."
        )(function)

    return decorate
