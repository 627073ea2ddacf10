"""Spooled mail in; rows, outcomes and reasons out: what rules do, copies, and mails that resist."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from tests.flow.reader_functions import read_or_suffer
from tests.houses import (
    CATEGORIES,
    CONFIG,
    accept,
    mail,
    make_house,
    outcomes,
    put_in,
    row,
    rows,
    send,
    shared_readers,
    work,
)

from postroom import failpoints
from postroom.core.changes import ChangeTags
from postroom.errors import Unavailable
from postroom.house import House
from postroom.spool.model import SpoolState
from postroom.store import schema as t
from postroom.store.db import Database
from postroom.store.journal import stored_mail
from postroom.work.pipeline import Pipeline
from postroom.work.readers import Readers

BOTH = "support@example.com, sales@example.com"
TWO_PRIORITIES = """
[[priority]]
name = "medium"
default = true
calendar = "always"

[[priority]]
name = "urgent"
calendar = "always"
"""
TWO_TYPES = """
[[type]]
name = "general"
workflow = "request"
default = true

[[type]]
name = "claim"
workflow = "inquiry"
"""
SEPARATE = '[requests]\nsame_mail = "separate"\n'


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with make_house(tmp_path) as opened:
        yield opened
    failpoints.disarm()


def ruled(tmp_path: Path, **then: str) -> Any:
    """A house whose one rule matches mail about invoices; values as they stand in TOML."""
    actions = ", ".join(f"{name} = {value}" for name, value in then.items())
    text = f"""
