"""What the people inside are told about a request, and how they may answer.

DESIGN section 6: a notice that carries an answer address (`h`) contains nothing internal; internal
news comes only in notices whose reply is a note (`n`). Row 92; POLICY, team.toml.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any

from postroom.core import letters
from postroom.core.brakes import brake_alert, brake_notices
from postroom.core.effects import (
    ACKNOWLEDGED,
    AppendMessage,
    Assign,
    Effect,
    QueueMail,
    Record,
    Reply,
)
from postroom.core.facts import DeliveryFact, Facts, RequestFact
from postroom.core.hours import notified_at
from postroom.core.judging import Case
from postroom.core.model import Category, Handler, Policy
from postroom.core.site import Mailbox, Site
from postroom.core.tasks import Task
from postroom.mail.message import Attachment

_ANSWERS = frozenset({"lost", "held-answer"})  # to a handler who has just written


@dataclass(frozen=True, slots=True)
class Scene:
    """A request as the people inside are told of it. `request` None: it is opened just now."""

    mailbox: Mailbox
    request: RequestFact | None
    about: Mapping[str, Any]  # the request's variables
    contact: Mapping[str, str]
    facts: Facts
    policy: Policy
    site: Site
    now: datetime
    actor: str  # who did it: he need not be told
    company: str = ""
    extracted: Mapping[str, str] = field(default_factory=dict)
    participants: tuple[str, ...] = ()

    @property
    def category(self) -> Category | None:
        """The request's category; None when the policy has it no more."""
        return self.policy.categories.get(str(self.about["category"]))


@dataclass(frozen=True, slots=True)
class News:
    """One thing to tell. `message` gives its variables as a reader in a time zone sees them."""

    template: str
    reply: Reply
    because: str
    message: Callable[[str], Mapping[str, Any]] = lambda _: {}
    kind: str = "notice"
    reason: str = ""
    attachments: tuple[Attachment, ...] = ()
    pictures: tuple[Mapping[str, Any], ...] = ()  # those shown in the text (core.pictures)
    changes: tuple[Mapping[str, Any], ...] = ()
    choices: tuple[str, ...] = ()
    is_awaited: bool = False  # whoever gets it has just written: it does not wait for his hours
    hold: int | None = None  # that Reply.HOLD is about; None: the one that this decision makes


@dataclass(frozen=True, slots=True)
class Telling:
    """News for these handlers, and these addresses inside that are no handler's."""

    scene: Scene
    news: News
    handlers: tuple[Handler, ...]
    others: tuple[str, ...] = ()


def scene_of_task(task: Task, actor: str | None = None) -> Scene:
    """Return the scene of a command."""
    request = task.request
    heard = tuple(one.address for one in letters.audience(task))
    return Scene(
        mailbox=task.mailbox,
        request=request,
        about=letters.of_request(request),
        contact=letters.of_requester(request),
        facts=task.facts,
        policy=task.policy,
        site=task.site,
        now=task.now,
        actor=task.actor if actor is None else actor,
        participants=heard,
    )


def scene_of_case(case: Case, request: RequestFact | None, about: Mapping[str, Any]) -> Scene:
    """Return the scene of a mail that arrived."""
    contact, handler = case.facts.contact, case.handler
    heard = [a for p in request.participants for a in p.addresses] if request is not None else []
    return Scene(
        mailbox=case.arrival.mailbox,
        request=request,
        about=about,
        contact=letters.of_sender(case.arrival),
        facts=case.facts,
        policy=case.policy,
        site=case.site,
        now=case.now,
        actor=case.arrival.by or (handler.name if handler is not None else ""),
        company=contact.company if contact is not None else "",
        extracted=case.routing.extracted,
        participants=tuple(heard),
    )


def readers(scene: Scene, event: str) -> list[Handler]:
    """Return who is told of an event: the owner, else (and of new requests) the members.

    Whoever did it, and who does not want to hear of such things, is left out.
    """
    category = scene.category
    owner = str(scene.about["owner"])
    names = [owner]
    # Who is no handler any more cannot hear of it.
    is_everybodys = event == "new" or owner not in scene.policy.handlers
    if category is not None and category.notify_members and is_everybodys:
        names += [member.handler for member in category.members]
    return wanting(scene, names, event)


def wanting(scene: Scene, names: Iterable[str], event: str) -> list[Handler]:
    """Return those of these handlers who want to hear of an event, and did not do it."""
    known = (scene.policy.handlers.get(name) for name in dict.fromkeys(names))
    return [
        handler
        for handler in known
        if handler is not None and handler.name != scene.actor and event in handler.notify
    ]


