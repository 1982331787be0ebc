"""The data behind the pages as JSON under ``/api/``, for scripts: what the store says, page by page."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import FastAPI, Path, Query, Request
from fastapi.exceptions import RequestValidationError
from pydantic import Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from hpsearch.dashboard.answers import curve, study_in_full, study_line, to_json, trial_in_full, trial_line
from hpsearch.dashboard.live import Live
from hpsearch.errors import (
    ConfigError,
    DatabaseUnusable,
    HpsearchError,
    SchemaOutdated,
    StorageFull,
    StudyNotFound,
    TrialNotFound,
)
from hpsearch.study import TrialState

MOST_TRIALS = 1000  # of one answer
MOST_CURVES = 100
_LARGEST = 2**31  # numbers and offsets below it: SQLite's own end is further
_JSON = "application/json"

Number = Annotated[int, Path(ge=0, lt=_LARGEST)]
Limit = Annotated[int, Query(ge=1, le=MOST_TRIALS)]
Offset = Annotated[int, Query(ge=0, lt=_LARGEST)]
States = Annotated[list[TrialState] | None, Query()]
Numbers = Annotated[list[Annotated[int, Field(ge=0, lt=_LARGEST)]], Query(min_length=1, max_length=MOST_CURVES)]

_STATUS: dict[type[HpsearchError], int] = {  # the first that fits
    StudyNotFound: 404,
    TrialNotFound: 404,
    ConfigError: 400,
    DatabaseUnusable: 503,
    SchemaOutdated: 503,
    StorageFull: 503,
}


def install(app: FastAPI, live: Live) -> None:
    """Add the addresses under ``/api/``, and what errors become."""
    _install_reading(app, live)
    _install_stop(app, live)

    app.add_exception_handler(HpsearchError, _told)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _mistaken)


def _install_reading(app: FastAPI, live: Live) -> None:
    store = live.store

    @app.get("/api/studies")
    def studies() -> Response:
        return _answer({"studies": [study_line(store, study) for study in store.studies()]})

    @app.get("/api/studies/{name}")
    def study(name: str) -> Response:
        return _answer(study_in_full(store, store.study(name)))

    @app.get("/api/studies/{name}/trials")
    def trials(
        name: str, limit: Limit = 100, offset: Offset = 0, sort: str | None = None, state: States = None
    ) -> Response:
        found = store.study(name)
        listed = store.trials(found.id, states=state, limit=limit, offset=offset, sort=sort)
        counts = store.counts(found.id)
        total = sum(count for one, count in counts.items() if state is None or one in state)
        return _answer(
            {"trials": [trial_line(trial) for trial in listed], "total": total, "limit": limit, "offset": offset}
        )

    @app.get("/api/studies/{name}/trials/{number}")
    def trial(name: str, number: Number) -> Response:
        return _answer(trial_in_full(store, store.study(name), number))

    @app.get("/api/studies/{name}/epochs")
    def epochs(name: str, trial: Numbers) -> Response:
        found = store.study(name)
        curves = [{"trial": number, "epochs": curve(store.epochs(found.id, number))} for number in dict.fromkeys(trial)]
        return _answer({"trials": curves})


def _install_stop(app: FastAPI, live: Live) -> None:
    @app.post("/api/studies/{name}/stop")
    def stop(name: str, request: Request) -> Response:
        # no form of another site can say that it sends JSON
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _JSON:
            raise HTTPException(415, f"Send this as {_JSON}.")
        if not live.store.is_running(live.store.study(name).id):
            raise HTTPException(409, f"Study {name} is not being run: there is nothing to stop.")
        live.request_stop(name)
        return _answer({"study": name, "asked": "stop"}, 202)


def _answer(value: Any, status: int = 200) -> Response:
    return Response(to_json(value), status, media_type=_JSON)


def _error(status: int, said: str) -> Response:
    return _answer({"error": said}, status)


def _told(request: Request, error: Exception) -> Response:
    """An error that a person can act on, as its sentence."""
    status = next((status for kind, status in _STATUS.items() if isinstance(error, kind)), 409)
    return _error(status, str(error))


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    answer = _error(error.status_code, error.detail)
    answer.headers.update(error.headers or {})
    return answer


def _mistaken(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    said = [f"{one['loc'][1] if len(one['loc']) > 1 else one['loc'][0]}: {one['msg']}" for one in error.errors()]
    return _error(400, "; ".join(said) + ".")
