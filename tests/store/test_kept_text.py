"""What strangers write is kept by both databases, whatever octets it is made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.houses import mail, put_in, row, send, sound_house

from postroom.store import schema as t
from postroom.work.transport import Reply

EVIL = (
    b'From: "A\x00nn" <ann@example.net>\r\nTo: support@example.com\r\n'
    b"Subject: nul \x00 =?utf-8?b?AAA=?= =?utf-7?q?+2AA-?=\r\nX-B\x00ad: \x00\r\n"
    b"Message-ID: <a\x00b@example.net>\r\nReferences: <x\x00y@example.net>\r\n"
    b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n'
    b"--b\r\nContent-Type: text/plain; charset=utf-7\r\n\r\nbody \x00 +2AA- &#xd800;\r\n"
    b'--b\r\nContent-Type: text/html\r\nContent-Disposition: attachment; filename="a\x00.html"'
    b"\r\n\r\n<p>&#0; &#xd800; \x00</p>\r\n--b--\r\n"
)


def test_a_mail_with_nuls_and_surrogates_everywhere_becomes_a_request(tmp_path: Path) -> None:
    with sound_house(tmp_path) as house:
        journal = put_in(house, EVIL, sender="a\x00nn@example.net", recipient="support@example.com")
        assert ("opened", "a\ufffdnn@example.net") == (journal.outcome, journal.sender)
        assert EVIL == bytes(row(house, t.raw_mail).raw)
        assert "body" in row(house, t.message).text
        assert 1 == len(send(house))


@pytest.mark.parametrize("number", [2**31, 2**63, 10**22])
def test_the_number_of_a_request_that_cannot_be_names_none(tmp_path: Path, number: int) -> None:
    with sound_house(tmp_path) as house:
        assert "opened" == put_in(house, mail(f"[acme #{number}] Where is it?")).outcome


def test_what_a_relay_says_is_kept_without_its_nuls(tmp_path: Path) -> None:
    class Rude:
        needs_handed = True

        def send(self, *_: Any) -> Reply:
            return Reply("failed", "550 no\x00 such \ud800 user")

        def settle(self) -> None: ...
        def close(self) -> None: ...

    with sound_house(tmp_path) as house:
        put_in(house, mail())
        send(house, Rude())
        assert "550 no\ufffd such \ufffd user" == row(house, t.delivery).last_response


def test_json_gives_back_what_was_put_in(tmp_path: Path) -> None:
    files = {"rules/\x00.toml": "\ud800 \x00 é 🙂"}
    with sound_house(tmp_path) as house:
        house.database.write(
            lambda c: c.execute(t.policy.insert(), {"version": "x", "files": files})
        )
        assert files == row(house, t.policy, version="x").files
