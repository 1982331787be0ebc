"""Where a study stands, in words: one that its coordinator left without a word is not running."""

from __future__ import annotations

from hpsearch.study import Study, StudyState

_LEFT = "running when its coordinator ended without a word; `hpsearch run` goes on"


def state_in_words(study: Study, *, is_running: bool) -> str:
    """The study's state; `is_running`: whether a living coordinator has it."""
    return _LEFT if study.state is StudyState.RUNNING and not is_running else study.state.value
