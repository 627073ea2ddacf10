"""The tables. One description for SQLite and PostgreSQL; Alembic's first migration makes them.

Conventions: every instant is aware UTC; enumerations are kebab-case text; `version` columns are
counted up by every change and checked by the next one; JSON columns hold plain values only.
What is large (raw mail) or often changed (delivery, timer) has a narrow table of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
    text,
)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC instant; SQLite would drop the zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[datetime | None], Any] | None:
        """Refuse naive values, store UTC; SQLite keeps text as SQLAlchemy would write it."""
        return _written if dialect.name == "sqlite" else _aware

    def result_processor(
        self,
        dialect: Dialect,
        coltype: object,  # noqa: ARG002
    ) -> Callable[[Any], datetime | None] | None:
        """Give the zone back. (The sessions of a server are in UTC, too.)"""
        return _read if dialect.name == "sqlite" else _zoned


def _aware(value: datetime | None) -> datetime | None:
    if value is not None and value.tzinfo is not UTC:
        if value.tzinfo is None:
            raise ValueError("naive datetime given to the store")
        return value.astimezone(UTC)
    return value


def _written(value: datetime | None) -> str | None:
    value = _aware(value)
    return value.isoformat(" ", "microseconds")[:26] if value is not None else None


def _read(value: str | None) -> datetime | None:
    return datetime.fromisoformat(value + "+00:00") if value is not None else None


def _zoned(value: datetime | None) -> datetime | None:
    return value.replace(tzinfo=UTC) if value is not None else None


class PlainText(TypeDecorator[str]):
    """Text that both databases can hold, whoever wrote it: mail, relays, hooks, forms.

    PostgreSQL refuses NULs, and UTF-8 has no lone surrogates: each becomes U+FFFD. (JSON columns
    hold them as `\\u0000`, which both take.)
    """

    impl = Text
    cache_ok = True

    def bind_processor(
        self,
        dialect: Dialect,  # noqa: ARG002
    ) -> Callable[[str | None], str | None] | None:
        """Replace what cannot be kept."""
        return _plain


def _plain(value: str | None) -> str | None:
    return value if value is None else plain_text(value)


def plain_text(value: str) -> str:
    """Return a text that both databases can hold; nearly every one is it already."""
    if value.isascii() and "\x00" not in value:
        return value
    value = value.replace("\x00", "\ufffd")
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return value


metadata = MetaData()
# SQLite counts ids only in INTEGER PRIMARY KEY columns; AUTOINCREMENT: never used twice.
# Sorted by octets, as object stores list them.
KeyText = Text().with_variant(Text(collation="C"), "postgresql")
BigId = BigInteger().with_variant(Integer, "sqlite")


def _id() -> Column[int]:
    return Column("id", BigId, primary_key=True, autoincrement=True)


def _table(name: str, *columns: Any) -> Table:
    table: Table = Table(name, metadata, *columns, sqlite_autoincrement=True)
    return table


policy = Table(
    "policy",
    metadata,
    Column("version", PlainText, primary_key=True),
    Column("files", JSON, nullable=False),  # path → text, all of rules/ and templates/
)
policy_activation = _table(
    "policy_activation",
    _id(),
    Column("version", ForeignKey("policy.version"), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("followed_at", UtcDateTime),  # when the clocks of all open requests were those of it
)

company = _table(
    "company",
    _id(),
    Column("name", PlainText, nullable=False),
    Column("priority", PlainText),
    Column("handler", PlainText),  # its service contact
)
company_domain = Table(
    "company_domain",
    metadata,
    Column("domain", PlainText, primary_key=True),
    Column("company_id", ForeignKey("company.id"), nullable=False, index=True),
)
contact = _table(
    "contact",
    _id(),
    Column("name", PlainText, nullable=False),
    Column("company_id", ForeignKey("company.id"), index=True),
    Column("language", PlainText),
    Column("priority", PlainText),
    Column("handler", PlainText),
    Column("created_at", UtcDateTime, nullable=False),
)
address = Table(
    "address",
    metadata,
    Column("key", PlainText, primary_key=True),  # the whole address in lower case
    Column("address", PlainText, nullable=False),
    Column("contact_id", ForeignKey("contact.id"), nullable=False, index=True),
    Column("endings", JSON),  # of its latest mails, hashed (core.endings); they go with the address
)

handler = _table(
    "handler",  # what mail and work make of the handlers of team.toml
    _id(),
    Column("name", PlainText, nullable=False, unique=True),
    Column("last_assigned_at", UtcDateTime),
    Column("last_seen_at", UtcDateTime),
    Column("away_until", UtcDateTime),
    Column("open_requests", Integer, nullable=False, server_default=text("0")),
)
assignment = Table(
    "assignment",  # the state of a category's automatic assignment
    metadata,
    Column("category", PlainText, primary_key=True),
    Column("weights", JSON, nullable=False),  # handler → current weight (smooth weighted)
    Column("turns", JSON, nullable=False),  # handler → number of his last turn here
    Column("version", Integer, nullable=False),
)

facet = _table(
    "facet",  # what lists ask for: each combination that a request has, or once had
    _id(),
    Column("phase", PlainText, nullable=False),
    Column("status", PlainText, nullable=False),
    Column("owner", PlainText, nullable=False),  # "": nobody
    Column("category", PlainText, nullable=False),
    Column("priority", PlainText, nullable=False),
    Column("type", PlainText, nullable=False),
    Column("mailbox", PlainText, nullable=False),
    UniqueConstraint("phase", "status", "owner", "category", "priority", "type", "mailbox"),
)
request = _table(
    "request",
    _id(),
    Column("version", Integer, nullable=False),
    Column("type", PlainText, nullable=False),
    Column("subject", PlainText, nullable=False),
    Column("mailbox", PlainText, nullable=False),
    Column("category", PlainText, nullable=False),
    Column("priority", PlainText, nullable=False),
    Column("status", PlainText, nullable=False),
    Column("phase", PlainText, nullable=False),
    Column("owner", PlainText),
    Column("requester_id", ForeignKey("contact.id")),
    Column("company_id", ForeignKey("company.id")),
    Column("language", PlainText, nullable=False),
    Column("extracted", JSON, nullable=False),  # name → value, of rules
    Column("auto_reply", PlainText, nullable=False),  # "sent", or the reason why none
    Column("merged_into", ForeignKey("request.id")),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("replied_at", UtcDateTime),
    Column("closed_at", UtcDateTime),
    Column("deadline_at", UtcDateTime),
    Column("first_reply_due_at", UtcDateTime),
    Column("next_reply_due_at", UtcDateTime),
    Column("postponed_until", UtcDateTime),
    Column("escalation_level", Integer, nullable=False, server_default=text("0")),
    Column("chain_state", PlainText, nullable=False, server_default=text("'none'")),
    Column("chain_due_at", UtcDateTime),  # nominal moment of the next level
    Column("chain_remaining", Integer),  # seconds to it: while stopped, or left at chain_since
    Column("chain_since", UtcDateTime),  # from when the wait for it counts; null: not known
    Column("clock_due_at", UtcDateTime),  # of the next miss or warning
    Column("closes_at", UtcDateTime),  # by itself, if the customer stays silent
    Column("read_status", PlainText, nullable=False, server_default=text("'red'")),
    Column("owner_read_at", UtcDateTime),  # by whoever owns it now
    Column("handler_read_at", UtcDateTime),  # by any other handler
    Column("customer_read_at", UtcDateTime),  # what we sent
    # handler → how often his reply addresses for this request were replaced
    Column("generations", JSON, nullable=False, server_default=text("'{}'")),
    Column("facet_id", ForeignKey("facet.id"), index=True),  # always set
    # Lists are read along these two, and see what they leave out without looking at the row.
    Index("request_by_creation", "created_at", "id", "facet_id"),
    Index("request_by_change", "updated_at", "id", "facet_id"),
    Index("request_by_requester", "requester_id", "created_at"),
)
request_mailbox = Table(
    "request_mailbox",
    metadata,
    Column("request_id", ForeignKey("request.id"), primary_key=True),
    Column("mailbox", PlainText, primary_key=True),
)
request_link = Table(
    "request_link",
    metadata,
    Column("request_id", ForeignKey("request.id"), primary_key=True),
    Column("other_id", ForeignKey("request.id"), primary_key=True, index=True),
    Column("kind", PlainText, nullable=False),  # related, continues, twin
)
participant = _table(
    "participant",
    _id(),
    Column("request_id", ForeignKey("request.id"), nullable=False),
    Column("contact_id", ForeignKey("contact.id"), nullable=False),
    Column("role", PlainText, nullable=False),  # requester cc expert
    UniqueConstraint("request_id", "contact_id"),
)
tag = Table(
    "tag",
    metadata,
    Column("request_id", ForeignKey("request.id"), primary_key=True),
    Column("tag", PlainText, primary_key=True, index=True),
)

journal = _table(
    "journal",
    _id(),
    Column("spool_name", PlainText),  # <node>-<epoch>; null: never spooled
    Column("spool_number", BigInteger),
    Column("source_key", PlainText, unique=True),  # IMAP: server, user, folder, UIDVALIDITY, UID
    Column("transport", PlainText, nullable=False),
    Column("mailbox", PlainText, nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
    Column("sender", PlainText, nullable=False),  # of the envelope; "" is the null sender
    Column("recipients", JSON, nullable=False),
    Column("peer", PlainText, nullable=False, server_default=text("''")),
    Column("from_address", PlainText, nullable=False),
    Column("to_addresses", JSON, nullable=False),
    Column("subject", PlainText, nullable=False),
    Column("message_id", PlainText, index=True),
    Column("content_hash", PlainText, nullable=False, index=True),
    Column("size", Integer, nullable=False),
    Column("origin", PlainText, nullable=False),
    Column("verdict", PlainText, nullable=False),
    Column("outcome", PlainText, nullable=False),
    Column("request_id", ForeignKey("request.id"), index=True),
    Column("reason", PlainText, nullable=False),
    Column("policy_version", PlainText, nullable=False),
    Column(
        "explanation", JSON, nullable=False
    ),  # what was looked at: rules hit and missed, evidence
    UniqueConstraint("spool_name", "spool_number"),
    Index("journal_by_outcome", "outcome", "id"),
)
journal_history = _table(
    "journal_history",
    _id(),
    Column("journal_id", ForeignKey("journal.id"), nullable=False, index=True),
    Column("at", UtcDateTime, nullable=False),
    Column("outcome", PlainText, nullable=False),
    Column("request_id", BigId),
    Column("actor", PlainText, nullable=False),
    Column("reason", PlainText, nullable=False),
)
raw_mail = Table(
    "raw_mail",
    metadata,
    Column("journal_id", ForeignKey("journal.id"), primary_key=True, autoincrement=False),
    Column("raw", LargeBinary, nullable=False),
)

raw_object = Table(
    "raw_object",  # a mail that lies in the object store instead
    metadata,
    Column("journal_id", ForeignKey("journal.id"), primary_key=True, autoincrement=False),
    Column("key", KeyText, nullable=False, unique=True),
    Column("size", Integer, nullable=False),
)

message = _table(
    "message",
    _id(),
    Column("request_id", ForeignKey("request.id"), nullable=False, index=True),
    Column("journal_id", ForeignKey("journal.id"), index=True),
    Column("direction", PlainText, nullable=False),
    Column("visibility", PlainText, nullable=False),
    Column("contact_id", ForeignKey("contact.id")),
    Column("handler", PlainText),
    Column("from_name", PlainText, nullable=False),
    Column("from_address", PlainText, nullable=False),
    Column("to_addresses", JSON, nullable=False),
    Column("subject", PlainText, nullable=False),
    Column("text", PlainText, nullable=False),  # the whole readable text
    Column("fresh", PlainText, nullable=False),  # what was newly written
    Column("message_id", PlainText),
    Column("references", JSON, nullable=False),  # old to new, for the answer's header
    Column("at", UtcDateTime, nullable=False),
    Column("origin", PlainText, nullable=False),
    Column("verdict", PlainText, nullable=False),
    Column("thread_reason", PlainText, nullable=False),
    # Words for the customer that were not sent because of a faulty command: nothing internal.
    Column("is_draft", Boolean, nullable=False, server_default=false()),
    Column("thread_index", PlainText),  # Outlook's Thread-Index, to be continued in answers
    # Of a message inside: what its files say, for the scan of answers.
    Column("attached_text", PlainText, nullable=False, server_default=text("''")),
)
attachment = Table(
    "attachment",
    metadata,
    Column("message_id", ForeignKey("message.id"), primary_key=True),
    Column("part", PlainText, primary_key=True),
    Column("name", PlainText, nullable=False),
    Column("type", PlainText, nullable=False),
    Column("size", Integer, nullable=False),
    Column("inline", Boolean, nullable=False),
    # Where its body lies in the raw mail; null: to be found by reading it.
    Column("encoding", PlainText),
    Column("body_offset", Integer),
    Column("body_length", Integer),
)
message_ref = Table(
    "message_ref",  # every Message-ID that we sent, received or saw referenced
    metadata,
    Column("message_id", PlainText, primary_key=True),
    # 0, 1, … of those with this id: two decisions that both saw none cannot both insert n = 0.
    Column("n", Integer, primary_key=True),
    Column("request_id", ForeignKey("request.id"), nullable=False),
    Column("kind", PlainText, nullable=False),  # sent received referenced
)

history = _table(
    "history",
    _id(),
    Column("request_id", ForeignKey("request.id"), nullable=False, index=True),
    Column("at", UtcDateTime, nullable=False),
    Column("actor", PlainText, nullable=False),
    Column("kind", PlainText, nullable=False),
    Column("from_value", PlainText),
    Column("to_value", PlainText),
    Column("because", PlainText, nullable=False),
    Column("policy_version", PlainText, nullable=False),
)

timer = _table(
    "timer",
    _id(),
    Column("request_id", ForeignKey("request.id"), index=True),
    Column("hold_id", BigId, index=True),
    Column("delivery_id", BigId),
    # hold accept refuse activate undelivered clock level close digest
    Column("kind", PlainText, nullable=False),
    Column("actor", PlainText, nullable=False, server_default=text("'timer'")),  # who wanted it
    Column("due_at", UtcDateTime),
    Column("state", PlainText, nullable=False),  # armed fired cancelled stopped
    Column("remaining", Integer),  # seconds, while stopped
    Index(
        "timer_due",
        "due_at",
        sqlite_where=text("state = 'armed'"),
        postgresql_where=text("state = 'armed'"),
    ),
)
# Written out, not bound: only so does the planner know that the partial index has all such rows.
IS_ARMED = text("timer.state = 'armed'")
hold = _table(
    "hold",
    _id(),
    Column("journal_id", ForeignKey("journal.id"), nullable=False, unique=True),
    Column("request_id", ForeignKey("request.id"), index=True),  # which it may belong to
    Column("since", UtcDateTime, nullable=False),
    Column("until", UtcDateTime),  # null: never opens by itself
    Column("reason", PlainText, nullable=False),
    Column("responsible", PlainText),
    Column("state", PlainText, nullable=False, index=True),  # waiting accepted refused opened
    Column("version", Integer, nullable=False),
)
brake = Table(
    "brake",
    metadata,
    Column(
        "key", PlainText, primary_key=True
    ),  # scope and what is braked, "answers-address:eva@example.com"
    Column("tokens", Float, nullable=False),
    Column("at", UtcDateTime, nullable=False),  # when there were so many
    Column("version", Integer, nullable=False),
)

outbox = _table(
    "outbox",  # a recipe: from this row alone the same bytes can be made again
    _id(),
    Column("request_id", ForeignKey("request.id"), index=True),
    Column("journal_id", ForeignKey("journal.id")),  # the mail that caused it
    Column("kind", PlainText, nullable=False),
    Column("mailbox", PlainText, nullable=False),  # whose address it comes from
    Column("message_id", PlainText, nullable=False, unique=True),
    Column("at", UtcDateTime, nullable=False),  # its Date
    Column("template", PlainText, nullable=False),
    Column("language", PlainText, nullable=False),
    Column("layout", PlainText),
    Column("variables", JSON, nullable=False),
    Column("from_name", PlainText, nullable=False),
    Column(
        "reply_role", PlainText
    ),  # role of the token in Reply-To; null: plain address of the mailbox
    Column("reply_object", BigInteger),  # what the token names; null: the request
    Column("reply_participant", BigInteger),
    Column("to_addresses", JSON),  # [[name, address]] as shown; null: the recipient alone
    Column("cc_addresses", JSON),
    Column("thread_index", PlainText),
    Column("in_reply_to", PlainText),
    Column("references", JSON, nullable=False),
    Column("attachments", JSON, nullable=False),  # [{"journal": id, "part": "2"}]
    Column("policy_version", PlainText, nullable=False),  # whose templates
)
delivery = _table(
    "delivery",
    _id(),
    Column("outbox_id", ForeignKey("outbox.id"), nullable=False, index=True),
    Column("recipient", PlainText, nullable=False),
    Column("state", PlainText, nullable=False),  # waiting sending sent uncertain failed cancelled
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("due_at", UtcDateTime),
    Column("lease_until", UtcDateTime),
    Column("claimed_by", PlainText),  # the spool of the node that sent, or sends, it
    Column("handed_at", UtcDateTime),  # committed before DATA
    Column("done_at", UtcDateTime),
    Column("last_response", PlainText),
    Column("subject", PlainText, nullable=False),
    Index(
        "delivery_due",
        "due_at",
        sqlite_where=text("state in ('waiting', 'uncertain')"),
        postgresql_where=text("state in ('waiting', 'uncertain')"),
    ),
    Index(
        "delivery_leased",
        "lease_until",
        sqlite_where=text("state = 'sending'"),
        postgresql_where=text("state = 'sending'"),
    ),
)
pause = Table(
    "pause",  # what stands still until somebody says otherwise: "outbox"
    metadata,
    Column("what", PlainText, primary_key=True),
    Column("since", UtcDateTime, nullable=False),
    Column("actor", PlainText, nullable=False),
    Column("why", PlainText, nullable=False),
)
lease = Table(
    "lease",  # what one node does at a time: "imap:<folder>", "spool:<name of its numbers>"
    metadata,
    Column("name", PlainText, primary_key=True),
    Column("holder", PlainText, nullable=False),
    Column("node", PlainText, nullable=False),  # for people
    Column("until", UtcDateTime, nullable=False),
    Column("notes", JSON(none_as_null=True)),  # of a folder: how far the journal has it
)
spool_move = Table(
    "spool_move",  # a mail that waited in the spool of a backup: its number before, and since then
    metadata,
    Column("spool_name", PlainText, primary_key=True),
    Column("spool_number", BigInteger, primary_key=True, autoincrement=False),
    Column("to_name", PlainText, nullable=False),
    Column("to_number", BigInteger, nullable=False),
)
hook_run = _table(
    "hook_run",  # a hook to be run: at least once, each time with the same key and payload
    _id(),
    Column("request_id", ForeignKey("request.id"), nullable=False, index=True),
    Column("name", PlainText, nullable=False),
    Column("key", PlainText, nullable=False, unique=True),  # for the hook: do it once
    Column("event", PlainText, nullable=False),  # rule level transition
    Column("because", PlainText, nullable=False),
    Column("payload", JSON, nullable=False),  # what the hook is told
    Column("transition", JSON(none_as_null=True)),  # that is made when it has succeeded
    Column("state", PlainText, nullable=False),  # waiting running done failed
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("due_at", UtcDateTime),
    Column("lease_until", UtcDateTime),
    Column("last_result", PlainText),
    Column("created_at", UtcDateTime, nullable=False),
    Index(
        "hook_due",
        "due_at",
        sqlite_where=text("state = 'waiting'"),
        postgresql_where=text("state = 'waiting'"),
    ),
    Index(
        "hook_leased",
        "lease_until",
        sqlite_where=text("state = 'running'"),
        postgresql_where=text("state = 'running'"),
    ),
)
