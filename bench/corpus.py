"""The mails of the bench: a fixed mixture, the same ones for the same seed.

60 % plain, 25 % multipart/alternative, 12 % with an attachment of 10 to 100 KB, 3 % HTML only;
three of ten are replies to an earlier mail of their sender, with the older text quoted. Texts are
in several languages and charsets.
"""

from __future__ import annotations

import random
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from html import escape
from typing import TypeVar

T = TypeVar("T")

SEED = 20261120
MAILBOX = "support@example.com"

KINDS: Mapping[str, int] = {"plain": 60, "alternative": 25, "attachment": 12, "html": 3}
REPLIES = 30  # of a hundred
CHARSETS: Mapping[tuple[str, str], int] = {
    ("us-ascii", "7bit"): 40,
    ("utf-8", "quoted-printable"): 25,
    ("utf-8", "base64"): 15,
    ("iso-8859-1", "quoted-printable"): 12,
    ("windows-1252", "quoted-printable"): 8,
}
ATTACHMENT_OCTETS = (10_000, 100_000)
# People go on with what is recent.
RECENT = 200

_FIRST_AT = datetime(2026, 11, 20, 6, 0, tzinfo=UTC)
_NAMES: Mapping[str, Sequence[str]] = {
    "us-ascii": ("Kari Nordmann", "John Smith", "Maria Rossi", "Ola Hansen", "Emma Jones"),
    "iso-8859-1": ("Bjørn Åsheim", "Jörg Müller", "Françoise Lefèvre", "José Peña"),
    "windows-1252": ("Zoë d’Arcy", "Håkon Œrsted"),
    "utf-8": ("Νίκος Παπαδόπουλος", "Zuzana Křížová", "Дмитрий Орлов", "山田 太郎", "Łukasz Żak"),
}
_SUBJECTS = (
    "The heating in the hall is cold",
    "Question about invoice {n}",
    "Order {n} has not arrived",
    "How do I change my address?",
    "Where can I find the manual",
    "Cancel my subscription please",
    "The app shows an empty page",
    "Meter reading {n}",
    "Faktura {n}",
    "A spare key",
    "Missing parts in parcel {n}",
)
_SENTENCES: Mapping[str, Sequence[str]] = {
    "us-ascii": (
        "Since Monday nothing happens when I press the button.",
        "The number on the label is {n}, and the light on the front blinks twice.",
        "I have tried what the manual says on page 12, without any change.",
        "Could you please tell me what to do next?",
        "My neighbour has the same device and his works well.",
        "It is not urgent, but we would like to use it before the holidays.",
    ),
    "iso-8859-1": (
        "Siden mandag skjer det ingenting når jeg trykker på knappen.",
        "Das Gerät läuft, aber die Anzeige bleibt schwarz; Nummer {n} steht außen.",
        "Pouvez-vous me dire où se trouve la pièce n° {n} ?",
        "Jeg har prøvd å starte på nytt, og det hjalp ikke.",
    ),
    "windows-1252": (
        "It says “no connection” – and then it’s gone…",
        "The price was 49 € on the page, not {n} €.",
        "I’d rather have it repaired than replaced – is that possible?",
    ),
    "utf-8": (
        "Η συσκευή δεν ξεκινά μετά την τελευταία ενημέρωση.",
        "Zařízení číslo {n} nefunguje a nevím, co mám dělat dál.",
        "После обновления прибор не включается, номер {n}.",
        "説明書のとおりにしましたが、動きません。",
        "Vær så snill å sende en ny del – den gamle er ødelagt.",
    ),
}
_FILES = (
    ("photo.jpg", "image", "jpeg"),
    ("receipt.pdf", "application", "pdf"),
    ("skjermbilde på kjøkkenet.png", "image", "png"),
    ("list.xlsx", "application", "vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
)


@dataclass(frozen=True, slots=True)
class CorpusMail:
    """One mail; `thread` are the Message-IDs that it refers to, the mail that it answers last."""

    kind: str
    charset: str
    encoding: str
    sender: str
    name: str
    subject: str
    text: str  # newly written
    message_id: str
    thread: tuple[str, ...]
    raw: bytes


def make_corpus(count: int, seed: int = SEED) -> list[CorpusMail]:
    """Make so many mails, each after the one that it answers."""
    chance = random.Random(seed)
    kinds = _shuffled(chance, count, KINDS)
    charsets = _shuffled(chance, count, CHARSETS)
    answers = _shuffled(chance, count, {True: REPLIES, False: 100 - REPLIES})
    if True in answers and answers[0]:  # there is nothing to answer yet
        first = answers.index(False)
        answers[0], answers[first] = False, True
    mails: list[CorpusMail] = []
    for number in range(count):
        parent = chance.choice(mails[-RECENT:]) if answers[number] else None
        mails.append(_mail(chance, number, kinds[number], charsets[number], parent))
    return mails


def _shuffled(chance: random.Random, count: int, shares: Mapping[T, int]) -> list[T]:
    """Return `count` things in exactly these shares (of 100), the first taking the remainder."""
    rest = {thing: share * count // 100 for thing, share in list(shares.items())[1:]}
    first = next(iter(shares))
    things = [first] * (count - sum(rest.values()))
    things += [thing for thing, number in rest.items() for _ in range(number)]
    chance.shuffle(things)
    return things


def _mail(
    chance: random.Random,
    number: int,
    kind: str,
    written: tuple[str, str],
    parent: CorpusMail | None,
) -> CorpusMail:
    charset, encoding = written
    if parent is not None and not _fits(parent.text, charset):
        charset, encoding = parent.charset, parent.encoding  # as people's programs do
    name, sender = _sender(chance, charset, number)
    subject = chance.choice(_SUBJECTS).format(n=chance.randrange(1000, 100_000))
    thread: tuple[str, ...] = ()
    if parent is not None:
        name, sender, subject = parent.name, parent.sender, _re(parent.subject)
        thread = (*parent.thread, parent.message_id)[-10:]
    text = _text(chance, charset)
    message_id = f"{chance.getrandbits(64):016x}.{number}@{sender.partition('@')[2]}"
    letter = _headers(chance, number, name, sender, subject, message_id, thread)
    _fill(letter, chance, kind, charset, encoding, text + _ending(name, charset, parent))
    return CorpusMail(
        kind, charset, encoding, sender, name, subject, text, message_id, thread, bytes(letter)
    )


def _sender(chance: random.Random, charset: str, number: int) -> tuple[str, str]:
    name = chance.choice(_NAMES.get(charset, _NAMES["us-ascii"]))
    domain = f"{chance.choice(('post', 'mail', 'firm', 'home'))}{chance.randrange(60)}.example.net"
    return name, f"customer{number}@{domain}"


def _re(subject: str) -> str:
    return subject if subject.startswith("Re: ") else f"Re: {subject}"


def _text(chance: random.Random, charset: str) -> str:
    """Return a few paragraphs of sentences that the charset can write."""
    own = [*_SENTENCES[charset], *_SENTENCES["us-ascii"][:3]]
    paragraphs = []
    for _ in range(chance.randint(1, 4)):
        sentences = [chance.choice(own) for _ in range(chance.randint(1, 4))]
        filled = " ".join(sentences).replace("{n}", str(chance.randrange(100, 10_000)))
        paragraphs.append(textwrap.fill(filled, 72))
    return "Hello,\n\n" + "\n\n".join(paragraphs) + "\n"


def _ending(name: str, charset: str, parent: CorpusMail | None) -> str:
    """Return the signature, and the quoted mail below it."""
    shown = name if _fits(name, charset) else "K."
    ending = f"\nRegards\n{shown}\n"
    if parent is not None:
        quoted = "".join(f"> {line}".rstrip() + "\n" for line in parent.text.splitlines())
        ending += f"\nOn 20 Nov 2026 at 07:15, {parent.sender} wrote:\n{quoted}"
    return ending


def _fits(text: str, charset: str) -> bool:
    try:
        text.encode(charset)
    except UnicodeEncodeError:
        return False
    return True


def _headers(
    chance: random.Random,
    number: int,
    name: str,
    sender: str,
    subject: str,
    message_id: str,
    thread: Sequence[str],
) -> EmailMessage:
    letter = EmailMessage(policy=SMTP)
    at = format_datetime(_FIRST_AT + timedelta(seconds=7 * number))
    domain = sender.partition("@")[2]
    code = f"{chance.getrandbits(48):012x}"
    letter["Received"] = f"from mx.{domain} (mx.{domain} [192.0.2.7]) by mx.example.com; {at}"
    letter["Received"] = f"from laptop (unknown [198.51.100.9]) by mx.{domain} id {code}; {at}"
    local, _, _ = sender.partition("@")
    letter["From"] = Address(name, local, domain)
    letter["To"] = MAILBOX
    letter["Subject"] = subject
    letter["Date"] = at
    letter["Message-ID"] = f"<{message_id}>"
    if thread:
        letter["In-Reply-To"] = f"<{thread[-1]}>"
        letter["References"] = " ".join(f"<{item}>" for item in thread)
    letter["User-Agent"] = "Mozilla Thunderbird"
    return letter


def _fill(
    letter: EmailMessage,
    chance: random.Random,
    kind: str,
    charset: str,
    encoding: str,
    text: str,
) -> None:
    html = _html(text)
    match kind:
        case "html":
            letter.set_content(html, "html", charset=charset, cte=encoding)
        case "alternative":
            letter.set_content(text, charset=charset, cte=encoding)
            letter.add_alternative(html, "html", charset=charset, cte=encoding)
        case "attachment":
            letter.set_content(text, charset=charset, cte=encoding)
            name, main, sub = chance.choice(_FILES)
            octets = chance.randbytes(chance.randint(*ATTACHMENT_OCTETS))
            letter.add_attachment(octets, main, sub, filename=name)
        case _:
            letter.set_content(text, charset=charset, cte=encoding)
    if letter.is_multipart():  # else the library takes one from a chance that is not ours
        letter.set_boundary(f"------------{chance.getrandbits(96):024x}")


def _html(text: str) -> str:
    paragraphs = "".join(
        f'<p style="margin:0 0 1em 0">{escape(part).replace(chr(10), "<br>" + chr(10))}</p>\n'
        for part in text.split("\n\n")
    )
    return (
        "<!DOCTYPE html>\n<html><head><style>\nbody { font: 11pt sans-serif; color: #222 }\n"
        f"a {{ color: #06c }}\n</style></head>\n<body>\n{paragraphs}"
        '<p><a href="https://www.example.net/">www.example.net</a></p>\n</body></html>\n'
    )
