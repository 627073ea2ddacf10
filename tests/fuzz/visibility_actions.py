"""What happens in a history of the visibility property: each action is one event.

An action takes the world and a source of chance, and returns False when there is nothing for it to
act on yet. It says what it does in the story.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from random import Random

from sqlalchemy import select
from tests.fuzz.visibility_world import (
    DISPATCH,
    EVA,
    EVA_ALIAS,
    EVA_AT_HOME,
    HANDLERS,
    INSIDE,
    MALLORY,
    MARKED,
    SALES,
    STYLES,
    SUPPORT,
    Draft,
    Letter,
    Person,
    World,
    quote,
)

from postroom.core.changes import ChangeProperty, Close, Reopen
from postroom.store import schema as t

Action = Callable[[World, Random], bool]

_SECRETS = (
    "Internal: the customer must never read {word} in his whole life.",
    "I think {word} is what their lawyers are after,\nso nobody tells them.",
    "<b>Careful</b>: {word} costs us half of what they pay for it.",
    "PIN {word}",
    "Account of the director: {word}. Do not pass it on to anyone outside.",
)
_WORDS = (
    "Our printer shows {word} since Monday, and nobody here knows why.",
    "{word} is broken.\n\nPlease send somebody to our office in Bremen.",
    "As I wrote before, {word} does not work at all since the update.",
)
_ANSWERS = (
    "We have replaced {word} for you, please try it again.",
    "Please restart {word}.\n\nThen it should work as it did before.",
    "{word} is on its way to you.",
)


def secret(world: World, random: Random) -> str:
    """Return words that must stay inside."""
    return random.choice(_SECRETS).format(word=world.word("sekret"))


def said(world: World, random: Random) -> str:
    """Return words of somebody outside."""
    return random.choice(_WORDS).format(word=world.word("kunde"))


def answer(world: World, random: Random, request: int) -> str:
    """Return words for the customers of a request."""
    return random.choice(_ANSWERS).format(word=world.word("antwort", about=request))


# ---- who has what


def request_of(world: World, letter: Letter) -> int:
    """Return the request that a mail of ours is about."""
    token = world.house.desk.signer.verify_message_id(letter.message_id)
    return token.object_id if token is not None else 0


def _outsiders(world: World) -> list[Person]:
    return [*world.people, world.stranger]


def _ours(world: World, person: Person) -> list[Letter]:
    """Return the mails that somebody has from us."""
    letters = world.inbox.get(person.address, [])
    return [one for one in letters if request_of(world, one)]


def _notices(world: World, random: Random, roles: str) -> tuple[Person, list[Letter]] | None:
    """Choose a handler who has notices of these roles, the latest last."""
    found = []
    for handler in HANDLERS:
        letters = [one for one in _ours(world, handler) if world.role_of(one) in roles]
        if letters:
            found.append((handler, letters))
    return random.choice(found) if found else None


def _recent(random: Random, letters: list[Letter]) -> Letter:
    """Choose a mail, more often one of the latest."""
    return letters[-1] if random.random() < 0.5 else random.choice(letters)


def _verdict(random: Random) -> str:
    return random.choice(("pass", "pass", "none"))


def _re(letter: Letter) -> str:
    return letter.subject if letter.subject.startswith("Re:") else f"Re: {letter.subject}"


def _named(world: World, random: Random, author: Person, most: int = 2) -> list[str]:
    """Choose people for Cc; now and then under a name that only the author gives them."""
    others = [one for one in world.people if one != author]
    chosen = random.sample(others, random.randint(1, most))
    shown = []
    for one in chosen:
        named = random.random() < 0.2
        shown.append(f"{world.word('gerufen')} <{one.address}>" if named else one.address)
    return shown


def _known_addresses(world: World) -> list[tuple[str, Letter]]:
    """Return every address of ours that somebody outside has seen, with the mail that it is in."""
    seen: dict[str, Letter] = {}
    for person in _outsiders(world):
        for letter in world.inbox.get(person.address, []):
            for address in (*letter.everybody, letter.envelope_from):
                if world.house.site.is_ours(address) and "+" in address:
                    seen.setdefault(address.lower(), letter)
    return list(seen.items())


# ---- people outside


def writes_anew(world: World, random: Random) -> bool:
    """A customer writes about something new."""
    author = random.choice(world.people)
    cc = _named(world, random, author) if random.random() < 0.35 else []
    subject = f"About {world.word('betreff')}"
    subject += random.choice(("", "", "", " urgent", " lawsuit"))
    world.tell(f"{author.address} writes anew")
    draft = Draft(author, [random.choice((SUPPORT, SUPPORT, SALES))], subject, said(world, random))
    if random.random() < 0.2:
        draft.files.append(("photo.txt", "text/plain", said(world, random).encode()))
    draft.cc, draft.verdict = cc, _verdict(random)
    world.put_in(draft)
    return True


def replies(world: World, random: Random) -> bool:
    """Somebody outside answers a mail that he has, as one of many mail programs does."""
    have = [one for one in _outsiders(world) if world.inbox.get(one.address)]
    if not have:
        return False
    author = random.choice(have)
    parent = _recent(random, world.inbox[author.address])
    style = random.choice(STYLES)
    world.tell(f"{author.address} answers {parent.subject!r} ({style})")
    _answer_from_outside(world, random, author, parent, style)
    return True


def _answer_from_outside(
    world: World, random: Random, author: Person, parent: Letter, style: str
) -> None:
    fresh = said(world, random)
    draft = Draft(author, [], _re(parent), parent=parent, verdict=_verdict(random))
    for name, value in quote(style, fresh, parent, random).items():
        setattr(draft, name, value)
    ours = [one for one in parent.everybody if world.house.site.is_ours(one)]
    match random.randrange(8):
        case 0:
            draft.to = [SUPPORT]  # by the references
        case 1:
            draft.to, draft.parent = [SUPPORT], None  # by the subject
        case 2 | 3 if ours:
            draft.to = ours  # to all
            draft.cc = [
                one
                for one in dict.fromkeys(parent.everybody)
                if one not in ours and one != author.address
            ]
        case 4:
            draft.to = [parent.answered_at]
            draft.cc = _named(world, random, author, 1)
        case _:
            draft.to = [parent.answered_at]
    if not any(world.house.site.is_ours(one) for one in draft.to):
        draft.to = [*draft.to, random.choice(ours or [SUPPORT])]
    world.put_in(draft)


def steals_an_address(world: World, random: Random) -> bool:
    """A stranger, or another customer, writes to an address that somebody outside has seen."""
    known = _known_addresses(world)
    if not known:
        return False
    address, letter = random.choice(known)
    thief = random.choice((world.stranger, world.stranger, random.choice(world.people)))
    world.tell(f"{thief.address} writes to the address {address}")
    draft = Draft(thief, [address], _re(letter), said(world, random), verdict=_verdict(random))
    draft.cc = random.choice(([], [], _named(world, random, thief, 1)))
    draft.parent = random.choice((None, letter))
    if thief == world.stranger:
        _signs(world, draft)
    if random.random() < 0.3:
        draft.text = f"#close\n{draft.text}"
    world.put_in(draft)
    return True


def guesses_a_tag(world: World, random: Random) -> bool:
    """A stranger guesses a request, perhaps in somebody's name, with himself in Cc."""
    requests = [one for one in world.knows.members if world.knows.members[one]]
    if not requests:
        return False
    number = random.choice(requests)
    victim = random.choice(sorted(world.knows.members[number]))
    is_forged = random.random() < 0.7
    author = Person(world.word("person", owner=victim), victim) if is_forged else world.stranger
    world.tell(f"mallory guesses #{number}, as {author.address}")
    draft = Draft(author, [SUPPORT], f"Re: it [acme #{number}]", said(world, random))
    draft.verdict = random.choice(("none", "none", "fail"))
    draft.cc = [world.stranger.address] if is_forged else _named(world, random, author, 1)
    draft.envelope_from = world.stranger.address
    if draft.verdict == "fail" or not is_forged:
        _signs(world, draft)  # else nobody can tell that these ids are not the victim's
    world.put_in(draft, world.stranger.address)
    return True


