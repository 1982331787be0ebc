"""What may vary: the YAML language, read and checked whole."""

from hpsearch.space.catalogue import Catalogue, DataFacts, Kind, Signature
from hpsearch.space.configuration import Configuration
from hpsearch.space.identity import difference
from hpsearch.space.loading import load
from hpsearch.space.parameters import Condition, Parameter, ParameterKind, Scale
from hpsearch.space.schema import json_schema
from hpsearch.space.settings import Limits, RetrainSettings, SearchSettings
from hpsearch.space.space import Objective, Space

__all__ = [
    "Catalogue",
    "Condition",
    "Configuration",
    "DataFacts",
    "Kind",
    "Limits",
    "Objective",
    "Parameter",
    "ParameterKind",
    "RetrainSettings",
    "Scale",
    "SearchSettings",
    "Signature",
    "Space",
    "difference",
    "json_schema",
    "load",
]
