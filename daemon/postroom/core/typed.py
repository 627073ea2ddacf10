"""What a handler typed at the top of his mail: commands, and below them the answer.

POLICY, commands in a handler's mail. Grammar only: nothing here knows a request, a status or a
handler. A mail with one fault is to be kept as a note and nothing of it done, so whoever calls
looks at `faults` first.

Promise: any text is read, in time linear in its length. Marks that mail programs put around a
command are passed over; its name is never guessed. `rest` is a slice of the text: no word is lost.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import islice
from types import MappingProxyType
from typing import Final, Literal

from postroom.core.units import show

MOST_COMMANDS: Final = 50
MOST_FAULTS: Final = 50  # of those below the answer
LONGEST_ARGUMENT: Final = 500
LONGEST_SOURCE: Final = 600
_LOOK = 300  # characters of a line of the answer that are compared

# Zero-width and direction marks, soft hyphens, BOM: put there by editors, not by people.
_UNSEEN = re.compile(
    "[\u00ad\u034f\u180e\u200b\u200e\u200f\u115f\u1160\u202a-\u202e\u2060-\u206f\u2800\u3164\uffa0\ufe0f\ufeff]"
)
_JOINERS = "\u200c\u200d"  # these belong to the spelling of Persian words and of emoji
_HASHES = re.compile("[#＃﹟]")
_EMPHASIS = "*_`"
_KEPT_INSIDE = frozenset({"note", "reason"})  # better nothing done than these words sent
_STOPS = ".,;:"
# A bullet or number of a list, emphasis, the backslash of Markdown programs; the white space is
# single by now.
_START = re.compile(rf"(?:\d{{1,2}}[.)] )?[ {_JOINERS}*_`\\+•‣◦▪●○■·–—-]*+#")
_MAILTO = re.compile(r"\s?[<(\[]mailto:([^\s<>()\[\]?]*+)[^\s<>()\[\]]*+[>)\]]", re.IGNORECASE)
_NAMED_ADDRESS = re.compile(r"[^<>@\[\]]*+[<\[]([^\s<>@\[\]]++@[^\s<>@\[\]]++)[>\]]")
_QUOTES = "\"'“”„‟‘’‚«»"


@dataclass(frozen=True, slots=True)
class Word:
    """A command of POLICY's table; `is_later`: promised there, but not built yet."""

    name: str
    usage: str
    does: str
    argument: Literal["none", "needed", "optional"]
    is_later: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """One command: its canonical word without the hash, and its argument, "" if there is none."""

    word: str
    argument: str
    source: str  # the line as typed


@dataclass(frozen=True, slots=True)
class Fault:
    """A line that is wrong, why (part of a sentence), and what would be legal."""

    source: str
    what: str
    choices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Typed:
    """All that was typed; `rest` is the answer."""

    lines: tuple[Line, ...]
    rest: str
    faults: tuple[Fault, ...]


