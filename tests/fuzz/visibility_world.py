"""A world for the visibility property: people, their mail programs, and Postroom between them.

Everything but the door and the spool is real: desk, rules, SQLite, sender, templates. Mail is read
in this process. After each history the database is emptied, so that a story can be told again.
"""

from __future__ import annotations

import base64
import email
import html
import itertools
import re
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.header import Header, decode_header, make_header
from email.message import Message
from email.utils import getaddresses, parseaddr
from functools import cached_property, partial
from pathlib import Path
from random import Random
from typing import Any

import structlog
from sqlalchemy import delete, select, update
from tests.fuzz.visibility_oracle import Finding, Knowledge, decoded
from tests.houses import CATEGORIES, CONFIG, LOUD, NOON, PRIORITIES, ROUTING, Clock, make_house

from postroom.core.facts import Wish
from postroom.errors import Conflict
from postroom.house import House
from postroom.mail.message import Envelope, ParsedMail
from postroom.mail.parse import read_mail
from postroom.store import schema as t
from postroom.store.db import Database, _Waiting
from postroom.work import review, ticker
from postroom.work.desk import Settled
from postroom.work.reply import Reply
from postroom.work.sender import Sender
from postroom.work.stationery import Stationery

INSIDE = "dispatch@inside.example"  # of the rules; no handler's
ALIASES = 'email = "eva@example.com"\naliases = ["eva.berg@example.com"]'
RULES = {
    "team": LOUD.replace('email = "eva@example.com"', ALIASES),
    "categories": CATEGORIES.replace(
        'assign = "round-robin"',
        'assign = "round-robin"\nowner_on_reply = true\nreassign_when_absent = true\n'
        'layout = "letterhead"\nreopen_within = "30d"',
    ).replace('administrator = "omar"', f'administrator = "omar"\nnotify = ["{INSIDE}"]'),
    "priorities": PRIORITIES
    + f"""
[[priority.level]]
level = 1
after = "20m"
notify = ["contact", "owner", "{INSIDE}"]
""",
    "routing": ROUTING
    + f"""
[[rule]]
name = "rare"
when = {{ subject = "*urgent*" }}
then = {{ notify = ["contact", "members", "{INSIDE}"], forward_to = ["{INSIDE}"] }}
""",
}
TRUST = '\n[trust]\nauthserv_id = ["mx.example.com"]\n'
OPEN = """
[brakes]
answers_per_address = "off"
answers_per_day = "off"
answers_per_domain = "off"
answers_alike = "off"
requests_per_address = "off"
notices_in_all = "off"
"""

_ADDED = re.compile(r"#cc (\S+@\S+\.example)")
SUPPORT, SALES = "support@example.com", "sales@example.com"
KEPT = {t.policy, t.policy_activation, t.handler}


@dataclass(frozen=True)
class Person:
    """Somebody who writes mail."""

    name: str
    address: str

    @property
    def shown(self) -> str:
        """His From."""
        return f"{self.name} <{self.address}>"


EVA = Person("Eva Berg", "eva@example.com")
OMAR = Person("Omar Haddad", "omar@example.com")
KIM = Person("Kim Lund", "kim@example.com")
HANDLERS = (EVA, OMAR, KIM)
EVA_ALIAS = "eva.berg@example.com"
EVA_AT_HOME = "evchen@home.example"  # to which her mail is forwarded; nobody here knows it
MALLORY = "mallory@evil.example"
DISPATCH = Person("Dispatch", INSIDE)
PRIVATE = (*(one.address for one in HANDLERS), EVA_ALIAS, EVA_AT_HOME, INSIDE)


