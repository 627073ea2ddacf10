"""A handler's mail to his own address: commands, and an answer or a note.

DESIGN section 6; POLICY, commands in a handler's mail. All of a mail is done or nothing: a mistake
keeps his words inside and tells him. What goes out is scanned before (core.answering).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Any

from postroom.core import letters, notices
from postroom.core.answering import (
    attached,
    check_readable,
    leaks_in,
    message_by,
    passages_of,
    why_held,
    write_answer,
)
from postroom.core.brakes import brake_error, brake_lost
from postroom.core.changes import (
    in_order,
    said_of,
    shown,
)
from postroom.core.effects import (
    AnswerHold,
    AppendMessage,
    Assign,
    Decision,
    Effect,
    EndHold,
    HoldMail,
    KnowIds,
    QueueMail,
    Reply,
    RunHook,
    SetStatus,
)
from postroom.core.exposure import exposed
from postroom.core.facts import HoldFact, Wish
from postroom.core.judging import Case
from postroom.core.leaks import Leak, mark
from postroom.core.model import Direction, Handler, Outcome, Verdict, Visibility
from postroom.core.notices import News, Scene
from postroom.core.opening import ids_of
from postroom.core.orders import Mistyped, Orders, check, orders_of, words_of
from postroom.core.tasks import Task, check_access
from postroom.core.typed import WORDS, Typed, read_typed
from postroom.errors import NotAllowed

# What these commands say stays inside.
_INSIDE = frozenset({"note", "reason"})
# So often a handler may say the same in one request.
_SAME_WORDS = 2
_COMMAND = re.compile(r"[#＃﹟]\W*(\w+)")


def handle_mail(case: Case) -> Decision:
    """Do what a handler's mail to one of his addresses says."""
    request = case.facts.requests[case.thread.request_id or 0]
    handler = _handler(case)
    task = Task(request, case.facts, case.policy, case.site, case.now, handler.name, case.verdict)
    for replaced in exposed(case):
        task = task.after(replaced)
    transitions = [transition.name for transition in task.workflow.transitions]
    typed = read_typed(case.arrival.mail.own_words, transitions)
    words = words_of(typed, handler)
    if not typed.lines and not case.arrival.mail.attachments and _is_machine(task, words):
        return _repeated(case, task)
    try:
        check(typed)
        orders = orders_of(task, typed.lines, words, case.arrival.answered_journal)
        is_note = orders.is_note or case.thread.role != "h"
        # A note may be a mail passed on without a word; an answer needs words of one's own.
        words = words or (case.arrival.mail.fresh if is_note and not typed.lines else "")
        return _done(case, task, typed, orders, words, is_note=is_note)
    except NotAllowed as mistake:
        return _refused(case, task, typed, mistake)


def _is_machine(task: Task, words: str) -> bool:
    """Whether a handler says the same for the third time: an out-of-office without any mark does.

    Two of those, his and the customer's, would answer each other for ever.
    """
    said = [one.fresh for one in task.facts.background.messages if one.handler == task.actor]
    wanted = words.split()
    return bool(wanted) and sum(one.split() == wanted for one in said) >= _SAME_WORDS


def _repeated(case: Case, task: Task) -> Decision:
    """Keep what looks like a machine's words inside, and tell nobody but their author."""
    mail, handler = case.arrival.mail, _handler(case)
    because = "the same words for the third time, as a machine would say them"
    note = Direction.NOTE, Visibility.INTERNAL
    effects: list[Effect] = [
        message_by(handler, task, mail, mail.fresh, *note, because=because),
        *_around(case),
    ]
    told = brake_lost(case.arrival.sender, case.facts, case.now)
    if told.by is None:
        reason = f"It says {because}, so it is kept as an internal note."
        said = {"text": mail.fresh, "from_name": handler.full_name}
        news = News("lost", Reply.NOTE, because, lambda _: said, reason=reason)
        effects += [notices.notice(notices.scene_of_task(task), news, handler), *told.spent]
    return case.decided(
        Outcome.APPENDED, because, effects, request=task.request, actor=handler.name
    )


def handle_hold(case: Case, hold: HoldFact) -> Decision:
    """Do what a handler says of a held mail: `#accept` or `#refuse`."""
    handler = _handler(case)
    typed = read_typed(case.arrival.mail.own_words)
    wishes = {line.word for line in typed.lines}
    fault = ""
    if typed.faults:
        fault = typed.faults[0].what
    elif wishes not in ({"accept"}, {"refuse"}):
        fault = "write #accept or #refuse on the first line, and no other command"
    elif case.arrival.envelope.is_import:
        fault = "this is an old mail, imported"
    elif hold.state != "waiting":
        fault = f"the mail waits no more: it was {hold.state}"
    elif hold.wish is not None:
        fault = f"somebody has said #{hold.wish} already"
    elif "accept" in wishes and _is_in_handlers_name(case, hold):
        fault = (
            "the held mail is in a handler's name, so #accept needs a mail that is proven to be "
            "yours (DKIM, SPF or your login); or say `postroom hold accept` at a shell"
        )
    else:
        fault = _no_access(case, hold)
    effects: tuple[Effect, ...] = ()
    reason = f"not done: {fault}" if fault else f"#{min(wishes)} by {handler.name}"
    if fault:
        scene = notices.scene_of_case(case, None, letters.of_nothing(hold.subject))
        effects = tuple(_told_of_mistake(case, scene, fault, Reply.HOLD, hold=hold.id))
    else:
        effects = (AnswerHold(hold.id, min(wishes), reason),)
    return case.decided(
        Outcome.COMMAND, reason, effects, actor=handler.name, by=handler.name, hold=hold.id
    )


