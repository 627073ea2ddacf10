"""Machines that answer each other: every loop ends by itself, and no mail is lost on the way.

A world of virtual time: houses that work and send for real, and correspondents who answer what
they get after a latency. Nobody may get more than three mails out of a loop.
"""

from __future__ import annotations

import heapq
import itertools
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import parseaddr
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from tests.houses import (
    CONFIG,
    LOUD,
    RULES,
    Clock,
    accept,
    envelope,
    fire,
    mail,
    make_house,
    outcomes,
    rows,
    work,
)

from postroom.house import House
from postroom.mail.parse import read_mail
from postroom.store import schema as t
from postroom.work.audit import audit
from postroom.work.reply import Reply
from postroom.work.sender import Sender
from postroom.work.stationery import Stationery

ANN = "ann@example.net"
EVA = "eva@example.com"
US = "support@example.com"
LATENCIES = {
    "1 s": timedelta(seconds=1),
    "11 min": timedelta(minutes=11),
    "9 h": timedelta(hours=9),
}
MOST = 3  # answers to one correspondent
STORM = 60  # mails after which a world is given up: it would go on for ever
MARKS = ("Auto-Submitted", "X-Auto-Response-Suppress", "X-Postroom-Loop")
# One owner, who is told of everything: what comes of a notice is not spread over three people.
ALONE = RULES["categories"].replace('["eva", "omar", "kim"]', '["eva"]')


@dataclass(frozen=True)
class Letter:
    """One mail on its way, with its envelope."""

    sender: str
    recipient: str
    raw: bytes

    @property
    def message(self) -> EmailMessage:
        message = message_from_bytes(self.raw, policy=policy.default)
        assert isinstance(message, EmailMessage)
        return message


Answerer = Callable[[Letter], Iterable[Letter]]


@dataclass
class Carrier:
    """A transport that hands everything to the world."""

    needs_handed = False
    taken: list[Letter] = field(default_factory=list)

    def send(self, _: int, sender: str, recipient: str, raw: bytes, handed: Any) -> Reply:
        handed()
        self.taken.append(Letter(sender, recipient, raw))
        return Reply("sent", "250 2.0.0 ok")

    def settle(self) -> None:
        pass

    def close(self) -> None:
        pass


class World:
    """Houses, correspondents, and the mail between them; time goes from one event to the next."""

    def __init__(self, latency: timedelta = timedelta(seconds=1), *houses: House) -> None:
        self.latency = latency
        self.clock = houses[0].desk.clock
        assert isinstance(self.clock, Clock)
        self.people: dict[str, Answerer] = {}
        self.sent: list[Letter] = []
        self.came = {house.site.instance: 0 for house in houses}
        self._carriers = {house.site.instance: Carrier() for house in houses}
        self._senders = {house.site.instance: self._sender(house) for house in houses}
        self._houses = houses
        self._events: list[tuple[datetime, int, Letter]] = []
        self._numbers = itertools.count()

    def _sender(self, house: House) -> Sender:
        return Sender(
            house.database,
            house.site,
            house.desk.signer,
            Stationery(house.database).render,
            self._carriers[house.site.instance],
            clock=house.desk.clock,
            random=lambda: 0.5,
        )

    def post(self, letter: Letter, after: timedelta = timedelta()) -> None:
        """Send a mail, to arrive later."""
        heapq.heappush(self._events, (self.clock() + after, next(self._numbers), letter))

    def run(self, days: float = 30) -> None:
        """Let everything happen that happens within so many days."""
        assert isinstance(self.clock, Clock)
        end = self.clock() + timedelta(days=days)
        while (moment := self._next()) is not None and moment <= end and not self.is_storm:
            self.clock.now = max(self.clock.now, moment)
            while self._events and self._events[0][0] <= self.clock.now:
                self._arrive(heapq.heappop(self._events)[2])
            for house in self._houses:
                work(house)
                fire(house)
                self._senders[house.site.instance].run_once()
                self._carry(self._carriers[house.site.instance])

    def _next(self) -> datetime | None:
        moments = [self._events[0][0]] if self._events else []
        for house in self._houses:
            with house.database.read() as connection:
                query = select(func.min(t.timer.c.due_at)).where(t.timer.c.state == "armed")
                moments += [at for at in connection.execute(query).scalars() if at is not None]
        return min(moments, default=None)

    def _arrive(self, letter: Letter) -> None:
        house = self._house_of(letter.recipient)
        if house is not None:
            self.came[house.site.instance] += 1
            accept(house, letter.raw, letter.sender, letter.recipient)
            return
        for answer in self.people.get(letter.recipient.lower(), lambda _: ())(letter):
            self.post(answer, self.latency)

    def _carry(self, carrier: Carrier) -> None:
        for letter in carrier.taken:
            self.sent.append(letter)
            is_between_houses = self._house_of(letter.recipient) is not None
            self.post(letter, self.latency if is_between_houses else timedelta())
        carrier.taken.clear()

    def _house_of(self, address: str) -> House | None:
        return next((house for house in self._houses if house.site.is_ours(address)), None)

    @property
    def is_storm(self) -> bool:
        return len(self.sent) > STORM

    @property
    def heard(self) -> Counter[str]:
        """How many mails each correspondent got."""
        return Counter(letter.recipient.lower() for letter in self.sent)

    def check(self) -> None:
        """Nothing was lost, and nothing is in motion any more."""
        assert not self.is_storm, self.story()
        for house in self._houses:
            assert audit(house.database, house.spool).findings == ()
            assert len(rows(house, t.journal)) == self.came[house.site.instance]

    def story(self) -> str:
        """Tell the end of what happened, for a test that fails."""
        return "\n".join(
            f"{letter.message['Date']} to {letter.recipient}: {letter.message['Subject']}"
            for letter in self.sent[-12:]
        )