@dataclass(frozen=True)
class Letter:
    """A mail that somebody has: from us, or straight from somebody else."""

    raw: bytes
    envelope_from: str = ""

    @cached_property
    def parsed(self) -> Message:
        return email.message_from_bytes(self.raw)

    def header(self, name: str) -> str:
        return " ".join(str(self.parsed[name] or "").split())

    @cached_property
    def subject(self) -> str:
        value = self.header("Subject")
        return str(make_header(decode_header(value))) if "=?" in value else value

    @cached_property
    def message_id(self) -> str:
        return self.header("Message-ID").strip("<>")

    @cached_property
    def references(self) -> str:
        return f"{self.header('References')} {self.header('Message-ID')}".strip()

    @cached_property
    def answered_at(self) -> str:
        return parseaddr(self.header("Reply-To") or self.header("From"))[1]

    @cached_property
    def everybody(self) -> list[str]:
        fields = [self.header(name) for name in ("Reply-To", "From", "To", "Cc")]
        return [address for _, address in getaddresses([one for one in fields if one])]

    def body(self, kind: str) -> str:
        """Return the text of one kind, "" if there is none."""
        for part in self.parsed.walk():
            if part.get_content_type() == kind and not part.get_filename():
                octets = part.get_payload(decode=True)
                if isinstance(octets, bytes):
                    return octets.decode("utf-8", "replace").replace("\r\n", "\n")
        return ""

    @cached_property
    def text(self) -> str:
        return self.body("text/plain")

    @cached_property
    def markup(self) -> str:
        return self.body("text/html") or f"<pre>{html.escape(self.text)}</pre>"


# ---- mail programs

INTRODUCTIONS = (
    "On Fri, 20 Nov 2026 at 13:00, {name} <{address}> wrote:",
    "On 20/11/2026 13:00, {name} wrote:",
    "On Fri, 20 Nov 2026 at 13:00, {name}\n<{address}> wrote:",
    "Am 20.11.2026 um 13:00 schrieb {name}:",
    "Am Fr., 20. Nov. 2026 um 13:00 Uhr schrieb {name} <{address}>:",
    "Le ven. 20 nov. 2026 à 13:00, {name} <{address}> a écrit :",
    "Den fre. 20. nov. 2026 kl. 13:00 skrev {name} <{address}>:",
    "Op vr 20 nov 2026 om 13:00 schreef {name} <{address}>:",
    "Il giorno ven 20 nov 2026 alle 13:00 {name} <{address}> ha scritto:",
    "El vie, 20 nov 2026 a las 13:00, {name} (<{address}>) escribió:",
    "Em sex., 20 de nov. de 2026 às 13:00, {name} <{address}> escreveu:",
    "W dniu 20.11.2026 o 13:00, {name} pisze:",
    "{name} <{address}> wrote:",
    "20.11.2026, 13:00, {name} <{address}>:",
)
BLOCKS = (
    ("From", "Sent", "To", "Subject"),
    ("Von", "Gesendet", "An", "Betreff"),
    ("Fra", "Sendt", "Til", "Emne"),
    ("De", "Envoyé", "À", "Objet"),
)
MARKED = (
    "none", "bottom", "top", "top-unmarked", "interleaved", "outlook", "outlook-rule", "separator",
    "blockquote", "alternative", "signature",
)  # fmt: skip
UNMARKED = ("bare", "bars", "indented", "html-copy", "html-hidden", "alternative-copy", "below")
ATTACHED = ("forward", "forward-inline", "text-file", "html-file")
STYLES = (*MARKED, *UNMARKED, *ATTACHED)


@dataclass
class Draft:
    """A mail as its author sees it before it is sent."""

    author: Person
    to: list[str]
    subject: str
    text: str = ""
    markup: str | None = None
    cc: list[str] = field(default_factory=list)
    parent: Letter | None = None
    files: list[tuple[str, str, bytes]] = field(default_factory=list)  # name, type, octets
    headers: list[tuple[str, str]] = field(default_factory=list)
    envelope_from: str | None = None
    verdict: str = "pass"
    message_id: str = ""