def _signs(world: World, draft: Draft) -> None:
    """Put a stranger's words where programs copy them from: into ids and the thread of Outlook."""
    word = world.word("kennung", owner=MALLORY)
    draft.message_id = f"{word}@evil.example"
    thread = base64.b64encode(f"\1{word * 2}".encode()).decode()
    draft.headers += [("Thread-Index", thread), ("X-Word", word)]
    if draft.parent is None:
        draft.headers.append(("References", f"<{word}@evil.example>"))


def changes_the_people(world: World, random: Random) -> bool:
    """A handler adds somebody outside, or takes him off, and perhaps answers at once."""
    chosen = _notices(world, random, "h")
    if chosen is None:
        return False
    handler, letters = chosen
    parent = _recent(random, letters)
    request = request_of(world, parent)
    there = sorted(world.knows.members[request])
    strange = [one.address for one in world.people if one.address not in there]
    adds = bool(strange) and random.random() < 0.6
    typed = f"#cc {random.choice(strange)}" if adds else f"#uncc {random.choice([*there, MALLORY])}"
    words = answer(world, random, request) if random.random() < 0.5 else ""
    world.tell(f"{handler.address} commands {typed!r} {words!r} below {parent.subject!r}")
    text = f"{typed}\n{words}".strip()
    draft = Draft(handler, [parent.answered_at], _re(parent), text, parent=parent)
    draft.verdict = random.choice(("pass", "pass", "pass", "none"))
    world.put_in(draft)
    return True