@dataclass(frozen=True, slots=True)
class Alarm:
    """What the administrators are to be told of the whole site; once an hour for each cause."""

    cause: str  # flood, held, lost
    what: str


_FLOOD = Alarm("flood", "there are more notices than the brake lets through")


def tell(tellings: Iterable[Telling], alarm: Alarm | None = None) -> Iterator[Effect]:
    """Return a notice for everybody who is to be told, once for each: all that a decision tells.

    A flood is braked: the request shows everything, and an administrator is told once (`alarm`:
    of what else he is to be told).
    """
    letters_, heard, scene = list[QueueMail](), set[str](), None
    for telling in tellings:
        scene = telling.scene
        for handler in telling.handlers:
            if handler.email.lower() not in heard:
                letters_.append(notice(scene, telling.news, handler))
            heard.add(handler.email.lower())
        for address in telling.others:
            if address.lower() not in heard:
                letters_.append(_to_address(scene, telling.news, address))
            heard.add(address.lower())
    if scene is None:
        return
    if letters_:
        braked = brake_notices(scene.site.brakes, scene.facts, scene.now, len(letters_))
        yield from braked.spent
        if braked.by is not None:
            yield from alert(scene, _FLOOD)
        else:
            yield from letters_
    if alarm is not None:
        yield from alert(scene, alarm)


def notice(scene: Scene, news: News, handler: Handler) -> QueueMail:
    """Return one notice, not braked."""
    request = scene.request
    zone = handler.time_zone
    about = {
        **scene.about,
        "deadline": letters.deadline(request.deadline_at if request else None, zone),
    }
    generations = request.generations if request is not None else {}
    letter = _letter(scene, news, handler.language, zone)
    return replace(
        letter,
        recipients=(handler.email,),
        variables={
            **letter.variables,
            "request": about,
            "handler": _person(handler),
        },
        reply=news.reply,
        reply_to=handler.name,
        reply_hold=news.hold,
        reply_generation=generations.get(handler.name, 0),
        due_at=_due_at(scene, news, handler),
    )


def _due_at(scene: Scene, news: News, handler: Handler) -> datetime | None:
    """Return when he is to have it; None: at once, as what answers a mail of his own."""
    is_awaited = news.is_awaited or news.kind == "command-result" or news.template in _ANSWERS
    return None if is_awaited else notified_at(handler, scene.policy, scene.now)


def alert(scene: Scene, alarm: Alarm) -> Iterator[Effect]:
    """Tell the administrators of something that concerns the whole site: once an hour at most."""
    # Not who did it: an out-of-office without any mark would answer this, too.
    people = [one for one in administrators(scene.policy) if one.name != scene.actor]
    braked = brake_alert(alarm.cause, scene.facts, scene.now)
    if not people or braked.by is not None:
        return
    yield from braked.spent
    yield from _alert_letters(scene, people, alarm.what)


def alert_letters(
    policy: Policy, site: Site, facts: Facts, now: datetime, what: str, advice: str
) -> list[QueueMail]:
    """Return what tells the administrators of something that no request and no mail caused."""
    mailbox = next(iter(site.mailboxes.values()))
    about = {"subject": "", "status": "", "priority": "", "category": "", "owner": ""}
    nobody = {"name": "", "address": ""}
    scene = Scene(mailbox, None, about, nobody, facts, policy, site, now, actor="")
    return list(_alert_letters(scene, administrators(policy), what, advice))


def _alert_letters(
    scene: Scene, people: Iterable[Handler], what: str, advice: str = ""
) -> Iterator[QueueMail]:
    said = {"text": advice} if advice else {}
    news = News("alert", Reply.NOTE, what, lambda _: said, kind="alert", reason=what)
    nowhere = replace(scene, request=None, about={**scene.about, "subject": ""})
    for handler in people:
        letter = _letter(nowhere, news, handler.language, handler.time_zone)
        yield replace(letter, recipients=(handler.email,), is_inside=False, is_about_request=False)


def _to_address(scene: Scene, news: News, address: str) -> QueueMail:
    """Return a notice to somebody inside who is no handler: what he answers stays inside."""
    letter = _letter(scene, news, scene.mailbox.language, scene.mailbox.time_zone)
    return replace(letter, recipients=(address,), reply=Reply.SIDE)


