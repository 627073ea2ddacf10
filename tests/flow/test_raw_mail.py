"""Raw mail is read from where it is kept: whole, or a file of it in pieces."""

from __future__ import annotations

import email.policy
import tracemalloc
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest
from sqlalchemy import update
from tests.houses import accept, make_house, row, work
from tests.objects import storage

from postroom.errors import NotFound
from postroom.house import House
from postroom.store import schema as t
from postroom.store.raw import file_of, raw_of

PHOTO = bytes(range(256)) * 12_000  # 3 MB: more than one piece


@pytest.fixture(params=["database", "object store"])
def house(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[House]:
    extra = storage(tmp_path) if request.param == "object store" else ""
    with make_house(tmp_path, config_extra=extra) as made:
        yield made


def with_files(*files: tuple[str, bytes]) -> bytes:
    message = EmailMessage(policy=email.policy.SMTP)
    message["From"], message["To"] = "ann@example.net", "support@example.com"
    message["Subject"] = "Files"
    message.set_content("Here they are.\n")
    for name, octets in files:
        message.add_attachment(octets, maintype="application", subtype="x-thing", filename=name)
    return message.as_bytes()


def take_in(house: House, raw: bytes) -> int:
    accept(house, raw)
    work(house)
    journal_id: int = row(house, t.journal).id
    return journal_id


def cut(house: House, journal_id: int, part: str) -> tuple[str, str, bytes]:
    with house.database.read() as connection:
        found = file_of(connection, house.database.objects, journal_id, part)
        return found.name, found.type, b"".join(found.octets)


def test_each_file_of_a_mail_is_cut_out_by_its_place(house: House) -> None:
    raw = with_files(("a.bin", b"first"), ("photo.jpg", PHOTO), ("empty.bin", b""))
    journal_id = take_in(house, raw)
    assert ("a.bin", "application/x-thing", b"first") == cut(house, journal_id, "2")
    assert PHOTO == cut(house, journal_id, "3")[2]
    assert b"" == cut(house, journal_id, "4")[2]


def test_what_was_stored_without_places_is_read_as_a_mail(house: House) -> None:
    journal_id = take_in(house, with_files(("a.bin", b"first"), ("b.bin", b"second")))
    forget = update(t.attachment).values(encoding=None, body_offset=None, body_length=None)
    house.database.write(lambda c: c.execute(forget))
    assert ("b.bin", "application/x-thing", b"second") == cut(house, journal_id, "3")


def test_the_mail_itself_is_part_0(house: House) -> None:
    raw = with_files(("a.bin", b"first"))
    journal_id = take_in(house, raw)
    assert ("message.eml", "message/rfc822", raw) == cut(house, journal_id, "0")
    with house.database.read() as connection:
        assert raw == raw_of(connection, house.database.objects, journal_id)


def test_what_is_no_file_is_not_found(house: House) -> None:
    journal_id = take_in(house, with_files(("a.bin", b"first")))
    for number, part in ((journal_id, "9"), (99, "2"), (99, "0")):
        with pytest.raises(NotFound):
            cut(house, number, part)
    with house.database.read() as connection, pytest.raises(NotFound):
        raw_of(connection, house.database.objects, 99)


def test_a_large_file_is_never_in_memory_whole(house: House) -> None:
    journal_id = take_in(house, with_files(("film.mp4", PHOTO * 4)))
    with house.database.read() as connection:
        tracemalloc.start()
        try:
            found = file_of(connection, house.database.objects, journal_id, "2")
            count = sum(map(len, found.octets))
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert len(PHOTO) * 4 == count
    if house.database.objects is None:  # the store of the tests is in this very process
        assert peak < 6_000_000