def _is_in_handlers_name(case: Case, hold: HoldFact) -> bool:
    """Whether an unproven mail would let in what speaks as a handler, his own words apart."""
    speaker = case.policy.handler_by_address(hold.from_address)
    is_own_answer = bool(hold.passages) and speaker == case.handler
    return speaker is not None and not is_own_answer and case.verdict is not Verdict.PASS


def _no_access(case: Case, hold: HoldFact) -> str:
    """Say why a handler may not decide about a held mail; "" if he may."""
    request = case.facts.requests.get(hold.request_id or 0)
    if request is None:
        return ""
    handler = _handler(case)
    task = Task(request, case.facts, case.policy, case.site, case.now, handler.name, case.verdict)
    try:
        check_access(task)
    except NotAllowed as error:
        return str(error)
    return ""


def _handler(case: Case) -> Handler:
    handler = case.handler
    if handler is None:
        raise ValueError("only a handler's mail is handled")
    return handler


def _done(
    case: Case, task: Task, typed: Typed, orders: Orders, words: str, *, is_note: bool
) -> Decision:
    check_access(task)
    mail, handler = case.arrival.mail, _handler(case)
    if not words and not typed.lines:
        # Files alone may be the words: an encrypted or unknown body that nobody here can read.
        raise NotAllowed("the mail has no words of its own that can be read")
    is_answer = not is_note and bool(words)
    if is_answer:
        check_readable(mail, words)
    if is_answer and (leaks := leaks_in(task, words, mail)):
        if case.arrival.wish is Wish.NONE:
            return _held(case, task, words, leaks)
        # Held before: whoever let it in saw what was found then, and nothing else.
        if not passages_of(words, mail, leaks) <= case.facts.hold_passages:
            raise NotAllowed(f"{why_held(leaks)}: more than when it was held")
    changed: list[Effect] = []
    said: list[dict[str, Any]] = []
    after = task
    for effect, met in in_order(orders.changes, task):
        changed.append(effect)
        said.extend(said_of(effect, met))
        after = met.after(effect)
    if is_note and any(_is_outgoing(effect) for effect in changed):
        raise NotAllowed("this would send mail outside, and the address you wrote to is for notes")
    spoken = _spoken(case, after, words, changed, is_answer=is_answer)
    effects = [*changed, *spoken]
    reports = [*_told_of_answer(effects), *orders.reports]
    tellings = [*notices.of_owners(task, effects)]
    if case.thread.role == "n":  # to `h` he would have written by that mail
        tellings += notices.of_taken(task, effects)
    if not is_answer and (note := _note_in(spoken)) is not None:
        tellings.append(notices.of_note(notices.scene_of_task(after), note))
    effects += notices.tell(tellings)
    is_of_holds = all(isinstance(effect, AnswerHold) for effect in changed)
    if said or orders.reports or (orders.changes and not (changed and is_of_holds)):
        effects.append(_result(case, after, said, reports))
    sources = [line.source for line in typed.lines]
    return case.decided(
        Outcome.APPENDED if spoken else Outcome.COMMAND,
        _reason(handler, sources, is_answer=is_answer, is_note=bool(spoken) and not is_answer),
        [*_around(case), *effects],
        request=task.request,
        actor=case.arrival.by or handler.name,
        by=handler.name,
        commands=sources,
        changes=said,
    )


def _spoken(
    case: Case, task: Task, words: str, changed: Iterable[Effect], *, is_answer: bool
) -> list[Effect]:
    """Return the answer or the note; nothing if the mail was nothing but commands."""
    mail, handler = case.arrival.mail, _handler(case)
    if is_answer:
        got_it = [item.address for item in (*mail.to, *mail.cc)]
        keeps = {type(effect) for effect in changed} & {Assign, SetStatus}
        return list(write_answer(task, handler, mail, words, but=got_it, keeps=keeps))
    files = [item for item in mail.attachments if not item.inline]
    if not words and not files:
        return []
    return [
        message_by(
            handler,
            task,
            mail,
            words,
            Direction.NOTE,
            Visibility.INTERNAL,
            because=f"a note by {handler.name}",
        )
    ]


def _around(case: Case) -> Iterator[Effect]:
    """What every mail of a handler does: its ids are known, its hold ends, what it showed."""
    request_id = case.thread.request_id
    yield KnowIds(request_id, ids_of(case.arrival, case.facts, request_id))
    if case.is_held:
        yield EndHold("accepted")
    yield from exposed(case)


