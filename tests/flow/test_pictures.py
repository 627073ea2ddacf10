"""Pictures in mail: a customer's stand in the notice, a handler's in his answer, and no others."""

from __future__ import annotations

import email
import email.policy
import re
import struct
import zlib
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from textwrap import indent
from typing import Any

import pytest
from tests.houses import LOUD, RULES, clock_of, mail, make_house, put_in, send, sound_house, text_of

from postroom.core import pictures
from postroom.house import House
from postroom.store import queue
from postroom.work.composing import Written
from postroom.work.scribe import Scribe
from postroom.work.stationery import Stationery

ALONE = RULES["categories"].replace('["eva", "omar", "kim"]', '["eva"]')
OWNED = {"team": LOUD, "categories": ALONE}  # Eva gets everything
EVA = "Eva Berg <eva@example.com>"
QUOTE = (
    '<br><div class="gmail_quote"><div class="gmail_attr">On Fri, 20 Nov 2026 at 12:00, Support '
    '&lt;support@example.com&gt; wrote:<br></div><blockquote class="gmail_quote">Hello'
)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with sound_house(tmp_path, rules=OWNED) as opened:
        yield opened


def png(red: int) -> bytes:
    """Return a picture of one point."""

    def chunk(kind: bytes, octets: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + octets))
        return struct.pack(">I", len(octets)) + kind + octets + checksum

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(bytes([0, red, 0, 0])))
    return b"\x89PNG\r\n\x1a\n" + head + body + chunk(b"IEND", b"")


def with_pictures(text: str, html: str, files: dict[str, bytes], **named: Any) -> bytes:
    """Build a mail whose HTML shows pictures: `files` are named as their Content-ID."""
    built = email.message_from_bytes(mail(text=text, **named), policy=email.policy.SMTP)
    assert isinstance(built, EmailMessage)
    built.add_alternative(html, subtype="html")
    shown = built.get_body(("html",))
    assert shown is not None
    for name, octets in files.items():
        shown.add_related(octets, "image", "png", cid=f"<{name}@x>", filename=f"{name}.png")
    return built.as_bytes()


def answer(house: House, notice: EmailMessage, text: str, html: str, **files: bytes) -> Any:
    clock_of(house).forward(minutes=1)
    names = {
        "sender": EVA,
        "to": str(notice["Reply-To"]),
        "in_reply_to": notice["Message-ID"][1:-1],
    }
    return put_in(house, with_pictures(text, html, files, **names))


def to(name: str, mails: list[EmailMessage]) -> EmailMessage:
    [found] = [one for one in mails if one["Delivered-To"].startswith(f"{name}@")]
    return found


def shown_in(message: EmailMessage) -> list[bytes]:
    """Return the pictures that the HTML of a mail shows, in the order of their places in it."""
    html = text_of(message, "html")
    assert [] == re.findall(r"""(?:src|href|background)=["'](?!cid:|mailto:)""", html)
    by_id = {
        str(part["Content-ID"])[1:-1]: part.get_payload(decode=True) for part in message.walk()
    }
    return [by_id[found] for found in re.findall(r'src="cid:([^"]+)"', html)]


def files_of(message: EmailMessage) -> list[str]:
    return [str(part.get_filename()) for part in message.iter_attachments()]


def shape(message: EmailMessage) -> str:
    """Return the structure of a mail in one line."""
    kind = message.get_content_subtype()
    if not message.is_multipart():
        return kind
    return f"{kind}({' '.join(shape(part) for part in message.iter_parts())})"


# ---- notices


def test_a_customers_pictures_stand_where_he_put_them(house: House) -> None:
    html = '<p>Here:</p><img src="cid:one@x"><p>and there:</p><img src="cid:two@x"><p>Bye</p>'
    raw = with_pictures("Here:\n\nand there:\n\nBye\n", html, {"two": png(2), "one": png(1)})
    assert "opened" == put_in(house, raw).outcome
    notice = to("eva", send(house))
    assert [png(1), png(2)] == shown_in(notice)
    assert "alternative(plain related(html png png))" == shape(notice)
    words = "Here:\n[picture: one.png]\n\nand there:\n[picture: two.png]\n\nBye\n"
    assert indent(words, "    ") in text_of(notice)
    shown = re.sub(r"<img [^>]+>", "IMG", text_of(notice, "html"))
    assert "Here:<br>\nIMG<br>\n<br>\nand there:<br>\nIMG<br>\n<br>\nBye" in shown


def test_what_his_html_shows_in_a_quote_or_nowhere_is_a_file(house: House) -> None:
    html = f'<p>Yes.</p>{QUOTE}<img src="cid:old@x"></blockquote></div>'
    raw = with_pictures("Yes.\n", html, {"old": png(1)})
    put_in(house, raw)
    notice = to("eva", send(house))
    assert ([], ["old.png"]) == (shown_in(notice), files_of(notice))


def test_a_picture_that_is_inline_and_nowhere_named_stands_below(house: House) -> None:
    built = email.message_from_bytes(mail(text="Look\n"), policy=email.policy.SMTP)
    assert isinstance(built, EmailMessage)
    built.add_attachment(png(1), "image", "png", disposition="inline", filename="a.png")
    built.add_attachment(png(2), "image", "png", filename="b.png")
    put_in(house, built.as_bytes())
    notice = to("eva", send(house))
    assert ([png(1)], ["b.png"]) == (shown_in(notice), files_of(notice))
    assert "mixed(alternative(plain related(html png)) png)" == shape(notice)


def test_a_mail_of_nothing_but_a_picture_is_shown(house: House) -> None:
    put_in(house, with_pictures("\n", '<img src="cid:one@x">', {"one": png(1)}))
    notice = to("eva", send(house))
    assert [png(1)] == shown_in(notice)
    assert "    [picture: one.png]\n" in text_of(notice)


