"""A daemon that dies, or meets an error, at every named place: nothing is lost, nothing done twice.

The child takes in mails, works, answers a command and sends. It is killed (or an error is raised)
at one place, a second child finishes the work, and then the house is looked at.
"""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest
from tests.crash import test_imap_crash
from tests.crash.nursery import ROOT, Nursery
from tests.fakes.relay import FakeRelay
from tests.houses import CONFIG, mail, make_house, rows, sent, write_house

from postroom import failpoints
from postroom.house import House
from postroom.store import schema as t
from postroom.work.audit import audit

# The places that only timers and hooks come by have a suite of their own.
OF_TIME = {name for name in failpoints.NAMES if name.startswith(("timer.", "hook."))}
IMAP = {name for name in failpoints.NAMES if name.startswith("imap.")}  # and these another
PLACES = sorted(failpoints.NAMES - OF_TIME - IMAP)
# The places that one run comes to again and again; the others are per run, or per batch.
MANY = {"spool.begun", "spool.written", "spool.committed"} | {
    name for name in failpoints.NAMES if name.startswith("apply.") and name != "apply.committed"
}
KILLS = [(name, 1) for name in PLACES] + [(name, 2) for name in sorted(MANY)]


def mails() -> dict[str, bytes]:
    """Return one mail of each common fate."""
    ann, bob = "Ann Berg <ann@example.net>", "Bob Dahl <bob@example.org>"
    from_bob = mail("Where is it?", sender=bob, message_id="bob@example.org")
    return {
        "1-ann": mail("How do I pay?", sender=ann, message_id="ann@example.net"),
        "2-bob": from_bob,
        "3-reply": mail(
            "Re: How do I pay?", sender=ann, message_id="re@a", in_reply_to="ann@example.net"
        ),
        "4-copy": from_bob,
        "5-spam": mail("The lottery", sender="win@example.org", message_id="spam@example.org"),
        "6-held": mail("A lawsuit", sender="law@example.org", message_id="law@example.org"),
    }


# Message-ID → the outcome of the one row that is no duplicate. A reply may overtake its parent when
# that one was put off: then the two change places.
OUTCOMES = {
    "bob@example.org": {"opened"},
    "ann@example.net": {"opened", "appended"},
    "re@a": {"opened", "appended"},
    "spam@example.org": {"ignored"},
    "law@example.org": {"held"},
}


@pytest.fixture(scope="module")
def pattern(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A house with mails at its door, made once."""
    folder = tmp_path_factory.mktemp("pattern")
    with make_house(folder):
        pass
    (folder / "in").mkdir()
    (folder / "told").mkdir()
    for name, raw in mails().items():
        (folder / "in" / f"{name}.eml").write_bytes(raw)
    return folder


@pytest.fixture
def folder(pattern: Path, tmp_path: Path, relay: FakeRelay | None) -> Path:
    copy = tmp_path / "house"
    shutil.copytree(pattern, copy)
    if relay is not None:
        write_house(copy, config=CONFIG.replace("maildir:sent", relay.url))
    return copy


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    opened = Nursery()
    yield opened
    opened.close()


@pytest.fixture
def relay(request: pytest.FixtureRequest) -> Iterator[FakeRelay | None]:
    """A relay for the places that a Maildir has not."""
    if "sender.handed" not in request.node.name and "relay" not in request.node.name:
        yield None
        return
    with FakeRelay() as opened:
        yield opened


def check(folder: Path, relay: FakeRelay | None, told: frozenset[str]) -> None:
    """Look at a house whose work is done."""
    with make_house(folder, config=(folder / "config.toml").read_text(encoding="utf-8")) as house:
        assert [
            (one.kind, one.subject) for one in audit(house.database, house.spool).findings
        ] == []
        assert house.spool.list() == []
        check_journal(house, told)
        check_sent(house, relay)


def check_journal(house: House, told: frozenset[str]) -> None:
    """Each mail has one outcome; what was taken in twice is a duplicate, never a second request."""
    entries = rows(house, t.journal)
    ids = Counter(f"{entry.spool_name}-{entry.spool_number}" for entry in entries)
    assert set(ids.values()) == {1}
    assert told <= ids.keys()
    real = [entry for entry in entries if entry.outcome != "duplicate"]
    found = {entry.message_id: entry.outcome for entry in real}
    assert len(found) == len(real) == len(OUTCOMES)
    assert all(found[message_id] in legal for message_id, legal in OUTCOMES.items())
    requests = rows(house, t.request)
    assert [request.auto_reply for request in requests] == ["sent", "sent"]
    assert len(rows(house, t.message)) == 3
    assert len(rows(house, t.hold)) == 1


def check_sent(house: House, relay: FakeRelay | None) -> None:
    """One automatic reply each for Ann and Bob, one notice about the hold; nothing else."""
    assert {delivery.state for delivery in rows(house, t.delivery)} == {"sent"}
    if relay is not None:
        recipients = [taken.recipient for taken in relay.mails]
    else:
        recipients = [to_of(message) for message in sent(house)]
    assert sorted(recipients) == ["ann@example.net", "bob@example.org", "eva@example.com"]


def to_of(message: EmailMessage) -> str:
    return str(message["Delivered-To"])


@pytest.mark.parametrize(("place", "visit"), KILLS)
def test_killed_there_and_started_again(
    place: str, visit: int, folder: Path, relay: FakeRelay | None, nursery: Nursery
) -> None:
    died = nursery.live(folder, f"{place}@{visit}:kill", stumble=place == "spool.deferred")
    assert died.code == -9, "nobody came by"
    again = nursery.live(folder)
    assert again.code == 0
    assert len(died.told) <= len(again.told) == len(mails())
    check(folder, relay, again.told)


@pytest.mark.parametrize("place", PLACES)
def test_an_error_there_is_survived(
    place: str, folder: Path, relay: FakeRelay | None, nursery: Nursery
) -> None:
    """What the error left over is done at the latest after a restart."""
    erred = nursery.live(folder, f"{place}:raise", stumble=place == "spool.deferred")
    assert erred.code == 0
    again = nursery.live(folder)
    assert again.code == 0
    check(folder, relay, again.told)


def test_without_any_trouble(folder: Path, relay: FakeRelay | None, nursery: Nursery) -> None:
    life = nursery.live(folder)
    assert (life.code, len(life.told)) == (0, len(mails()))
    check(folder, relay, life.told)


def test_killed_when_the_relay_had_it_sends_the_same_octets_once_more(
    folder: Path, relay: FakeRelay | None, nursery: Nursery
) -> None:
    """The one case that nobody can know: SMTP has no way to ask."""
    assert relay is not None
    assert nursery.live(folder, "sender.accepted:kill").code == -9
    assert nursery.live(folder).code == 0
    octets = Counter(taken.raw for taken in relay.mails)
    assert len(octets) == 3
    assert sorted(octets.values()) in ([1, 1, 2], [1, 2, 2], [2, 2, 2])  # one for each connection


def test_every_place_is_visited_and_stands_in_the_source_once() -> None:
    """Each test above fails when nobody came by; here is that there is one for each place."""
    elsewhere = OF_TIME | IMAP
    assert {name for name, _ in KILLS} | elsewhere == failpoints.NAMES == {*PLACES, *elsewhere}
    assert set(test_imap_crash.PLACES) >= IMAP
    found = Counter(
        name
        for path in (ROOT / "daemon").rglob("*.py")
        for name in re.findall(r'failpoints\.hit\(\s*"([^"]+)"', path.read_text(encoding="utf-8"))
    )
    assert found == Counter(failpoints.NAMES)
