"""The JSON Schema of a space file, for editors; what depends on names and values is checked by `load`."""

from __future__ import annotations

from hpsearch.space.catalogue import Catalogue, Kind
from hpsearch.space.constants import NAME
from hpsearch.space.families import MOST_MEMBERS
from hpsearch.space.sections import DIRECTIONS
from hpsearch.space.values import Plain
from hpsearch.wording import STUDY_NAME

_FRACTION: Plain = {"type": "string", "pattern": r"^\s*[-+]?[0-9._eE+-]+\s*/\s*[-+]?[0-9._eE+-]+\s*$"}
_NUMBER: Plain = {"description": "a number, or a fraction such as 1/6", "anyOf": [{"type": "number"}, _FRACTION]}
_REFERENCE: Plain = {"type": "string", "pattern": r"^\$([A-Za-z_][A-Za-z0-9_]*|\(.*\))$"}
_SCALAR: Plain = {"type": ["string", "number", "boolean", "null"]}
_NONE: Plain = {"enum": ["none", None]}
_DURATION: Plain = {"type": "string", "pattern": r"^\s*[0-9]+(\.[0-9]+)?\s*[smh]\s*$", "description": "90s, 10m or 2h"}
_BOUND: Plain = {"anyOf": [_NUMBER, _REFERENCE]}


