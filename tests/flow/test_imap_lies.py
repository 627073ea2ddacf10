"""A server that lies costs the octets of its own mails at most: none is lost, none is doubled."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.lying_imap import LyingImap
from tests.houses import CONFIG, mail, write_house

from postroom.intake import imap_fetch
from postroom.intake.imap import FolderLife, setups_of
from postroom.intake.imap_trouble import ImapTrouble, Kind
from postroom.spool import Spool
from postroom.spool.model import SpoolEntry

MAILS = {uid: mail(f"Mail {uid}") for uid in (1, 2, 3)}


class Place:
    """A spool, and the folder it is filled from."""

    def __init__(self, spool: Spool, folder: FolderLife) -> None:
        self.spool = spool
        self.folder = folder

    def visit(self, times: int = 1) -> list[Kind]:
        """Visit so often; return what went wrong."""
        wrong = []
        for _ in range(times):
            try:
                self.folder.visit()
            except ImapTrouble as trouble:
                wrong.append(trouble.kind)
        return wrong

    @property
    def entries(self) -> dict[int, SpoolEntry]:
        found = self.spool.list()
        by_uid = {int(one.envelope.source.rpartition("=")[2]): one for one in found}
        assert len(found) == len(by_uid), "one is there twice"
        return by_uid

    def raw(self, uid: int) -> bytes:
        return self.spool.export(self.entries[uid].id)


@contextmanager
def place(folder: Path, server: LyingImap, extra: str = "", **more: Any) -> Iterator[Place]:
    """Open a spool; `extra` are keys of [[imap]], `more` are FolderLife's."""
    folder.mkdir(exist_ok=True)
    (folder / "imap-password").write_text("secret")
    (folder / "imap-password").chmod(0o600)
    url = f"imap://127.0.0.1:{server.port}"
    text = (
        f'{CONFIG}message_size = "2MB"\n\n[[imap]]\nmailbox = "support"\nurl = "{url}"\n'
        'user = "ann"\npassword_file = "imap-password"\nplain = true\nfirst_run = "all"\n'
        f'timeout = "2s"\n{extra}'
    )
    config = write_house(folder, config=text)
    [setup] = setups_of(config, config.imap[0])
    with Spool(config.data, config.node) as spool:
        life = FolderLife(setup, config, spool, **more)
        try:
            yield Place(spool, life)
        finally:
            life.stop()
            life.close()


@pytest.mark.parametrize("size", [0, 1, 10**6, 10**7, 10**15])  # of mails of 300 octets
def test_wrong_sizes(tmp_path: Path, size: int) -> None:
    with LyingImap(MAILS, size=size) as server, place(tmp_path, server) as here:
        assert [] == here.visit()
        assert {1, 2, 3} == set(here.entries)
        assert [MAILS[uid] for uid in MAILS] == [here.raw(uid) for uid in MAILS]


def test_a_mail_that_is_much_larger_than_it_is_said_to_be(tmp_path: Path) -> None:
    large = mail("Large", "y" * 70 + "\n" + ("z" * 76 + "\n") * 18_000)  # 1.4 MB
    huge = mail("Huge", ("z" * 76 + "\n") * 40_000)  # 3 MB
    mails = {1: MAILS[1], 2: large, 3: huge, 4: MAILS[3]}
    with LyingImap(mails, size=100) as server, place(tmp_path, server) as here:
        here.visit(4)
        assert {1, 2, 3, 4} == set(here.entries)
        assert (large, MAILS[3]) == (here.raw(2), here.raw(4))
        assert b"was not taken in" in here.raw(3)


def test_the_same_uid_twice(tmp_path: Path) -> None:
    with LyingImap(MAILS, is_twice=True) as server, place(tmp_path, server) as here:
        assert [] == here.visit(2)
        assert MAILS[2] == here.raw(2)


@pytest.mark.parametrize("literal", ["100000", "1" + "0" * 9, "1" + "0" * 30, "1" * 5000])
def test_a_literal_that_is_larger_than_what_comes(tmp_path: Path, literal: str) -> None:
    with LyingImap(MAILS, literal=literal) as server, place(tmp_path, server) as here:
        assert here.visit(1)
        assert {} == here.entries
        server.literal = None
        here.visit(4)
        assert {1, 2, 3} == set(here.entries)


