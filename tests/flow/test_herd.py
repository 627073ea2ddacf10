"""A site that the bench multiplies is sound, and goes on working."""

from __future__ import annotations

from pathlib import Path

from bench.herd import Herd
from tests.houses import accept, mail, make_house, row, rows, work

from postroom.store import schema as t


def test_copies_are_whole_and_mail_goes_on_between_them(tmp_path: Path) -> None:
    with make_house(tmp_path) as house:
        accept(house, mail("Broken"))
        accept(house, mail("Late", sender="bob@example.net"))
        work(house)
        herd = Herd(house.database.engine)
        herd.grow(9)
        assert 10 == len(rows(house, t.request))
        accept(house, mail("New", sender="new@example.net"))
        work(house)
        herd.grow(15)
        accept(house, mail("Newest", sender="newest@example.net"))
        work(house)
        assert 16 == len(rows(house, t.request))
        assert 16 == len(rows(house, t.journal, outcome="opened"))
        original, copy = (row(house, t.message, request_id=number) for number in (2, 15))
        assert original.message_id != copy.message_id
        assert original.text == copy.text
        assert copy.subject == row(house, t.request, id=15).subject