def quote(style: str, fresh: str, parent: Letter, random: Random) -> dict[str, Any]:
    """Write an answer as one of many mail programs does; return what it changes in a draft."""
    old, who = parent.text.rstrip("\n"), parseaddr(parent.header("From"))
    quoted = "\n".join(f"> {line}".rstrip() for line in old.split("\n"))
    words = random.choice(INTRODUCTIONS).format(name=who[0] or who[1], address=who[1])
    block = random.choice(BLOCKS)
    headers = "\n".join(
        f"{label}: {value}"
        for label, value in zip(
            block,
            (parent.header("From"), "Fri 20/11/2026 13:00", parent.header("To"), parent.subject),
            strict=True,
        )
    )
    file: tuple[str, str, bytes] | None = None
    paragraph = html.escape(fresh).replace("\n", "<br>\n")
    match style:
        case "none":
            return {"text": fresh}
        case "signature":
            return {"text": f"{fresh}\n\n-- \nSigned\n"}
        case "bottom":
            return {"text": f"{words}\n{quoted}\n\n{fresh}"}
        case "top":
            return {"text": f"{fresh}\n\n{words}\n\n{quoted}\n"}
        case "top-unmarked":
            return {"text": f"{fresh}\n\n{words.rpartition(':')[0]}:\n\n{old}\n"}
        case "interleaved":
            first, _, rest = quoted.partition("\n")
            return {"text": f"{words}\n{first}\n\n{fresh}\n\n{rest}\n"}
        case "outlook":
            return {"text": f"{fresh}\n\n{headers}\n\n{old}\n"}
        case "outlook-rule":
            return {"text": f"{fresh}\n\n{'_' * 32}\n{headers}\n\n{old}\n"}
        case "separator":
            return {"text": f"{fresh}\n\n-----Original Message-----\n{headers}\n\n{old}\n"}
        case "blockquote":
            cited = f"<blockquote type=cite>{parent.markup}</blockquote>"
            return {"text": "", "markup": f"<p>{paragraph}</p><div>{words}</div>{cited}"}
        case "alternative":
            cited = f"<blockquote>{parent.markup}</blockquote>"
            return {
                "text": f"{fresh}\n\n{words}\n{quoted}\n",
                "markup": f"<p>{paragraph}</p><div>{html.escape(words)}</div>{cited}",
            }
        case "bare":
            return {"text": f"{fresh}\n\n{old}\n"}
        case "below":
            return {"text": f"{old}\n\n{fresh}\n"}
        case "bars":
            barred = "\n".join(f"| {line}" for line in old.split("\n"))
            return {"text": f"{fresh}\n\n{barred}\n"}
        case "indented":
            return {"text": f"{fresh}\n\n{textwrap.indent(textwrap.fill(old, 40), '   ')}\n"}
        case "html-copy":
            return {"text": "", "markup": f"<p>{paragraph}</p><hr>{parent.markup}"}
        case "html-hidden":
            hidden = f'<div style="display:none">{parent.markup}</div>'
            return {"text": "", "markup": f"<p>{paragraph}</p>{hidden}"}
        case "alternative-copy":
            return {"text": fresh, "markup": f"<p>{paragraph}</p><hr>{parent.markup}"}
        case "forward":
            file = ("mail.eml", "message/rfc822", parent.raw)
        case "forward-inline":
            begin = "---------- Forwarded message ---------"
            return {"text": f"{fresh}\n\n{begin}\n{headers}\n\n{old}\n"}
        case "text-file":
            file = ("old.txt", "text/plain", old.encode())
        case "html-file":
            file = ("old.html", "text/html", parent.markup.encode())
    assert file is not None, style
    return {"text": fresh, "files": [file]}


def written(draft: Draft, number: int, when: str) -> bytes:
    """Make the bytes of a draft."""
    head = [
        *_verdict(draft),
        ("From", _encoded(draft.author.name) + f" <{draft.author.address}>"),
        ("To", ", ".join(draft.to)),
        *([("Cc", ", ".join(draft.cc))] if draft.cc else []),
        ("Subject", _encoded(draft.subject)),
        ("Date", when),
        ("Message-ID", f"<{draft.message_id or f'mail-{number}@pc.example'}>"),
        *draft.headers,
        ("MIME-Version", "1.0"),
    ]
    if draft.parent is not None:
        head += [
            ("In-Reply-To", f"<{draft.parent.message_id}>"),
            ("References", draft.parent.references),
        ]
    parts = []
    if draft.text or draft.markup is None:
        parts.append(_leaf("text/plain", draft.text.encode()))
    if draft.markup is not None:
        parts.append(_leaf("text/html", draft.markup.encode()))
    body = parts[0] if len(parts) == 1 else _joined("alternative", parts, f"a{number}")
    if draft.files:
        files = [_leaf(kind, octets, name) for name, kind, octets in draft.files]
        body = _joined("mixed", [body, *files], f"m{number}")
    lines = "".join(f"{name}: {value}\r\n" for name, value in head)
    return lines.encode() + body


