"""What every test leaves behind for the next one: nothing."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from tests.kinds import Kind, ground_of, kinds_of

from postroom import failpoints


@pytest.fixture(autouse=True)
def _process_as_new() -> Iterator[None]:
    """Undo what a test did to the process as a whole: armed failpoints, the set-up of the logs."""
    yield
    failpoints.disarm()
    structlog.reset_defaults()
    logging.captureWarnings(False)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the tests of store/ and flow/ on both kinds of databases."""
    path = Path(str(metafunc.module.__file__))
    name = f"{path.parent.name}/{path.name}::{metafunc.function.__name__}"
    if (kinds := kinds_of(name)) is not None:
        metafunc.parametrize("_ground", kinds, ids=str, indirect=True)


@pytest.fixture(autouse=True)  # else pytest leaves it out: no test names it
def _ground(request: pytest.FixtureRequest) -> Iterator[None]:
    """Stand on one kind of database."""
    with ground_of(getattr(request, "param", Kind.SQLITE)):
        yield