def forges_a_customer(world: World, random: Random) -> bool:
    """A stranger opens something in a customer's name."""
    victim = random.choice(world.people)
    author = Person(world.word("person", owner=victim.address), victim.address)
    world.tell(f"mallory opens something as {victim.address}")
    draft = Draft(author, [SUPPORT], f"For {world.word('betreff')}", said(world, random))
    draft.verdict = random.choice(("none", "fail"))
    draft.cc = random.choice(([], [world.stranger.address]))
    world.put_in(draft, world.stranger.address)
    return True


def forges_a_handler(world: World, random: Random) -> bool:
    """Somebody outside writes in a handler's name, to what he knows of ours."""
    known = _known_addresses(world)
    forger = random.choice(_outsiders(world))
    target = random.choice([SUPPORT, *(address for address, _ in known)])
    letter = next((one for address, one in known if address == target), None)
    number = request_of(world, letter) if letter is not None else random.randint(1, 3)
    author = Person("Eva Berg", random.choice((EVA.address, EVA_ALIAS)))
    world.tell(f"{forger.address} writes as {author.address} to {target}")
    draft = Draft(author, [target], f"Re: it [acme #{number}]", said(world, random))
    draft.verdict = random.choice(("none", "none", "fail"))
    draft.parent = random.choice((None, letter))
    draft.cc = random.choice(([], [forger.address]))
    if random.random() < 0.4:
        draft.text = f"#cc {forger.address}\n#show\n{draft.text}"
    draft.envelope_from = forger.address
    world.put_in(draft, forger.address)
    return True


def is_out_of_office(world: World, random: Random) -> bool:
    """A machine answers for somebody outside who is away."""
    have = [one for one in world.people if _ours(world, one)]
    if not have:
        return False
    author = random.choice(have)
    world.tell(f"{author.address} is away")
    _away(world, random, author, random.choice(_ours(world, author)), said(world, random))
    return True