def _verdict(draft: Draft) -> list[tuple[str, str]]:
    if draft.verdict == "none":
        return []
    domain = draft.author.address.rpartition("@")[2]
    return [
        ("Authentication-Results", f"mx.example.com; dmarc={draft.verdict} header.from={domain}"),
        ("Received", "from out.x.example (out.x.example [203.0.113.9]) by mx.example.com; x"),
    ]


def _encoded(text: str) -> str:
    return text if text.isascii() else Header(text, "utf-8").encode()


def _leaf(kind: str, octets: bytes, name: str = "") -> bytes:
    head = f"Content-Type: {kind}"
    if kind.startswith("text/"):
        head += "; charset=utf-8"
    if name:
        head += f'\r\nContent-Disposition: attachment; filename="{name}"'
    if kind == "message/rfc822":
        return f"{head}\r\n\r\n".encode() + octets
    head += "\r\nContent-Transfer-Encoding: base64"
    return f"{head}\r\n\r\n".encode() + base64.encodebytes(octets).replace(b"\n", b"\r\n")


def _joined(kind: str, parts: Sequence[bytes], boundary: str) -> bytes:
    body = b"".join(f"--{boundary}\r\n".encode() + part + b"\r\n" for part in parts)
    head = f'Content-Type: multipart/{kind}; boundary="{boundary}"\r\n\r\n'.encode()
    return head + body + f"--{boundary}--\r\n".encode()


# ---- the world


class InProcess:
    """Reads mail here: what it takes of `Readers`."""

    def read(self, raws: Sequence[bytes]) -> list[ParsedMail]:
        return [read_mail(raw) for raw in raws]


class Post:
    """A transport that brings mail to its readers at once."""

    needs_handed = False

    def __init__(self) -> None:
        self.out: list[tuple[str, str, bytes]] = []  # envelope sender, recipient, mail

    def send(
        self,
        delivery_id: int,
        sender: str,
        recipient: str,
        raw: bytes,
        handed: Callable[[], None],
    ) -> Reply:
        handed()
        self.out.append((sender, recipient, raw))
        return Reply("sent", "250 2.0.0 in memory")

    def settle(self) -> None:
        """Nothing is kept."""

    def close(self) -> None:
        """Nothing is open."""


