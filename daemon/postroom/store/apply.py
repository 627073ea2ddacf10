"""The only way a decision changes the world: its effects, in one transaction.

Promise: all of a decision is written or nothing; a decision whose facts are no longer true raises
Conflict and leaves no trace; each visible change gets one row of history with its reason.
Used by: work.desk, work.ticker and work.retiming, inside `Database.write`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, assert_never

from sqlalchemy import Connection, select

from postroom import failpoints
from postroom.core.effects import (
    AddParticipant,
    AnswerHold,
    AppendMessage,
    Assign,
    Decision,
    Effect,
    EndHold,
    EndHookRun,
    EndTimer,
    HoldMail,
    KnowIds,
    LearnContact,
    LearnEnding,
    LinkRequests,
    NoteMailbox,
    OpenRequest,
    PlanDigest,
    QueueMail,
    Record,
    RecordBounce,
    RemoveParticipant,
    ReplaceAddresses,
    RunHook,
    SetChain,
    SetClocks,
    SetPostponed,
    SetProperty,
    SetRead,
    SetReplied,
    SetStatus,
    SetTags,
    SpendBrake,
    TakeTurn,
)
from postroom.core.facts import Arrival
from postroom.core.model import Phase
from postroom.core.site import Site
from postroom.errors import Conflict, NotAllowed
from postroom.mail.tokens import Signer
from postroom.store import facets, hooks, indexing, policies, write_mail, write_request
from postroom.store import schema as t
from postroom.store import statements as s
from postroom.store.objects import StoredObject
from postroom.store.writing import Applied, MailRow, Writing


def apply(
    connection: Connection,
    decision: Decision,
    mail: MailRow | None,
    *,
    now: datetime,
    signer: Signer,
    site: Site,
) -> Applied:
    """Carry out a decision. Conflict: its facts changed, load and decide again."""
    failpoints.hit("apply.begun")
    work = Writing(connection, decision, now, signer, site, mail)
    _check(work)
    # Contacts and the request first: the journal row names them, and everything else the journal.
    for effect in decision.effects:
        if isinstance(effect, LearnContact | OpenRequest):
            _apply(work, effect)
    _journal(work)
    failpoints.hit("apply.journal")
    for effect in decision.effects:
        if not isinstance(effect, LearnContact | OpenRequest):
            _apply(work, effect)
    if work.refs:
        s.MESSAGE_REF.run_each(connection, work.refs)
    if decision.seen is not None:
        work.handler(decision.seen).seen_at = now
    write_request.count_handlers(work)
    for number in sorted(work.to_file):
        facets.file(connection, number)
    for wanted in work.hooks:
        hooks.start(work, wanted)
    if work.history:
        s.HISTORY.run_each(connection, work.history)
    work.check()
    indexing.write_entries(work)
    write_request.make_handlers(work)
    failpoints.hit("apply.written")
    request = work.opened if work.opened is not None else decision.request
    return Applied(work.journal_id, request, work.mails > 0)


def activate_policy(
    connection: Connection, version: str, files: Mapping[str, str], at: datetime
) -> None:
    """Make a policy the one that decides; its text is kept for ever."""
    known = connection.execute(
        select(t.policy.c.version).where(t.policy.c.version == version)
    ).first()
    if known is None:
        s.POLICY.send(connection, {"version": version, "files": dict(files)})
    if policies.active_policy(connection) != version:
        s.POLICY_ACTIVATION.send(connection, {"version": version, "at": at})


def mark_followed(connection: Connection, activation: int, at: datetime) -> None:
    """Remember that the clocks of all open requests are those of a policy."""
    s.POLICY_FOLLOWED.send(connection, {"b_id": activation, "b_at": at})


def postpone_timer(connection: Connection, timer_id: int, due_at: datetime) -> None:
    """Let a timer that could not fire be tried again later, after those that are due meanwhile."""
    s.POSTPONE_TIMER.send(connection, {"b_id": timer_id, "b_due_at": due_at})


def cancel_timer(connection: Connection, timer_id: int) -> None:
    """End a timer that has nothing to do any more."""
    s.CANCEL_TIMER.send(connection, {"b_id": timer_id})


def _check(work: Writing) -> None:
    """Refuse a decision that was made under another policy, or about another state.

    All that is to be known of the database before something is written is asked for together.
    """
    decision, connection = work.decision, work.connection
    active = policies.ask_for_active(connection)
    touched = {
        number: s.TOUCH_REQUEST.send(
            connection, {"b_id": number, "b_version": version, "b_at": work.now}
        )
        for number, version in decision.versions.items()
    }
    work.ask_for_handlers()
    for effect in decision.effects:
        if isinstance(effect, OpenRequest):
            s.REQUEST.expect(connection)
            work.asked_facet = write_request.ask_for_facet(work, effect)
    for table in (s.JOURNAL, s.MESSAGE, s.CONTACT, s.PARTICIPANT):
        table.expect(connection)
    s.OUTBOX.expect(connection, sum(isinstance(effect, QueueMail) for effect in decision.effects))
    if policies.named(active) != decision.policy_version:
        raise Conflict("the policy was reloaded")
    for request_id, answer in touched.items():
        row = answer.first()
        if row is None:
            raise Conflict(f"request {request_id} has changed")
        work.owners[request_id] = (row[1], Phase(row[0]))


def _apply(work: Writing, effect: Effect) -> None:  # noqa: C901 - one case for each effect
    match effect:
        case LearnContact():
            write_request.learn(work, effect)
        case LearnEnding():
            write_request.learn_ending(work, effect)
        case OpenRequest():
            write_request.open_(work, effect)
        case AppendMessage():
            write_request.append(work, effect)
        case AddParticipant():
            write_request.participate(work, effect)
        case RemoveParticipant():
            write_request.leave(work, effect)
        case ReplaceAddresses():
            write_request.replace_addresses(work, effect)
        case KnowIds():
            for message_id, n, kind in effect.ids:
                work.know(message_id, n, work.request_id(effect.request), kind)
        case NoteMailbox():
            keys = {"request_id": effect.request, "mailbox": effect.mailbox}
            s.MAILBOX.send(work.connection, keys)
            work.note(effect.request, "mailbox", None, effect.mailbox, effect.because)
        case LinkRequests():
            write_request.link(work, effect)
        case SetStatus():
            write_request.set_status(work, effect)
        case Assign():
            write_request.assign(work, effect)
        case SetProperty():
            write_request.set_property(work, effect)
        case SetTags():
            write_request.set_tags(work, effect)
        case SetReplied():
            keys = {"b_id": effect.request, "b_at": effect.at}
            if s.SET_REPLIED.run(work.connection, keys):
                work.note(effect.request, "replied", None, None, effect.because)
        case SetPostponed():
            write_request.postpone(work, effect)
        case SetClocks():
            write_request.set_clocks(work, effect)
        case SetChain():
            write_request.set_chain(work, effect)
        case SetRead():
            write_request.set_read(work, effect)
        case Record():
            work.note(effect.request, effect.kind, None, effect.to, effect.because)
        case RunHook():
            work.hooks.append(effect)
        case EndHookRun():
            hooks.end(work.connection, effect)
        case AnswerHold():
            write_mail.answer_hold(work, effect)
        case PlanDigest():
            write_mail.arm(work, "digest", effect.due_at, actor=effect.handler)
        case EndTimer():
            # To decide again changes nothing: it fired, or nobody wants it any more.
            over = NotAllowed(f"timer {effect.timer} is armed no more")
            work.expect(s.END_TIMER.send(work.connection, {"b_id": effect.timer}), over)
        case TakeTurn():
            write_request.take_turn(work, effect)
        case SpendBrake():
            write_mail.spend(work, effect)
        case QueueMail():
            write_mail.queue_mail(work, effect)
        case HoldMail():
            write_mail.hold(work, effect)
        case EndHold():
            write_mail.end_hold(work, effect)
        case RecordBounce():
            keys = {"b_id": effect.delivery, "b_response": f"bounced: {effect.diagnostic}"}
            s.BOUNCED.send(work.connection, keys)
            if work.decision.request is not None:
                text = f"delivery {effect.delivery}: {effect.diagnostic}"
                work.note(work.decision.request, "bounced", None, text, effect.because)
        case _:
            assert_never(effect)


def _journal(work: Writing) -> None:
    """Write the mail's one row, or its new outcome with a row of the journal's history."""
    decision, mail = work.decision, work.mail
    if mail is None or decision.outcome is None:
        return
    request = work.opened if work.opened is not None else decision.request
    outcome = {
        "outcome": decision.outcome.value,
        "verdict": str(decision.explanation.get("verdict", "none")),
        "request_id": request,
        "reason": decision.reason,
        "policy_version": decision.policy_version,
        "explanation": dict(decision.explanation),
    }
    if mail.journal_id is None:
        row = {**_journal_row(mail.arrival), **outcome}
        work.journal_id = s.JOURNAL.insert(work.connection, row)
    else:
        work.journal_id = mail.journal_id
        keys = {f"b_{name}": value for name, value in outcome.items()}
        keys |= {"b_id": mail.journal_id, "b_was": mail.was}
        changed = Conflict(f"journal {mail.journal_id} was decided again")
        work.expect(s.REJOURNAL.send(work.connection, keys), changed)
    if isinstance(mail.raw, StoredObject):
        keys = {"journal_id": work.journal_id, "key": mail.raw.key, "size": mail.raw.size}
        s.RAW_OBJECT.send(work.connection, keys)
    elif mail.raw is not None:
        s.RAW.send(work.connection, {"journal_id": work.journal_id, "raw": mail.raw})
    if mail.journal_id is not None:
        s.JOURNAL_HISTORY.send(
            work.connection,
            {
                "journal_id": work.journal_id,
                "at": work.now,
                "outcome": decision.outcome.value,
                "request_id": request,
                "actor": decision.actor,
                "reason": decision.reason,
            },
        )


def _journal_row(arrival: Arrival) -> dict[str, Any]:
    mail, envelope = arrival.mail, arrival.envelope
    return {
        "spool_name": arrival.spool_name,
        "spool_number": arrival.spool_number,
        "source_key": arrival.source_key,
        "transport": envelope.transport,
        "mailbox": arrival.mailbox.name,
        "received_at": envelope.received_at,
        "sender": envelope.sender,
        "recipients": list(envelope.recipients),
        "peer": envelope.peer,
        "from_address": mail.from_.address if mail.from_ is not None else "",
        "to_addresses": [item.address for item in (*mail.to, *mail.cc)],
        "subject": mail.subject,
        "message_id": mail.message_id,
        "content_hash": mail.content_hash,
        "size": mail.size,
        "origin": mail.origin.value,
    }
