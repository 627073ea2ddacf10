"""The header of a mail as its origin is judged by."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from postroom.mail import origin_fields, origin_subjects
from postroom.mail.message import Address, Origin
from postroom.mail.refs import message_ids

Headers = Sequence[tuple[str, str]]

_COMMENT = re.compile(r"\([^()]*+\)")
# What whoever registers a domain in these countries has in common: "co.uk", "com.br".
_SHARED = re.compile(r"(?:com?|org?|net?|gov|gob|go|edu|ac|gv|mil)\.[a-z]{2}")
# Message-IDs of Pine and Alpine.
_MADE_BY_HAND = re.compile(r"\s*<(?:Pine|alpine)\.[A-Z]{2,4}\.")
_SUBJECT = 300
OPENING = 2_500  # characters of a text that machines say what they are in


@dataclass(frozen=True, slots=True)
class Sign:
    """One thing that speaks for an origin; weight 0 decides, others add up."""

    origin: Origin
    evidence: str
    weight: int = 0
    is_vague: bool = False  # a name that is some people's title


@dataclass(frozen=True, slots=True)
class Head:
    """The header fields that matter here."""

    fields: Mapping[str, str]  # the first of each name, in lower case
    subject: str
    writer: str  # address of the author, as it stands
    name: str
    is_by_hand: bool  # it was written with a program that people write with

    @property
    def local(self) -> str:
        """Return the local part of the author's address, or all that stands there."""
        return self.writer.rpartition("@")[0] or self.writer

    @property
    def domain(self) -> str:
        """Return the domain of the author's address."""
        return self.writer.rpartition("@")[2].lower()

    def says(self, name: str) -> str:
        """Return a value in lower case, without comments and parameters."""
        return _COMMENT.sub("", self.fields.get(name, "")).partition(";")[0].strip().lower()

    @property
    def parents(self) -> tuple[str, ...]:
        """Return the mails that this one answers."""
        value = self.fields.get("in-reply-to", "") or self.fields.get("references", "")
        return message_ids(value) if value else ()

    @property
    def is_answer(self) -> bool:
        """It answers a mail, and not one of its own writer's."""
        own = self.fields.get("message-id", "").strip(" <>").rpartition("@")[2].lower()
        hosts = [each.rpartition("@")[2].rstrip("/") for each in self.parents]
        # A program that says "@jira" goes on in its own thread.
        hosts = [each for each in hosts if "." in each or each != own]
        return any(not self.domain or not _is_within(each, self.domain) for each in hosts)

    @property
    def is_absent_answer(self) -> bool:
        """Its subject tells of an absence, and behind it names the mail that it answers."""
        return (
            origin_subjects.AWAY_SUBJECT.match(self.subject) is not None
            and origin_subjects.THEN_ANSWER.search(self.subject) is not None
        )

    @property
    def is_declared_own(self) -> bool:
        """It says that no machine sent it (RFC 3834 §5), and is from a person's program."""
        return self.is_by_hand and self.says("auto-submitted") == "no"

    @property
    def is_sent_by_its_author(self) -> bool:
        """It is from a person's program, and no list or robot stands between him and us."""
        sender = self.fields.get("return-path", "").strip(" \t<>").lower()
        is_passed = any(name in self.fields for name in ("sender", "errors-to", "x-loop"))
        return self.is_by_hand and not is_passed and sender in ("", self.writer.lower())

    @property
    def is_answer_by_name(self) -> bool:
        """It answers a mail, and its subject says so."""
        return self.is_answer and origin_subjects.ANSWERED.match(self.subject) is not None

    @property
    def is_outlooks_answer(self) -> bool:
        """Outlook answers a mail by it, in somebody's hands: what answers there by itself says so
        in its subject."""
        return "thread-index" in self.fields and self.is_answer_by_name


def read_head(headers: Headers, from_: Address | None) -> Head:
    """Take out of a header what speaks for an origin."""
    fields: dict[str, str] = {}
    for key, value in headers:
        name = key.lower()
        if name not in fields:
            fields[name] = value
        elif name == "x-failed-recipients":
            fields[name] = f"{fields[name]},{value}"
    writer = from_.address if from_ is not None else _bare_writer(fields.get("from", ""))
    subject = fields.get("subject", "")[:_SUBJECT].strip()
    name = from_.name if from_ is not None else ""
    return Head(fields, subject, writer, name, _is_by_hand(fields))


def _is_by_hand(fields: Mapping[str, str]) -> bool:
    program = (fields.get("x-mailer", "") or fields.get("user-agent", ""))[:200]
    if not program:  # these name themselves elsewhere
        return _MADE_BY_HAND.match(fields.get("message-id", "")) is not None
    return (
        origin_fields.MAIL_PROGRAMS.search(program) is not None
        and origin_fields.SCRIPTS.search(program) is None
    )


def _bare_writer(value: str) -> str:
    """Return what stands in From without being an address: "Mail System <MAILER-DAEMON>"."""
    inner = value.rpartition("<")[2].partition(">")[0]
    return inner.strip(" \"'")[:320]


def _is_within(domain: str, of: str) -> bool:
    """Say whether two domains belong together, as far as their last labels tell."""
    mine, other = domain.lower().split("."), of.split(".")
    shared = 3 if len(mine) > 2 and _SHARED.fullmatch(".".join(mine[-2:])) else 2
    return mine[-shared:] == other[-shared:]


def weight_of(signs: Sequence[Sign]) -> int:
    """Add up what speaks for an origin."""
    return sum(sign.weight for sign in signs)
