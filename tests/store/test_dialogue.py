"""Many statements said to a server at once: values, failures, and sessions that end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Json
from tests.postgres import shared_cluster

from postroom.errors import Unavailable
from postroom.store.dialogue import Dialogue, Statement
from postroom.store.engines import translated

AT = datetime(2026, 11, 20, 13, 15, 0, 250, tzinfo=UTC)
LARGE = 4_000_000  # octets: more than any socket holds


@pytest.fixture
def driver() -> Iterator[psycopg.Connection[Any]]:
    with shared_cluster().connect() as connection:
        connection.execute("CREATE TEMPORARY TABLE kept (id INTEGER PRIMARY KEY)")
        yield connection


@pytest.fixture
def dialogue(driver: psycopg.Connection[Any]) -> Dialogue:
    return Dialogue(driver)


def insert(number: int) -> Statement:
    return "INSERT INTO kept VALUES ($1)", [number]


def kept(driver: psycopg.Connection[Any]) -> list[int]:
    return [row[0] for row in driver.execute("SELECT id FROM kept ORDER BY id")]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("INTEGER", 0),
        ("BIGINT", -(2**63)),
        ("BOOLEAN", True),
        ("BOOLEAN", False),
        ("TEXT", "å 漢 🙂 '$1' \\ %s"),
        ("TEXT", ""),
        ("TEXT", None),
        ("BYTEA", bytes(range(256))),
        ("TIMESTAMPTZ", AT),
        ("DATE", date(2026, 11, 20)),
        ("DOUBLE PRECISION", 0.1),
        ("JSON", {"å": [1, None, "x"]}),
    ],
)
def test_a_value_comes_back_as_it_went(dialogue: Dialogue, kind: str, value: object) -> None:
    given = Json(value) if kind == "JSON" else value
    for _ in range(2):  # the second time it is prepared
        [heard] = dialogue.say([(f"SELECT CAST($1 AS {kind})", [given])])
        assert [(value,)] == heard.rows()


def test_a_text_with_a_nul_is_refused_and_not_cut_off(dialogue: Dialogue) -> None:
    with pytest.raises(psycopg.DataError, match="NUL"):
        dialogue.say([insert(1), ("SELECT CAST($1 AS TEXT)", ["a\0b"])])
    assert [("ab",)] == dialogue.say([("SELECT CAST($1 AS TEXT)", ["ab"])])[0].rows()


def test_answers_stand_in_the_order_of_the_statements(dialogue: Dialogue) -> None:
    select: Statement = ("SELECT id FROM kept ORDER BY id", [])
    heard = dialogue.say(
        [insert(1), select, insert(2), ("UPDATE kept SET id = id + 10", []), select]
    )
    assert [(1,)] == heard[1].rows()
    assert 2 == heard[3].count()
    assert [(11,), (12,)] == heard[4].rows()


def test_what_could_not_be_prepared_behind_a_failure_is_prepared_the_next_time(
    dialogue: Dialogue, driver: psycopg.Connection[Any]
) -> None:
    other: Statement = ("DELETE FROM kept WHERE id = $1", [7])
    with pytest.raises(psycopg.errors.UndefinedTable):
        dialogue.say([insert(1), ("INSERT INTO nowhere VALUES ($1)", [1]), other])
    with pytest.raises(psycopg.errors.UniqueViolation):
        dialogue.say([insert(1), insert(1), other])
    dialogue.say([insert(7), other, insert(2)])
    assert [2] == kept(driver)


def test_large_answers_and_large_questions_do_not_wait_for_each_other(dialogue: Dialogue) -> None:
    asked: list[Statement] = [("SELECT CAST($1 AS BYTEA)", [b"x" * LARGE])] * 3
    assert [LARGE] * 3 == [len(heard.rows()[0][0]) for heard in dialogue.say(asked)]


def test_a_session_that_was_ended_is_an_error_and_no_endless_wait(
    dialogue: Dialogue, driver: psycopg.Connection[Any]
) -> None:
    with shared_cluster().connect() as admin:
        admin.execute("SELECT pg_terminate_backend(%s, 5000)", [driver.info.backend_pid])
    for _ in range(2):
        with pytest.raises(psycopg.OperationalError):
            dialogue.say([insert(1), insert(2)])


def test_a_session_that_ends_among_the_statements_is_an_error(
    dialogue: Dialogue, driver: psycopg.Connection[Any]
) -> None:
    own_end: Statement = ("SELECT pg_terminate_backend($1)", [driver.info.backend_pid])
    with pytest.raises(psycopg.OperationalError):
        dialogue.say([insert(1), own_end, insert(2)])


def test_sessions_that_a_pooler_mixes_never_mean_each_others_statements(
    driver: psycopg.Connection[Any],
) -> None:
    one, other = Dialogue(driver), Dialogue(driver)  # who both think that it is theirs alone
    one.say([("SELECT 'one' || $1", ["x"])])
    other.say([("SELECT 'other' || $1", ["x"])])
    assert [("onex",)] == one.say([("SELECT 'one' || $1", ["x"])])[0].rows()
    assert [("otherx",)] == other.say([("SELECT 'other' || $1", ["x"])])[0].rows()

    with pytest.raises(psycopg.errors.DuplicatePreparedStatement) as failed:
        Dialogue(driver).say([("SELECT 'one' || $1", ["x"])])
    found = translated(failed.value)
    assert isinstance(found, Unavailable)
    assert "must keep to sessions" in str(found)
