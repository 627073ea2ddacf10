"""What every test leaves behind for the next one: nothing."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from tests.kinds import Kind, ground_of

from postroom import failpoints


@pytest.fixture(autouse=True)
def _process_as_new() -> Iterator[None]:
    """Undo what a test did to the process as a whole: armed failpoints, the set-up of the logs."""
    yield
    failpoints.disarm()
    structlog.reset_defaults()
    logging.captureWarnings(False)


_BOTH = frozenset(
    {
        *("test_conflicts.py", "test_conflicts_of_time.py", "test_kept_text.py"),
        *("test_prepared.py", "test_search.py"),
    }
)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the tests of these modules on both kinds of databases."""
    if Path(str(metafunc.module.__file__)).name in _BOTH:
        metafunc.fixturenames.insert(0, "_ground")
        metafunc.parametrize("_ground", list(Kind), ids=str, indirect=True)


@pytest.fixture
def _ground(request: pytest.FixtureRequest) -> Iterator[None]:
    """Stand on one kind of database."""
    with ground_of(request.param):
        yield