def _away(world: World, random: Random, author: Person, parent: Letter, words: str) -> None:
    to = random.choice((parent.envelope_from, parent.answered_at, SUPPORT))
    if not world.house.site.is_ours(to):
        to = SUPPORT
    text = f"I am not there. {words}\n"
    draft = Draft(author, [to], f"Automatic reply: {parent.subject}", verdict=_verdict(random))
    draft.text = random.choice((text, f"{text}\n{parent.text}\n"))
    draft.parent = random.choice((parent, None))
    draft.headers = random.choice(([("Auto-Submitted", "auto-replied")], []))
    draft.envelope_from = random.choice(("", author.address))
    is_told = draft.headers or not draft.envelope_from or author not in HANDLERS
    if is_told and random.random() < 0.5:
        draft.subject = _re(parent)  # with customers, now and then nothing says what it is
    world.put_in(draft)


def bounces(world: World, random: Random) -> bool:
    """A mail of ours comes back, with its text, in one of three forms."""
    people = [*_outsiders(world), *HANDLERS, DISPATCH]
    letters = [(one, letter) for one in people for letter in _ours(world, one)]
    if not letters:
        return False
    reader, letter = random.choice(letters)
    word, number = world.word("sekret"), next(world.numbers)
    is_known = random.random() < 0.7
    to = random.choice((letter.envelope_from, SUPPORT)) if is_known else letter.envelope_from
    world.tell(f"{letter.subject!r} to {reader.address} bounces")
    head = (
        f"From: MAILER-DAEMON@{reader.address.partition('@')[2]}\r\nTo: {to}\r\n"
        f"Subject: Undelivered Mail\r\nMessage-ID: <bounce-{number}@x.example>\r\n"
        "Date: Fri, 20 Nov 2026 12:30:00 +0000\r\nMIME-Version: 1.0\r\n"
    )
    reason = f"It could not be brought to {word} in the cellar of that house."
    if not is_known:
        head = head.replace("MAILER-DAEMON", "delivery-robot")
        raw = f"{head}\r\n{reason}\r\n\r\n".encode() + letter.raw
    else:
        raw = (
            (
                f"{head}Content-Type: multipart/report; report-type=delivery-status; "
                f'boundary="r{number}"\r\n\r\n'
                f"--r{number}\r\nContent-Type: text/plain\r\n\r\n{reason}\r\n"
                f"--r{number}\r\nContent-Type: message/delivery-status\r\n\r\n"
                "Reporting-MTA: dns; mx.x.example\r\n\r\n"
                f"Final-Recipient: rfc822; {reader.address}\r\n"
                "Action: failed\r\nStatus: 5.1.1\r\n"
                f"Diagnostic-Code: smtp; 550 no {word} here\r\n\r\n"
                f"--r{number}\r\nContent-Type: message/rfc822\r\n\r\n"
            ).encode()
            + letter.raw
            + f"\r\n--r{number}--\r\n".encode()
        )
    robot = "delivery-robot@x.example"
    world.put_in_raw(raw, "", [to], robot, EVA_AT_HOME, "none")  # its words are nobody's outside
    return True


def joins_addresses(world: World, random: Random) -> bool:
    """Two addresses turn out to be one person's."""
    one, other = random.sample(world.people, 2)
    world.tell(f"{one.address} and {other.address} are joined")
    world.join(one.address, other.address)
    return True


# ---- people inside


def answers(world: World, random: Random) -> bool:
    """A handler answers a notice, as one of many mail programs does."""
    return _answers(world, random, ("none",))


def answers_with_a_quote(world: World, random: Random) -> bool:
    """A handler answers a notice, and his mail program adds the notice in some way."""
    return _answers(world, random, STYLES)


def _answers(world: World, random: Random, styles: tuple[str, ...]) -> bool:
    chosen = _notices(world, random, "h")
    if chosen is None:
        return False
    handler, letters = chosen
    parent, style = _recent(random, letters), random.choice(styles)
    world.tell(f"{handler.address} answers {parent.subject!r} ({style})")
    _answer_from_inside(world, random, handler, parent, parent, style)
    return True