_TABLE = (
    Word("note", "#note", "the rest of this mail is internal", "none"),
    Word("close", "#close", "close the request", "none"),
    Word("reopen", "#reopen", "open it again", "none"),
    Word("status", "#status NAME", "set the status, or make a transition", "needed"),
    Word("reason", "#reason TEXT", "why, for the history", "needed"),
    Word("take", "#take", "become its owner", "none"),
    Word("assign", "#assign NAME|none|auto", "give it to a colleague", "needed"),
    Word("priority", "#priority NAME", "set the priority", "needed"),
    Word("category", "#category PATH", "move it to a category", "needed"),
    Word("type", "#type NAME", "set the type", "needed"),
    Word("tag", "#tag a b", "put tags on", "needed"),
    Word("untag", "#untag a", "take tags off", "needed"),
    Word("postpone", "#postpone 2d | 2026-12-01 09:00", "put it aside until then", "needed"),
    Word("cc", "#cc ADDRESS", "add a participant", "needed"),
    Word("uncc", "#uncc ADDRESS", "remove a participant", "needed"),
    Word("accept", "#accept", "let a held mail in", "none"),
    Word("refuse", "#refuse", "turn a held mail away", "none"),
    Word("undo", "#undo", "in answer to a confirmation: undo it", "none"),
    Word("why", "#why", "mail me the history with its reasons", "none"),
    Word("show", "#show", "mail me the whole request", "none"),
    Word("help", "#help", "mail me this table", "none"),
    Word("merge", "#merge 123", "merge it into another", "needed", is_later=True),
    Word("unmerge", "#unmerge 123", "undo a merge", "needed", is_later=True),
    Word("link", "#link 123", "link it with another", "needed", is_later=True),
    Word("split", "#split", "make the message a request of its own", "none", is_later=True),
    Word("ask", "#ask NAME-or-ADDRESS", "ask in a side thread", "needed", is_later=True),
    Word("for", "#for ADDRESS", "register a customer's request", "needed", is_later=True),
    Word("time", "#time 15m", "book work time", "needed", is_later=True),
    Word("spam", "#spam", "it is spam", "none", is_later=True),
    Word("delete", "#delete", "delete the request", "none", is_later=True),
    Word("restore", "#restore", "restore a deleted request", "none", is_later=True),
    Word("use", "#use NAME", "begin with a reply template", "needed", is_later=True),
    Word("next", "#next", "mail me my next request", "none", is_later=True),
    Word("list", "#list", "mail me my requests", "optional", is_later=True),
    Word("away", "#away until 2026-12-01", "I am absent", "needed", is_later=True),
    Word("back", "#back", "I am here again", "none", is_later=True),
)
WORDS: Final[Mapping[str, Word]] = MappingProxyType({word.name: word for word in _TABLE})

_HELP = """\
Commands stand in the first lines of a mail, each on a line of its own.
What follows is the answer; without an answer, nothing is sent to the
customer. If one command is wrong, nothing of the mail is done or sent.
The names of the workflow's transitions are commands, too.
"""


def read_typed(fresh: str, transitions: Collection[str] = ()) -> Typed:
    """Read what a handler newly wrote.

    `transitions` are names that work as commands without argument. A word of WORDS that bears the
    same name wins: `#status NAME` reaches the transition.
    """
    known = dict(WORDS)
    for name in transitions:
        known.setdefault(name, Word(name, f"#{name}", "", "none"))
    top, below = _divide(fresh.splitlines(keepends=True))
    read = [_read_line(line, known) for line in top[:MOST_COMMANDS]]
    faults = [each for each in read if isinstance(each, Fault)]
    if len(top) > MOST_COMMANDS:
        what = f"there are more than {MOST_COMMANDS} commands in this mail"
        faults.append(Fault(_source(top[MOST_COMMANDS]), what, ()))
    faults += islice(_misplaced(below, known), MOST_FAULTS)
    lines = tuple(each for each in read if isinstance(each, Line))
    return Typed(lines, "".join(below).rstrip(), tuple(faults))


def help_text() -> str:
    """Write the answer to `#help`: what works now, below 78 columns."""
    rows = [word for word in _TABLE if not word.is_later]
    width = max(len(word.usage) for word in rows)
    table = "".join(f"{word.usage:<{width}}  {word.does}\n" for word in rows)
    return f"{_HELP}\n{table}"


def _divide(lines: list[str]) -> tuple[list[str], list[str]]:
    """Return the command lines at the top, and all that follows, without blank lines around it."""
    top: list[str] = []
    start = len(lines)
    for position, line in enumerate(lines):
        bare = _bare(line)
        if bare and _START.match(bare) is None:
            start = position
            break
        if bare:
            top.append(line)
    end = len(lines)
    while end > start and not _bare(lines[end - 1]):
        end -= 1
    return top, lines[start:end]


def _bare(line: str) -> str:
    """Return a line with one kind of hash, single spaces, and nothing that cannot be seen."""
    text = _HASHES.sub("#", _UNSEEN.sub("", line))
    return " ".join(text.split()).strip(f" {_JOINERS}")


def _source(line: str) -> str:
    line = line.strip()
    return line if len(line) <= LONGEST_SOURCE else f"{line[: LONGEST_SOURCE - 1]}…"


