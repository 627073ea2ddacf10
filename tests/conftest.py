"""What every test leaves behind for the next one: nothing."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
import structlog

from postroom import failpoints


@pytest.fixture(autouse=True)
def _process_as_new() -> Iterator[None]:
    """Undo what a test did to the process as a whole: armed failpoints, the set-up of the logs."""
    yield
    failpoints.disarm()
    structlog.reset_defaults()
    logging.captureWarnings(False)
