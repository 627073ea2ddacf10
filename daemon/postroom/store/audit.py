"""What the database must hold if no mail was lost: each check is one query for what is not there.

Promise: reads only; every query is a set operation whose memory does not grow with the journal. A
caller who gives one connection gets all answers of one moment.
Used by: work.audit, which joins the answers with those of the spool.

What the schema makes impossible (a number twice, a row without its parent) is not asked again row
by row: `damage` says whether the schema still holds. What a check calls a gap, a test has made.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, func, select, text
from sqlalchemy.exc import DatabaseError

from postroom.core.model import Outcome
from postroom.store import schema as t

LIMIT = 1_000  # findings of one kind; whoever has more mends these first
MERGES = 10  # as in reads: a longer chain is a mistake
_ASKED = 500  # values of one IN list

DAMAGED, BROKEN_REFERENCE = "database-damaged", "reference-broken"


@dataclass(frozen=True, slots=True)
class Finding:
    """One gap: `subject` is what a command takes ("journal 12"), `text` what to do about it."""

    kind: str
    subject: str
    text: str


@dataclass(frozen=True, slots=True)
class Gap:
    """Numbers of a spool, `first` to `last`, that the journal does not have."""

    name: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Check:
    """A query for rows that prove a gap; its column `subject` names what lacks something."""

    kind: str
    noun: str
    text: str
    query: str


_OUTCOMES = ", ".join(f"'{outcome.value}'" for outcome in Outcome)
_RESTORE = "compare with your last backup of the data folder"
_READ = "its bytes are in table raw_mail: see `postroom journal show`, and answer by hand"

CHECKS: tuple[Check, ...] = (
    Check(
        "outcome-unknown",
        "journal",
        f"the outcome is none of those there are; {_RESTORE}",
        f"SELECT id AS subject FROM journal WHERE outcome NOT IN ({_OUTCOMES})",
    ),
    Check(
        "request-missing",
        "journal",
        f"the mail is said to be in a request, which is not there; {_READ}",
        """
        SELECT journal.id AS subject FROM journal LEFT JOIN request ON request.id = request_id
        WHERE request.id IS NULL AND (outcome IN ('opened', 'appended')
              OR (outcome IN ('duplicate', 'bounce') AND request_id IS NOT NULL))
        """,
    ),
    Check(
        "message-missing",
        "journal",
        f"its request has no such message; {_READ}",
        """
        SELECT id AS subject FROM journal WHERE outcome IN ('opened', 'appended')
        AND NOT EXISTS (SELECT 1 FROM message WHERE message.journal_id = journal.id)
        """,
    ),
    Check(
        "raw-missing",
        "journal",
        f"the bytes of the mail are gone; {_RESTORE}",
        """
        SELECT id AS subject FROM journal WHERE outcome <> 'quarantined'
        AND NOT EXISTS (SELECT 1 FROM raw_mail WHERE raw_mail.journal_id = journal.id)
        """,
    ),
    Check(
        "history-missing",
        "request",
        f"the history does not say how it was opened; {_RESTORE}",
        """
        SELECT id AS subject FROM request WHERE NOT EXISTS (
            SELECT 1 FROM history WHERE history.request_id = request.id AND kind = 'opened')
        """,
    ),
    Check(
        "auto-reply-missing",
        "request",
        "it says that the automatic reply was sent, and the outbox has none; answer by hand",
        """
        SELECT id AS subject FROM request WHERE auto_reply = 'sent' AND NOT EXISTS (
            SELECT 1 FROM outbox WHERE outbox.request_id = request.id AND kind = 'auto-reply')
        """,
    ),
    Check(
        "auto-reply-unexplained",
        "request",
        "an automatic reply is in the outbox, and the request says that there is none, or not "
        "why; see `postroom outbox list`, and cancel what still waits",
        """
        SELECT id AS subject FROM request WHERE auto_reply = '' OR (auto_reply <> 'sent'
            AND EXISTS (SELECT 1 FROM outbox
                        WHERE outbox.request_id = request.id AND kind = 'auto-reply'))
        """,
    ),
    Check(
        "auto-reply-twice",
        "request",
        "it has more than one automatic reply; `postroom outbox cancel` what still waits",
        """
        SELECT request_id AS subject FROM outbox WHERE kind = 'auto-reply'
        AND request_id IS NOT NULL GROUP BY request_id HAVING count(*) > 1
        """,
    ),
    Check(
        "delivery-missing",
        "outbox",
        "the mail has no recipient, and so nobody gets it; write to whom it was for by hand",
        """
        SELECT id AS subject FROM outbox
        WHERE NOT EXISTS (SELECT 1 FROM delivery WHERE delivery.outbox_id = outbox.id)
        """,
    ),
    Check(
        "delivery-stuck",
        "delivery",
        "it waits for no moment, so nobody sends it; `postroom outbox cancel`, then write by hand",
        """
        SELECT id AS subject FROM delivery WHERE (state = 'waiting' AND due_at IS NULL)
        OR (state = 'sending' AND lease_until IS NULL)
        """,
    ),
    Check(
        "sent-id-unknown",
        "outbox",
        "an answer to this mail would not find its request by References; watch `hold list` for it",
        """
        SELECT id AS subject FROM outbox WHERE request_id IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM message_ref WHERE message_ref.message_id = outbox.message_id
            AND message_ref.request_id = outbox.request_id AND message_ref.kind = 'sent')
        """,
    ),
    Check(
        "hold-missing",
        "journal",
        f"the mail is held, and no hold waits: nobody will see it; {_READ}",
        """
        SELECT id AS subject FROM journal WHERE outcome = 'held' AND NOT EXISTS (
            SELECT 1 FROM hold WHERE hold.journal_id = journal.id AND hold.state = 'waiting')
        """,
    ),
    Check(
        "hold-stray",
        "hold",
        "it waits, and its mail is held no more; `postroom hold refuse` ends it",
        """
        SELECT hold.id AS subject FROM hold JOIN journal ON journal.id = hold.journal_id
        WHERE hold.state = 'waiting' AND outcome <> 'held'
        """,
    ),
    Check(
        "hold-nobodys",
        "hold",
        "nobody is responsible for it; `postroom hold accept` or `refuse`, and give its category "
        "an administrator in rules/categories.toml",
        "SELECT id AS subject FROM hold WHERE state = 'waiting' AND responsible IS NULL",
    ),
    Check(
        "hold-without-timer",
        "hold",
        "no timer will open it when its time is over; `postroom hold accept` or `refuse`",
        """
        SELECT id AS subject FROM hold WHERE state = 'waiting' AND until IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM timer WHERE timer.hold_id = hold.id AND timer.kind = 'hold'
                        AND timer.state = 'armed' AND timer.due_at IS NOT NULL)
        """,
    ),
    Check(
        "postponed-without-timer",
        "request",
        "no timer will activate it when its time is over; give it another status, or postpone it "
        "again by `#postpone`",
        """
        SELECT id AS subject FROM request WHERE phase = 'postponed' AND postponed_until IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM timer WHERE timer.request_id = request.id
                        AND timer.kind = 'activate' AND timer.state = 'armed'
                        AND timer.due_at IS NOT NULL)
        """,
    ),
    Check(
        "activate-stray",
        "timer",
        "it is armed for a request that is not postponed; it will do nothing, and should not be "
        "there",
        """
        SELECT timer.id AS subject FROM timer JOIN request ON request.id = timer.request_id
        WHERE timer.state = 'armed' AND timer.kind = 'activate'
        AND (request.phase <> 'postponed' OR request.postponed_until IS NULL)
        """,
    ),
    Check(
        "timer-aimless",
        "timer",
        "it is armed, and lacks its moment or what it is for, or nothing is known of its kind: "
        "what should happen then will not; see `postroom timers list`",
        """
        SELECT id AS subject FROM timer WHERE state = 'armed' AND (due_at IS NULL OR NOT (
            (kind IN ('hold', 'accept', 'refuse') AND hold_id IS NOT NULL)
            OR (kind IN ('activate', 'clock', 'level') AND request_id IS NOT NULL)
            OR (kind = 'undelivered' AND EXISTS (
                SELECT 1 FROM delivery WHERE delivery.id = timer.delivery_id))))
        """,
    ),
    Check(
        "timer-stray",
        "timer",
        "it is armed for a hold that is over; it will do nothing, and should not be there",
        """
        SELECT timer.id AS subject FROM timer LEFT JOIN hold ON hold.id = timer.hold_id
        WHERE timer.state = 'armed' AND timer.hold_id IS NOT NULL
        AND (hold.id IS NULL OR hold.state <> 'waiting')
        """,
    ),
    Check(
        "message-id-stray",
        "message-id",
        f"it leads to a request that is not there; {_RESTORE}",
        """
        SELECT message_id AS subject FROM message_ref
        WHERE NOT EXISTS (SELECT 1 FROM request WHERE request.id = message_ref.request_id)
        """,
    ),
    Check(
        "open-requests-miscounted",
        "handler",
        "the number of open requests, by which work is shared, is not what a count gives; correct "
        "handler.open_requests in the database while the daemon is stopped",
        """
        SELECT name AS subject FROM (
            SELECT name, open_requests AS said FROM handler
            UNION ALL
            SELECT owner, -count(*) FROM request
            WHERE owner IS NOT NULL AND phase = 'active' GROUP BY owner
        ) AS both_counts GROUP BY name HAVING sum(said) <> 0
        """,
    ),
    Check(
        "policy-missing",
        "policy",
        f"decisions were made by it, and its text is gone; {_RESTORE}",
        """
        SELECT version AS subject FROM (
            SELECT DISTINCT policy_version AS version FROM journal
            UNION SELECT DISTINCT policy_version FROM history
            UNION SELECT DISTINCT policy_version FROM outbox
        ) AS named WHERE NOT EXISTS (SELECT 1 FROM policy WHERE policy.version = named.version)
        """,
    ),
    Check(
        "merge-endless",
        "request",
        "following what it was merged into comes to no end, so mail to it goes astray; "
        "correct request.merged_into in the database while the daemon is stopped",
        f"""
        WITH RECURSIVE chain (start, reached, steps) AS (
            SELECT id, merged_into, 1 FROM request WHERE merged_into IS NOT NULL
            UNION ALL
            SELECT start, request.merged_into, steps + 1
            FROM chain JOIN request ON request.id = reached
            WHERE request.merged_into IS NOT NULL AND steps <= {MERGES}
        ) SELECT start AS subject FROM chain WHERE steps > {MERGES}
        """,
    ),
)

_COUNTED = (
    t.journal,
    t.request,
    t.message,
    t.message_ref,
    t.history,
    t.outbox,
    t.delivery,
    t.hold,
    t.timer,
    t.policy,
)
_spooled = t.journal.c
_GAPS = text(
    """
    SELECT spool_name, previous + 1, spool_number - 1 FROM (
        SELECT spool_name, spool_number, lag(spool_number, 1, 0)
               OVER (PARTITION BY spool_name ORDER BY spool_number) AS previous
        FROM journal WHERE spool_name IS NOT NULL AND spool_number IS NOT NULL
    ) AS numbered WHERE spool_number > previous + 1 ORDER BY spool_name, spool_number
    """
)
_LAST = select(func.max(_spooled.spool_number)).where(_spooled.spool_name == bindparam("name"))
_NEWEST = select(func.max(_spooled.id))
_JOURNALLED = select(_spooled.spool_number, _spooled.outcome, _spooled.id).where(
    _spooled.spool_name == bindparam("name"),
    _spooled.spool_number.in_(bindparam("numbers", expanding=True)),
)
_SET_ASIDE = (
    select(t.journal.c.id, _spooled.spool_name, _spooled.spool_number)
    .where(t.journal.c.outcome == Outcome.QUARANTINED.value)
    .order_by(t.journal.c.id)
)


def damage(connection: Connection) -> list[Finding]:
    """Ask the database whether it is sound itself. Reads the whole file."""
    if connection.dialect.name != "sqlite":
        return []
    try:
        words = connection.execute(text("PRAGMA quick_check(20)")).scalars().all()
    except DatabaseError as error:
        words = [str(error.orig)]
    advice = "stop the daemon, keep a copy of the file, and restore a backup"
    return [Finding(DAMAGED, "database", f"{said}: {advice}") for said in words if said != "ok"]


def broken_references(connection: Connection) -> list[Finding]:
    """Return the rows whose parent is not there."""
    if connection.dialect.name != "sqlite":
        return []
    rows = connection.execute(text("PRAGMA foreign_key_check"))
    return [
        Finding(
            BROKEN_REFERENCE,
            f"{row[0]} {row[1]}",
            f"this row of {row[0]} belongs to a row of {row[2]} that is not there; {_RESTORE}",
        )
        for row in rows.fetchmany(LIMIT)
    ]


def findings(connection: Connection) -> Iterator[Finding]:
    """Run every check, in order; at most LIMIT findings of each."""
    for check in CHECKS:
        rows = connection.execute(text(f"{check.query} ORDER BY subject LIMIT {LIMIT}"))
        for (subject,) in rows:
            yield Finding(check.kind, f"{check.noun} {subject}", check.text)


def counts(connection: Connection) -> dict[str, int]:
    """Return how many rows the checks look at, by table."""
    return {
        table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
        for table in _COUNTED
    }


def gaps(connection: Connection) -> Iterator[Gap]:
    """Return the numbers below each spool's highest journalled one that the journal lacks."""
    for name, first, last in connection.execute(_GAPS):
        yield Gap(name, first, last)


def last_number(connection: Connection, name: str) -> int:
    """Return the highest number of a spool that the journal has; 0: it has none."""
    return connection.execute(_LAST, {"name": name}).scalar() or 0


def newest(connection: Connection) -> int:
    """Return the newest journal row; 0: there is none."""
    return connection.execute(_NEWEST).scalar() or 0


def journalled(
    connection: Connection, name: str, numbers: Collection[int]
) -> dict[int, tuple[str, int]]:
    """Return outcome and journal row of those numbers of a spool that the journal has."""
    wanted, found = sorted(numbers), dict[int, tuple[str, int]]()
    for start in range(0, len(wanted), _ASKED):
        keys = {"name": name, "numbers": wanted[start : start + _ASKED]}
        for number, outcome, journal_id in connection.execute(_JOURNALLED, keys):
            found[number] = (outcome, journal_id)
    return found


def set_aside(connection: Connection) -> Iterator[tuple[int, str | None, int | None]]:
    """Return (journal row, spool, number) of all quarantined mail."""
    for row in connection.execute(_SET_ASIDE):
        yield row.id, row.spool_name, row.spool_number