@dataclass
class World:
    """One house, and one history in it at a time."""

    house: House
    clock: Clock
    post: Post
    sender: Sender
    readers: Any
    counts: dict[str, int] = field(default_factory=dict)  # over all histories
    deliver_by: Callable[[World, Envelope, bytes], Settled] | None = None

    def __post_init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Forget everything: a new history begins."""
        self.house.database.write(_emptied)
        self.clock.now = NOON
        self.post.out.clear()
        self.roles: dict[str, str] = {}  # of our addresses
        self.numbers = itertools.count(1)
        self.words = itertools.count(1)
        self.story: list[str] = []
        self.findings: list[Finding] = []
        self.inbox: dict[str, list[Letter]] = {}
        # journal id → the words of that mail, and whom else it may make participants
        self.held: dict[int, tuple[set[str], set[str]]] = {}
        self.tags: set[int] = set()
        site = self.house.site
        self.knows = Knowledge(
            self.house.desk.signer,
            [mailbox.reply_address for mailbox in site.mailboxes.values()],
            PRIVATE,
        )
        self.people = [
            Person(self.word("person", owner="ann@ann.example"), "ann@ann.example"),
            Person("Bob Dahl", "bob@bob.example"),
            Person("Cid Ek", "cid@cid.example"),
            Person("Dora", "dora@dora.example"),
        ]
        self.stranger = Person(self.word("person", owner=MALLORY), MALLORY)

    # ---- words

    def word(self, kind: str, *, about: int = 0, owner: str = "") -> str:
        """Return a new word of a kind."""
        word = f"{kind}q{next(self.words):04}z"
        if about:
            self.knows.about[word] = about
        if owner:
            self.knows.names[word] = owner
            self.knows.share([word], [owner])
        return word

    def count(self, what: str) -> None:
        """Count something that happened."""
        self.counts[what] = self.counts.get(what, 0) + 1

    def tell(self, line: str) -> None:
        """Write the next line of the story."""
        self.story.append(line)

    # ---- mail to us

    def put_in(self, draft: Draft, true_author: str = "") -> Settled:
        """Send a mail to Postroom, and bring its copies to those who are named beside us."""
        number = next(self.numbers)
        self.clock.forward(minutes=3)
        raw = written(draft, number, f"Fri, 20 Nov 2026 12:{number % 60:02}:00 +0000")
        return self.put_in_raw(
            raw,
            draft.author.address if draft.envelope_from is None else draft.envelope_from,
            [*draft.to, *draft.cc],
            draft.author.address,
            true_author or draft.author.address,
            draft.verdict,
        )

    def put_in_raw(
        self,
        raw: bytes,
        envelope_from: str,
        recipients: Sequence[str],
        author: str,
        true_author: str,
        verdict: str,
    ) -> Settled:
        """Send these bytes to Postroom."""
        addresses = [parseaddr(one)[1] for one in recipients]
        site = self.house.site
        ours = [one for one in addresses if site.is_ours(one)]
        others = [one for one in addresses if not site.is_ours(one)]
        outside = [one for one in others if not is_inside(one)]
        marks = self.knows.marks_in(raw)
        writers = [] if is_inside(true_author) else [true_author]
        if verdict != "fail" and not is_inside(author):
            writers.append(author)
        self.knows.share(marks, [*writers, *outside])
        for one in others:
            self.inbox.setdefault(one.lower(), []).append(Letter(raw, envelope_from))
        mailbox = site.mailbox_for(ours[0])
        assert mailbox is not None
        envelope = Envelope(
            sender=envelope_from,
            recipients=tuple(ours),
            transport="smtp",
            mailbox=mailbox.name,
            received_at=self.clock(),
            peer="127.0.0.1",
        )
        settled = (self.deliver_by or _at_once)(self, envelope, raw)
        outcome = str(settled.outcome)
        self.tell(
            f"    {author} -> {', '.join(addresses)} [{verdict}]: {outcome} "
            f"#{settled.request_id} ({settled.reason})"
        )
        self.count(f"outcome {outcome}")
        self._learn(settled, raw, author, true_author, addresses, outside, verdict, marks)
        self._after()
        return settled

    def _learn(
        self,
        settled: Settled,
        raw: bytes,
        author: str,
        true_author: str,
        addresses: Sequence[str],
        outside: Sequence[str],
        verdict: str,
        marks: set[str],
    ) -> None:
        """Keep the books: who belongs to which request, and what waits to be let in."""
        decision, request, knows = settled.decision, settled.request_id, self.knows
        explained = dict(decision.explanation) if decision is not None else {}
        if settled.outcome == "held" and settled.journal_id is not None:
            may_name = verdict == "pass" or any("+c" in one for one in addresses)
            named = {*outside, "may name"} if may_name else set(outside)
            if is_inside(true_author):
                named = set(_ADDED.findall(decoded(raw)))
            self.held[settled.journal_id] = marks, named if verdict != "fail" else set()
            if not is_inside(true_author):
                knows.unheard |= {one for one in marks - knows.heard if one.startswith("kunde")}
            leaks = explained.get("leaks")
            self.count(f"held: {'leak ' + '+'.join(sorted(set(leaks))) if leaks else 'sender'}")
        elif settled.outcome in ("opened", "appended"):
            knows.unheard -= marks
            knows.heard |= marks
        elif settled.outcome in ("ignored", "duplicate") and not is_inside(true_author):
            knows.unheard |= {one for one in marks - knows.heard if one.startswith("kunde")}
        if explained.get("fault"):
            self.count("command error")
        elif settled.outcome in ("appended", "command") and is_inside(true_author):
            self.count(f"handler: {settled.reason.partition(' by ')[0][:20]}")
        if request is None:
            return
        if settled.outcome == "opened":
            knows.members[request].add(author)
            may_name = verdict != "fail" and explained.get("origin") == "person"
            self._mark_subject(marks, request)
        else:
            has_token = "reply-token" in str(explained.get("thread"))
            may_name = knows.is_member(author, request) and verdict != "fail"
            may_name = may_name and (has_token or verdict == "pass")
            may_name = may_name and settled.outcome == "appended"
        if may_name and not is_inside(true_author):
            knows.members[request] |= set(outside)
            for mark in marks:
                if mark.startswith("gerufen"):
                    knows.about.setdefault(mark, request)
        if true_author in (one.address for one in HANDLERS):
            self._learn_commands(explained, request, verdict)

    def _mark_subject(self, marks: set[str], request: int) -> None:
        for mark in marks:
            if mark.startswith("betreff"):
                self.knows.about.setdefault(mark, request)

    def _learn_commands(self, explained: dict[str, Any], request: int, verdict: str) -> None:
        known = self.knows.members[request]
        for change in explained.get("changes") or ():
            if change["what"] != "participant":
                continue
            if change["from"] is not None:
                known.difference_update({change["from"]})
                self.count("participant removed")
            elif verdict == "pass":
                known.add(change["to"])
                self.count("participant added")

    # ---- mail from us

    def _after(self) -> None:
        """Fire what is due, send what waits, and judge it."""
        ticker.fire_due(self.house.desk, self.readers)
        self._learn_holds()
        self.sender.run_once()
        for envelope_from, recipient, raw in self.post.out:
            self._judge(envelope_from, recipient.lower(), raw)
        self.post.out.clear()

    def _learn_holds(self) -> None:
        """See which held mails were let in meanwhile, and what that makes known."""
        if not self.held:
            return
        with self.house.database.read() as connection:
            ended = connection.execute(
                select(
                    t.hold.c.journal_id,
                    t.hold.c.state,
                    t.journal.c.request_id,
                    t.journal.c.from_address,
                )
                .select_from(t.hold.join(t.journal, t.hold.c.journal_id == t.journal.c.id))
                .where(t.hold.c.state != "waiting")
            ).all()
        for journal_id, state, request, author in ended:
            if journal_id not in self.held:
                continue
            marks, named = self.held.pop(journal_id)
            self.count(f"hold {state}")
            if state == "refused":
                continue
            self.knows.unheard -= marks
            self.knows.heard |= marks
            self._mark_subject(marks, request or 0)
            if is_inside(author):
                self.knows.excused |= marks  # sent knowingly
                self.knows.members[request or 0] |= named
            elif request:
                is_known = not self.knows.members[request]
                if "may name" in named:
                    named.discard("may name")
                    is_known = is_known or self.knows.is_member(author, request)
                self.knows.members[request] |= {author, *(named if is_known else ())}

    def _judge(self, envelope_from: str, recipient: str, raw: bytes) -> None:
        letter = Letter(raw, envelope_from)
        self.inbox.setdefault(recipient, []).append(letter)
        signer = self.house.desk.signer
        token = signer.verify_message_id(letter.message_id)
        request = token.object_id if token is not None else 0
        role = self.role_of(letter) or "-"
        self.count(f"mail {'inside' if is_inside(recipient) else 'outside'} {role}")
        if not is_inside(recipient):
            faults = list(self.knows.faults(raw, recipient, request))
        elif role == "h":
            faults = list(self.knows.faults_of_notice(raw))
        else:
            faults = []
        self.tell(f"        us -> {recipient} ({role}) about #{request}: {letter.subject!r}")
        for fault in faults:
            self.tell(f"        !!! {fault}")
            self.findings.append(Finding(fault, recipient, raw))

    def role_of(self, letter: Letter) -> str:
        """Return the role of the address that a mail asks to be answered at."""
        address = letter.answered_at
        if address not in self.roles:
            found = self.house.desk.signer.find([address], self.knows.templates)
            self.roles[address] = found[0].role if found else ""
        return self.roles[address]

    def play(
        self, steps: Iterable[int], actions: Sequence[Callable[[World, Random], bool]]
    ) -> None:
        """Begin anew and live through a history: each number is one event."""
        self.begin()
        self.count("histories")
        for step in steps:
            action = actions[step % len(actions)] if self.story else actions[0]
            if action(self, Random(step)):
                self.count(f"event: {action.__name__}")
            if self.findings:
                return

    # ---- what happens otherwise

    def pass_time(self, **by: float) -> None:
        """Let time pass, and fire what is due then."""
        self.clock.forward(**by)
        self._after()

    def call(self, what: Callable[[], Settled]) -> None:
        """Let somebody do something by the command line."""
        self.clock.forward(minutes=3)
        settled = what()
        self.tell(f"    by call: {settled.outcome} #{settled.request_id} ({settled.reason})")
        self._after()

    def end_hold(self, journal_id: int, *, accepts: bool) -> None:
        """Accept or refuse a held mail by a call."""
        desk = self.house.desk
        if accepts:
            self.call(lambda: review.end_hold(desk, self.readers, journal_id, Wish.ACCEPT, "eva"))
        else:
            self.call(lambda: review.refuse_hold(desk, self.readers, journal_id, "eva"))

    def join(self, one: str, other: str) -> None:
        """Give two known addresses to one contact."""

        def joined(connection: Any) -> bool:
            rows = dict(
                connection.execute(
                    select(t.address.c.key, t.address.c.contact_id).where(
                        t.address.c.key.in_([one, other])
                    )
                ).all()
            )
            if len(rows) < 2:
                return False
            connection.execute(
                update(t.address).where(t.address.c.key == other).values(contact_id=rows[one])
            )
            return True

        if self.house.database.write(joined):
            self.knows.join(one, other)
            self.count("addresses joined")
            self.tell(f"    {one} and {other} are one person now")


def is_inside(address: str) -> bool:
    """Whether an address is of somebody inside."""
    return address.lower() in PRIVATE


def _at_once(world: World, envelope: Envelope, raw: bytes) -> Settled:
    """Read and settle a mail as the pipeline does, in this process."""
    desk = world.house.desk
    arrival = desk.arrival(read_mail(raw), envelope)
    try:
        return desk.submit_mail(arrival, raw).result(20)
    except Conflict:
        return desk.settle_mail(arrival, raw)


def _written_here(database: Database, work: Any) -> Future[Any]:
    """Do what `Database.submit` does without its thread, and without others' works beside it."""
    waiting = _Waiting(work, Future())
    database._transaction(waiting)
    return waiting.future


def _emptied(connection: Any) -> None:
    for table in reversed(t.metadata.sorted_tables):
        if table not in KEPT:
            connection.execute(delete(table))
    connection.execute(update(t.handler).values(last_assigned_at=None, last_seen_at=None))
    kept = ", ".join(f"'{table.name}'" for table in KEPT)
    connection.exec_driver_sql(f"DELETE FROM sqlite_sequence WHERE name NOT IN ({kept})")


@contextmanager
def make_world(folder: Path, readers: Any = None) -> Iterator[World]:
    """Build a house with a world around it."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    with make_house(folder, rules=RULES, config_extra=TRUST + OPEN, config=CONFIG) as house:
        if readers is None:
            house.database.submit = partial(_written_here, house.database)  # type: ignore[method-assign]
        clock, post = house.desk.clock, Post()
        assert isinstance(clock, Clock)
        sender = Sender(
            house.database,
            house.site,
            house.desk.signer,
            Stationery(house.database).render,
            post,
            clock=clock,
            random=lambda: 0.5,
        )
        yield World(house, clock, post, sender, readers or InProcess())