def _answer_from_inside(
    world: World, random: Random, handler: Person, to: Letter, parent: Letter, style: str
) -> None:
    fresh = answer(world, random, request_of(world, to))
    draft = Draft(handler, [to.answered_at], _re(to), parent=to, verdict=_verdict(random))
    for name, value in quote(style, fresh, parent, random).items():
        setattr(draft, name, value)
    if random.random() < 0.15:
        draft.author = Person("Eva", EVA_ALIAS) if handler == EVA else handler
    if random.random() < 0.1:
        draft.parent = None
    world.put_in(draft)


def answers_the_wrong_notice(world: World, random: Random) -> bool:
    """A handler writes to an answer address below an internal notice that he means to answer."""
    chosen = _notices(world, random, "h")
    if chosen is None:
        return False
    handler, letters = chosen
    to = _recent(random, letters)
    request = request_of(world, to)
    internal = [one for one in _ours(world, handler) if world.role_of(one) == "n"]
    same = [one for one in internal if request_of(world, one) in (request, 0)]
    pool = same if same and random.random() < 0.8 else internal
    if not pool:
        return False
    parent = _recent(random, pool)
    style = random.choice(STYLES)
    world.tell(f"{handler.address} answers {to.subject!r} below {parent.subject!r} ({style})")
    _answer_from_inside(world, random, handler, to, parent, style)
    return True


def hides_a_secret(world: World, random: Random) -> bool:
    """A handler's answer has a secret where nobody looks: subject, name, headers, comments."""
    chosen = _notices(world, random, "h")
    if chosen is None:
        return False
    handler, letters = chosen
    to = _recent(random, letters)
    fresh, word = answer(world, random, request_of(world, to)), world.word("sekret")
    world.tell(f"{handler.address} answers {to.subject!r} and hides {word}")
    draft = Draft(handler, [to.answered_at], _re(to), fresh, parent=to)
    draft.headers = [("X-Note", word), ("Keywords", word), ("Comments", f"see {word}")]
    draft.message_id = f"{word}@pc.example"
    match random.randrange(4):
        case 0:
            draft.subject = f"{_re(to)} {word}"
        case 1:
            draft.author = Person(f"Eva {word}", handler.address)
        case 2:
            unseen = f"<!-- {word} --><style>.{word} {{}}</style><template>{word}</template>"
            draft.markup = (
                f"<html><head><title>{word}</title></head><body>{unseen}<p>{fresh}</p>"
                f'<img alt="{word}" src="cid:{word}"><a title="{word}" href="#">.</a></body></html>'
            )
            draft.text = random.choice(("", fresh))
        case _:
            draft.text, draft.markup = fresh, f"<p>{fresh}</p><p hidden>{word}</p>"
    world.put_in(draft)
    return True


def tells_a_known_secret(world: World, random: Random) -> bool:
    """A handler pastes an internal text into his answer, or into a file, its name or its HTML."""
    chosen = _notices(world, random, "h")
    if chosen is None:
        return False
    handler, letters = chosen
    to = _recent(random, letters)
    request = request_of(world, to)
    known = _internal_texts(world, request)
    if not known:
        return False
    words = random.choice(known)
    fresh = answer(world, random, request)
    world.tell(f"{handler.address} pastes {words!r} into an answer to {to.subject!r}")
    draft = Draft(handler, [to.answered_at], _re(to), fresh, parent=to)
    match random.randrange(5):
        case 0:
            draft.text = f"{fresh}\n\n{words}\n"
        case 1:
            draft.files = [("list.txt", "text/plain", words.encode())]
        case 2:
            name = "".join(each if each.isalnum() else " " for each in words)
            draft.files = [(f"{name}.pdf", "application/pdf", b"%PDF-1.4 \xff\xfe")]
        case 3:
            draft.text, draft.markup = "", f"<p>{fresh}</p><p style='color:#fff'>{words}</p>"
        case _:
            inner = f"From: eva@example.com\r\nSubject: it\r\n\r\n{words}\r\n"
            draft.files = [("note.eml", "message/rfc822", inner.encode())]
    world.put_in(draft)
    return True


