"""Mails as standards show them, and as old or careless programs wrote them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from postroom.mail.address import parse_local
from postroom.mail.charset import decode_bytes
from postroom.mail.cns import decode_euc_tw, decode_iso2022_cn
from postroom.mail.html import html_to_text
from postroom.mail.iso2022 import decode_iso2022_jp_ms
from postroom.mail.parse import read_mail

HEAD = "From: Ann <ann@kunde.example>\nSubject: x\nMIME-Version: 1.0\n"


def _at(*moment: int) -> datetime:
    return datetime(*moment, tzinfo=UTC)  # type: ignore[arg-type] # year to second


@pytest.mark.parametrize(
    ("expected", "value"),
    [
        (_at(1997, 11, 21, 15, 55, 6), "Fri, 21 Nov 1997 09(comment):   55  :  06 -0600"),
        (_at(1969, 2, 14, 3, 2), "Thu,\n 13\n  Feb\n  1969\n 23:32\n  -0330 (Newfoundland Time)"),
        (_at(1950, 11, 20, 10, 15), "20 Nov 50 10:15:00 -0000"),
        (_at(2049, 11, 20, 10, 15), "20 Nov 49 10:15:00 -0000"),
        (_at(2055, 11, 20, 10, 15), "20 Nov 2055 10:15:00 -0000"),
        (_at(2026, 10, 1, 8, 15), "Do, 1 Okt 2026 10:15:00 +0200"),
        (_at(2026, 3, 4, 9, 15), "Mi, 4 Mär 2026 10:15:00 +0100"),
        (_at(2026, 5, 4, 8, 15), "lun., 4 mai 2026 10:15:00 +0200"),
        (_at(2026, 8, 3, 13, 15), "Lun, 3 de Ago de 2026 10:15:00 -0300"),
        (_at(2026, 12, 7, 9, 15), "Mon, 7. Dez 2026 10:15:00 +0100"),
        (_at(2026, 11, 20, 10, 15), "Freitag, 20. November 2026 10:15 Uhr"),
        (_at(2026, 7, 3, 10, 15), "пт, 3 июл 2026 10:15:00 +0000"),
        (_at(2026, 11, 20, 9, 15), "Fri, 20 Nov 2026 10:15:00 +0100CET"),
        (_at(2026, 11, 20, 9, 15), "Fri, 20Nov2026 10:15:00 +0100"),
        (_at(2026, 11, 20, 9, 15), "Fri. 20 Nov 2026 10:15:00 +0100"),
        (_at(2026, 11, 20, 9, 15), "Fri, 20/Nov/2026 10:15:00 +0100"),
        (_at(2026, 11, 20, 10, 15), "Fri, 20 Nov 2026 10:15:00.000Z"),
        (_at(2026, 11, 20, 10, 15), "Nov. 20, 2026 10:15"),
        (_at(2026, 11, 20, 10, 15), "11/20/26 10:15"),
        (_at(2026, 11, 20, 10, 15), "20.11.26 10:15"),
        (_at(2026, 11, 20, 9, 15), "Fri, 20 Nov 2026 10:15:00 CET"),
        (_at(2026, 7, 20, 8, 15), "Mon Jul 20 10:15:00 CEST 2026"),
        (_at(1996, 7, 20, 8, 15), "20 Jul 1996 10:15:00 MET DST"),
        (_at(2026, 11, 20, 1, 15), "20 Nov 2026 10:15 JST"),
        (_at(2026, 11, 20, 10, 15), "Fri, 20 Nov 2026 10:15:00 IST"),
        (None, "20 Nonsense 2026 10:15:00 +0000"),
    ],
)
def test_dates_of_old_and_of_foreign_programs(expected: datetime | None, value: str) -> None:
    assert expected == read_mail(f"Date: {value}\n\nx".encode()).date


@pytest.mark.parametrize(
    ("expected", "header"),
    [
        (
            # RFC 5322, appendix A.6.3, with blanks before each colon.
            {
                "from_": ("John Doe", "jdoe@machine.example"),
                "message_id": "1234@local.machine.example",
            },
            (
                "From  : John Doe <jdoe@machine(comment).  example>\n"
                "Message-ID  : <1234   @   local(blah)  .machine .example>\n"
            ),
        ),
        ({"message_id": "a(1)@host.example"}, "Message-ID: <a(1)@host.example>\n"),
        ({"from_": ("", "b@kunde.example")}, "From: 'b@kunde.example'\n"),
        ({"from_": ("", "o'neil@kunde.example")}, "From: o'neil@kunde.example\n"),
        ({"from_": ("", "x@[IPv6:2001:db8::1]")}, "From: x@[IPv6:2001:db8::1]\n"),
        (
            {"from_": ("", "ann@kunde.example")},
            "From ann Fri Nov 20 2026\nFrom: ann@kunde.example\n",
        ),
    ],
)
def test_headers_in_obsolete_forms(expected: dict[str, Any], header: str) -> None:
    mail = read_mail(f"{header}\nx".encode())
    for key, value in expected.items():
        found = getattr(mail, key)
        assert value == ((found.name, found.address) if key == "from_" else found)


@pytest.mark.parametrize(
    ("text", "charset"),
    [
        ("François Lefèvre", "latin-1"),
        ("Ñoño", "latin-1"),
        ("¿Qué tal? ¡Feliz año!", "latin-1"),
        ("Årsmøte på Øya", "latin-1"),
        ("it’s “here” – 5 € für Öl", "cp1252"),
        ("Łukasz", "iso8859-2"),
        ("Ştefan", "iso8859-2"),
        ("Szeretném megkérdezni, mikor érkezik, már három hete. Győző úr", "cp1250"),
        ("Добрий день! Я хотів би знати, коли", "koi8-u"),
        ("안녕하세요.", "euc-kr"),
        ("Góðan dag,", "latin-1"),
        ("Příliš žluťoučký kůň", "cp1250"),
        ("Şükrü Öztürk", "cp1254"),
        ("Договор поставки", "cp1251"),
        ("Счет на оплату", "koi8-r"),
        ("ΚΑΛΗΜΕΡΑ", "iso8859-7"),
        ("Καλημέρα σας", "cp1253"),
        ("مرحبا", "cp1256"),
        ("שלום", "cp1255"),
        ("สวัสดีครับคุณลูกค้า", "tis-620"),
        ("안녕하세요 고객님", "euc-kr"),
        ("김철수", "euc-kr"),
        ("合同.pdf", "gbk"),
        ("关于会议通知", "gbk"),
        ("訂單問題", "big5"),
        ("お知らせ", "cp932"),
        ("山田太郎", "cp932"),
        ("ご注文ありがとうございます", "euc-jp"),
    ],
)
def test_charset_of_a_name_that_nobody_declared(text: str, charset: str) -> None:
    assert text == decode_bytes(text.encode(charset))[0]


def test_undeclared_charset_of_a_name_is_that_of_the_text_below() -> None:
    text = "您好，我想询问一下我的订单情况，谢谢您的帮助。"
    mail = read_mail(f"From: 您好 <a@b.example>\n\n{text}".encode("gbk"))
    assert mail.from_ is not None
    assert ("您好", text) == (mail.from_.name, mail.text)


@pytest.mark.parametrize(
    ("expected", "label", "octets"),
    [
        ("Chào bạn, Việt Nam", "viscii", b"Ch\xe0o b\xd5n, Vi\xaet Nam"),
        ("Բարև", "armscii-8", b"\xb4\xb3\xf1\xa2"),
        ("您好，訂單謝謝 ok", "x-euc-tw", bytes.fromhex("dac0c7efa1a2d3d4deccf5cdf5cd206f6b")),
        ("訂單 谢谢", "iso-2022-cn", b"\x1b$)G\x0eST^L\x0f \x1b$)A\x0eP;P;\x0f"),
        ("訂單\nok", "iso-2022-cn", b"\x1b$)G\x0eST^L\nok"),
        ("აბგ", "georgian-ps", b"\xc0\xc1\xc2"),
        ("Здравей", "x-mik", "Здравей".encode("cp866").replace(b"\xe0", b"\xb0")),
    ],
)
def test_charsets_that_python_does_not_know(expected: str, label: str, octets: bytes) -> None:
    assert expected == decode_bytes(octets, label)[0]


def test_soft_break_inside_of_an_encoded_word_is_none_of_it() -> None:
    assert "Grüße" == read_mail(b"Subject: =?utf-8?Q?Gr=C3=BC=\n =C3=9Fe?=\n\nx").subject


def test_address_that_an_archive_hid_is_shown_but_proves_nothing() -> None:
    mail = read_mail(b"From: ann at kunde.example (Ann Berg)\n\nx")
    assert mail.from_ is None
    shown = parse_local(mail.header("from"))
    assert shown is not None
    assert ("Ann Berg", "ann@kunde.example") == (shown.name, shown.address)


def test_address_in_quotes_with_its_brackets_is_shown_but_proves_nothing() -> None:
    mail = read_mail(b'From: "Ann \\"Annie\\" Berg <ann@kunde.example>"\n\nx')
    assert mail.from_ is None
    shown = parse_local(mail.header("from"))
    assert shown is not None
    assert ("Ann Annie Berg", "ann@kunde.example") == (shown.name, shown.address)
    assert parse_local('"Ann <a@x.example>, Ben <b@x.example>"') is None


@pytest.mark.parametrize(
    ("expected", "label", "octets"),
    [
        ("一a\n\ufffd", "euc-tw", b"\xc4\xa1a\n\x8e"),
        ("一\n!!", "iso-2022-cn", b"\x1b$)G\x0eD!\n!!"),
        ("あ\r\nい", "jis", b'\x1b$B$"\r\n$$\x1b(B'),
    ],
)
def test_characters_of_two_octets_beside_others(expected: str, label: str, octets: bytes) -> None:
    decoders = {"euc-tw": decode_euc_tw, "iso-2022-cn": decode_iso2022_cn}
    assert expected == decoders.get(label, decode_iso2022_jp_ms)(octets)


MIXED = f'{HEAD}Content-Type: multipart/mixed; boundary="b1"\n\n'


@pytest.mark.parametrize("kind", ["plain/text", "text/*", "text", "text/plain charset=utf-8"])
def test_text_by_a_type_that_is_none(kind: str) -> None:
    mail = read_mail(f"Content-Type: {kind}; charset=utf-8\n\nGrüße".encode())
    assert mail.text == "Grüße"
    assert mail.attachments == ()


def test_boundary_without_an_empty_line_above_it_ends_the_header() -> None:
    head = MIXED.removesuffix("\n")
    mail = read_mail(f"{head}--b1\nContent-Type: text/plain\n\nHello\n--b1--\n".encode())
    assert mail.text.strip() == "Hello"


def test_name_in_raw_octets_is_read_as_the_text_before_it() -> None:
    raw = (
        f"{MIXED}--b1\nContent-Type: text/plain; charset=gb2312\n\nx\n"
        '--b1\nContent-Type: application/pdf; name="发票.pdf"\n\n%PDF\n--b1--\n'
    )
    assert ["发票.pdf"] == [one.name for one in read_mail(raw.encode("gbk")).attachments]


@pytest.mark.parametrize(
    ("expected", "header"),
    [
        ("Photo25.jpg", "Content-Location: Photo25.jpg"),
        ("logo x.jpg", "Content-Location: http://www.kunde.example/pics/logo%20x.jpg?v=2"),
        ("Bericht.jpg", "Content-Description: Bericht.jpg"),
        ("part-1.jpg", "Content-Description: A picture of mine."),
        ("part-1.jpg", "Content-Location: http://www.kunde.example/"),
        ("own.jpg", "Content-Disposition: inline; filename=own.jpg\nContent-Location: a.jpg"),
    ],
)
def test_file_without_a_name_is_called_as_what_stands_beside_it(expected: str, header: str) -> None:
    raw = f"{MIXED}--b1\nContent-Type: image/jpeg\n{header}\n\nx\n--b1--\n"
    assert [expected] == [one.name for one in read_mail(raw.encode()).attachments]


@pytest.mark.parametrize("boundary", ["a b", "a:b", "a,b", "a=b", "ab (the boundary)", '"a;b"'])
def test_boundary_that_is_not_quoted(boundary: str) -> None:
    bare = boundary.partition(" (")[0].strip('"')
    raw = (
        f"{HEAD}Content-Type: multipart/mixed; boundary={boundary}\n\n--{bare}\n\nhi\n--{bare}--\n"
    )
    assert ("hi", ()) == (read_mail(raw.encode()).text, read_mail(raw.encode()).attachments)


def test_empty_extended_name_hides_no_other() -> None:
    raw = (
        f"{MIXED}--b1\nContent-Type: application/pdf\nContent-Disposition: attachment;\n"
        " filename=a.pdf; filename*=utf-8''\n\n%PDF\n--b1--\n"
    )
    assert ["a.pdf"] == [one.name for one in read_mail(raw.encode()).attachments]


def test_related_is_read_from_the_part_that_it_names() -> None:
    raw = (
        f'{HEAD}Content-Type: multipart/related; boundary=b1; start="<root@x>"\n\n'
        "--b1\nContent-Type: image/gif; name=a.gif\nContent-ID: <a@x>\n\nGIF89a\n"
        '--b1\nContent-Type: text/html\nContent-ID: <root@x>\n\n<p>words<img src="cid:a@x"></p>\n'
        "--b1--\n"
    )
    mail = read_mail(raw.encode())
    assert ("words", [("a.gif", True)]) == (
        mail.text,
        [(one.name, one.inline) for one in mail.attachments],
    )


@pytest.mark.parametrize(
    ("expected", "plain", "markup"),
    [
        ("Real.", "Your e-mail client does not support HTML messages.", "<p>Real.</p>"),
        ("I cannot view HTML.", "I cannot view HTML.", "<p>I cannot view HTML.</p>"),
        ("This is the HTML version of nothing", "This is the HTML version of nothing", ""),
    ],
)
def test_plain_form_that_says_only_that_it_is_none(expected: str, plain: str, markup: str) -> None:
    raw = (
        f"{HEAD}Content-Type: multipart/alternative; boundary=b1\n\n--b1\n\n{plain}\n"
        f"--b1\nContent-Type: text/html\n\n{markup}\n--b1--\n"
    )
    assert expected == read_mail(raw.encode()).text


@pytest.mark.parametrize(
    ("expected", "markup"),
    [
        ("b", "<div hidden>a</div>b"),
        ("b", '<div class="x" HIDDEN="hidden">a</div>b'),
        ("ab", '<div title="a hidden thing" aria-hidden="true">a</div>b'),
        ("b", '<div style="max-height:0px; overflow:hidden">a</div>b'),
        ("ab", '<span style="max-height:0.5em">a</span>b'),
        ("one\ntwo", "<select><option>one</option><option>two</option></select>"),
        ("one\ntwo", "<figure>one<figcaption>two</figcaption></figure>"),
        ("after", "<iframe src=x>Your browser shows no frames</iframe>after"),
    ],
)
def test_html_that_nobody_sees_and_lines_of_forms(expected: str, markup: str) -> None:
    assert expected == html_to_text(markup).replace("a\nb", "ab")


@pytest.mark.parametrize(
    ("expected", "markup"),
    [
        ("From: Ann <ann.b@kunde.example>", "From: Ann <ann.b@kunde.example>"),
        ("see <https://kunde.example/a?b=1>", "see <https://kunde.example/a?b=1>"),
        ("a b", "<o:p>a</o:p> <w:sdt id=@x>b</w:sdt>"),
        ("q <https://kunde.example/s>", '<a href=" https://kunde.example/s ">q</a>'),
        ("5. e\n6. f", "<ol><li value=5>e<li>f</ol>"),
        ("1. e", '<ol><li value="x">e</ol>'),
    ],
)
def test_html_of_careless_programs(expected: str, markup: str) -> None:
    assert expected == html_to_text(markup)


@pytest.mark.parametrize("form", ["utf-16", "emlx", "emlx-crlf"])
def test_mail_in_a_file_as_a_program_saved_it(form: str) -> None:
    mail = f"{HEAD}Content-Type: text/plain; charset=utf-8\n\nWörter\n"
    below = '<?xml version="1.0"?><plist></plist>\n'
    if form == "utf-16":
        raw = mail.encode("utf-16")
    else:
        end = "\r\n" if form == "emlx-crlf" else "\n"
        raw = f"{len(mail.encode()):<10}{end}{mail}{below}".encode()
    found = read_mail(raw)
    assert ("x", "Wörter\n") == (found.subject, found.text)


LONG = {
    "koi8-r": "Здравствуйте! Я хотел бы узнать, когда будет доставлен мой заказ. Жду ответа, Иван.",
    "cp1251": "Здравствуйте! Я хотел бы узнать, когда будет доставлен мой заказ. Жду ответа, Иван.",
    "gbk": "您好，我想知道我的订单什么时候能送到。我已经等了三个星期。",
    "big5": "您好，我想知道我的訂單什麼時候能送到。我已經等了三個星期。",
    "euc-kr": "안녕하세요. 주문한 상품이 언제 도착하는지 알고 싶습니다.",
    "iso8859-7": "Γεια σας, θα ήθελα να μάθω πότε θα παραδοθεί. Με εκτίμηση, Γιώργος",
}


@pytest.mark.parametrize("charset", LONG)
def test_text_that_only_calls_itself_western(charset: str) -> None:
    assert LONG[charset] == decode_bytes(LONG[charset].encode(charset), "iso-8859-1")[0]


@pytest.mark.parametrize(
    "text",
    [
        "".join(map(chr, range(0xA0, 0x100))) * 3,
        "°" * 60 + "«»«»«»¯¯¯¯ÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄ",
        "Ça a été créée là-bas, où l'été dernier nous étions à la même fête. " * 5,
        "Ääni, yö, työ, pää, hää, sää, jää, lääkäri, äiti, öljy. " * 5,
    ],
)
def test_text_that_is_western_stays_so(text: str) -> None:
    assert text == decode_bytes(text.encode("latin-1"), "iso-8859-1")[0]


@pytest.mark.parametrize(
    ("kind", "boundary"),
    [
        ("multipart/mixed;\nboundary=b1", "b1"),
        ('multipart/mixed; boundary=3D"b1"', "b1"),
        ('mutlipart/mixed; boundary="b1"', "b1"),
        ("mixed; boundary=b1", "b1"),
        ("text/plain; boundary=b1", "b1"),
    ],
)
def test_multipart_whose_type_is_misspelt(kind: str, boundary: str) -> None:
    raw = (
        f"{HEAD}Content-Type: {kind}\n\n--{boundary}\nContent-Type: text/plain\n\nhi\n"
        f"--{boundary}\nContent-Type: application/pdf; name=a.pdf\n\n%PDF\n--{boundary}--\n"
    )
    mail = read_mail(raw.encode())
    assert ("hi", ["a.pdf"]) == (mail.text, [one.name for one in mail.attachments])


@pytest.mark.parametrize("words", ["--b1 is what we wrote", "no --b1\nContent-Type: of mine", "x"])
def test_text_with_a_boundary_that_it_does_not_show_stays_a_text(words: str) -> None:
    mail = read_mail(f"{HEAD}Content-Type: text/plain; boundary=b1\n\n{words}".encode())
    assert (words, ()) == (mail.text, mail.attachments)


@pytest.mark.parametrize(
    ("expected", "disposition"),
    [
        ("a.pdf", 'attachment; filename=3D"a.pdf"'),
        ("a.pdf", 'attachment; filename=="a.pdf"'),
        ("a.pdf", 'attachment; name="a.pdf"'),
        ("a.pdf", 'attachment;\nfilename="a.pdf"'),
        ("a.pdf", 'attachment;\nname="b.pdf";\nfilename="a.pdf"'),
        ("part-1.bin", 'form-data; name="field"'),
        ("3D.pdf", "attachment; filename=3D.pdf"),
    ],
)
def test_names_in_broken_dispositions(expected: str, disposition: str) -> None:
    raw = f"{MIXED}--b1\nContent-Type: a/b\nContent-Disposition: {disposition}\n\nx\n--b1--\n"
    [file] = read_mail(raw.encode()).attachments
    assert (expected, 1) == (file.name, file.size)


def test_lost_folds_are_bounded() -> None:
    raw = f"{HEAD}Content-Type: text/plain;\n" + "name=x;\n" * 100_000
    assert "headers end without an empty line" in read_mail(raw.encode()).defects


def test_text_of_any_kind_is_text() -> None:
    assert "hi" == read_mail(f"{HEAD}Content-Type: text/*; charset=utf-8\n\nhi".encode()).text


def test_picture_that_is_shown_by_its_address_is_inline() -> None:
    where = "http://www.kunde.example/a.gif"
    raw = (
        f"{HEAD}Content-Type: multipart/related; boundary=b1\n\n"
        f'--b1\nContent-Type: text/html\n\n<p>words<img src="{where}"></p>\n'
        f"--b1\nContent-Type: image/gif\nContent-Location: {where}\n\nGIF89a\n"
        "--b1\nContent-Type: image/gif\nContent-Location: b.gif\n\nGIF89a\n--b1--\n"
    )
    found = [(one.name, one.inline) for one in read_mail(raw.encode()).attachments]
    assert [("a.gif", True), ("b.gif", False)] == found


@pytest.mark.parametrize("label", ["", "us-ascii", "utf-8", "iso-8859-1"])
def test_japanese_of_seven_bits_needs_no_label(label: str) -> None:
    assert "こんにちは" == decode_bytes("こんにちは".encode("iso2022_jp"), label)[0]


@pytest.mark.parametrize(
    ("expected", "header"),
    [
        (("y", "x"), "X-Other: z\nX-Größe: 5\nX-Other: z\nSubject: y"),
        (("y", "x"), "Subject: y\nX-Größe: 5"),
        (("y", "x"), "Subject: y\n: nobody knows\nX-Other: z"),
        (("y", "x"), "Subject: y\nno field at all\nTo: a@kunde.example"),
        (("y", "Hello Bob: how are you?\n\nx"), "Subject: y\nHello Bob: how are you?"),
        (("y", "Grüße, Bob: wie geht's?\n\nx"), "Subject: y\nGrüße, Bob: wie geht's?"),
    ],
)
def test_fields_with_broken_names_end_no_header(expected: tuple[str, str], header: str) -> None:
    mail = read_mail(f"{header}\n\nx".encode())
    assert expected == (mail.subject, mail.text)
