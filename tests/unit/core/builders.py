"""Small values for the tests of core: each builder takes only what a test is about.

The policy is that of an office with two workflows, a free one (`request`) and a strict one
(`inquiry`), three handlers and a calendar that never closes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any

from postroom.core.addresses import handler_number
from postroom.core.facts import (
    Arrival,
    ContactFact,
    DeliveryFact,
    Facts,
    HandlerFact,
    KnownId,
    MessageFact,
    ParticipantFact,
    RequestFact,
)
from postroom.core.model import (
    Actions,
    AssignMethod,
    Calendar,
    Category,
    Condition,
    Direction,
    Extract,
    Handler,
    Member,
    Phase,
    Policy,
    Priority,
    RequestType,
    Rule,
    Status,
    Transition,
    Verdict,
    Visibility,
    Workflow,
)
from postroom.core.site import Brakes, Budget, Mailbox, Site
from postroom.core.tasks import Task
from postroom.mail.message import Address, Envelope, ParsedMail
from postroom.mail.tokens import Signer, Token
from postroom.policy.patterns import read_expression, read_size_test, read_text_test
from postroom.policy.team import ALL_NOTICES

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
ANN, BOB, EVA = "ann@example.net", "bob@example.org", "eva@example.com"
SIGNER = Signer("acme", (b"a key of the tests",))
OFF = Budget(0, timedelta(0))
HANDLERS = {"eva": 1, "omar": 2, "kim": 3}  # as tokens name them

SUPPORT = Mailbox(
    "support",
    "support@example.com",
    "support+{token}@example.com",
    "support",
    aliases=("help@example.com",),
    from_name="Acme Support",
)
SALES = Mailbox("sales", "sales@example.com", "sales+{token}@example.com", "sales")
ALWAYS = Calendar("always", "UTC", (((time(0), time(0)),),) * 7)
FIXED = (Status("deleted", Phase.DELETED), Status("merged", Phase.MERGED))
REQUEST = Workflow(
    "request",
    "open",
    {
        status.name: status
        for status in (
            Status("open", Phase.ACTIVE),
            Status("waiting", Phase.ACTIVE),
            Status("postponed", Phase.POSTPONED),
            Status("closed", Phase.CLOSED),
            Status("archived", Phase.CLOSED, reopen=False),
            *FIXED,
        )
    },
    free=True,
)
INQUIRY = Workflow(
    "inquiry",
    "pending",
    {
        status.name: status
        for status in (
            Status("pending", Phase.ACTIVE),
            Status("in-review", Phase.ACTIVE),
            Status("approved", Phase.CLOSED, reopen=False),
            Status("rejected", Phase.CLOSED, reopen=False),
            *FIXED,
        )
    },
    transitions=(
        Transition("review", ("pending",), "in-review"),
        Transition("approve", ("in-review",), "approved"),
        Transition("reject", ("in-review",), "rejected", requires=("reason",), mail="rejected"),
        Transition("cancel", ("pending",), "rejected", by=("customer",)),
    ),
)


def site(**changes: Any) -> Site:
    """A site with two mailboxes and no brakes."""
    mailboxes = {"support": SUPPORT, "sales": SALES}
    plain = Site("acme", mailboxes, brakes(), signer=SIGNER)
    return replace(plain, **changes)


def brakes(**changes: Budget) -> Brakes:
    """Brakes that are off but for these."""
    return replace(Brakes(*[OFF] * 7), **changes)


def category(path: str = "support", **changes: Any) -> Category:
    """A category whose members eva, omar and kim take turns."""
    members = (Member("eva"), Member("omar"), Member("kim"))
    plain = Category(path, administrator="eva", members=members, assign=AssignMethod.ROUND_ROBIN)
    return replace(plain, **changes)


def policy(*rules: Rule, categories: tuple[Category, ...] = (), **changes: Any) -> Policy:
    """A policy with these rules; `categories` replace those of their path."""
    known = (category(), category("sales", administrator="omar"), *categories)
    plain = Policy(
        version="1",
        files={},
        handlers={
            "eva": Handler("eva", "Eva Berg", EVA, ("berg@example.com",), administrator=True),
            "omar": Handler("omar", "Omar Haddad", "omar@example.com"),
            "kim": Handler("kim", "Kim Lund", "kim@example.com"),
        },
        groups={"second-line": ("omar", "kim")},
        categories={item.path: item for item in known},
        priorities={
            "medium": Priority("medium", 2, "always", default=True),
            "high": Priority("high", 1, "always"),
            "low": Priority("low", 3, "always"),
        },
        calendars={"always": ALWAYS},
        workflows={"request": REQUEST, "inquiry": INQUIRY},
        types={
            "general": RequestType("general", "request", default=True),
            "claim": RequestType("claim", "inquiry", requires=("order",)),
            "urgent-claim": RequestType("urgent-claim", "inquiry", priorities=("high",)),
        },
        rules=rules,
    )
    return replace(plain, **changes)


def with_workflow(workflow: Workflow, *rules: Rule) -> Policy:
    """A policy with a workflow replaced."""
    plain = policy(*rules)
    return replace(plain, workflows={**plain.workflows, workflow.name: workflow})


def rule(
    name: str = "rule",
    when: Mapping[str, Any] | None = None,
    unless: Mapping[str, Any] | None = None,
    extract: Mapping[str, str] | None = None,
    **then: Any,
) -> Rule:
    """A rule; conditions as they are written in routing.toml, `then` as actions."""
    continues = then.pop("continue_", False)
    mailboxes = then.pop("mailboxes", ())
    return Rule(
        name,
        Actions(**then),
        mailboxes=mailboxes,
        when=tuple(condition(key, value) for key, value in (when or {}).items()),
        unless=tuple(condition(key, value) for key, value in (unless or {}).items()),
        extract=tuple(
            Extract(key, read_expression(text), text) for key, text in (extract or {}).items()
        ),
        continue_=continues,
    )


def condition(key: str, value: str | list[str]) -> Condition:
    """One condition, compiled as the loader does."""
    values = value if isinstance(value, list) else [value]
    read = read_size_test if key == "size" else read_text_test
    header = key.removeprefix("header.") if key.startswith("header.") else ""
    return Condition("header" if header else key, tuple(read(text) for text in values), header)


def mail(**changes: Any) -> ParsedMail:
    """A mail of Ann's."""
    plain = ParsedMail(
        message_id="one@example.net",
        date=NOW,
        subject="How do I pay?",
        from_=Address("Ann Berg", ANN),
        to=(Address("", SUPPORT.address),),
        text="Hello",
        fresh="Hello",
        content_hash="hash",
        size=500,
    )
    return replace(plain, **changes)


