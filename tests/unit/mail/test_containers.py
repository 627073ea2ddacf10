"""What is packed into parts: winmail.dat, RTF, signatures, files in texts, invitations."""

from __future__ import annotations

import struct

import pytest

from postroom.mail.calendar import calendar_to_text
from postroom.mail.embedded import take_files
from postroom.mail.iso2022 import decode_euc_jp_ms, decode_iso2022_jp_ms
from postroom.mail.magic import sniff
from postroom.mail.parse import read_mail, read_part
from postroom.mail.rtf import decompress, read_rtf
from postroom.mail.secured import signed_content
from postroom.mail.tnef import read_tnef

HEAD = b"From: a@b.example\r\nSubject: x\r\n"


def attribute(identity: int, data: bytes) -> bytes:
    return struct.pack("<BHHI", 1, identity, 0, len(data)) + data + b"\0\0"


def test_tnef_that_lies_about_lengths_gives_what_there_is() -> None:
    whole = struct.pack("<IH", 0x223E9F78, 1) + attribute(0x800C, b"Words\0")
    lying = whole + struct.pack("<BHHI", 2, 0x800F, 0, 0xFFFFFFFF) + b"rest"
    assert "Words" == read_tnef(lying).text
    for cut in range(len(whole)):
        read_tnef(whole[:cut])
    many = struct.pack("<I", 0xFFFFFFFF) + b"\x1f\x10\x01\x00" + b"\xff" * 8
    assert not read_tnef(whole[:6] + attribute(0x9003, many)).text


def test_tnef_opens_at_most_two_hundred_files() -> None:
    raw = struct.pack("<IH", 0x223E9F78, 1) + attribute(0x9002, b"") * 1_000
    assert 200 == len(read_tnef(raw).files)


def test_compressed_rtf_that_repeats_itself_is_expanded_to_its_announced_size() -> None:
    # A literal "a", then "copy 17 octets from where that stands", which overlaps itself.
    stream = bytes([0b10, ord("a")]) + struct.pack(">H", 207 << 4 | 15)
    raw = struct.pack("<IIII", len(stream) + 12, 12, 0x75465A4C, 0) + stream
    assert b"a" * 12 == decompress(raw)
    assert b"" == decompress(raw[:10])


def test_rtf_words_are_read_without_fonts_and_hidden_groups() -> None:
    source = rb"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0 Arial;}}{\*\x hidden}\uc1 a\'e4\u8364?b\par c}"
    assert ("aä€b\nc", False) == read_rtf(source)


@pytest.mark.parametrize(
    "octets", [b"", b"0", b"0\x80", b"0\x84\xff\xff\xff\xff", b"\x30\x80" * 50]
)
def test_broken_signature_is_none(octets: bytes) -> None:
    assert signed_content(octets) is None


def test_block_without_end_stays_text_and_words_around_a_file_stay() -> None:
    assert (b"begin 644 x\nM", []) == take_files(b"begin 644 x\nM")
    text, [file] = take_files(b"above\nbegin 644 a.txt\n#86)C\n`\nend\nbelow\n")
    assert (b"above\nbelow\n", "a.txt", b"abc") == (text, file.name, file.octets)


def test_a_sentence_between_begin_and_end_is_no_file() -> None:
    raw = b"begin 644 people\nall of them came to the meeting and spoke about it\nend\n"
    assert (raw, []) == take_files(raw)


def test_file_inside_of_a_text_can_be_cut_out_and_another_number_is_none() -> None:
    raw = HEAD + b"\r\nbegin 644 a.txt\r\n#86)C\r\n`\r\nend\r\n"
    [attachment] = read_mail(raw).attachments
    assert ("1/1", 3) == (attachment.part, attachment.size)
    assert b"abc" == read_part(raw, "1/1")[2]
    for wrong in ("1/0", "1/2", "1/x", "2/1", "/", "1/\u00b2"):
        with pytest.raises(KeyError):
            read_part(raw, wrong)


def test_alarm_inside_of_an_event_does_not_describe_it() -> None:
    lines = "BEGIN:VEVENT,BEGIN:VALARM,DESCRIPTION:ring,END:VALARM,SUMMARY:Tea,DTSTART:20261120"
    assert "Tea\nWhen: 2026-11-20" == calendar_to_text(lines.replace(",", "\n"))


def test_japanese_of_windows_is_read() -> None:
    assert "①㈱" == decode_iso2022_jp_ms(b"\x1b$B-!-j\x1b(B")
    assert "ｱb" == decode_iso2022_jp_ms(b"\x1b(I1\x1b(Bb")
    assert "①日a" == decode_euc_jp_ms(b"\xad\xa1\xc6\xfca")


def test_program_that_calls_itself_a_picture_is_named() -> None:
    raw = HEAD + b"Content-Type: image/png; name=a.png\r\n\r\nMZ\x90\0\3"
    assert "a.png is a program" in read_mail(raw).defects


@pytest.mark.parametrize(
    ("expected", "start"),
    [
        ("application/pdf", b"%PDF-1.7"),
        ("application/zip", b"PK\3\4" + b"\0" * 26 + b"a.txt"),
        (
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            b"PK\3\4" + b"\0" * 26 + b"xl/workbook.xml",
        ),
        (
            "application/vnd.oasis.opendocument.text",
            b"PK\3\4" + b"\0" * 26 + b"mimetypeapplication/vnd.oasis.opendocument.textPK",
        ),
        ("image/svg+xml", b'<?xml version="1.0"?><svg>'),
        ("text/html", b" <!DOCTYPE html>"),
        ("", b"words"),
    ],
)
def test_files_are_known_by_how_they_begin(expected: str, start: bytes) -> None:
    assert expected == sniff(start)


def test_large_file_inside_of_a_text_is_whole() -> None:
    line = b"M" + b"86)C" * 15 + b"\r\n"
    raw = HEAD + b"\r\nabove\r\nbegin 644 a.bin\r\n" + line * 220_000 + b"`\r\nend\r\nbelow\r\n"
    mail = read_mail(raw)
    assert ("above\nbelow\n", (220_000 * 45,)) == (
        mail.text,
        tuple(each.size for each in mail.attachments),
    )


def _tnef(*attributes: tuple[int, bytes]) -> bytes:
    packed = (struct.pack("<BII", 2, kind, len(data)) + data + b"\0\0" for kind, data in attributes)
    return struct.pack("<IH", 0x223E9F78, 1) + b"".join(packed)


def test_message_packed_inside_of_a_tnef_is_a_mail() -> None:
    inner = _tnef((0x18004, b"Older\0"), (0x2800C, b"What was said\0"))
    for _ in range(3):
        value = bytes(16) + inner  # what it is, before an object
        padded = value + bytes(-len(value) % 4)
        head = struct.pack("<IHHII", 1, 0x0D, 0x3701, 1, len(value))
        inner = _tnef((0x69002, bytes(14)), (0x69005, head + padded))
    [file] = read_tnef(inner).files
    assert ("message.eml", "message/rfc822") == (file.name, file.type)
    [middle] = read_mail(file.octets).attachments
    older = read_mail(read_part(file.octets, middle.part)[2])
    [part] = older.attachments
    mail = read_mail(read_part(read_part(file.octets, middle.part)[2], part.part)[2])
    assert ("Older", "What was said") == (mail.subject, mail.text)