def away(
    back_to: str, subject: str = "I am away", sender: str = "", text: str = "I am away.\n"
) -> Answerer:
    """Make an out-of-office without any mark, to the `back_to` header of what it answers.

    `subject` may use the `{subject}` that it answers, and `{n}`.
    """
    numbers = itertools.count(1)

    def answer(letter: Letter) -> Iterator[Letter]:
        message = letter.message
        to = letter.sender if back_to == "Return-Path" else parseaddr(message[back_to])[1]
        own = letter.recipient
        n = next(numbers)
        author = (sender or own).format(n=n)
        written = subject.format(subject=message["Subject"], n=n)
        raw = mail(written, text, sender=author, to=to)
        yield Letter(author, to, raw)

    return answer


def written(raw: bytes, sender: str = ANN, to: str = US) -> Letter:
    return Letter(sender, to, raw)


@pytest.fixture(params=LATENCIES)
def latency(request: pytest.FixtureRequest) -> timedelta:
    return LATENCIES[request.param]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    rules = {"team": LOUD, "categories": ALONE}
    with make_house(tmp_path, rules=rules) as opened:
        yield opened


# ---- two Postrooms


OTHER = (
    CONFIG.replace('"acme"', '"umbrella"')
    .replace("example.com", "example.org")
    .replace("Acme", "Umbrella")
)


@pytest.fixture
def two(tmp_path: Path) -> Iterator[tuple[House, House]]:
    clock = Clock()
    with ExitStack() as stack:
        acme = stack.enter_context(make_house(tmp_path / "acme", clock=clock))
        umbrella = stack.enter_context(make_house(tmp_path / "umb", clock=clock, config=OTHER))
        yield acme, umbrella


def test_two_postrooms_that_write_to_each_other_stop_after_one_answer(
    two: tuple[House, House], latency: timedelta
) -> None:
    world = World(latency, *two)
    world.post(written(mail(sender="support@example.org"), "support@example.org"))
    world.run()
    world.check()
    assert world.heard == {"support@example.org": 1}
    assert (outcomes(two[0]), outcomes(two[1])) == (["opened"], ["ignored"])


