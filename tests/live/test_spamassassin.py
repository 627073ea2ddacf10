"""No mail that ships looks like spam to SpamAssassin: each template scores below 1."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any

from postroom.core.variables import SAMPLE, SAMPLE_PICTURES
from postroom.mail.compose import Letter, compose
from postroom.mail.message import Address
from postroom.render.renderer import Renderer
from postroom.shipped import shipped_folder, shipped_texts

MOST = 1.0
AT = datetime.now(UTC)
# What surrounds other mails, and the language files of a mail that is never sent alone.
PARTS = {"letterhead"}
HOP = (
    "Received: from mail.example.com (mail.example.com [81.2.69.142])\r\n"
    "\tby mx.example.net (Postfix) with ESMTPS id 4XyzABCD\r\n"
    "\tfor <ann@example.net>; {at}\r\n"
)


def templates() -> Iterator[tuple[str, str]]:
    """Yield name and language of each template that is a mail."""
    for path in sorted((shipped_folder() / "templates" / "mail").glob("*.j2")):
        name, language, _ = path.name.split(".")
        if name not in PARTS:
            yield name, language


def mail_of(
    name: str, language: str, number: int, layout: str | None, pictures: Sequence[Any] = ()
) -> bytes:
    variables = {**SAMPLE, "message": {**SAMPLE["message"], "pictures": pictures}}
    rendered = Renderer(shipped_texts()).render(name, language, variables, layout=layout)
    assert rendered.warning is None
    letter = Letter(
        Address("Example Support", "support@example.com"),
        (Address("Ann Berg", "ann@example.net"),),
        rendered.subject,
        rendered.text,
        f"m{number}.x7kq2.acme@example.com",
        AT,
        html=rendered.html,
        reply_to=(Address("", "support+cbbbhxoybs2dht2oi7em@example.com"),),
        auto_submitted="auto-replied" if name == "auto-reply" else "auto-generated",
        headers=(("X-Postroom-Loop", "acme"), ("X-Auto-Response-Suppress", "All")),
    )
    return HOP.format(at=format_datetime(AT)).encode() + compose(letter)


def scores(mails: list[bytes], folder: Path) -> list[tuple[float, str]]:
    """Return score and rules of each mail, without asking the network."""
    box = folder / "mbox"
    with box.open("wb") as file:
        for raw in mails:
            lines = raw.replace(b"\r\n", b"\n")
            file.write(b"From support@example.com Thu Jan  1 00:00:00 1970\n" + lines + b"\n")
    words = ["spamassassin", "-L", "-t", "--mbox", "-x", "--siteconfigpath=/etc/spamassassin"]
    done = subprocess.run([*words, box], capture_output=True, timeout=600, check=False)
    assert 0 == done.returncode, f"apt-get install spamassassin? {done.stderr.decode()}"
    said = re.sub(r"\n\s+", " ", done.stdout.decode("utf-8", "replace"))
    found = re.findall(r"^X-Spam-Status: \w+, score=(-?[\d.]+) .*?tests=(\S*)", said, re.MULTILINE)
    return [(float(score), rules) for score, rules in found]


def test_no_shipped_template_looks_like_spam(tmp_path: Path) -> None:
    wanted = [(*one, layout) for one in templates() for layout in (None, "letterhead")]
    mails = [mail_of(*one[:2], number, one[2]) for number, one in enumerate(wanted)]
    found = scores(mails, tmp_path)
    assert len(wanted) == len(found)
    print(max(found))
    assert [] == [pair for pair in zip(wanted, found, strict=True) if pair[1][0] >= MOST]


def test_a_picture_tells_the_filter_nothing_but_that_there_is_one(tmp_path: Path) -> None:
    wanted = [(name, "en", layout) for name in ("answer", "new") for layout in (None, "letterhead")]
    mails = [mail_of(*one[:2], 1, one[2], SAMPLE_PICTURES) for one in wanted]
    rules = {rule for _, found in scores(mails, tmp_path) for rule in found.split(",") if rule}
    # A picture in less than 3,200 octets of HTML: so writes everybody who sends a screenshot.
    assert {"HTML_MESSAGE"} == {one for one in rules if not one.startswith("HTML_IMAGE_ONLY_")}


def test_the_filter_knows_spam(tmp_path: Path) -> None:
    bait = b"XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
    raw = mail_of("auto-reply", "en", 1, None) + bait + b"\r\n"
    [(score, rules)] = scores([raw], tmp_path)
    assert (True, True) == (score > 900, "GTUBE" in rules)