def _internal_texts(world: World, request: int) -> list[str]:
    with world.house.database.read() as connection:
        query = select(t.message.c.text, t.message.c.is_draft).where(
            t.message.c.request_id == request, t.message.c.visibility == "internal"
        )
        found = connection.execute(query).all()
    return [text for text, is_draft in found if "sekret" in text and not is_draft]


def notes(world: World, random: Random) -> bool:
    """A handler writes a note: to an address for notes, or by #note."""
    chosen = _notices(world, random, "hn")
    if chosen is None:
        return False
    handler, letters = chosen
    parent = _recent(random, letters)
    words = secret(world, random)
    role, style = world.role_of(parent), random.choice(STYLES)
    to = parent.answered_at
    if role == "h" and random.random() < 0.4:
        to = _note_address(world, parent) or to
        words = words if to != parent.answered_at else f"#note\n{words}"
    elif role == "h":
        words = f"#note\n{words}"
    world.tell(f"{handler.address} notes {words!r} below {parent.subject!r} ({style})")
    draft = Draft(handler, [to], _re(parent), parent=parent, verdict=_verdict(random))
    # What stands above the words would be read before the command.
    style = style if not words.startswith("#") or style not in ("below", "bottom") else "top"
    for name, value in quote(style, words, parent, random).items():
        setattr(draft, name, value)
    if random.random() < 0.3:
        word = world.word("sekret")
        draft.files.append((f"{word}.txt", "text/plain", f"What {word} says of it".encode()))
    if random.random() < 0.3:
        draft.subject = f"Plan {world.word('sekret')} against the customer"
    draft.message_id = f"{world.word('sekret')}@pc.example"
    world.put_in(draft)
    return True


def _note_address(world: World, letter: Letter) -> str:
    for line in letter.text.splitlines():
        if line.startswith("Internal note:"):
            return line.rpartition(" ")[2]
    return ""


def mistypes_a_note(world: World, random: Random) -> bool:
    """A handler means a note, and writes the command wrongly."""
    chosen = _notices(world, random, "h")
    if chosen is None:
        return False
    handler, letters = chosen
    parent, words = _recent(random, letters), secret(world, random)
    text = random.choice(
        (
            "#note {0}", "#note: {0}", "#close now\n#note\n{0}", "Hello,\n#note\n{0}",
            "#tag vip\nHello\n\n#note\n{0}", "#note\n#closed\n{0}", "#noet\n{0}", "# note\n{0}",
        )
    ).format(words)  # fmt: skip
    world.tell(f"{handler.address} mistypes {text!r} below {parent.subject!r}")
    draft = Draft(handler, [parent.answered_at], _re(parent), text, parent=parent)
    draft.text = quote(random.choice(("none", "top", "outlook")), text, parent, random)["text"]
    world.put_in(draft)
    return True


_GOOD = (
    "#close", "#reopen", "#take", "#assign omar", "#assign eva", "#assign kim", "#assign none",
    "#assign auto", "#priority medium", "#category sales", "#category support", "#tag {tag}",
    "#untag vip", "#postpone 2d", "#status waiting", "#cc {person}", "#uncc {person}", "#show",
    "#why", "#help", "#undo", "#accept", "#refuse", "#note", "#type general", "#type asset",
    "#reason because {secret} would cost us far too much money",
)  # fmt: skip
_FRAGILE = ("#accept", "#refuse", "#undo", "#reopen", "#type asset", "#status waiting")
_LIKELY = tuple(line for line in _GOOD if line not in _FRAGILE)
_BAD = ("#close now", "#clsoe", "#assign nobody", "#postpone soon", "#merge 1", "#", "#status x")