def test_an_endless_literal_is_left(tmp_path: Path) -> None:
    with LyingImap(MAILS, is_endless=True) as server, place(tmp_path, server) as here:
        assert here.visit(1)
        assert {} == here.entries
        server.is_endless = False
        assert [] == here.visit(1)
        assert {1, 2, 3} == set(here.entries)


@pytest.mark.parametrize(
    "babble",
    [
        b"* 1 FETCH (UID 1 BODY[] {5}\r\nabc\r\n)\r\n",
        b"* 1 FETCH (UID\r\n",
        b"* 1 FETCH ((((((((((\r\n",
        b"* 1 FETCH (UID x BODY[] NIL)\r\n",
        b"* 1 FETCH " + b"(" * 5000 + b"\r\n",
        b"\x00\xff\r\n",
        b"* 99 FETCH (UID 99 BODY[] {3}\r\nabc)\r\n",
        b"+ what?\r\n",
        b"* BYE enough\r\n",
    ],
)
def test_nonsense_is_survived(tmp_path: Path, babble: bytes) -> None:
    with LyingImap(MAILS, babble=babble) as server, place(tmp_path, server) as here:
        here.visit(1)
        server.babble = b""
        here.visit(4)
        assert [MAILS[uid] for uid in MAILS] == [here.raw(uid) for uid in MAILS]


def test_a_mail_of_no_octets_holds_up_the_others_for_a_while_only(tmp_path: Path) -> None:
    mails = {1: MAILS[1], 2: b"", 3: MAILS[3]}
    with LyingImap(mails) as server, place(tmp_path, server) as here:
        here.visit(imap_fetch.GIVEN_UP + 1)
        assert [MAILS[1], MAILS[3]] == [here.raw(1), here.raw(3)]
        assert b"does not give this mail out" in here.raw(2)


def test_a_mail_of_a_hundred_thousand_headers_is_fetched_as_it_is(tmp_path: Path) -> None:
    many = b"X-Received: no\r\n" * 100_000 + MAILS[2]
    with LyingImap({1: many, 2: MAILS[3]}) as server, place(tmp_path, server) as here:
        assert [] == here.visit()
        assert [many, MAILS[3]] == [here.raw(1), here.raw(2)]
        assert ("support@example.com",) == here.entries[1].envelope.recipients


@pytest.mark.parametrize("lie", ["nil", "refused"])
def test_a_mail_that_is_not_given_out_holds_up_the_others_for_a_while_only(
    tmp_path: Path, lie: str
) -> None:
    with LyingImap(MAILS) as server, place(tmp_path, server) as here:
        setattr(server, lie, frozenset({2}))
        wrong = here.visit(imap_fetch.GIVEN_UP + 2)
        assert imap_fetch.GIVEN_UP - 1 == len(wrong)
        assert [MAILS[1], MAILS[3]] == [here.raw(1), here.raw(3)]
        said = here.raw(2)
        assert b"Subject: Mail 2" in said
        assert b"does not give this mail out" in said


def test_a_mail_that_is_listed_nowhere_but_in_the_search_is_fetched_all_the_same(
    tmp_path: Path,
) -> None:
    with (
        LyingImap(MAILS, hidden=frozenset({2})) as server,
        place(tmp_path, server) as here,
    ):
        assert [] == here.visit()
        assert MAILS[2] == here.raw(2)


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("[AUTHENTICATIONFAILED] no", Kind.LOGIN),
        ("[UNAVAILABLE] later", Kind.AWAY),
        ("[THROTTLED] slowly", Kind.THROTTLED),
        ("[LIMIT] 15 connections", Kind.THROTTLED),
        ("[OVERQUOTA] bandwidth", Kind.THROTTLED),
        ("Request is throttled. Suggested Backoff Time: 3000 milliseconds", Kind.THROTTLED),
        ("whatever", Kind.LOGIN),
    ],
)
def test_what_the_server_says_decides_how_long_we_wait(
    tmp_path: Path, said: str, kind: Kind
) -> None:
    with LyingImap(MAILS, said_no=said) as server, place(tmp_path, server) as here:
        assert [kind] == here.visit()


def test_a_server_that_refuses_at_once_is_not_taken_for_a_wrong_password(tmp_path: Path) -> None:
    busy = b"* BYE Too many connections\r\n"
    with LyingImap(MAILS, welcome=busy) as server, place(tmp_path, server) as here:
        assert [Kind.THROTTLED] == here.visit()
        assert 0 == server.logins
