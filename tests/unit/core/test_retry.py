"""The back-off of deliveries."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.core.retry import next_attempt

FIRST = datetime(2026, 11, 20, 13, 15, tzinfo=UTC)
MIDDLE = 0.5


@pytest.mark.parametrize(
    ("attempts", "minutes"),
    [(1, 1), (2, 5), (3, 15), (4, 30), (5, 60), (6, 120), (7, 240), (8, 360), (9, 360), (99, 360)],
)
def test_the_delay_grows_to_six_hours(attempts: int, minutes: int) -> None:
    assert next_attempt(attempts, FIRST, FIRST, MIDDLE) == FIRST + timedelta(minutes=minutes)


@given(st.integers(1, 40), st.floats(0, 1, exclude_max=True))
def test_jitter_stays_within_a_fifth(attempts: int, jitter: float) -> None:
    due_at = next_attempt(attempts, FIRST, FIRST, jitter)
    middle = next_attempt(attempts, FIRST, FIRST, MIDDLE)
    assert due_at is not None
    assert middle is not None
    assert 0.8 <= (due_at - FIRST) / (middle - FIRST) <= 1.2


@given(st.floats(0, 1, exclude_max=True))
def test_it_ends_after_five_days_and_some_twenty_attempts(jitter: float) -> None:
    attempts, now = 1, FIRST
    while (due_at := next_attempt(attempts, FIRST, now, jitter)) is not None:
        assert due_at > now
        attempts, now = attempts + 1, due_at
    assert now == FIRST + timedelta(days=5)
    assert 20 <= attempts <= 40


def test_a_queue_that_lay_still_for_a_week_is_tried_again() -> None:
    now = FIRST + timedelta(days=7)
    assert next_attempt(1, FIRST, now, MIDDLE) == now + timedelta(minutes=1)
    assert next_attempt(8, FIRST, now, MIDDLE) is None


def test_a_clock_set_back_does_not_give_up() -> None:
    now = FIRST - timedelta(days=30)
    assert next_attempt(3, FIRST, now, MIDDLE) == now + timedelta(minutes=15)
