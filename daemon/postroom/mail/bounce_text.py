"""What a mail server wrote in words: whom it could not reach, what it was told, and which mail.

Promise: any text gives a notice, in time linear in the text and within named bounds. Most servers
write one of a few shapes, read here without asking which server it was: addresses that stand alone,
begin a line or follow a label; a transcript; and the failed mail, or its header, below.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from postroom.mail.address import canonical
from postroom.mail.refs import message_ids

CHARS = 100_000  # of a text
_LINES = 2_000
_LINE = 1_000
_PER_LINE = 20  # addresses of one line
MENTIONS = 10  # lines about one recipient that are looked at
_LOCAL = 64
SHARED = 4_000  # characters of all that is said

# Words that stand above the failed mail. The line is short, stripped and in lower case.
_SEPARATOR = re.compile(
    r"[-=_* #>]{0,80}(?:"
    r"(?:this is a |a |the |below is |below this line is |here is )*(?:copy|text|part|beginning"
    r"|body|headers?) of (?:the |your )*(?:original |entire |full |failed |returned )*(?:message"
    r"|mail|e-mail)"
    r"|(?:the |your )?(?:original|returned|unsent|undelivered|unsent|failed|rejected|message|mail"
    r"|bounced|undeliverable) "
    r"(?:message|mail|e-mail|text|body|headers?)(?: (?:text|headers?|body|follows?|below|info"
    r"|information|is attached|text follows|header follows|details))*"
    r"|(?:the )?(?:first|last) \d+ (?:lines|bytes|kb).{0,40}|(?:raw )?message (?:header|headers"
    r"|body|text|contents?|source|follows)(?: follows?)?"
    r"|raw mail|non-delivered (?:mail|message)|unsent message(?: follows)?|included message"
    r"|returned content|message header \(headers only\)|begin message"
    r"|start of (?:the )?(?:returned|original) message|header of (?:the )?(?:original"
    r"|returned) message"
    r"|ursprüngliche nachricht|original-?nachricht|kopie der (?:nachricht|mail)"
    r"|kopfzeilen der ursprünglichen nachricht|ursprüngliche nachrichtenkopfzeilen"
    r"|message d'origine|message original|en-têtes du message d'origine"
    r"|en-têtes de message d'origine"
    r"|mensaje original|encabezados (?:originales del mensaje|del mensaje original"
    r"|de mensajes originales)|messaggio originale|intestazioni del messaggio originale"
    r"|mensagem original|cabeçalhos (?:de mensagens? originais|da mensagem original)"
    r"|oorspronkelijk bericht|oorspronkelijke berichtkoppen"
    r"|oryginalna wiadomość|oryginalne nagłówki(?: wiadomości)?|исходное (?:сообщение|письмо)"
    r"|исходные заголовки(?: сообщения)?|元のメッセージ.{0,10}|オリジナル.{0,12}|原始邮件.{0,8}"
    r"|原始郵件.{0,8}"
    r"|原邮件(?:内容|如下|正文|附上).{0,6}|oprindelige? meddelelse.{0,12}|ursprungligt meddelande"
    r")(?:,? (?:is |are )?(?:follows?|following|below|attached|included"
    r"|including .{1,30}))*[-=_* #:.<>|]{0,80}"
)
_ENDS = ("-", "=", "_", "*", ":", ".", "#", "：")
_HEADER = re.compile(
    r"(?:Return-Path|Received|From|To|Cc|Subject|Date|Message-ID|MIME-Version|Content-[A-Za-z-]+"
    r"|Sender"
    r"|Reply-To|DKIM-Signature|X-[A-Za-z0-9-]+|In-Reply-To|References|Delivered-To|List-[A-Za-z-]+"
    r"|User-Agent|Thread-[A-Za-z]+|Importance|Precedence|ARC-[A-Za-z-]+"
    r"|Authentication-Results)[ \t]*:",
    re.IGNORECASE,
)
_SURE_HEADER = re.compile(
    r"(?:Return-Path|Received|Message-ID|MIME-Version|DKIM-Signature|X-[A-Za-z0-9-]+)[ \t]*:",
    re.IGNORECASE,
)
_QUOTED_FIELD = re.compile(
    r"[\s>*|]{0,40}(?:From|Sender|Cc|Reply-To|Return-Path|Message-ID|In-Reply-To|References"
    r"|MAIL FROM|Date|Subject|Received|Sent|Von|Betreff|De|Objet|Asunto|Oggetto"
    r"|Envelope-from)\b[ \t]*[:=]",
    re.IGNORECASE,
)
_TO_FIELD = re.compile(
    r"[\s>*|]{0,40}(?:To|An|À|Para|A|Till|Til|Aan|Do|Кому|宛先|收件人)[ \t]*[:：]", re.IGNORECASE
)
# MDaemon has it in its log: " Mon 2010-12-20 19:04:58: *  Message-ID: <1@x.example>".
_MESSAGE_ID = re.compile(
    r"^(?:\W{0,20}|[ \w:-]{10,30}: \*\s{1,4})"
    r"(?:(?:X-|Internet[- ])?(?:Original[- ])?Message[- ]ID|Nachrichten-ID|ID du message"
    r"|Identificador del mensaje|ID (?:messaggio|del mensaje)|メッセージ ?ID)\s*[:=：]\s*"
    r"(<[^<>\s]{1,500}>)",
    re.IGNORECASE | re.MULTILINE,
)
_LABEL = re.compile(
    r"(?:recipient|address|addressed to|rcpt|failed|user|unknown|mailbox|deliver|reach|\bto"
    r"|empfänger|destinat|получател|destin|odbiorc|ontvanger|mottagare"
    r"|宛先|受信者|收件人|받는 ?사람|수신[자인])"
    r"[^@]{0,60}$",
    re.IGNORECASE,
)
_FAILURE = re.compile(
    r"undeliver|not (?:be )?deliver|n't (?:be )?deliver|not reach|unable to|could ?n[o']t"
    r"|can ?not|can't|fail|reject|refus|unknown|error|unzustell|nicht zugestellt|no se|non |не "
    r"|できません|无法|無法|退"
)
# People and pages to ask for help are not those who were not reached.
_HELP = re.compile(
    r"contact|assistance|problem report|questions?\b|further help|visit|https?://|ansprechpartner"
    r"|wenden sie|"
    r"please (?:send|forward|e-?mail|write)|postmaster for|on behalf of|sent (?:by|from)|from:"
    r"|expanded from|originally from|sender:|kontakt|\bvom?\b|\bde la part\b",
    re.IGNORECASE,
)
# The line above an address that is none of a recipient: "Message-ID:", "send mail to".
_GOES_ON = re.compile(r"message-id:\s*$|\b(?:send (?:e-?)?mail|write|mail) to\s*$", re.IGNORECASE)
# An address before the one that failed: the list or alias that led there.
_ALIAS = re.compile(
    r"\((?:ultimately )?(?:expanded|generated|forwarded) (?:from|by)|\boriginally\b", re.IGNORECASE
)
_FORMER = re.compile(r"\s{0,20}original address[ \t]*:", re.IGNORECASE)
_HELPERS = frozenset({"postmaster", "mailer-daemon", "abuse", "hostmaster", "mailerdaemon"})
REPLY = re.compile(r"(?<![\d.:])([45]\d\d)(?=[ \t#:,)\]-]|$)(?!-\d\d-)")
ENHANCED = re.compile(r"(?<![\d.])([245])\.0{0,2}([0-7])\.(\d{1,3})(?![\d]|\.\d)")
_BETWEEN = re.compile(r"[\s<>\"',;&]*(?:\b(?:and|und|et|e|y|i|en|och|og|и)\b[\s<\"']*)?")
_SPOKEN = re.compile(r"\s{0,20}(?:>>>|<<<|<<-|->>|rcpt\b)", re.IGNORECASE)
# Sendmail of a user of its own host.
_BARE = re.compile(r"(?:<<< )?[45]\d\d <?([A-Za-z0-9._+-]{1,64})>?\.\.\. ")
# FirstClass and GroupWise: "ann (user not found)".
_BARE_ALONE = re.compile(
    r"[ \t]{1,20}<?([A-Za-z0-9._+-]{1,64})>?(?:[ \t]{1,4}\([^()]{3,300}\))?"
    r"|<?([A-Za-z0-9._+-]{1,64})>?[ \t]{1,4}\([^()]{3,300}\)"
)
_NUMBER = re.compile(r"\d{1,4}[.)]?")
TRIM = " \t<>\"'*:;,()[]-=|•·»>«"


@dataclass(slots=True)
class Named:
    """An address of the notice: where it stands, and how sure it is one that failed."""

    address: str
    line: int
    score: int  # 3 stands as a recipient, 2 in words of failure, 1 just named
    is_quoted: bool = False  # of the failed mail's header or of a transcript; others go before


@dataclass(slots=True)
class Notice:
    """What a text says of a failed mail."""

    said: list[str] = field(default_factory=list)  # the lines above the failed mail
    original: str = ""  # the failed mail below, if it is there
    names: list[Named] = field(default_factory=list)
    places: dict[str, list[int]] = field(default_factory=dict)  # lines that name an address
    stops: set[int] = field(default_factory=set)  # lines that name one that failed

    def words(self) -> str:
        """Return all that the server says, in one line."""
        return " ".join(" ".join(self.said).split())[:SHARED]


def read_notice(text: str, own: Iterable[str]) -> Notice:
    """Read the words of a mail server; `own` are addresses (lower case) that cannot have failed."""
    lines = _at_margin([line[:_LINE].rstrip() for line in text[:CHARS].split("\n")[:_LINES]])
    end = _end_of_words(lines)
    notice = Notice(lines[:end], "\n".join(lines[end:]))
    known = frozenset(own)
    named = list(_names(notice, known))
    if all(name.score < 2 for name in named):
        named = list(_bare_names(notice)) or named
    # A mail to oneself may fail, too.
    others = [name for name in named if name.address.lower() not in known]
    notice.names = _choose(others or named)
    for name in notice.names:
        notice.stops.update(notice.places[name.address.lower()][:MENTIONS])
    return notice


def _at_margin(lines: list[str]) -> list[str]:
    """Take away what cc:Mail and its kind indent all lines by."""
    indents = (len(line) - len(line.lstrip(" ")) for line in lines if line)
    least = min(indents, default=0)
    return [line[least:] for line in lines] if least > 1 else lines


def find_message_id(text: str) -> str | None:
    """Return the first Message-ID that a text quotes."""
    found = _MESSAGE_ID.search(text[:CHARS])
    ids = message_ids(found[1]) if found is not None else ()
    return ids[0] if ids else None


def find_original_to(text: str) -> str | None:
    """Return the address in the To field of a quoted header, if it is a single one."""
    for line in text[:CHARS].split("\n", 300)[:300]:
        if _TO_FIELD.match(line):
            found = {address.lower(): address for address, _, _ in addresses_in(line[:_LINE])}
            return next(iter(found.values())) if len(found) == 1 else None
    return None


def _end_of_words(lines: list[str]) -> int:
    """Find the line where the failed mail begins: below a separator, or with its header."""
    is_said = False
    for number, line in enumerate(lines):
        if not line:
            continue
        if is_said and (_is_separator(line) or _is_header_block(lines, number)):
            return number
        is_said = True
    return len(lines)


def _is_separator(line: str) -> bool:
    bare = line.strip().lower()
    if not 6 <= len(bare) <= 120 or "@" in bare:
        return False
    is_marked = bare[0] in "-=_*#>" or bare.endswith(_ENDS)
    return is_marked and _SEPARATOR.fullmatch(bare) is not None


def _is_header_block(lines: list[str], number: int) -> bool:
    """Header lines at the margin, or quoted, one of which people do not write."""
    is_quoted = lines[number].startswith(">")
    if not _HEADER.match(lines[number].lstrip("> ") if is_quoted else lines[number]):
        return False
    block = []
    for each in lines[number : number + 40]:
        line = each.removeprefix(">").removeprefix(" ") if is_quoted else each
        if not line or not (line[0].isspace() or _HEADER.match(line)):
            break
        block.append(line)
    fields = [line for line in block if not line[0].isspace()]
    return len(fields) >= 3 and any(_SURE_HEADER.match(line) for line in fields)


def _names(notice: Notice, own: frozenset[str]) -> Iterator[Named]:
    is_help = False
    last: Named | None = None
    former: set[str] = set()
    for number, line in enumerate(notice.said):
        if "@" not in line:
            is_help = bool(line) and _HELP.search(line) is not None
            continue
        if _QUOTED_FIELD.match(line) or _MESSAGE_ID.match(line):
            continue
        if number and _GOES_ON.search(notice.said[number - 1]):
            continue
        if _FORMER.match(line) and last is not None and last.line == number - 1:
            former.add(last.address.lower())
            _rename(notice, last, line, number)
            continue
        before = (0, 0)  # where the address before ended, and its score
        for address, start, end in addresses_in(line):
            notice.places.setdefault(address.lower(), []).append(number)
            score = _score(line, start, end)
            if before[0] and _BETWEEN.fullmatch(line, before[0], start):
                score = max(score, before[1])
            before = (end, score)
            if address.lower() in former or (address.lower() in own and score < 3):
                continue
            local = address.partition("@")[0].lower()
            is_asked = is_help or _HELP.search(_sentence(line, start, end)) is not None
            if score < 3 and (local in _HELPERS or is_asked):
                continue
            if _ALIAS.search(line[:start]) is not None and number:
                score = min(score, 2)
            last = Named(address, number, score, _is_quoted(notice.said, number))
            yield last
        is_help = False


def _is_quoted(lines: list[str], number: int) -> bool:
    """Say whether a line is of a transcript, or the To field of a quoted header."""
    if not _TO_FIELD.match(lines[number]):
        return _SPOKEN.match(lines[number]) is not None
    beside = (lines[each] for each in (number - 1, number + 1) if 0 <= each < len(lines))
    return any(_QUOTED_FIELD.match(line) for line in beside)


def _rename(notice: Notice, name: Named, line: str, number: int) -> None:
    """Give a recipient the address that we wrote to, which stands below the one it led to."""
    for address, _, _ in addresses_in(line):
        places = notice.places.setdefault(address.lower(), [])
        places.extend([*notice.places.get(name.address.lower(), []), number])
        name.address = address


def _sentence(line: str, start: int, end: int) -> str:
    """Return the sentence of a line that the address from `start` to `end` stands in."""
    first, last = line.rfind(". ", 0, start) + 1, line.find(". ", end)
    return line[first:] if last < 0 else line[first:last]


def _bare_names(notice: Notice) -> Iterator[Named]:
    """Yield names without a host: of a reply about one, and of a list below a colon."""
    is_list = False
    for number, line in enumerate(notice.said):
        found = _BARE.match(line) or (_BARE_ALONE.fullmatch(line) if is_list else None)
        if found is not None:
            name = next(each for each in found.groups() if each)
            notice.places.setdefault(name.lower(), []).append(number)
            yield Named(name, number, 3)
        elif line.strip():
            is_list = line.endswith(":") and _FAILURE.search(line.lower()) is not None
            is_list = is_list or (line.endswith(":") and "following" in line.lower())


def _score(line: str, start: int, end: int) -> int:
    before, after = line[:start].strip(TRIM), line[end:].lstrip(">\"')]")
    if not before or _NUMBER.fullmatch(before):
        rest = after.strip(TRIM).lower()
        is_alone = not rest or after[:1] in ":;,(.[<|" or after[:1].isspace()
        if is_alone and line.strip(TRIM)[:1] != "@":
            return 3
    if re.search(r"(?i)rcpt to:?\s*<?$", line[:start]):
        return 3
    if _TO_FIELD.fullmatch(before + ":") or (
        before
        and _LABEL.search(before)
        and not _HELP.search(before)
        and line[:start].rstrip(" <\"'").endswith((":", "："))
    ):
        return 3
    is_name = len(before) < 60 and "<" in line[:start] and ":" not in before
    if is_name and not after.strip(TRIM) and not _HELP.search(before):
        return 3  # Name <user@host>
    if ENHANCED.search(line[:start]) or REPLY.match(line.strip()):
        return 3 if after.lstrip(". ") or REPLY.match(line.strip()) else 2
    return 2 if _FAILURE.search(line.lower()) or _LABEL.search(before) else 1


def _choose(names: list[Named]) -> list[Named]:
    """Keep the best of each address, and of all addresses those that are surest."""
    best: dict[str, Named] = {}
    for name in names:
        key = name.address.lower()
        if key not in best or _rank(name) > _rank(best[key]):
            best[key] = name
    # Seen: the alias that was written to, and below it the dialogue about where he is now; all
    # that the mail was to, and below it the one who was not reached.
    names = [name for name in best.values() if _is_told(name)] or list(best.values())
    top = max((name.score for name in names), default=0)
    found = [name for name in names if name.score == top]
    return found if top > 1 else found[:1]


def _is_told(name: Named) -> bool:
    return name.score > 1 and not name.is_quoted


def _rank(name: Named) -> tuple[bool, int]:
    return _is_told(name), name.score


def addresses_in(line: str) -> Iterator[tuple[str, int, int]]:
    """Yield each address of a line with where it begins and ends."""
    position = 0
    for _ in range(_PER_LINE):
        at = line.find("@", position)
        if at < 0:
            return
        start, end = _local_start(line, at), _domain_end(line, at)
        position = max(end, at + 1)
        address = line[start:end].strip(".")
        local, _, domain = address.rpartition("@")
        if local and "." in domain and not domain.startswith(".") and ".." not in domain:
            yield canonical(address), start, end
        elif local and domain and (line[end : end + 1] == ">" or line[:start].strip() == ""):
            yield canonical(address), start, end  # a host without a domain


def _local_start(line: str, at: int) -> int:
    if line[at - 1 : at] == '"' and (quote := line.rfind('"', max(0, at - _LOCAL), at - 1)) >= 0:
        return quote
    start = at
    while start > 0 and at - start < _LOCAL and _is_local(line[start - 1]):
        start -= 1
    return start


def _is_local(character: str) -> bool:
    return not character.isspace() and character not in "<>()[]\"',;:@\\«»：（）、"


def _domain_end(line: str, at: int) -> int:
    end = at + 1
    while end < len(line) and end - at < 255 and (line[end].isalnum() or line[end] in ".-_"):
        end += 1
    while end > at + 1 and line[end - 1] in ".-_":
        end -= 1
    return end