def _is_outgoing(effect: Effect) -> bool:
    """Whether an effect sends mail outside, now or when its hook has succeeded."""
    if isinstance(effect, RunHook):
        return effect.transition is not None and effect.transition.sends_mail
    return isinstance(effect, QueueMail) and effect.kind == "answer"


def _note_in(effects: Iterable[Effect]) -> AppendMessage | None:
    return next((one for one in effects if isinstance(one, AppendMessage)), None)


def _told_of_answer(effects: Iterable[Effect]) -> Iterator[str]:
    for effect in effects:
        if isinstance(effect, QueueMail):
            yield f"Your answer goes to {', '.join(effect.recipients)}."


def _reason(handler: Handler, sources: list[str], *, is_answer: bool, is_note: bool) -> str:
    spoken = "answered" if is_answer else "noted" if is_note else ""
    typed = ", ".join(sources)[:300]
    return f"{spoken or 'commands'} by {handler.name}" + (f" ({typed})" if typed else "")


def _result(case: Case, task: Task, said: list[dict[str, Any]], reports: list[str]) -> QueueMail:
    """Confirm what was done, by one mail to the address in team.toml."""
    news = News(
        "command-result",
        Reply.NOTE,
        "commands by mail",
        lambda _: {"text": "\n\n".join(reports)},
        kind="command-result",
        changes=tuple(shown(said, task.time_zone)),
    )
    return notices.notice(notices.scene_of_task(task), news, _handler(case))


def _held(case: Case, task: Task, words: str, leaks: tuple[Leak, ...]) -> Decision:
    """Keep an answer that would let something out; its author decides. It never opens by itself."""
    handler, why = _handler(case), why_held(leaks)
    marked = mark(attached(words, case.arrival.mail), leaks)
    said = {**letters.of_mail(case.arrival, handler.time_zone, case.verdict.value), "text": marked}
    news = News("held-answer", Reply.HOLD, why, lambda _: said, reason=why)
    effects: list[Effect] = [
        HoldMail(task.request.id, None, why, handler.name),
        notices.notice(notices.scene_of_task(task), news, handler),
        *exposed(case),
    ]
    return case.decided(
        Outcome.HELD,
        why,
        effects,
        request=task.request,
        hold=why,
        responsible=handler.name,
        by=handler.name,
        leaks=[leak.kind.value for leak in leaks],
        passages=sorted(passages_of(words, case.arrival.mail, leaks)),
    )


def _refused(case: Case, task: Task, typed: Typed, mistake: NotAllowed) -> Decision:
    """Do nothing of a mail, keep its words inside, and tell its author what is wrong."""
    mail, handler, what = case.arrival.mail, _handler(case), str(mistake)
    text = mail.fresh or mail.text
    is_meant = case.thread.role == "h" and not _may_be_internal(typed)
    # What carries an answer address holds nothing internal: neither his own words, nor what the
    # request and its holds have to say to a command.
    is_clean = is_meant and not leaks_in(task, text, mail)
    is_answer = is_clean and isinstance(mistake, Mistyped)
    because = f"not done: {what}"[:500]
    message = message_by(
        handler,
        task,
        mail,
        text,
        Direction.NOTE,
        Visibility.INTERNAL,
        because=because,
        # Meant for the customer: to say it again, rightly, is no leak.
        is_draft=is_clean,
    )
    choices = mistake.choices if isinstance(mistake, Mistyped) else ()
    reply = Reply.ANSWER if is_answer else Reply.NOTE
    scene = notices.scene_of_task(task)
    return case.decided(
        Outcome.APPENDED,
        because,
        [message, *_around(case), *_told_of_mistake(case, scene, what, reply, choices)],
        request=task.request,
        actor=case.arrival.by or handler.name,
        by=handler.name,
        fault=what,
    )


def _may_be_internal(typed: Typed) -> bool:
    """Whether some of a mail with a mistake may have been meant for people inside.

    `#note: …`, `#noet` and `#note` below a greeting are no notes, but nobody wanted those words to
    go out. A command that resembles none may have been any.
    """
    if any(line.word in _INSIDE for line in typed.lines):
        return True
    for fault in typed.faults:
        found = _COMMAND.search(fault.source)
        name = found[1].lower() if found is not None else ""
        nearest = get_close_matches(name, WORDS, n=1, cutoff=0.5) if name.isalpha() else ["close"]
        if not nearest or nearest[0] in _INSIDE:
            return True
    return False


def _told_of_mistake(
    case: Case,
    scene: Scene,
    what: str,
    reply: Reply,
    choices: tuple[str, ...] = (),
    hold: int | None = None,
) -> Iterator[Effect]:
    """Tell a handler that nothing of his mail was done, with his words to be sent again."""
    mail, handler = case.arrival.mail, _handler(case)
    told = brake_error(case.arrival.sender, case.facts, case.now)
    yield from told.spent
    if told.by is not None:
        return
    text = mail.fresh or mail.text
    news = News(
        "command-error",
        reply,
        f"not done: {what}"[:500],
        lambda _: {"text": text, "from_name": handler.full_name},
        kind="command-result",
        reason=what,
        choices=choices,
        hold=hold,
    )
    yield notices.notice(scene, news, handler)
