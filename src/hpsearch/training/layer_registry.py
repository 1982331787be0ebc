"""Composite layers: what the language has beside Keras's own layers."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

# name -> callable(builder, value, tensor) -> tensor. Plain Keras layers need no entry.
COMPOSITES: Mapping[str, str] = MappingProxyType({"residual": "hpsearch.training.residual:residual"})
