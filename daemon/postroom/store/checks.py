"""The gaps that audit looks for in the database, each a query for the rows that prove it.

What a check calls a gap, a test has made. Used by: store.audit.
"""

from __future__ import annotations

from dataclasses import dataclass

from postroom.core.model import Outcome
from postroom.store.facets import NAMES, NOBODY
from postroom.store.request_facts import MERGES


@dataclass(frozen=True, slots=True)
class Check:
    """A query for rows that prove a gap; its column `subject` names what lacks something."""

    kind: str
    noun: str
    text: str
    query: str


_OUTCOMES = ", ".join(f"'{outcome.value}'" for outcome in Outcome)
RESTORE = "compare with your last backup of the data folder"
_READ = "its bytes are kept: see `postroom journal show`, and answer by hand"

_FACET = " AND ".join(
    f"facet.{name} = coalesce(request.owner, '{NOBODY}')"
    if name == "owner"
    else f"facet.{name} = request.{name}"
    for name in NAMES
)

CHECKS: tuple[Check, ...] = (
    Check(
        "outcome-unknown",
        "journal",
        f"the outcome is none of those there are; {RESTORE}",
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
        f"the bytes of the mail are gone; {RESTORE}",
        """
        SELECT id AS subject FROM journal WHERE outcome <> 'quarantined'
        AND NOT EXISTS (SELECT 1 FROM raw_mail WHERE raw_mail.journal_id = journal.id)
        AND NOT EXISTS (SELECT 1 FROM raw_object WHERE raw_object.journal_id = journal.id)
        """,
    ),
    Check(
        "history-missing",
        "request",
        f"the history does not say how it was opened; {RESTORE}",
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
        "closing-without-timer",
        "request",
        "no timer will close it when its customer has been silent for so long; give it its status "
        "again",
        """
        SELECT id AS subject FROM request WHERE phase = 'active' AND closes_at IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM timer WHERE timer.request_id = request.id
                        AND timer.kind = 'close' AND timer.state = 'armed')
        AND NOT EXISTS (SELECT 1 FROM hook_run WHERE hook_run.request_id = request.id
                        AND hook_run.event = 'transition')
        """,
    ),
    Check(
        "close-stray",
        "timer",
        "it is armed for a request that is not to close by itself; it will do nothing, and should "
        "not be there",
        """
        SELECT timer.id AS subject FROM timer JOIN request ON request.id = timer.request_id
        WHERE timer.state = 'armed' AND timer.kind = 'close'
        AND (request.phase <> 'active' OR request.closes_at IS NULL)
        """,
    ),
    Check(
        "level-without-timer",
        "request",
        "no timer will do the next level of its escalation; give it its priority again",
        """
        SELECT id AS subject FROM request WHERE chain_state = 'running'
        AND chain_due_at IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM timer WHERE timer.request_id = request.id
            AND timer.kind = 'level' AND timer.state = 'armed')
        """,
    ),
    Check(
        "clock-without-timer",
        "request",
        "no timer will say that a clock of it is missed, or warn of it; give it its priority again",
        """
        SELECT id AS subject FROM request WHERE clock_due_at IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM timer WHERE timer.request_id = request.id
            AND timer.kind = 'clock' AND timer.state = 'armed')
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
            OR (kind IN ('activate', 'clock', 'close', 'level') AND request_id IS NOT NULL)
            OR kind = 'digest'
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
        "hook-stuck",
        "hook run",
        "it waits for no moment, or its state is none of those there are, so nobody runs it: "
        "`postroom hooks retry`",
        """
        SELECT id AS subject FROM hook_run WHERE state NOT IN (
            'waiting', 'running', 'done', 'failed') OR (state = 'waiting' AND due_at IS NULL)
        OR (state = 'running' AND lease_until IS NULL)
        """,
    ),
    Check(
        "hook-untold",
        "hook run",
        "it has ended, and the history of its request does not say how; see `postroom hooks show`: "
        "whoever ran it died again and again, or the row was changed by hand",
        """
        SELECT id AS subject FROM hook_run WHERE state IN ('done', 'failed') AND NOT EXISTS (
            SELECT 1 FROM history WHERE history.request_id = hook_run.request_id
            AND history.kind = 'hook' AND history.to_value LIKE hook_run.name || ': %'
            AND history.to_value NOT LIKE '%: on its way'
            AND history.to_value NOT LIKE '%: to be run now')
        """,
    ),
    Check(
        "message-id-stray",
        "message-id",
        f"it leads to a request that is not there; {RESTORE}",
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
        "facet-wrong",
        "request",
        "lists that are filtered do not show it as it is; give it its priority again",
        f"""
        SELECT request.id AS subject FROM request LEFT JOIN facet ON facet.id = facet_id
        WHERE facet.id IS NULL OR NOT ({_FACET})
        """,
    ),
    Check(
        "policy-missing",
        "policy",
        f"decisions were made by it, and its text is gone; {RESTORE}",
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
