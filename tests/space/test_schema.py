"""The JSON Schema for editors."""

from __future__ import annotations

import json
import re

from tests.space.plain_catalogue import PlainCatalogue

from hpsearch.space import Kind, json_schema
from hpsearch.space.loading import SECTIONS
from hpsearch.space.retraining import OWN_KEYS
from hpsearch.space.search_section import COMMON_SEARCH_KEYS
from hpsearch.space.training_settings import KEYS


def test_it_is_json_and_names_every_section_and_key():
    schema = json.loads(json.dumps(json_schema()))
    sections = schema["properties"]

    assert list(sections) == list(SECTIONS)
    assert set(sections["training"]["properties"]) == {"trainer", *KEYS}
    assert set(sections["retrain"]["properties"]) == {*OWN_KEYS, *KEYS}
    assert set(COMMON_SEARCH_KEYS) < set(sections["search"]["properties"])
    assert schema["additionalProperties"] is False


def test_names_come_from_the_catalogue():
    search = json_schema(PlainCatalogue())["properties"]["search"]["properties"]

    assert search["backend"]["enum"] == list(PlainCatalogue().names(Kind.BACKEND))
    assert "enum" not in json_schema()["properties"]["search"]["properties"]["backend"]


def test_every_reference_inside_it_leads_somewhere_and_every_pattern_compiles():
    schema = json_schema()
    text = json.dumps(schema)

    assert set(re.findall(r'"#/\$defs/(\w+)"', text)) <= set(schema["$defs"])
    for pattern in re.findall(r'"pattern": ("(?:[^"\\]|\\.)*")', text):
        re.compile(json.loads(pattern))