def test_two_postrooms_stop_even_when_a_relay_strips_every_mark(
    two: tuple[House, House], latency: timedelta, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(latency, *two)
    carry = Carrier.send

    def strip(self: Carrier, n: int, sender: str, to: str, raw: bytes, handed: Any) -> Reply:
        return carry(self, n, sender, to, without(raw, *MARKS), handed)

    monkeypatch.setattr(Carrier, "send", strip)
    world.post(written(mail(sender="support@example.org"), "support@example.org"))
    world.run()
    world.check()
    assert world.heard["support@example.org"] <= MOST
    assert world.heard["support@example.com"] <= MOST


def without(raw: bytes, *names: str, **others: str) -> bytes:
    """Return a mail without these headers, with `others` in place of what is there."""
    message = message_from_bytes(raw, policy=policy.SMTP)
    for name in names:
        del message[name]
    for name, value in others.items():
        del message[name]
        message[name] = value
    return message.as_bytes()


FORWARD = """
[[rule]]
name = "theirs"
then = { forward_to = ["support@%s"] }
"""


def test_two_postrooms_that_forward_everything_to_each_other_stop(
    tmp_path: Path, latency: timedelta
) -> None:
    clock, rules = Clock(), {"routing": FORWARD % "example.org"}
    back = {"routing": FORWARD % "example.com"}
    with (
        make_house(tmp_path / "acme", clock=clock, rules=rules) as acme,
        make_house(tmp_path / "umb", clock=clock, config=OTHER, rules=back) as umbrella,
    ):
        world = World(latency, acme, umbrella)
        world.post(written(mail()))
        world.run()
        world.check()
        assert (1, 2) == (world.heard[US], world.heard["support@example.org"])


# ---- out of office, without any mark


BACK = ["Return-Path", "From", "Reply-To"]
SUBJECTS = ["I am away", "Re: {subject}", "Away ({n})"]


@pytest.mark.parametrize("subject", SUBJECTS)
@pytest.mark.parametrize("back_to", BACK)
def test_an_absent_customer_hears_of_us_three_times_at_most(
    house: House, latency: timedelta, back_to: str, subject: str
) -> None:
    world = World(latency, house)
    world.people[ANN] = away(back_to, subject)
    world.post(written(mail()))
    world.run()
    world.check()
    assert 1 <= world.heard[ANN] <= MOST


@pytest.mark.parametrize("subject", SUBJECTS)
@pytest.mark.parametrize("back_to", BACK)
def test_an_absent_handler_hears_of_us_a_few_times_and_the_customer_hardly_more(
    house: House, latency: timedelta, back_to: str, subject: str
) -> None:
    world = World(latency, house)
    world.people[EVA] = away(back_to, subject)
    world.post(written(mail()))
    world.run()
    world.check()
    assert world.heard[EVA] <= 1 + 2 * MOST  # a notice, automatic replies, what he is told of
    assert world.heard[ANN] <= MOST


@pytest.mark.parametrize("back_to", [*BACK[:2], "Reply-To"])
def test_a_customer_and_a_handler_who_are_both_away_stop(
    house: House, latency: timedelta, back_to: str
) -> None:
    world = World(latency, house)
    world.people = {ANN: away(back_to), EVA: away(back_to)}
    world.post(written(mail()))
    world.run()
    world.check()
    assert world.heard[ANN] <= MOST


def test_handlers_who_are_all_away_do_not_write_notes_to_each_other(
    tmp_path: Path, latency: timedelta
) -> None:
    nobodys = RULES["categories"].replace(
        'assign = "round-robin"', 'assign = "none"\nnotify_members = true'
    )
    with make_house(tmp_path, rules={"team": LOUD, "categories": nobodys}) as house:
        world = World(latency, house)
        world.post(written(mail(message_id="first@example.net")))
        world.run(days=1)
        for address in (EVA, "omar@example.com"):
            world.people[address] = away("Reply-To")
        note = mail(
            "x", "Whose is it?\n", sender="kim@example.com", in_reply_to="first@example.net"
        )
        world.post(written(note, "kim@example.com"))
        world.run()
        world.check()


# ---- a ticket system that answers everything


TICKET = "[Ticket {n}] We have received your mail"


@pytest.mark.parametrize("marks", [{}, {"Auto-Submitted": "auto-replied"}], ids=["bare", "marked"])
@pytest.mark.parametrize(
    "author", ["tickets@example.net", "tickets+{n}@example.net", "noreply@example.net"]
)
def test_a_ticket_system_gets_three_answers_at_most(
    house: House, latency: timedelta, author: str, marks: dict[str, str]
) -> None:
    world = World(latency, house)
    plain = away("From", TICKET, author)

    def answer(letter: Letter) -> Iterator[Letter]:
        for one in plain(letter):
            yield Letter(one.sender, one.recipient, without(one.raw, **marks))

    for n in range(STORM):
        world.people[author.format(n=n)] = answer
    first = author.format(n=0)
    world.post(written(mail(TICKET.format(n=0), sender=first), first))
    world.run()
    world.check()
    heard = sum(count for address, count in world.heard.items() if address != EVA)
    is_silent = author.startswith("noreply")
    assert heard == 0 if is_silent else 1 <= heard <= MOST


def test_a_ticket_system_with_an_address_for_each_ticket_is_answered_for_a_while_only(
    house: House, latency: timedelta
) -> None:
    world = World(latency, house)
    for n in range(STORM + 1):
        world.people[f"ticket-{n}@example.net"] = away(
            "From", TICKET, f"ticket-{n + 1}@example.net"
        )
    world.post(written(mail(sender="ticket-0@example.net"), "ticket-0@example.net"))
    world.run()
    world.check()


# ---- lists


def expander(**others: str) -> Answerer:
    """Make a list that passes on to us what it gets; the headers are what it changes."""

    def pass_on(letter: Letter) -> Iterator[Letter]:
        yield Letter("all-bounces@example.net", US, without(letter.raw, **others))

    return pass_on


@pytest.mark.parametrize(
    ("most", "kept", "others"),
    [
        (0, MARKS, {"List-Id": "<all.example.net>"}),
        (MOST, MARKS, {}),
        (MOST, (), {}),
        (MOST, MARKS, {"From": "all@example.net", "Reply-To": "all@example.net"}),
        (MOST, (), {"From": "all@example.net", "Reply-To": "all@example.net"}),
    ],
    ids=["with List-Id", "bare", "bare and stripped", "From rewritten", "rewritten and stripped"],
)
def test_a_list_that_we_are_on_ends_soon(
    house: House, latency: timedelta, most: int, kept: tuple[str, ...], others: dict[str, str]
) -> None:
    world = World(latency, house)
    stripped = [name for name in MARKS if name not in kept]
    pass_on = expander(**others)

    def everybody(letter: Letter) -> Iterator[Letter]:
        yield from pass_on(Letter(letter.sender, US, without(letter.raw, *stripped)))

    world.people["all@example.net"] = everybody
    posted = mail("Lunch?", to="all@example.net", headers={"Reply-To": "all@example.net"})
    world.post(Letter(ANN, "all@example.net", posted))
    world.run()
    world.check()
    assert world.heard["all@example.net"] + world.heard[ANN] <= most


# ---- a bomb


BOMB = int(os.environ.get("POSTROOM_BOMB", "2000"))  # 10000 take more than a minute


def test_a_bomb_of_forged_senders_is_stored_whole_and_hardly_answered(house: House) -> None:
    explode(house, range(BOMB))
    assert ["opened"] * BOMB == outcomes(house)
    assert len(rows(house, t.request)) == BOMB
    brakes, kinds = house.site.brakes, queued(house)
    assert kinds["auto-reply"] <= brakes.answers_in_all.count
    assert kinds["notice"] <= brakes.notices_in_all.count
    assert kinds["alert"] == 1
    house.desk.clock.forward(minutes=50)  # type: ignore[attr-defined]
    explode(house, range(BOMB, BOMB + BOMB // 2 + 200))
    assert queued(house)["alert"] == 1  # within the hour
    assert audit(house.database, house.spool).findings == ()


def explode(
    house: House, numbers: Iterable[object], author: str = "user{n}@host{n}.example"
) -> None:
    """Let mails of distinct senders arrive at one moment, without spool and readers."""
    source = iter(numbers)
    while batch := list(itertools.islice(source, 200)):
        futures = []
        for number in batch:
            sender = author.format(n=number)
            raw = mail(f"Buy {number}", f"Buy {number}\n", sender=sender)
            arrival = house.desk.arrival(read_mail(raw), envelope(house, raw, sender))
            futures.append(house.desk.submit_mail(arrival, raw))
        for future in futures:
            assert future.result().outcome == "opened"


def name_of(number: int) -> str:
    """Name somebody without a number: those that differ by one may be one machine."""
    return "".join("abcdefghij"[int(digit)] for digit in f"{number:05}")


def test_a_crowd_from_one_domain_closes_its_brake_and_one_alert_says_so(house: House) -> None:
    explode(house, map(name_of, range(150)), "{n}@example.net")
    brakes, kinds = house.site.brakes, queued(house)
    assert (brakes.answers_per_domain.count, 1) == (kinds["auto-reply"], kinds["alert"])


def queued(house: House) -> Counter[str]:
    return Counter(one.kind for one in rows(house, t.outbox))


# ---- a handler whose address forwards to the mailbox


def redirect(letter: Letter, stripped: tuple[str, ...] = ()) -> Iterator[Letter]:
    yield Letter(letter.sender, US, without(letter.raw, *stripped))


def rename(letter: Letter) -> Iterator[Letter]:
    """Some relays write a Message-ID of their own."""
    own = letter.message["Message-ID"].replace(".acme@", ".relay@")
    yield Letter(letter.sender, US, without(letter.raw, *MARKS, **{"Message-ID": own}))


def forward(letter: Letter) -> Iterator[Letter]:
    words = letter.message.get_body(("plain",))
    text = "---- Forwarded ----\n" + (words.get_content() if words is not None else "")
    raw = mail(f"Fwd: {letter.message['Subject']}", text, sender=EVA)
    yield Letter(EVA, US, raw)


@pytest.mark.parametrize(
    "back",
    [
        redirect,
        partial(redirect, stripped=MARKS),
        rename,
        forward,
    ],
    ids=["redirected", "redirected and stripped", "and renamed", "forwarded as his own"],
)
def test_a_handler_whose_mail_comes_back_to_us_is_soon_left_alone(
    house: House, latency: timedelta, back: Answerer
) -> None:
    world = World(latency, house)
    world.people[EVA] = back
    world.post(written(mail()))
    world.run()
    world.check()
    assert world.heard[ANN] == 1  # the automatic reply
    assert world.heard[EVA] <= 1 + MOST
