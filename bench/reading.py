"""How fast one mail is read, and that the time is linear in its size.

Prints mails a second of one core over the bench corpus (by kind, too), then a table that doubles
the size of mails made to be expensive: the last column is the time of a size over that of half of
it, so 2 is linear and 4 is the square. Processor time throughout.
"""

from __future__ import annotations

import time
from collections import defaultdict

from bench.corpus import make_corpus

from postroom.mail.parse import read_mail

_MAILS = 2_000
_DOUBLINGS = 3
_HEAD = b"From: a@b.example\r\nSubject: x\r\n"
_TEXT = _HEAD + b"\r\n"
_HTML = _HEAD + b"Content-Type: text/html\r\n\r\n"
_MIXED = _HEAD + b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n'
_BASE64 = _HEAD + b"Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n"
_QUOTED = _HEAD + b"Content-Transfer-Encoding: quoted-printable\r\n\r\n"

# What is repeated, and to which size at first.
_SHAPES: dict[str, tuple[bytes, bytes, int]] = {
    "plain text": (_TEXT, b"Some words on a line, as people write.\r\n", 2_000_000),
    "one line": (_TEXT, b"x", 16_000_000),
    "quoted lines": (_TEXT, b"> > On 1 May Ann <a@b.example> wrote:\r\n", 1_000_000),
    "blank lines": (_TEXT, b"\r\n", 2_000_000),
    "blanks": (_TEXT, b" ", 16_000_000),
    "nested HTML": (_HTML, b"<div><blockquote>", 1_000_000),
    "HTML tables": (_HTML, b"<table><tr><td>a<td><a href='x'>b</a>", 1_000_000),
    "HTML, nothing closed": (_HTML, b"<a href=\"x<!--<p style='", 1_000_000),
    "parts": (_MIXED, b"--b\r\n\r\nx\r\n", 2_000_000),
    "nested parts": (
        _MIXED,
        b"--b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n",
        2_000_000,
    ),
    "delimiters of nobody": (_MIXED, b"--x\r\n", 4_000_000),
    "headers": (b"", b"X-A: b\r\n", 4_000_000),
    "one header": (b"Subject: ", b"=?utf-8?q?", 8_000_000),
    "recipients": (b"To: ", b"Ann <a@b.example>, ", 250_000),
    "quotes in an address": (b"To: ", b'\\"', 250_000),
    "base64": (
        _BASE64,
        b"QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9wcXJzdHV2\r\n",
        1_500_000,
    ),
    "base64, all padding": (_BASE64, b"QQ==", 1_000_000),
    "quoted-printable": (_QUOTED, b"=41=\r\n", 2_000_000),
    "uuencoded, no end": (_TEXT, b"begin 644 x\r\n", 1_000_000),
}


def _seconds(raw: bytes) -> float:
    best = float("inf")
    for _ in range(2):
        start = time.process_time()
        read_mail(raw)
        best = min(best, time.process_time() - start)
    return max(best, 1e-6)


def _typical() -> None:
    mails = make_corpus(_MAILS)
    by_kind: dict[str, list[float]] = defaultdict(list)
    for mail in mails[:200]:  # warm
        read_mail(mail.raw)
    for mail in mails:
        start = time.process_time()
        read_mail(mail.raw)
        by_kind[mail.kind].append(time.process_time() - start)
    total = sum(map(sum, by_kind.values()))
    print(f"{_MAILS / total:8,.0f} mails a second of one core ({total / _MAILS * 1e3:.3f} ms each)")
    for kind, times in sorted(by_kind.items()):
        print(f"  {kind:12} {sum(times) / len(times) * 1e3:.3f} ms each, {len(times)} mails")


def _hostile() -> None:
    sizes = "".join(f"{f'x {2**n}':>10}" for n in range(_DOUBLINGS))
    print(f"\n{'made of':22}{sizes}    factor")
    for name, (head, piece, size) in _SHAPES.items():
        mails = [head + piece * ((size << n) // len(piece)) for n in range(_DOUBLINGS)]
        times = [_seconds(raw) for raw in mails]
        shown = "".join(f"{seconds:9.3f}s" for seconds in times)
        print(f"{name:22}{shown}{times[-1] / times[-2]:10.2f}   ({len(mails[-1]):,} octets)")


if __name__ == "__main__":
    _typical()
    _hostile()