[[rule]]
name = "invoices"
when = {{ subject = "*invoice*" }}
extract = {{ number = '/invoice (\\d+)/i' }}
then = {{ {actions} }}
"""
    return make_house(
        tmp_path, rules={"routing": text, "priorities": TWO_PRIORITIES, "types": TWO_TYPES}
    )


def history(house: House, kind: str, request_id: int = 1) -> list[tuple[str | None, str]]:
    found = rows(house, t.history, kind=kind, request_id=request_id)
    return [(line.to_value, line.because) for line in found]


# ---- a new matter


def test_a_mail_becomes_a_request_with_its_history(house: House) -> None:
    spool_id = accept(house, mail("How do I pay?", "Hello\n", message_id="one@example.net"))
    assert work(house) == 1
    entry, request, message = (row(house, table) for table in (t.journal, t.request, t.message))
    assert f"{entry.spool_name}-{entry.spool_number}" == spool_id
    assert (entry.outcome, entry.request_id, entry.reason) == ("opened", 1, "a new matter")
    assert (request.subject, request.status, request.priority) == (
        "How do I pay?",
        "open",
        "medium",
    )
    assert (request.mailbox, request.category, request.owner) == ("support", "support", "eva")
    assert (message.text.strip(), message.from_address) == ("Hello", "ann@example.net")
    assert row(house, t.contact).name == "Ann Berg"
    assert history(house, "opened") == [("open", "a new matter")]
    assert history(house, "owner") == [("eva", "round robin")]
    assert history(house, "mail") == [("auto-reply to ann@example.net", "a new request by mail")]
    assert {line.policy_version for line in rows(house, t.history)} == {house.desk.policy.version}
    assert house.spool.list() == []


def test_the_raw_mail_is_kept_as_it_came(house: House) -> None:
    raw = mail()
    entry = put_in(house, raw)
    with house.database.read() as connection:
        stored = stored_mail(connection, None, entry.id)
    assert stored is not None
    assert (stored.raw, stored.envelope.sender) == (raw, "ann@example.net")


def test_a_known_contact_is_not_learned_again(house: House) -> None:
    for sender in ("Ann <ann@example.net>", "ANN@Example.NET"):
        put_in(house, mail(sender=sender))
    assert len(rows(house, t.contact)) == 1
    assert len(rows(house, t.request)) == 2


def test_working_again_changes_nothing(house: House) -> None:
    raw = mail()
    accept(house, raw)
    failpoints.arm("apply.committed", fail)
    with pytest.raises(ZeroDivisionError):
        work(house)  # committed, but not finished in the spool
    failpoints.disarm()
    assert work(house) == 1
    assert outcomes(house) == ["opened"]
    assert house.spool.list() == []


def fail() -> None:
    raise ZeroDivisionError("a defect")


# ---- copies


def test_a_copy_for_another_mailbox_joins(house: House) -> None:
    raw = mail(to=BOTH)
    first = put_in(house, raw, recipient="support@example.com")
    second = put_in(house, raw, recipient="sales@example.com")
    assert [(first.outcome, first.request_id), (second.outcome, second.request_id)] == [
        ("opened", 1),
        ("duplicate", 1),
    ]
    assert row(house, t.request_mailbox).mailbox == "sales"
    [(mailbox, because)] = history(house, "mailbox")
    assert (mailbox, because) == ("sales", f"a copy for mailbox sales of journal {first.id}")
    assert len(rows(house, t.message)) == len(send(house)) == 1


def test_copies_that_are_worked_on_together_join_all_the_same(house: House) -> None:
    raw = mail(to=BOTH)
    for recipient in ("support@example.com", "sales@example.com"):
        accept(house, raw, recipient=recipient)
    work(house)
    assert outcomes(house) == ["opened", "duplicate"]
    assert row(house, t.request_mailbox).mailbox == "sales"


@pytest.mark.parametrize("one_by_one", [True, False])
def test_separate_mailboxes_get_linked_requests(tmp_path: Path, one_by_one: bool) -> None:
    with make_house(tmp_path, config_extra=SEPARATE) as house:
        raw = mail(to=BOTH)
        for recipient in ("support@example.com", "sales@example.com"):
            accept(house, raw, recipient=recipient)
            if one_by_one:
                work(house)
        work(house)
        assert outcomes(house) == ["opened", "opened"]
        assert [request.mailbox for request in rows(house, t.request)] == ["support", "sales"]
        link = row(house, t.request_link)
        assert (link.request_id, link.other_id, link.kind) == (2, 1, "twin")


def test_what_one_mailbox_ignores_reaches_the_other(tmp_path: Path) -> None:
    rule = '[[rule]]\nname = "not-ours"\nmailboxes = ["support"]\nthen = { ignore = true }\n'
    with make_house(tmp_path, rules={"routing": rule}) as house:
        raw = mail(to=BOTH)
        put_in(house, raw, recipient="support@example.com")
        put_in(house, raw, recipient="sales@example.com")
        assert outcomes(house) == ["ignored", "opened"]
        assert row(house, t.request).mailbox == "sales"


def test_the_same_mail_again_is_a_copy(house: House) -> None:
    raw = mail()
    put_in(house, raw)
    entry = put_in(house, b"Received: from elsewhere\r\n" + raw)
    assert (entry.outcome, entry.request_id) == ("duplicate", 1)
    assert entry.reason == "the same mail as journal 1"
    assert rows(house, t.request_mailbox) == []


def test_the_same_message_id_with_other_words_is_a_new_matter(house: House) -> None:
    for text in ("One\n", "Two\n"):
        put_in(house, mail(text=text, message_id="same@device.example"))
    assert outcomes(house) == ["opened", "opened"]


def test_a_copy_is_found_however_often_a_device_used_its_id(tmp_path: Path) -> None:
    raws = [mail(f"Alarm {number}", message_id="same@device.example") for number in range(22)]
    brakes = '[brakes]\nrequests_per_address = "off"\n'
    with make_house(tmp_path, config_extra=brakes) as house:
        for raw in (*raws, raws[-1]):
            accept(house, raw)
        work(house)
        assert outcomes(house)[-1] == "duplicate"


def test_without_a_message_id_content_and_sender_make_a_copy(house: House) -> None:
    raw = mail(message_id=None)
    assert put_in(house, raw).outcome == "opened"
    assert put_in(house, raw).outcome == "duplicate"
    assert put_in(house, raw, sender="other@example.net").outcome == "opened"


# ---- what rules do


@pytest.mark.parametrize(
    ("action", "value", "column", "stored"),
    [
        ("category", '"sales"', "category", "sales"),
        ("priority", '"urgent"', "priority", "urgent"),
        ("owner", '"kim"', "owner", "kim"),
        ("owner", '"none"', "owner", None),
        ("owner", '"auto"', "owner", "eva"),
        ("status", '"waiting"', "status", "waiting"),
        ("language", '"nb"', "language", "nb"),
        ("subject", '"Invoice no. {number}"', "subject", "Invoice no. 22"),
        ("close", "true", "status", "closed"),
        ("type", '"claim"', "type", "claim"),
    ],
)
def test_a_rule_sets_a_property(
    tmp_path: Path, action: str, value: str, column: str, stored: str | None
) -> None:
    with ruled(tmp_path, **{action: value}) as house:
        entry = put_in(house, mail("Invoice 22"))
        request = row(house, t.request)
        assert getattr(request, column) == stored
        assert dict(request.extracted) == {"number": "22"}
        assert [rule["matched"] for rule in entry.explanation["rules"]] == [True]
        assert entry.explanation["extracted"] == {"number": "22"}
        because = {**entry.explanation["properties"], "owner": entry.explanation["owner_reason"]}
        wanted = "status" if action == "close" else action
        assert because[wanted] == 'rule "invoices"' or value == '"auto"'


def test_a_rule_puts_tags_on(tmp_path: Path) -> None:
    with ruled(tmp_path, tags='["money", "invoice"]') as house:
        entry = put_in(house, mail("Invoice 22"))
        assert [tag.tag for tag in rows(house, t.tag)] == ["invoice", "money"]
        assert entry.explanation["properties"]["tags"] == 'rule "invoices"'
        put_in(house, mail("Re: Invoice 22", references=(entry.message_id,)))
        assert history(house, "tags") == []  # it has them


def test_a_rule_that_gives_an_owner_is_named_in_the_history(tmp_path: Path) -> None:
    with ruled(tmp_path, owner='"kim"') as house:
        put_in(house, mail("Invoice 22"))
        assert history(house, "owner") == [("kim", 'rule "invoices"')]


def test_a_rule_closes_at_once(tmp_path: Path) -> None:
    with ruled(tmp_path, close="true") as house:
        put_in(house, mail("Invoice 22"))
        request = row(house, t.request)
        assert (request.phase, request.closed_at) == ("closed", request.created_at)
        assert history(house, "opened") == [("closed", "a new matter")]


def test_a_rule_ignores_and_the_journal_says_so(tmp_path: Path) -> None:
    with ruled(tmp_path, ignore="true") as house:
        entry = put_in(house, mail("Invoice 22"))
        assert (entry.outcome, entry.reason) == ("ignored", 'ignored by rule "invoices"')
        assert rows(house, t.request) == send(house) == []


def test_a_rule_holds(tmp_path: Path) -> None:
    with ruled(tmp_path, hold="true") as house:
        entry = put_in(house, mail("Invoice 22"))
        assert (entry.outcome, entry.reason) == ("held", "a rule holds such mail")


def test_a_rule_silences_the_automatic_reply(tmp_path: Path) -> None:
    with ruled(tmp_path, auto_reply="false") as house:
        put_in(house, mail("Invoice 22"))
        assert (row(house, t.request).auto_reply, send(house)) == ("a rule says so", [])


def test_a_rule_chooses_the_words_of_the_automatic_reply(tmp_path: Path) -> None:
    with ruled(tmp_path, auto_reply='"rejected"') as house:
        put_in(house, mail("Invoice 22"))
        assert row(house, t.outbox).template == "rejected"


def test_a_rule_tells_people(tmp_path: Path) -> None:
    with ruled(tmp_path, notify='["owner", "administrator", "x@example.org"]') as house:
        put_in(house, mail("Invoice 22", "Please pay.\n"))
        notices = [notice for notice in send(house) if notice["Auto-Submitted"] != "auto-replied"]
        assert [notice["To"] for notice in notices] == ["eva@example.com", "x@example.org"]
        assert all("Please pay." in notice.as_string() for notice in notices)
        assert [f"notice to {address}" for address in ("eva@example.com", "x@example.org")] == [
            said for said, why in history(house, "mail") if why == 'rule "invoices"'
        ]
        # A handler answers the customer; who is no handler is heard inside only.
        assert [outbox.reply_role for outbox in rows(house, t.outbox, kind="notice")] == ["h", "s"]


def test_a_rule_passes_the_mail_on_as_it_came(tmp_path: Path) -> None:
    with ruled(tmp_path, forward_to='["books@example.org"]') as house:
        put_in(house, mail("Invoice 22", "Please pay.\n"))
        [passed_on] = [notice for notice in send(house) if notice["To"] == "books@example.org"]
        [original] = passed_on.iter_attachments()
        assert original.get_content_type() == "message/rfc822"
        assert original.get_content()["Subject"] == "Invoice 22"
        told = ("notice to books@example.org", 'rule "invoices"')
        assert told in history(house, "mail")


def test_a_reply_is_taken_in_though_its_category_left_the_rules(tmp_path: Path) -> None:
    with make_house(tmp_path) as house:
        entry = put_in(house, mail())
    renamed = CATEGORIES.replace('"support"', '"helpdesk"')
    config = CONFIG.replace('category = "support"', 'category = "helpdesk"')
    with make_house(tmp_path, rules={"categories": renamed}, config=config) as house:
        again = put_in(house, mail("Re: it", references=(entry.message_id,)))
        assert (again.outcome, again.request_id) == ("appended", 1)


# ---- mails that resist


def test_a_mail_that_cannot_be_read_becomes_a_request_and_the_others_go_on(house: House) -> None:
    readers = Readers(count=1, deadline=1.0, memory=256 * 2**20, function=read_or_suffer)
    try:
        for trouble in ("HANG", "none", "BLOAT", "none", "DIE", "RAISE"):
            accept(house, mail(f"It is {trouble}", headers={"X-Test": trouble}))
        pipeline = Pipeline(house.spool, readers, house.desk)
        while pipeline.run_once():
            pass
    finally:
        readers.close()
    assert outcomes(house) == ["opened"] * 6
    messages = rows(house, t.message)
    unread = [message for message in messages if "could not be read" in message.text]
    assert [m.subject for m in unread] == [f"It is {x}" for x in ("HANG", "BLOAT", "DIE", "RAISE")]
    for message in unread:
        part = row(house, t.attachment, message_id=message.id)
        assert (part.part, part.type) == ("0", "message/rfc822")
        assert (
            row(house, t.request, id=message.request_id).auto_reply == "the mail could not be read"
        )
    read = [message for message in messages if message not in unread]
    assert [message.text.strip() for message in read] == ["Hello", "Hello"]


def test_a_mail_that_fails_three_times_is_set_aside_and_the_others_go_on(house: House) -> None:
    bad = accept(house, mail("It hurts"))
    failpoints.arm("apply.request", fail)
    for attempt in (1, 2):
        assert work_once(house) == ["mail.failed"]
        [entry] = house.spool.list()
        assert (entry.state, entry.attempts) == (SpoolState.NEW, attempt)
        assert "a defect" in entry.why
    assert outcomes(house) == []
    assert work_once(house) == ["mail.failed"]
    [entry] = house.spool.list()
    assert (entry.id, entry.state) == (bad, SpoolState.QUARANTINED)
    journalled = row(house, t.journal)
    assert (journalled.outcome, journalled.reason) == ("quarantined", "ZeroDivisionError: a defect")
    assert rows(house, t.request) == rows(house, t.raw_mail) == []
    failpoints.disarm()
    assert put_in(house, mail()).outcome == "opened"
    house.spool.retry(bad).result(20)
    work(house)
    assert outcomes(house) == ["opened", "opened"]
    assert row(house, t.journal_history).outcome == "opened"
    assert house.spool.list() == []


def work_once(house: House) -> list[str]:
    """Work one batch, whatever the spool says about later; return what was logged."""
    if any(entry.attempts for entry in house.spool.list()):
        make_due(house)
    with capture_logs() as logged:
        Pipeline(house.spool, shared_readers(), house.desk).run_once()
    house.spool.put_all([]).result(20)
    return [event["event"] for event in logged]


def make_due(house: House) -> None:
    with closing(sqlite3.connect(house.spool.path, isolation_level=None)) as spool:
        spool.execute("UPDATE mail SET due_at = 0")


def test_a_mail_that_not_even_the_journal_takes_stays_in_the_spool(house: House) -> None:
    bad = accept(house, mail("It hurts"))
    failpoints.arm("apply.begun", fail)
    logged = [work_once(house) for _ in range(3)]
    assert logged == [["mail.failed"], ["mail.failed"], ["mail.failed", "mail.unjournalled"]]
    [entry] = house.spool.list()
    assert (entry.id, entry.state) == (bad, SpoolState.QUARANTINED)
    failpoints.disarm()
    assert put_in(house, mail()).outcome == "opened"
    house.spool.retry(bad).result(20)
    work(house)
    assert outcomes(house) == ["opened", "opened"]


def test_a_database_that_is_away_is_nobodys_failure(tmp_path: Path) -> None:
    with make_house(tmp_path) as house:
        spool_id = accept(house, mail())
        impatient = Database(house.database.place, busy_timeout=0.05)
        patient, house.desk.database = house.desk.database, impatient
        with closing(sqlite3.connect(house.database.place, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            for _ in range(5):
                with pytest.raises(Unavailable, match="locked"):
                    work_once(house)
        [entry] = house.spool.list()
        assert (entry.id, entry.state, entry.attempts) == (spool_id, SpoolState.NEW, 0)
        impatient.close()
        house.desk.database = patient
        assert work(house) == 1
        assert outcomes(house) == ["opened"]


def test_whoever_sends_is_told_that_there_is_mail(house: House) -> None:
    told: list[int] = []
    accept(house, mail())
    accept(house, mail(headers={"Auto-Submitted": "auto-generated"}))
    Pipeline(house.spool, shared_readers(), house.desk, on_mail=lambda: told.append(1)).run_once()
    assert told == [1]


def test_a_handler_who_works_is_seen(house: House) -> None:
    put_in(house, mail())
    house.desk.command(ChangeTags(add=("seen",)), 1, "omar")
    seen = {one.name: one.last_seen_at for one in rows(house, t.handler)}
    assert house.desk.clock() - seen["omar"] < timedelta(minutes=1)
    assert seen.get("eva") is None
    put_in(house, mail("Milk", sender="Eva Berg <eva@example.com>", message_id="milk@example.com"))
    assert {one.name: one.last_seen_at for one in rows(house, t.handler)}["eva"] is not None