def _split(bare: str, mark: re.Match[str]) -> tuple[str, str]:
    """Return word and argument behind the hash; what opened before the hash closes behind it."""
    word, _, argument = bare[mark.end() :].lstrip().partition(" ")
    before = mark[0][:-1].rstrip("\\")
    opened = before[len(before.rstrip(_EMPHASIS)) :]
    word = "".join(each for each in word if each not in _JOINERS)
    word = word.rstrip(_EMPHASIS + _STOPS).lower()
    return word, argument.removesuffix(opened[::-1]).strip()


def _read_line(line: str, known: Mapping[str, Word]) -> Line | Fault:
    bare, source = _bare(line), _source(line)
    mark = _START.match(bare)
    name, argument = _split(bare, mark) if mark is not None else ("", "")
    word = known.get(name)
    if word is None:
        return Fault(source, _unknown(name, known), _choices(known))
    if word.is_later:
        return Fault(source, _not_yet(word), _choices(known))
    if len(argument) > LONGEST_ARGUMENT:
        what = f"what follows #{name} is longer than {LONGEST_ARGUMENT} characters"
        return Fault(source, what, (word.usage,))
    argument = _tidy(argument, is_prose=name == "reason")
    if word.argument == "none":
        argument = argument.strip(f" {_EMPHASIS}{_STOPS}")
        if argument:
            what = f"#{name} stands alone in its line, but {show(argument)} follows it"
            return Fault(source, what, (word.usage,))
    elif word.argument == "needed" and not argument:
        return Fault(source, f"something is missing after #{name}", (word.usage,))
    return Line(name, argument, source)


def _tidy(argument: str, *, is_prose: bool) -> str:
    """Undo what mail programs make of addresses and quotes; a name before an address goes."""
    argument = _MAILTO.sub(_unlink, argument).strip()
    if argument[:7].lower() == "mailto:":
        argument = argument[7:]
    if not is_prose and (named := _NAMED_ADDRESS.fullmatch(argument)) is not None:
        argument = named[1]
    ends, inside = argument[:1] + argument[-1:], argument[1:-1]
    if len(argument) > 1 and all(each in _QUOTES for each in ends):
        return argument if any(each in _QUOTES for each in inside) else inside.strip()
    return argument


def _unlink(link: re.Match[str]) -> str:
    """Drop the link behind an address that says the same; keep the address behind a name."""
    before = link.string[: link.start()].rstrip("] ")
    is_repeated = before.lower().endswith(link[1].lower())
    return "" if is_repeated else f" <{link[1]}>"


def _misplaced(lines: list[str], known: Mapping[str, Word]) -> Iterator[Fault]:
    """Find commands below the beginning of the answer: better nothing done than these sent."""
    for line in lines:
        if _HASHES.search(line, 0, _LOOK) is None:
            continue
        bare = _bare(line[:_LOOK])
        mark = _START.match(bare)
        # "# Next" is a heading; "#1234" and "#whatever" mean something to the customer.
        if mark is None:
            continue
        name, argument = _split(bare, mark)
        is_heading = bare.startswith(" ", mark.end()) and (argument or name not in _KEPT_INSIDE)
        if is_heading:
            continue
        word = known.get(name)
        if word is None:
            continue
        if word.is_later:
            yield Fault(_source(line), _not_yet(word), _choices(known))
        else:
            what = f"#{word.name} stands below the beginning of the answer; commands come before it"
            yield Fault(_source(line), what, ())


def _not_yet(word: Word) -> str:
    return f"#{word.name} is not there yet"


def _choices(known: Mapping[str, Word]) -> tuple[str, ...]:
    return tuple(f"#{word.name}" for word in known.values() if not word.is_later)


def _unknown(name: str, known: Mapping[str, Word]) -> str:
    if not name:
        return "a # stands there without a command"
    wanted = name.lstrip("#")[:100]
    names = [word.name for word in known.values() if not word.is_later]
    close = get_close_matches(wanted, names, n=1, cutoff=0.6)
    if not close and len(wanted) > 2:
        close = [each for each in names if each.startswith(wanted)]
    shown = name if len(name) <= 40 else f"{name[:39]}…"
    hint = f"; nearest: #{close[0]}" if close else ", and an answer cannot begin with #"
    return f"there is no command #{shown}{hint}"