def commands(world: World, random: Random) -> bool:
    """A handler sends commands, good and bad ones, with or without words."""
    chosen = _notices(world, random, "hn")
    if chosen is None:
        return False
    handler, letters = chosen
    parent = _recent(random, letters)
    lines = random.sample(random.choice((_GOOD, _LIKELY, _LIKELY)), random.randint(1, 3))
    if random.random() < 0.15:
        lines.append(random.choice(_BAD))
    typed = []
    for line in lines:
        word = world.word("sekret") if "{secret}" in line else ""
        person = random.choice(_outsiders(world)).address
        tag = world.word("marke") if "{tag}" in line else ""
        typed.append(line.format(secret=word, person=person, tag=tag))
    is_inside = world.role_of(parent) == "n" or "#note" in typed
    words = ""
    if random.random() < 0.5:
        request = request_of(world, parent)
        words = secret(world, random) if is_inside else answer(world, random, request)
    style = random.choice((*MARKED, "bare", "html-copy", "forward"))
    style = "top" if style in ("bottom", "interleaved") else style
    world.tell(f"{handler.address} commands {typed} {words!r} below {parent.subject!r} ({style})")
    text = "\n".join([*typed, words]).rstrip()
    draft = Draft(handler, [parent.answered_at], _re(parent), parent=parent)
    draft.verdict = _verdict(random)
    for name, value in quote(style, text, parent, random).items():
        setattr(draft, name, value)
    world.put_in(draft)
    return True


def loses_the_address(world: World, random: Random) -> bool:
    """A handler's mail program answers to the plain mailbox: his words stay inside."""
    chosen = _notices(world, random, "hn")
    if chosen is None:
        return False
    handler, letters = chosen
    parent, words, style = _recent(random, letters), secret(world, random), random.choice(STYLES)
    world.tell(f"{handler.address} loses the address of {parent.subject!r} ({style})")
    draft = Draft(handler, [SUPPORT], _re(parent), parent=parent, verdict=_verdict(random))
    for name, value in quote(style, words, parent, random).items():
        setattr(draft, name, value)
    if random.random() < 0.3:
        draft.parent = None
    world.put_in(draft)
    return True


def shows_his_address(world: World, random: Random) -> bool:
    """A handler answers with somebody outside in To or Cc, who so gets it from him, too."""
    chosen = _notices(world, random, "h")
    if chosen is None:
        return False
    handler, letters = chosen
    parent = _recent(random, letters)
    request, other = request_of(world, parent), random.choice(_outsiders(world))
    style = random.choice(STYLES)
    world.tell(f"{handler.address} answers {parent.subject!r} with {other.address} in Cc ({style})")
    draft = Draft(handler, [parent.answered_at], _re(parent), parent=parent)
    draft.cc = [other.address]
    for name, value in quote(style, answer(world, random, request), parent, random).items():
        setattr(draft, name, value)
    world.put_in(draft)
    return True


def handler_is_away(world: World, random: Random) -> bool:
    """A machine answers for a handler, perhaps from the address where he reads his mail."""
    chosen = _notices(world, random, "hn")
    if chosen is None:
        return False
    handler, letters = chosen
    parent = _recent(random, letters)
    author = random.choice((handler, handler, Person("Eva at home", EVA_AT_HOME)))
    world.tell(f"{author.address} is away, says a machine below {parent.subject!r}")
    _away(world, random, author, parent, secret(world, random))
    return True


def answers_from_beside(world: World, random: Random) -> bool:
    """Somebody inside who is no handler answers what a rule sent him."""
    letters = _ours(world, DISPATCH)
    if not letters:
        return False
    parent, style = _recent(random, letters), random.choice(STYLES)
    world.tell(f"{INSIDE} answers {parent.subject!r} ({style})")
    draft = Draft(DISPATCH, [parent.answered_at], _re(parent), parent=parent)
    for name, value in quote(style, secret(world, random), parent, random).items():
        setattr(draft, name, value)
    world.put_in(draft)
    return True