def _letter(scene: Scene, news: News, language: str, time_zone: str) -> QueueMail:
    # As they travel: base64 makes four octets of three, and adds line ends.
    travelling = sum(one.size for one in news.attachments) * 1.37
    is_small = travelling <= scene.site.notice_size
    message = {
        **news.message(time_zone),
        "attachments": [
            {"name": one.name or one.type, "size": _size(one.size)} for one in news.attachments
        ][:100],
        "omitted": not is_small,
        "pictures": [dict(one) for one in news.pictures] if is_small else [],
    }
    return QueueMail(
        request=scene.request.id if scene.request is not None else None,
        kind=news.kind,
        mailbox=scene.mailbox.name,
        recipients=(),
        template=news.template,
        language=language,
        variables=letters.variables(
            scene.mailbox,
            scene.about,
            scene.contact,
            message=message,
            company=scene.company,
            reason=news.reason,
            extracted=scene.extracted,
            changes=[dict(one) for one in news.changes],
            choices=list(news.choices),
            participants=list(scene.participants),
        ),
        from_name=scene.mailbox.from_name,
        because=news.because,
        subject=str(scene.about["subject"]),
        is_inside=True,
        attachments=tuple(one.part for one in news.attachments) if is_small else (),
    )


def _person(handler: Handler) -> dict[str, str]:
    return {"name": handler.name, "full_name": handler.full_name, "email": handler.email}


def _size(octets: int) -> str:
    for unit, size in (("MB", 10**6), ("kB", 10**3)):
        if octets >= size:
            return f"{octets / size:.1f} {unit}".replace(".0 ", " ")
    return f"{octets} bytes"


# ---- what there is to tell


def of_note(scene: Scene, message: AppendMessage) -> Telling:
    """Tell the owner of a note: only people inside, and only by an address for notes."""
    author = message.author
    said = {"text": message.fresh, "from_name": author.name or author.address}
    news = News(
        "note",
        Reply.NOTE,
        f"a note by {author.handler or author.address}",
        lambda _: said,
        attachments=message.attachments,
    )
    return Telling(scene, news, tuple(readers(scene, "message")))


def of_owners(task: Task, effects: Iterable[Effect]) -> Iterator[Telling]:
    """Tell who got a request and who lost it, if these effects change its owner."""
    was = task.request.owner
    last = None
    for effect in effects:
        last = effect if isinstance(effect, Assign) else last
        task = task.after(effect)
    if last is None or last.to == was:
        return
    scene = scene_of_task(task)
    if last.to is not None:
        asked = task.facts.background.last_in
        message = partial(letters.of_message, asked)
        is_given = task.actor in task.policy.handlers
        reason = f"{task.actor} gave it to you" if is_given else last.because
        news = News("new", Reply.ANSWER, last.because, message, reason=reason)
        yield Telling(scene, news, tuple(wanting(scene, (last.to,), "new")))
    if was is not None:
        news = News("taken-over", Reply.NOTE, last.because, reason=last.because)
        yield Telling(scene, news, tuple(wanting(scene, (was,), "taken-over")))


def of_taken(task: Task, effects: Iterable[Effect]) -> Iterator[Telling]:
    """Give who takes a request the mail by which he answers the customer.

    He may never have had one: what he is told inside carries no such address.
    """
    was, has_acknowledged = task.request.owner, False
    for effect in effects:
        task = task.after(effect)
        has_acknowledged |= isinstance(effect, Record) and effect.kind == ACKNOWLEDGED
    taker = task.policy.handlers.get(task.actor)
    if taker is None or task.request.owner != taker.name:
        return
    if was == taker.name and not has_acknowledged:
        return
    asked = task.facts.background.last_in
    news = News(
        "new",
        Reply.ANSWER,
        f"taken by {taker.name}",
        partial(letters.of_message, asked),
        reason="you have taken it",
        is_awaited=True,
    )
    yield Telling(scene_of_task(task), news, (taker,))


def of_undelivered(task: Task, delivery: DeliveryFact, why: str) -> Telling | None:
    """Tell the owner that a customer did not get an answer; None: it was no answer."""
    if delivery.kind != "answer":
        return None
    scene = scene_of_task(task, actor="")
    news = News(
        "undelivered",
        Reply.NOTE,
        f"delivery {delivery.id} to {delivery.recipient} failed",
        lambda _: {"text": delivery.text},
        changes=({"what": delivery.recipient, "from": None, "to": None, "because": why},),
    )
    # Not asked what they want to hear of: nobody else knows that the customer waits in vain.
    names = dict.fromkeys((task.request.owner or "", delivery.handler))
    people = [task.policy.handlers[name] for name in names if name in task.policy.handlers]
    return Telling(scene, news, tuple(people or administrators(task.policy)))


def administrators(policy: Policy) -> list[Handler]:
    """Return who looks after the whole site."""
    return [handler for handler in policy.handlers.values() if handler.administrator]
