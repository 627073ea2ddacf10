"""The inserts and updates of `apply`, built once: building one costs more than running it."""

from __future__ import annotations

from sqlalchemy import bindparam, func, insert, update

from postroom.store import schema as t

JOURNAL = insert(t.journal)
JOURNAL_HISTORY = insert(t.journal_history)
RAW = insert(t.raw_mail)
REQUEST = insert(t.request)
MESSAGE = insert(t.message)
ATTACHMENT = insert(t.attachment)
MESSAGE_REF = insert(t.message_ref)
CONTACT = insert(t.contact)
ADDRESS = insert(t.address)
PARTICIPANT = insert(t.participant)
TAG = insert(t.tag)
MAILBOX = insert(t.request_mailbox)
LINK = insert(t.request_link)
HISTORY = insert(t.history)
OUTBOX = insert(t.outbox)
DELIVERY = insert(t.delivery)
TIMER = insert(t.timer)
HOLD = insert(t.hold)
BRAKE = insert(t.brake)
ASSIGNMENT = insert(t.assignment)
HANDLER = insert(t.handler)
POLICY = insert(t.policy)
POLICY_ACTIVATION = insert(t.policy_activation)

REJOURNAL = update(t.journal).where(
    t.journal.c.id == bindparam("b_id"), t.journal.c.outcome == bindparam("b_was")
)
TOUCH_REQUEST = (
    update(t.request)
    .where(t.request.c.id == bindparam("b_id"), t.request.c.version == bindparam("b_version"))
    .values(version=t.request.c.version + 1, updated_at=bindparam("b_at"))
    .returning(t.request.c.phase, t.request.c.owner)
)
SET_STATUS = (
    update(t.request)
    .where(t.request.c.id == bindparam("b_id"))
    .values(
        status=bindparam("b_status"), phase=bindparam("b_phase"), closed_at=bindparam("b_closed_at")
    )
)
SET_OWNER = (
    update(t.request).where(t.request.c.id == bindparam("b_id")).values(owner=bindparam("b_owner"))
)
SET_REPLIED = (
    update(t.request)
    .where(t.request.c.id == bindparam("b_id"), t.request.c.replied_at.is_(None))
    .values(replied_at=bindparam("b_at"))
)
SET_PROPERTY = {
    name: update(t.request)
    .where(t.request.c.id == bindparam("b_id"))
    .values(**{name: bindparam("b_value")})
    for name in ("type", "subject", "category", "priority")
}
COUNT_HANDLER = (
    update(t.handler)
    .where(t.handler.c.name == bindparam("b_name"))
    .values(
        open_requests=t.handler.c.open_requests + bindparam("b_requests"),
        last_assigned_at=func.coalesce(
            bindparam("b_at", type_=t.handler.c.last_assigned_at.type),
            t.handler.c.last_assigned_at,
        ),
    )
)
TURN = (
    update(t.assignment)
    .where(
        t.assignment.c.category == bindparam("b_category"),
        t.assignment.c.version == bindparam("b_version"),
    )
    .values(
        weights=bindparam("b_weights", type_=t.assignment.c.weights.type),
        turns=bindparam("b_turns", type_=t.assignment.c.turns.type),
        version=t.assignment.c.version + 1,
    )
)
SPEND = (
    update(t.brake)
    .where(t.brake.c.key == bindparam("b_key"), t.brake.c.version == bindparam("b_version"))
    .values(tokens=bindparam("b_tokens"), at=bindparam("b_at"), version=t.brake.c.version + 1)
)
END_HOLD = (
    update(t.hold)
    .where(t.hold.c.journal_id == bindparam("b_journal_id"), t.hold.c.state == "waiting")
    .values(state=bindparam("b_state"), version=t.hold.c.version + 1)
    .returning(t.hold.c.id, t.hold.c.request_id)
)
CANCEL_HOLD_TIMER = (
    update(t.timer)
    .where(t.timer.c.hold_id == bindparam("b_hold_id"), t.timer.c.state == "armed")
    .values(state=bindparam("b_state"))
)
BOUNCED = (
    update(t.delivery)
    .where(t.delivery.c.id == bindparam("b_id"))
    .values(last_response=bindparam("b_response"))
)
UNTAG = t.tag.delete().where(
    t.tag.c.request_id == bindparam("b_id"), t.tag.c.tag == bindparam("b_tag")
)
