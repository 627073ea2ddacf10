"""Signatures that are learned: lines at the end of a sender's mails that are always the same.

What mail.fresh finds alone by no sign is a signature all the same if two earlier mails of the
address ended in these words: two lines or more. Remembered are hashes of lines only, of the latest
mails, in the row of the address. Nothing is deleted: the text of a message stays whole, its fresh
part ends earlier. Handlers' mail is left alone: an answer must not lose a word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b

from postroom.core.effects import AppendMessage, Decision, LearnContact, LearnEnding
from postroom.core.facts import Arrival, Facts
from postroom.core.model import Direction, Outcome, Policy, Verdict, Visibility
from postroom.mail.message import Belongs, Origin, ParsedMail, Picture

KEPT = 4  # endings that are remembered of an address: enough for two signatures by turns
LINES = 12  # of each
_LEAST = 2  # lines of a signature
_WORDS = 20  # letters and digits that must be left above it
_HASH = 10  # characters
_LETTER = re.compile(r"[^\W_]")
_COMMAND = re.compile(r"\s*[#＃﹟]\w")
_INSIDE = frozenset({"h", "n", "s"})  # roles of tokens: such mail is for people inside


@dataclass(frozen=True, slots=True)
class Learned:
    """A mail whose fresh text ends above its sender's signature; `lines` of it were left out."""

    arrival: Arrival
    lines: int = 0
    endings: tuple[str, ...] | None = None  # to be remembered; None: as they are


def learn(arrival: Arrival, facts: Facts, policy: Policy) -> Learned:
    """Compare the end of a mail with what is remembered of its sender."""
    mail = arrival.mail
    if not _is_customers(arrival, policy) or len(ending := ending_of(mail.fresh)) < _LEAST * _HASH:
        return Learned(arrival)
    known = tuple(facts.contact.endings or ()) if facts.contact is not None else ()
    lines = common_lines(ending, known)
    if lines < _LEAST:
        kept = (*(one for one in known if one != ending), ending)[-KEPT:]
        return Learned(arrival, 0, kept if kept != known else None)
    shorter = _without(mail, lines)
    if shorter is None:
        return Learned(arrival)
    return Learned(replace(arrival, mail=shorter), lines)


def remember(decision: Decision, learned: Learned) -> Decision:
    """Say in a decision what was learned, and remember how the mail ended if it was taken in."""
    message = next((one for one in decision.effects if isinstance(one, AppendMessage)), None)
    if message is None or decision.outcome not in (Outcome.OPENED, Outcome.APPENDED):
        return decision
    if learned.lines:
        said = f"{learned.lines} lines at the end, as in two earlier mails of this sender"
        return replace(decision, explanation={**decision.explanation, "signature": said})
    # Who writes in somebody's name does not teach us how he signs.
    is_his = message.verdict != Verdict.FAIL.value and message.origin == Origin.PERSON.value
    is_his = is_his and (message.direction, message.visibility) == (
        Direction.IN,
        Visibility.PUBLIC,
    )
    if learned.endings is None or not is_his:
        return decision
    return _remembering(decision, message.author.address, learned.endings)


def _remembering(decision: Decision, address: str, endings: tuple[str, ...]) -> Decision:
    """Remember by the row that is being made, else by a change of the one that is there."""
    effects = list(decision.effects)
    for place, effect in enumerate(effects):
        is_new = isinstance(effect, LearnContact) and effect.address == address
        if isinstance(effect, LearnContact) and is_new and not effect.may_exist:
            effects[place] = replace(effect, endings=endings)
            break
    else:
        effects.append(LearnEnding(address, endings))
    return replace(decision, effects=tuple(effects))


def _is_customers(arrival: Arrival, policy: Policy) -> bool:
    """Whether a person outside wrote it, with words of his own."""
    mail, sender = arrival.mail, arrival.sender
    is_inside = any(token.role in _INSIDE for token in arrival.tokens)
    is_person = mail.origin is Origin.PERSON and not mail.is_all_old and bool(sender)
    return is_person and not is_inside and policy.handler_by_address(sender) is None


def ending_of(fresh: str) -> str:
    """Return the hashes of the last lines with words, from the last one upwards, as one text.

    A command ends it: no such line belongs to a signature.
    """
    return "".join(_hash(line) for _, line in _last_lines(fresh))


def common_lines(ending: str, known: Sequence[str]) -> int:
    """Count the lines from the end that two of the known endings have in common with this one."""
    counts = sorted((_common(ending, one) for one in known), reverse=True)
    return counts[1] if len(counts) > 1 else 0


def _last_lines(fresh: str) -> Iterator[tuple[int, str]]:
    """Yield number and text of the last lines with words, the last one first."""
    lines = fresh.split("\n")
    found = 0
    for number in range(len(lines) - 1, -1, -1):
        if found == LINES or _COMMAND.match(lines[number]):
            return
        if _LETTER.search(lines[number]):
            found += 1
            yield number, lines[number]


def _hash(line: str) -> str:
    folded = " ".join(line.split()).casefold().encode("utf-8", "replace")
    return blake2b(folded, digest_size=_HASH // 2).hexdigest()


def _common(one: str, other: str) -> int:
    count = 0
    for start in range(0, min(len(one), len(other)), _HASH):
        if one[start : start + _HASH] != other[start : start + _HASH]:
            break
        count += 1
    return count


def _without(mail: ParsedMail, count: int) -> ParsedMail | None:
    """Return the mail with so many lines less of fresh text; None if too little would be left."""
    first = [number for number, _ in _last_lines(mail.fresh)][count - 1]
    lines = mail.fresh.split("\n")[:first]
    while lines and not _LETTER.search(lines[-1]):  # what stands between: blanks, a rule
        lines.pop()
    fresh = "\n".join(lines)
    if len(_LETTER.findall(fresh)) < _WORDS:
        return None
    pictures = tuple(_above(one, len(fresh)) for one in mail.pictures)
    return replace(mail, fresh=fresh, pictures=pictures)


def _above(picture: Picture, end: int) -> Picture:
    """Leave a picture where it is, or with the signature if it stands in that."""
    is_gone = picture.belongs is Belongs.OWN and picture.start > end
    return Picture(picture.part, Belongs.BELOW) if is_gone else picture
