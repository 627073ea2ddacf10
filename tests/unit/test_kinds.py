"""Which tests run on one kind of database: a name that means nothing would hide one that does."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.kinds import EXCEPTIONS, Kind, kinds_of

TESTS = Path(__file__).parents[1]
NAMED = [(kind, name) for kind, names in EXCEPTIONS.items() for name in names]


@pytest.mark.parametrize(("kind", "name"), NAMED, ids=[name for _, name in NAMED])
def test_every_exception_is_a_test_that_there_is(kind: str, name: str) -> None:
    module, _, function = name.partition("::")
    assert (TESTS / module).exists()
    if function:
        assert f"def {function}(" in (TESTS / module).read_text(encoding="utf-8")
    assert [Kind(kind)] == kinds_of(name)


def test_everything_else_runs_on_both() -> None:
    assert [Kind.SQLITE, Kind.POSTGRESQL] == kinds_of("store/test_conflicts.py::test_anything")