def sender(address: str, name: str = "") -> Address:
    """Who a mail claims to be from."""
    return Address(name, address)


def arrival(mailbox: Mailbox = SUPPORT, **changes: Any) -> Arrival:
    """Ann's mail at the door; what is no field of Arrival changes the mail or the envelope."""
    of_arrival = {name: changes.pop(name) for name in Arrival.__slots__ if name in changes}
    of_envelope = {
        "sender": changes.pop("envelope_sender", None),
        "peer": changes.pop("peer", "127.0.0.1"),
        "transport": changes.pop("transport", "smtp"),
        "received_at": changes.pop("received_at", NOW),
    }
    parsed = mail(**changes)
    if of_envelope["sender"] is None:
        of_envelope["sender"] = parsed.from_.address if parsed.from_ is not None else ""
    envelope = Envelope(recipients=(mailbox.address,), mailbox=mailbox.name, **of_envelope)
    return replace(Arrival(parsed, envelope, mailbox), **of_arrival)


def token(request_id: int, role: str = "c") -> Token:
    """A verified token of a request."""
    return Token(role, request_id, 1)


def handlers_token(name: str, role: str = "h", generation: int = 0, request_id: int = 7) -> Token:
    """A verified token of a handler's reply address."""
    return Token(role, request_id, handler_number(HANDLERS[name], generation))