def ends_a_hold(world: World, random: Random) -> bool:
    """A handler accepts or refuses a held mail, by mail or by a call."""
    is_accepted = random.random() < 0.6
    waiting = _waiting(world)
    if not waiting:
        return False
    if random.random() < 0.4:
        journal = random.choice(waiting)
        world.tell(f"eva {'accepts' if is_accepted else 'refuses'} journal {journal}")
        world.end_hold(journal, accepts=is_accepted)
        return True
    found = [
        (handler, letter)
        for handler in HANDLERS
        for letter in world.inbox.get(handler.address, [])
        if world.role_of(letter) == "n" and "#accept" in letter.text
    ]
    if not found:
        return False
    handler, letter = random.choice(found[-3:])
    word = "#accept" if is_accepted else "#refuse"
    world.tell(f"{handler.address} says {word} to {letter.subject!r}")
    style = random.choice(("none", "top", "outlook", "blockquote", "alternative"))
    draft = Draft(handler, [letter.answered_at], _re(letter), parent=letter)
    for name, value in quote(style, word, letter, random).items():
        setattr(draft, name, value)
    world.put_in(draft)
    return True


def _waiting(world: World) -> list[int]:
    with world.house.database.read() as connection:
        query = select(t.hold.c.journal_id).where(t.hold.c.state == "waiting")
        return [row.journal_id for row in connection.execute(query)]


def undoes(world: World, random: Random) -> bool:
    """A handler takes his commands back."""
    chosen = _notices(world, random, "n")
    if chosen is None:
        return False
    handler, letters = chosen
    letter = _recent(random, letters)
    world.tell(f"{handler.address} undoes {letter.subject!r}")
    world.put_in(Draft(handler, [letter.answered_at], _re(letter), "#undo", parent=letter))
    return True


def changes_by_call(world: World, random: Random) -> bool:
    """Somebody closes, reopens or moves a request by the command line."""
    requests = sorted(world.knows.members)
    if not requests:
        return False
    number = random.choice(requests)
    command = random.choice(
        (Close(), Close("far too expensive for us"), Reopen(), ChangeProperty("category", "sales"))
    )
    world.tell(f"eva: {command} on #{number}")
    try:
        world.call(lambda: world.house.desk.command(command, number, "eva"))
    except Exception as error:  # noqa: BLE001 - what is not allowed is an answer, too
        world.tell(f"    {type(error).__name__}: {error}")
    return True


def time_passes(world: World, random: Random) -> bool:
    """Hours or weeks go by."""
    hours = random.choice((1, 5, 30, 24 * 40))
    world.tell(f"{hours} hours pass")
    world.pass_time(hours=hours)
    return True


WEIGHTS: dict[Action, int] = {
    writes_anew: 8,
    replies: 10,
    steals_an_address: 3,
    guesses_a_tag: 3,
    forges_a_customer: 1,
    forges_a_handler: 3,
    is_out_of_office: 2,
    bounces: 2,
    joins_addresses: 3,
    answers: 6,
    answers_with_a_quote: 5,
    answers_the_wrong_notice: 6,
    hides_a_secret: 3,
    tells_a_known_secret: 4,
    notes: 8,
    mistypes_a_note: 2,
    commands: 8,
    changes_the_people: 3,
    loses_the_address: 3,
    shows_his_address: 3,
    handler_is_away: 3,
    answers_from_beside: 2,
    ends_a_hold: 5,
    undoes: 2,
    changes_by_call: 2,
    time_passes: 2,
}
ACTIONS: tuple[Action, ...] = tuple(
    action for action, weight in WEIGHTS.items() for _ in range(weight)
)