@pytest.mark.parametrize("octets", [b"<svg onload=x></svg>", b"MZ\x90\0", b"GIF89a"])
def test_what_is_no_such_picture_is_a_file(house: House, octets: bytes) -> None:
    put_in(house, with_pictures("Look\n", 'Look<img src="cid:one@x">', {"one": octets}))
    notice = to("eva", send(house))
    assert ([], ["one.png"]) == (shown_in(notice), files_of(notice))


def test_many_or_large_pictures_are_files(house: House) -> None:
    many = {f"n{number}": png(number) for number in range(pictures.MOST + 2)}
    html = "Look" + "".join(f'<img src="cid:{name}@x">' for name in many)
    put_in(house, with_pictures("Look\n", html, many))
    notice = to("eva", send(house))
    assert (pictures.MOST, 2) == (len(shown_in(notice)), len(files_of(notice)))
    large = {"large": png(1) + bytes(pictures.LARGEST), "small": png(2)}
    html = 'Look<img src="cid:large@x"><img src="cid:small@x">'
    put_in(house, with_pictures("Look\n", html, large))
    notice = to("eva", send(house))
    assert ([png(2)], ["large.png"]) == (shown_in(notice), files_of(notice))


def test_pictures_too_large_for_a_notice_are_only_named(tmp_path: Path) -> None:
    with make_house(tmp_path, rules=OWNED) as house:
        raw = with_pictures("Look\n", 'Look<img src="cid:one@x">', {"one": png(1) + bytes(9 << 20)})
        put_in(house, raw)
        notice = to("eva", send(house))
        assert ([], []) == (shown_in(notice), files_of(notice))
        assert "one.png (9.4 MB)" in text_of(notice)


def test_every_attempt_gives_the_same_octets(house: House) -> None:
    put_in(house, with_pictures("Look\n", 'Look<img src="cid:one@x">', {"one": png(1)}))
    with house.database.read() as conn:
        found = [one.id for one in queue.entries(conn)]
        wanted = [(one, "eva@example.com") for one in queue.recipes(conn, found).values()]
    render = Stationery(house.database).render
    scribe = Scribe(house.database, house.site, house.desk.signer, render)
    first, second = scribe.write(wanted), scribe.write(wanted)
    assert first == second
    assert any(isinstance(one, Written) and b"Content-ID: <picture1." in one.raw for one in first)


# ---- answers


def asked(house: House) -> EmailMessage:
    put_in(house, mail())
    return to("eva", send(house))


def test_a_handlers_pictures_go_with_his_words(house: House) -> None:
    html = '<div>Press here:</div><img src="cid:one@x"><div>Then wait.</div>'
    answer(house, asked(house), "Press here:\n\nThen wait.\n", html, one=png(1))
    reply = to("ann", send(house))
    assert "alternative(plain related(html png))" == shape(reply)
    assert [png(1)] == shown_in(reply)
    assert text_of(reply).startswith(
        "Press here:\n[picture: one.png]\n\nThen wait.\n\nOn 2026-11-20"
    )
    assert "Hello" in text_of(reply, "html")  # the customer's mail, quoted


def test_below_commands_they_stand_where_they_were(house: House) -> None:
    html = '<div>#priority medium</div><div>Press here:</div><img src="cid:one@x"><div>Wait.</div>'
    text = "#priority medium\nPress here:\n[cid:one@x]\nWait.\n"
    answer(house, asked(house), text, html, one=png(1))
    reply = to("ann", send(house))
    assert [png(1)] == shown_in(reply)
    assert text_of(reply).startswith("Press here:\n[picture: one.png]\nWait.\n")
    assert "cid:one" not in text_of(reply)


def test_a_picture_of_the_quoted_part_does_not_go_out(house: House) -> None:
    html = (
        f'<div>Press it.</div><img src="cid:own@x">{QUOTE}<img src="cid:internal@x"></blockquote>'
    )
    answer(house, asked(house), "Press it.\n", html, own=png(1), internal=png(2))
    reply = to("ann", send(house))
    assert ([png(1)], []) == (shown_in(reply), files_of(reply))
    assert png(2) not in [part.get_payload(decode=True) for part in reply.walk()]


def test_nor_does_one_of_a_quote_that_only_its_words_tell(house: House) -> None:
    quote = "Von: Kim Lund<br>Gesendet: Freitag, 20. November 2026 12:00<br>An: Eva<br>Betreff: x"
    html = f'<p>Press it.</p><p>{quote}</p><p>Look:</p><img src="cid:internal@x">'
    answer(house, asked(house), "Press it.\n", html, internal=png(2))
    assert "plain" == shape(to("ann", send(house)))


def test_nor_does_the_logo_of_his_signature(house: House) -> None:
    logo = '<div class="gmail_signature">Eva<br><img src="cid:logo@x"></div>'
    answer(house, asked(house), "Press it.\n\n-- \nEva\n", f"Press it.<br>{logo}", logo=png(2))
    reply = to("ann", send(house))
    assert "plain" == shape(reply)


def test_what_may_be_a_logo_goes_out_as_a_file(house: House) -> None:
    html = 'Press it.<br>-- <br>Eva Berg<br><img src="cid:one@x">'
    answer(house, asked(house), "Press it.\n\n-- \nEva Berg\n", html, one=png(1))
    reply = to("ann", send(house))
    assert "mixed(plain png)" == shape(reply)


def test_a_picture_in_a_note_stays_inside(house: House) -> None:
    notice = asked(house)
    html = '<p>#note</p><p>Look at him:</p><img src="cid:one@x">'
    answer(house, notice, "#note\nLook at him:\n", html, one=png(1))
    assert all(not one["Delivered-To"].startswith("ann@") for one in send(house))