def numbered() -> dict[str, HandlerFact]:
    """The handlers as the database knows them."""
    return {name: HandlerFact(name, id=number) for name, number in HANDLERS.items()}


def participant(address: str = ANN, role: str = "requester", number: int = 1) -> ParticipantFact:
    """Somebody outside in a request."""
    return ParticipantFact(number, number, role, "", (address,))


def request(number: int = 7, **changes: Any) -> RequestFact:
    """An open request of Ann's."""
    plain = RequestFact(
        id=number,
        version=3,
        type="general",
        subject="How do I pay?",
        mailbox="support",
        category="support",
        priority="medium",
        status="open",
        phase=Phase.ACTIVE,
        owner="omar",
        language="en",
        requester_id=1,
        created_at=NOW,
        replied_at=None,
        closed_at=None,
        merged_into=None,
        participants=(participant(),),
    )
    return replace(plain, **changes)


def closed(number: int = 7, **changes: Any) -> RequestFact:
    """A request of Ann's that was closed a day ago."""
    gone = {"status": "closed", "phase": Phase.CLOSED, "closed_at": NOW - timedelta(days=1)}
    return request(number, **{**gone, **changes})


def facts(*requests: RequestFact, known: tuple[KnownId, ...] = (), **changes: Any) -> Facts:
    """Facts with these requests and known Message-IDs."""
    ids: dict[str, tuple[KnownId, ...]] = {}
    for row in known:
        ids[row.message_id] = (*ids.get(row.message_id, ()), row)
    return Facts(
        known_ids=ids,
        requests={item.id: item for item in requests},
        **changes,
    )


def loud(*rules: Rule, **changes: Any) -> Policy:
    """A policy whose handlers hear of everything; those of `policy` hear of nothing."""
    plain = policy(*rules, **changes)
    handlers = {
        name: replace(one, notify=frozenset(ALL_NOTICES)) for name, one in plain.handlers.items()
    }
    return replace(plain, handlers=handlers)


def task(
    about: RequestFact | None = None,
    known: Facts | None = None,
    rules: Policy | None = None,
    actor: str = "omar",
    verdict: Verdict = Verdict.PASS,
) -> Task:
    """Omar works on request 7."""
    about = about or request()
    return Task(about, known or facts(about), rules or policy(), site(), NOW, actor, verdict)


def delivery(number: int = 4, request_id: int | None = 7, **changes: Any) -> DeliveryFact:
    """An answer of ours that did not reach Ann."""
    text, response = "It is done.", "550 no such user"
    plain = DeliveryFact(number, request_id, "answer", ANN, "sent", text, "omar", response)
    return replace(plain, **changes)


def message(**changes: Any) -> MessageFact:
    """What Ann wrote to a request before."""
    plain = MessageFact(
        id=1,
        direction=Direction.IN,
        visibility=Visibility.PUBLIC,
        handler=None,
        from_name="Ann Berg",
        from_address=ANN,
        to=(SUPPORT.address,),
        subject="How do I pay?",
        text="Hello",
        fresh="Hello",
        message_id="two@example.net",
        references=("one@example.net",),
        at=NOW,
        origin="person",
        is_draft=False,
        thread_index=None,
    )
    return replace(plain, **changes)


def sent(request_id: int = 7, message_id: str = "ours@example.com") -> KnownId:
    """A Message-ID of ours."""
    return KnownId(message_id, 0, request_id, "sent")


def contact(**changes: Any) -> ContactFact:
    """Ann, known."""
    return replace(ContactFact(1, "Ann Berg", None, None, None), **changes)
