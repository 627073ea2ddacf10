"""The mail that somebody passed on inside another one.

Promise: linear in the text. A mail is a forward if its words say so ("Begin forwarded message:"),
or if its subject does and an older mail stands in it; an answer that quotes a forward is none. Of
several mails, the first one counts. `from_` is "Name <address>" as far as known, `date` is as
written there.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from postroom.mail.introductions import is_quoted
from postroom.mail.message import Forward
from postroom.mail.namesakes import NOBODY, Author
from postroom.mail.phrases import FORWARD_PREFIX, FORWARD_SUFFIX, REPLY_PREFIX, STARTS, WROTE
from postroom.mail.quotes import (
    Boundary,
    clean,
    end_of_forward,
    find_boundary,
    is_rule,
)

_SIGNATURE = 12  # lines of one at the end
_LONGEST = 200  # characters of a line there
_LIST_RULE = re.compile(r"_{30,60}")
_NEAR_TOP = 6  # lines of a quoted mail in which its header may begin
_MARK = re.compile(r"\s{0,3}(?:>|&gt;) ?")
_BRACKETS = re.compile(
    r"\s*[<(\[]+\s*(?:mailto:)?\s*([^\s<>()\[\]:]+@[^\s<>()\[\]]+?)\s?(?:[<\[](?:mailto:)?[^<>\[\]]*[>\]])?\s*[>)\]]+",
    re.IGNORECASE,
)
_BARE = re.compile(r"(?:mailto:)?([^\s<>()\[\]:;,\"']+@[^\s<>()\[\]:;,\"']+)", re.IGNORECASE)
_X500 = re.compile(r"[<\[(]?/O=[^<>]{1,400}", re.IGNORECASE)  # within Exchange
_QUOTES = "\"'“”„‟‘’‚«» \t*_,"
# What a date ends with: the time with its zone, or the year.
_DATED = re.compile(
    r"\d{1,2}[:.h]\d\d(?!\d|\.\d)(?::\d\d)?(?:\s?(?i:[ap]\.?\s?m\.?))?"
    r"(?:\s?\(?(?:[A-Z]{2,5}|(?:UTC|GMT)?[+-]\d{1,2}:?\d{0,2})\b\)?)?"
    r"|(?<!\d)(?:19|20)\d\d(?!\d)|\d{1,2}[./-]\d{1,2}[./-]\d{2,4}(?!\d)"
)
# What stands between date and name in some languages: "um 10:00 Uhr Ann", "Ann hat am".
_FILLERS = frozenset(
    {"", "uhr", "hat", "odesílatel", "от", "keltezéssel", "tarihinde", "מאת", "je", "oseba"}
    | {"lietotājs", "użytkownik", "π.μ", "μ.μ", "ο/η", "a.m", "p.m", "ص", "م", "تمت", "ما", "يلي"}
    | {"بواسطة", "बजे", "को", "/la", "la", "ла", "於", "于", "님이", "igorleak", "erabiltzaileak"}
)
# The letterhead of Notes: "From:  Ann Smith        05/03/2001 10:15 AM".
_FROM_DATED = re.compile(
    r"(\S.{0,100}?) {3,200}(\d{1,2}[./-]\d{1,2}[./-]\d{2,4} \d{1,2}[:.]\d\d.{0,20})$"
)
_NAME_QUOTED = re.compile(r"'[^']{1,100}' [^']*[^'\s]$")
_ZONE = re.compile(r"[+-]\d{4}")
_STOPS = " ,、，;:*\"'<>"
_VS = re.compile(r"\s*vs\s*:", re.IGNORECASE)
_FINNISH = re.compile(r"[\s>*]*(?:lähettäjä|lähetetty)\W", re.IGNORECASE)
_NOTE = re.compile(r"\(\w+: (.*)\)$")  # "(időpont: 2026. máj. 5., K, 10:00)"


def is_forward_subject(subject: str) -> bool:
    """Say whether the subject announces a mail that was passed on."""
    if FORWARD_PREFIX.match(subject) is not None:
        return True
    return FORWARD_SUFFIX.search(subject[-20:]) is not None


def find_forward(
    subject: str,
    text: str,
    older: Boundary | None,
    *,
    is_answer: bool = False,
    recipients: Collection[str] = (),
    author: Author = NOBODY,
) -> Forward | None:
    """Find the mail passed on in the text.

    `older` is where the first older mail begins there, `is_answer` whether In-Reply-To says that
    this mail answers another; `recipients` are the addresses that it goes to, in lower case;
    `author` is who passes it on.
    """
    is_announced = is_forward_subject(subject)
    if older is None and not is_announced:
        return None
    originals = text.replace("\r", "").split("\n")
    is_inside = older is None or (older.header is None and not older.introduction)
    if is_inside:  # some programs quote the header, too
        originals = _without_marks(originals)
    lines = clean("\n".join(originals)).split("\n")
    found = _near_top(lines) if is_inside else older
    if found is None:
        return None
    if _VS.match(subject) is not None:  # "Vastaus" in Finnish, "Videresendt" in Danish
        is_announced = not any(_FINNISH.match(line) for line in lines[found.start : found.end])
    is_answer = is_answer or REPLY_PREFIX.match(subject) is not None
    if is_announced or found.is_forward or (found.header is not None and not is_answer):
        kept = _without_signature(_without_footer(originals, recipients), author)
        forward = _read(subject, lines, kept, found)
        is_sent_back = forward is not None and _address(forward.from_) in recipients
        # What goes to its author is an answer, whatever its subject is called.
        return forward if is_announced or found.is_forward or not is_sent_back else None
    return None


def _without_footer(originals: Sequence[str], recipients: Collection[str]) -> Sequence[str]:
    """Leave out what a list that this mail went to has put below it, with its own address."""
    for number in range(len(originals) - 1, max(len(originals) - _SIGNATURE, 0), -1):
        if _LIST_RULE.fullmatch(originals[number].rstrip()) is not None:
            below = "\n".join(line[:_LONGEST] for line in originals[number + 1 :]).lower()
            return originals[:number] if any(each in below for each in recipients) else originals
    return originals


def _without_signature(originals: Sequence[str], author: Author) -> Sequence[str]:
    """Leave out the signature at the end that names who passes the mail on."""
    end = len(originals)
    for number in range(end - 1, max(end - _SIGNATURE, 0), -1):
        if originals[number].rstrip() == "--":
            below = next((line for line in originals[number + 1 :] if line.strip()), "")
            return originals[:number] if author.signs(below) else originals
    return originals


def _address(sender: str) -> str:
    return sender.rpartition("<")[2].rstrip(">").lower()


def _without_marks(originals: Sequence[str]) -> list[str]:
    """Return the quoted lines without their marks."""
    marked = [number for number, line in enumerate(originals) if is_quoted(line)]
    if not marked:
        return []
    return [_MARK.sub("", line, count=1) for line in originals[marked[0] : marked[-1] + 1]]


def _near_top(lines: Sequence[str]) -> Boundary | None:
    for position in range(min(_NEAR_TOP, len(lines))):
        if lines[position].strip():
            found = find_boundary(lines, position, is_expected=True)
            if found is not None:
                return found
    return None


def _read(
    subject: str, lines: Sequence[str], originals: Sequence[str], found: Boundary
) -> Forward | None:
    fields = dict(found.header.fields) if found.header is not None else {}
    if found.introduction:
        who, when = read_introduction(found.introduction)
        fields.setdefault("from", who)
        fields.setdefault("date", when)
    if not fields:
        return None
    if "date" not in fields and (dated := _FROM_DATED.match(fields.get("from", ""))) is not None:
        fields["from"], fields["date"] = dated[1], dated[2]
    end = end_of_forward(lines, found.end) if found.is_forward else len(lines)
    body = [line.rstrip("\r") for line in originals[found.end : end]]
    is_marked = found.is_quoted or is_quoted(lines[max(found.end - 1, 0)])
    marked = [is_quoted(line) for line in body if line.strip("> \t")]
    if all(marked) or (is_marked and any(marked)):
        body = _without_marks(body)
    while body and not body[0].strip("> \t"):
        del body[0]
    while body and found.is_forward and (not body[-1].strip() or is_rule(body[-1])):
        body.pop()  # KMail draws a line below
    title = fields.get("subject") or _without_prefix(subject)
    if fields.get("to", "").endswith(";"):  # Yandex ends each line so
        title = title.removesuffix(";")
    words = "\n".join(body).strip("\ufeff \t\r\n")  # Apple Mail marks where words begin
    return Forward(readable_sender(fields.get("from", "")), title, fields.get("date", ""), words)


def _without_prefix(subject: str) -> str:
    return FORWARD_SUFFIX.sub("", FORWARD_PREFIX.sub("", subject, count=1)).strip()


def readable_sender(value: str) -> str:
    """Write "Name <address>", in whatever form a mail program wrote it."""
    value = value.strip()
    found = _BRACKETS.search(value[:1_000])
    if found is None:
        bare = _BARE.search(value[:1_000])
        if bare is None:
            return _X500.sub("", value).strip(_QUOTES + "<>[]()")
        found = bare
    address = found[1].strip("'\"")
    name = _name(value[: found.start()])
    if not name or name.lower().removeprefix("mailto:") == address.lower():
        return address
    return f"{name} <{address}>"


def _name(written: str) -> str:
    """Strip the quotes around a name; those of "'Ann' via Shop" belong to it."""
    name = written.strip(_QUOTES).removesuffix("[").strip(_QUOTES + "<(")
    is_inside = _NAME_QUOTED.match(written.strip(" \t*_,")) is not None
    return f"'{name}" if is_inside else name


def read_introduction(words: str) -> tuple[str, str]:
    """Take "On …, Ann <ann@example.com> wrote:" apart: who, and when as written there."""
    text = words.strip(" :：*>-")
    address = _BRACKETS.search(text) or _BARE.search(text)
    start, end = (len(text), len(text)) if address is None else address.span()
    dates = [each for each in _DATED.finditer(text) if each.end() <= start or each.start() >= end]
    if not dates:
        return readable_sender(_without_verbs(text[:end])), ""
    last = dates[-1]
    if last.start() >= end:
        # The date stands behind the name: Ann <a@b> wrote on 5 May 2026 10:00.
        return readable_sender(text[:end]), _when(text[end:])
    who = _without_verbs(text[last.end() : end])
    verb = WROTE.search(text.lower()) if address is None and not who else None
    if verb is not None:  # Ann wrote on 5 May 2026 10:00.
        return readable_sender(text[: verb.start()]), _when(text[verb.end() :])
    if not who and verb is None and (name := text[: dates[0].start()].strip(_STOPS)):
        # GroupWise: >>> Ann 5/5/2026 10:00 AM >>>
        return readable_sender(name), _when(text[dates[0].start() :])
    return readable_sender(who), _when(text[: last.end()])


def _when(text: str) -> str:
    text = " ".join(_without_verbs(text).split()).strip(_STOPS)
    if (start := STARTS.match(text.lower())) is not None:
        text = text[start.end() :]
    return _NOTE.sub(r"\1", text.strip(_STOPS))


def _without_verbs(text: str) -> str:
    """Leave out "wrote", and what stands between date and name in some languages."""
    low = text.lower()
    for verb in reversed(list(WROTE.finditer(low)) if len(low) == len(text) else []):
        text = f"{text[: verb.start()]} {text[verb.end() :]}"
    words = text.strip(_STOPS).split()
    while words and _is_filler(words[0]):
        del words[0]
    while words and _is_filler(words[-1]):
        del words[-1]
    return " ".join(words).strip(_STOPS)


def _is_filler(word: str) -> bool:
    return word.lower().strip(_STOPS + ".—–-") in _FILLERS or _ZONE.match(word) is not None
