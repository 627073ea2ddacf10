"""Mails are composed in the readers: the same octets as here, and only the guilty one fails."""

from __future__ import annotations

import base64
import subprocess
import sys
from collections.abc import Iterator, Sequence
from email.message import EmailMessage
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.houses import accept, mail, make_house, row, shared_readers, work

from postroom.errors import Unavailable
from postroom.house import House
from postroom.mail.signing import Seal, read_key
from postroom.store import queue
from postroom.store import schema as t
from postroom.store.recipe import Recipe
from postroom.work.composing import Order, Written
from postroom.work.readers import ReadFailure
from postroom.work.scribe import LARGE, PORTION_MAILS, PORTION_OCTETS, Away, Scribe, Unwritten
from postroom.work.stationery import Stationery

Wanted = list[tuple[Recipe, str]]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with make_house(tmp_path) as made:
        yield made


def scribe_of(house: House, away: Away | None = None) -> Scribe:
    render = Stationery(house.database).render
    return Scribe(house.database, house.site, house.desk.signer, render, away=away)


def away_of(house: House) -> Away:
    return partial(Stationery(house.database).write_away, shared_readers())


def all_wanted(house: House) -> Wanted:
    with house.database.read() as conn:
        entries = {entry.id: entry for entry in queue.entries(conn)}
        recipes = queue.recipes(conn, [entry.id for entry in entries.values()])
        return [(recipes[one.id], one.recipient) for one in entries.values() if one.id in recipes]


def changed(recipe: Recipe, **values: object) -> Recipe:
    fields: dict[str, Any] = {name: getattr(recipe, name) for name in Recipe.__slots__}
    return Recipe(**fields | values)


def notice_with_file(house: House, octets: bytes) -> Wanted:
    """Take a mail with a file in; return its automatic reply, and a notice with that file."""
    accept(house, with_file(octets))
    work(house)
    [reply] = all_wanted(house)
    files = [{"journal": row(house, t.journal).id, "part": "2"}]
    notice = changed(
        reply[0], kind="notice", template="new", reply_role="h", attachments=files, id=77
    )
    return [reply, (notice, "eva@example.com")]


def with_file(octets: bytes) -> bytes:
    message = EmailMessage()
    message["From"], message["To"] = "Ann <ann@example.net>", "support@example.com"
    message["Subject"] = "File"
    message.set_content("Here it is.\n")
    message.add_attachment(octets, maintype="application", subtype="x-thing", filename="a.bin")
    return message.as_bytes()


class Watched:
    """Composes in the readers and remembers what went there."""

    def __init__(self, house: House) -> None:
        self.away = away_of(house)
        self.orders: list[Order] = []

    def __call__(self, orders: Sequence[Order]) -> list[Written | ReadFailure]:
        self.orders += orders
        return self.away(orders)


def test_a_reader_writes_the_same_octets(house: House) -> None:
    wanted = notice_with_file(house, b"\0\xff" * 500)
    here = scribe_of(house).write(wanted)
    assert all(isinstance(one, Written) for one in here)
    assert here == scribe_of(house, away_of(house)).write(wanted)


def test_a_large_mail_is_not_carried_to_a_reader(house: House) -> None:
    wanted, watched = notice_with_file(house, b"x" * (LARGE + 1)), Watched(house)
    answers = scribe_of(house, watched).write(wanted)
    assert all(isinstance(one, Written) for one in answers)
    assert [order.recipe.kind for order in watched.orders] == ["auto-reply"]


def test_a_portion_ends_with_the_files_that_fill_it(house: House) -> None:
    light, heavy = notice_with_file(house, b"x" * (PORTION_OCTETS + 1))
    scribe = scribe_of(house)
    assert len(scribe.write([light, heavy, light])) == 2
    assert len(scribe.write([light] * (PORTION_MAILS + 1))) == PORTION_MAILS


def test_only_the_mail_that_cannot_be_composed_fails(house: House) -> None:
    accept(house, mail())
    work(house)
    [good, *_] = all_wanted(house)
    bad = changed(good[0], template="nothing-of-that-name")
    lost = changed(good[0], mailbox="gone")
    for away in (None, away_of(house)):
        wanted = [good, (bad, "a@x"), (lost, "a@x"), good]
        first, second, third, last = scribe_of(house, away).write(wanted)
        assert isinstance(first, Written)
        assert first == last
        assert isinstance(second, Unwritten)
        assert "nothing-of-that-name" in second.why
        assert third == Unwritten("there is no mailbox 'gone' any more")


def test_without_readers_nothing_is_known_of_any_mail(house: House) -> None:
    accept(house, mail())
    work(house)

    def stopped(_: Sequence[Order]) -> list[Written | ReadFailure]:
        raise Unavailable("the readers are stopped")

    with pytest.raises(Unavailable):
        scribe_of(house, stopped).write(all_wanted(house))


def test_composing_loads_nothing_of_the_database() -> None:
    program = "import sys, postroom.work.composing; print('sqlalchemy' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert ran.stdout == b"False\n"


def test_a_reader_signs_as_we_do(house: House) -> None:
    wanted = notice_with_file(house, b"octets")
    key = read_key(base64.b64encode(bytes(range(32))).decode(), "post")
    scribes = (
        Scribe(
            house.database,
            house.site,
            house.desk.signer,
            Stationery(house.database).render,
            sign=Seal(key, frozenset({"example.com"})),
            away=away,
        )
        for away in (None, away_of(house))
    )
    here, there = (scribe.write(wanted) for scribe in scribes)
    assert here == there
    assert all(isinstance(one, Written) and one.raw.startswith(b"DKIM-Sig") for one in here)