def json_schema(catalogue: Catalogue | None = None) -> dict[str, Plain]:
    """The JSON Schema (draft 2020-12) that editors complete and check a space file with.

    With a catalogue the names of search backends, samplers, pruners and trainers are listed, else any text is taken.
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "hpsearch space",
        "description": "One study: what may vary, the model, how a trial is trained, and how the search goes.",
        **_section(
            {
                "study": {"type": "string", "pattern": f"^{STUDY_NAME.pattern}$", "description": "name of the study"},
                "description": {"type": "string"},
                "seed": _whole(0, default=1),
                "dataset": _dataset(),
                "parameters": _parameters(),
                "model": {"$ref": "#/$defs/layers"},
                "training": _training(catalogue),
                "objective": _objective(),
                "constraints": {
                    "type": "array",
                    "items": {"type": "string", "examples": ["model_parameters <= 2000000"]},
                },
                "search": _search(catalogue),
                "limits": _limits(),
                "retrain": _retrain(),
            },
            required=("study", "training"),
        ),
        "if": {
            "properties": {"training": {"required": ["trainer"], "properties": {"trainer": {"const": "simulated"}}}}
        },
        "else": {"required": ["study", "dataset", "model", "training"]},
        "$defs": {
            "switch": _section(
                {
                    "switch": _REFERENCE,
                    "cases": {
                        "description": "a value for each value of the reference; as [value, result] pairs in JSON",
                        "anyOf": [
                            {"type": "object", "minProperties": 1},
                            {"type": "array", "items": {"type": "array"}},
                        ],
                    },
                    "default": {},
                },
                required=("switch", "cases"),
            ),
            "layers": {"anyOf": [{"type": "array", "items": {"$ref": "#/$defs/item"}}, {"$ref": "#/$defs/switch"}]},
            "item": _item(),
        },
    }


def _section(properties: dict[str, Plain], required: tuple[str, ...] = (), *, closed: bool = True) -> dict[str, Plain]:
    section: dict[str, Plain] = {"type": "object", "properties": properties}
    if required:
        section["required"] = list(required)
    return {**section, "additionalProperties": False} if closed else section


def _whole(least: int, default: int | None = None) -> dict[str, Plain]:
    return {"type": "integer", "minimum": least, **({} if default is None else {"default": default})}


def _open(kind: Plain) -> Plain:
    """`kind`, or a reference or switch in its place; where a whole number may stand, a fraction such as 64/2 too."""
    kinds = [kind, _FRACTION] if kind.get("type") == "integer" else [kind]
    return {"anyOf": [*kinds, _REFERENCE, {"$ref": "#/$defs/switch"}]}


def _dataset() -> Plain:
    part = {"anyOf": [_NUMBER, _NONE], "description": "a share, a fraction 1/6 or a count of images"}
    return _section(
        {
            "name": {"type": "string", "description": "digits, mnist, cifar10, npz, images, ... or module:function"},
            "validation": {**part, "default": 0.1},
            "train_subset": _open(part),
            "test": _NUMBER,
            "path": {"type": "string", "description": "relative to this file"},
            "size": {"type": "array", "items": _whole(1), "minItems": 2, "maxItems": 2},
            "channels": _whole(1),
            "labels": {"enum": ["fine", "coarse"]},
            "rescale": {"anyOf": [_NUMBER, {"enum": ["none", "standardize", None]}]},
        },
        ("name",),
        closed=False,
    )


def _parameters() -> Plain:
    shared = {
        "when": {"type": "object", "description": "parent: value, [values] or {min:, max:}"},
        "each": {"anyOf": [{"type": "integer", "minimum": 1, "maximum": MOST_MEMBERS}, _REFERENCE]},
    }
    numeric = {"min": _BOUND, "max": _BOUND, "step": _BOUND, "scale": {"enum": ["linear", "log"], "default": "linear"}}
    values = {"type": "array", "items": _SCALAR, "minItems": 1}
    kinds = [
        _section({"type": {"const": kind}, **numeric, **shared}, ("type", "min", "max")) for kind in ("int", "float")
    ]
    choice = _section({"type": {"const": "choice"}, "values": values, **shared}, ("type", "values"))
    return {
        "type": ["object", "null"],
        "propertyNames": {"pattern": f"^{NAME.pattern}$"},
        "additionalProperties": {"anyOf": [*kinds, choice, values, {**_SCALAR, "description": "a constant"}]},
    }


def _item() -> Plain:
    layers = {"$ref": "#/$defs/layers"}
    repeat = _section(
        {
            "repeat": _open(_whole(0)),
            "layers": layers,
            "as": {"type": "string", "pattern": f"^{NAME.pattern}$", "default": "i"},
        },
        ("repeat", "layers"),
    )
    layer = {
        "type": "object",
        "minProperties": 1,
        "maxProperties": 1,
        "not": {"anyOf": [{"required": [key]} for key in ("repeat", "residual", "switch")]},
    }
    return {
        "description": "a layer name, Layer: {arguments}, Layer: value, repeat, residual or switch",
        "anyOf": [
            {"type": "string"},
            layer,
            repeat,
            _section({"residual": layers}, ("residual",)),
            {"$ref": "#/$defs/switch"},
        ],
    }


def _training_keys() -> dict[str, Plain]:
    named = {"anyOf": [{"type": "string"}, {"type": "object"}]}
    schedule = _section(
        {
            "steps": {"type": ["object", "array"], "description": "epoch: factor on the initial rate from it on"},
            "every": _open(_whole(1)),
            "factor": _open(_NUMBER),
            "cosine": {"type": ["object", "null", "string"]},
            "cyclic": {"type": ["object", "string"]},
            **{key: {} for key in ("switch", "cases", "default")},
        }
    )
    return {
        "epochs": _open(_whole(1)),
        "batch_size": {**_open(_whole(1)), "default": 32},
        "optimizer": named,
        "loss": named,
        "metrics": _open({"type": "array", "items": named, "default": ["accuracy"]}),
        "augmentation": _open({"anyOf": [{"type": "array", "items": named}, _NONE]}),
        "learning_rate_schedule": {"anyOf": [schedule, _NONE, _REFERENCE]},
        "early_stopping": {"anyOf": [{"type": "object"}, _NONE, _REFERENCE]},
        "reduce_on_plateau": {"anyOf": [{"type": "object"}, _NONE, _REFERENCE]},
        "mixed_precision": _open({"type": "boolean", "default": False}),
        "deterministic": _open({"type": "boolean", "default": True}),
    }


def _names(catalogue: Catalogue | None, kind: Kind, default: str) -> Plain:
    names: Plain = {"type": "string"} if catalogue is None else {"enum": list(catalogue.names(kind))}
    return {**names, "default": default}


def _training(catalogue: Catalogue | None) -> Plain:
    return _section({"trainer": _names(catalogue, Kind.TRAINER, "keras"), **_training_keys()}, closed=False)


def _objective() -> Plain:
    return _section({"metric": {"type": "string", "default": "val_accuracy"}, "direction": {"enum": list(DIRECTIONS)}})


def _search(catalogue: Catalogue | None) -> Plain:
    return _section(
        {
            "backend": _names(catalogue, Kind.BACKEND, "random"),
            "max_trials": _whole(1),
            "order": {"enum": ["number", "finished"]},
            "lag": _whole(0),
            "enqueue": {"type": "array", "items": {"type": "object", "additionalProperties": _SCALAR}},
            "max_epochs": {**_whole(1), "description": "hyperband: a trial's full budget"},
            "factor": _whole(2, default=3),
            "iterations": _whole(1, default=1),
            "sampler": _names(catalogue, Kind.SAMPLER, "tpe"),
            "pruner": _names(catalogue, Kind.PRUNER, "none"),
        }
    )


def _limits() -> Plain:
    return _section(
        {
            "timeout": _DURATION,
            "target": _NUMBER,
            "max_epochs_total": _whole(1),
            "trial_timeout": _DURATION,
            "epoch_timeout": {**_DURATION, "default": "10m"},
            "retries": _whole(0, default=1),
            "max_consecutive_failures": _whole(1, default=5),
        }
    )


def _retrain() -> Plain:
    keep = {"anyOf": [{"enum": ["best", "last"]}, _section({"metric": {"type": "string"}}, ("metric",))]}
    snapshots = _section({"count": _open(_whole(1)), "combine": _open({"enum": ["mean", "vote"]})}, ("count",))
    return {
        **_section(
            {
                "top": {"anyOf": [_whole(1), {"const": "all"}], "default": 1},
                "repeats": {**_open(_whole(1)), "default": 1},
                "keep": {**_open(keep), "default": "best"},
                "validation": _open({"enum": ["keep", "none", None], "default": "keep"}),
                "snapshots": _open({"anyOf": [snapshots, _NONE]}),
                **_training_keys(),
            }
        ),
        "type": ["object", "null"],
    }
