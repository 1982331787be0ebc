"""Numbers, times and names as people read them, on a terminal and on a page."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

STUDY_NAME = re.compile(r"(?!\.+$)[A-Za-z0-9._-]{1,64}")  # as JSON Schema may have it, too
_TAKEN = {"", "true", "false", "null", "absent", "inactive"}  # what else may stand where a parameter's value does
NOBODY = "nobody runs it"  # in the place of a state of running whose coordinator ended without a word
STUDY_NAME_IN_WORDS = "1 to 64 letters, digits, dots, dashes and underscores, not dots alone"


def number(value: float | None, digits: int = 4) -> str:
    """A measured value for people: four decimals, more significant ones where it is small; ``-`` for none."""
    if value is None:
        return "-"
    if value == 0 or not math.isfinite(value) or 1e-3 <= abs(value) < 1e6:
        return f"{value:.{digits}f}"
    return f"{value:.{digits}g}"


def short(value: Any) -> str:
    """A parameter's value for people: floats to six significant digits, null for None, true and false."""
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def parameter_value(value: Any) -> str:
    """A parameter's value for people, as `short`; a text that could be taken for another value has quotes."""
    return quoted(value) if isinstance(value, str) else short(value)


def quoted(text: str) -> str:
    """A text among values of other kinds: ``adam``, but ``"3"``, ``"true"`` and ``""``."""
    is_plain = text not in _TAKEN and text == text.strip() and not text.startswith('"') and not _is_number(text)
    return text if is_plain else json.dumps(text, ensure_ascii=False)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def parameters_line(parameters: Mapping[str, Any]) -> str:
    """All parameters in one line."""
    return " ".join(f"{name}={parameter_value(value)}" for name, value in parameters.items())


def duration(seconds: float, *, decimals: int = 1) -> str:
    """A time for people: ``12.3 s``, ``4 min 05 s``, ``2 h 03 min``; `decimals` are those of the seconds alone."""
    if seconds < 60:
        return f"{seconds:.{decimals}f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def size(count: int) -> str:
    """A number of bytes for people: ``812 bytes``, ``56 kB``, ``5.3 MB``; a MB is a million."""
    if count < 1000:
        return f"{count} bytes"
    return f"{count / 1000:.0f} kB" if count < 999_500 else f"{count / 1e6:.1f} MB"


def in_words(metric: str) -> str:
    """``val_accuracy`` as people say it: validation accuracy."""
    name = metric.removeprefix("val_").replace("_", " ")
    return f"validation {name}" if metric.startswith("val_") else name


def counted(count: int, noun: str, plural: str = "") -> str:
    """``1 trial``, ``2 trials``, ``10,000 trials``; `plural` where it is not the noun with an s."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {plural or noun + 's'}"
