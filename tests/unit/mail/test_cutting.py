"""A file is cut out by its place as it is by reading the mail, whatever the pieces."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from postroom.mail.cutting import decode_pieces
from postroom.mail.parse import read_mail, read_part
from postroom.mail.transfer import decode_transfer, is_regular

# What the decoders look at, each letter and each pair of them likely.
LETTERS = {
    "base64": (b"A", b"Q/", b"4", b"=", b"==", b"=" * 7, b"\r\n", b" ", b"\xff"),
    "quoted-printable": (b"=", b"A", b"4", b"g", b"=3D", b"\r", b"\n", b"=\r\n", b" ", b"=\r x"),
    "uuencode": (b"#86)C", b"M", b"#0V%T", b"\n", b"\r", b"begin 644 x", b"end", b" " * 90, b"`"),
    "": (b"a", b"\r\n", b"\0"),
}


@st.composite
def in_pieces(draw: st.DrawFn) -> tuple[str, list[bytes]]:
    encoding = draw(st.sampled_from(sorted(LETTERS)))
    letters = st.sampled_from(LETTERS[encoding])
    return encoding, draw(st.lists(st.lists(letters, max_size=8).map(b"".join), max_size=20))


@settings(max_examples=500, deadline=None, database=None)
@given(in_pieces())
def test_pieces_decode_as_the_whole_does(given: tuple[str, list[bytes]]) -> None:
    encoding, pieces = given
    raw = b"".join(pieces)
    assume(is_regular(raw, 0, len(raw), encoding))
    assert decode_transfer(raw, encoding) == b"".join(decode_pieces(pieces, encoding))


def test_many_paddings_are_counted_over_all_pieces() -> None:
    raw = b"QQ==" * 150 + b"QUJD"
    pieces = [raw[start : start + 7] for start in range(0, len(raw), 7)]
    assert decode_transfer(raw, "base64") == b"".join(decode_pieces(pieces, "base64"))


@pytest.mark.parametrize("line", [b"A" * 99, b"=\r" + b"x" * 97, b"=41" * 33, b"=" * 99, b" " * 99])
@pytest.mark.parametrize("encoding", sorted(LETTERS))
def test_a_line_of_many_megabytes_is_never_kept_whole(encoding: str, line: bytes) -> None:
    tracemalloc.start()
    try:
        count = sum(map(len, decode_pieces((line * 2_000 for _ in range(30)), encoding)))
        assert tracemalloc.get_traced_memory()[1] < 3_000_000
    finally:
        tracemalloc.stop()
    assert count <= 99 * 2_000 * 30


def test_a_mail_with_old_macintosh_line_ends_is_read_again() -> None:
    head = b"Content-Type: multipart/mixed; boundary=b\r\r--b\r\rtext\r--b\r"
    file = b"Content-Type: application/pdf\r\rx\ry\r--b--\r"
    [attachment] = read_mail(head + file).attachments
    assert (None, b"x\ny") == (attachment.place, read_part(head + file, "2")[2])
