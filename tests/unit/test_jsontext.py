"""JSON columns hold what `json` holds, whatever writes them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.store.jsontext import read, written

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(PLAIN)
def test_what_is_written_is_read_by_either(value: Any) -> None:
    assert value == read(written(value))
    assert value == json.loads(written(value))
    assert value == read(json.dumps(value))


@pytest.mark.parametrize(
    "value", ["\ud800", {"half": "\udfff"}, {1: 2}, 1 << 80, -(1 << 63) - 1, (1, 2)]
)
def test_odd_values_are_written_as_json_writes_them(value: Any) -> None:
    assert json.loads(json.dumps(value)) == read(written(value))


@dataclass
class Thing:
    name: str


@pytest.mark.parametrize("value", [Thing("x"), datetime(2026, 1, 1, tzinfo=UTC), {1, 2}])
def test_what_is_no_json_is_refused(value: Any) -> None:
    with pytest.raises(TypeError):
        written(value)
