"""What every test leaves behind for the next one: nothing."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
import structlog
from tests.kinds import Kind, ground_of, is_named, kinds_of

from postroom import failpoints

# Hundreds of processes: each would compile all of Postroom again, which takes longer than its test.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# How long an example takes is the machine's affair: no test asserts a time.
hypothesis.settings.register_profile(
    "postroom", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("postroom")


# As structlog has it, but for tracebacks: a fine one, with all values, takes 0.7 s.
_PROCESSORS = [
    *structlog.get_config()["processors"][:-1],
    structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
]


@pytest.fixture(autouse=True)
def _process_as_new() -> Iterator[None]:
    """Undo what a test did to the process as a whole: armed failpoints, the set-up of the logs."""
    structlog.configure(processors=_PROCESSORS)
    yield
    failpoints.disarm()
    structlog.reset_defaults()
    logging.captureWarnings(False)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the tests of store/ and flow/ on both kinds of databases."""
    path = Path(str(metafunc.module.__file__))
    name = _name(path, metafunc.function.__name__)
    if (kinds := kinds_of(name)) is not None:
        metafunc.parametrize("_ground", kinds, ids=str, indirect=True)


def _name(path: Path, function: str) -> str:
    return f"{path.parent.name}/{path.name}::{function}"


@pytest.fixture(autouse=True)  # else pytest leaves it out: no test names it
def _ground(request: pytest.FixtureRequest) -> Iterator[None]:
    """Stand on one kind of database; who never sets foot on a server may not say that it does."""
    kind = getattr(request, "param", Kind.SQLITE)
    name = _name(request.path, request.function.__name__)
    with ground_of(kind, furnishes=kinds_of(name) is not None) as ground:
        yield
        if kind is Kind.POSTGRESQL and not ground.is_used:
            assert is_named(name), f"{name} ran on no server: say why in tests/one_kind.toml"
