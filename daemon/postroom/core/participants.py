"""Who outside hears of a request: whom customers name in Cc, and whom handlers add.

Rows 81, 82; pains 56, 60. Who is added by a mail without proof hears what is said from then on,
and is never shown what was said before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from postroom.core.effects import AddParticipant, Effect, LearnContact, RemoveParticipant
from postroom.core.facts import RequestFact
from postroom.core.judging import Case
from postroom.core.model import Policy, Verdict
from postroom.core.site import Site
from postroom.core.tasks import CLI, Task
from postroom.core.units import parse_address
from postroom.errors import NotAllowed
from postroom.mail.message import Address, Origin

# A request is no mailing list.
MOST_PARTICIPANTS = 30


def named_by(case: Case) -> tuple[Address, ...]:
    """Return the people outside, beside the sender, whom a mail names in To and Cc."""
    mail, found = case.arrival.mail, dict[str, Address]()
    for item in (*mail.to, *mail.cc):
        key = item.address.lower()
        if key != case.arrival.sender.lower() and is_outside(key, case.policy, case.site):
            found.setdefault(key, item)
    return tuple(found.values())[:MOST_PARTICIPANTS]


def is_outside(address: str, policy: Policy, site: Site) -> bool:
    """Whether an address is a person's who is neither one of us nor ourselves."""
    try:
        parse_address(address)
    except ValueError:
        return False
    return not site.is_ours(address) and policy.handler_by_address(address) is None


def from_mail(case: Case, request: RequestFact | None) -> Iterator[Effect]:
    """Make participants of those whom a customer's mail names.

    Later on only a participant may, and only by a mail that has its token or is proven: who merely
    writes a number into the subject must not get into what is said from now on.
    """
    if case.verdict is Verdict.FAIL or case.origin is not Origin.PERSON:
        return
    there = len(request.participants) if request is not None else 1
    if request is not None:
        is_in = request.participant(case.arrival.sender) is not None
        if not is_in or (case.thread.role != "c" and case.verdict is not Verdict.PASS):
            return
    for item in named_by(case):
        if request is not None and request.participant(item.address) is not None:
            continue
        if there >= MOST_PARTICIPANTS:
            return
        there += 1
        yield learn(item)
        number = request.id if request is not None else None
        yield AddParticipant(number, item.address, "cc", f"named by {case.arrival.sender}")


def learn(person: Address) -> LearnContact:
    """Make a contact of somebody unless he is one.

    What others call him is theirs: it would show in mail to third parties.
    """
    return LearnContact(person.address, "", may_exist=True)


def add_by_hand(address: str, task: Task) -> Iterator[Effect]:
    """`#cc`. It shows a request to somebody outside: only who is proven to be himself may."""
    try:
        address = parse_address(address)
    except ValueError as error:
        raise NotAllowed(str(error)) from error
    if task.actor != CLI and task.verdict is not Verdict.PASS:
        raise NotAllowed(
            "#cc shows the request to others, so it needs a mail that is proven to be yours (DKIM, "
            "SPF or your login): ask the administrator, or use the command line"
        )
    if not is_outside(address, task.policy, task.site):
        raise NotAllowed(f"{address} is one of us: use #assign")
    if task.request.participant(address) is not None:
        raise NotAllowed(f"{address} hears of the request already")
    if len(task.request.participants) >= MOST_PARTICIPANTS:
        raise NotAllowed(f"a request has at most {MOST_PARTICIPANTS} participants")
    yield learn(Address("", address))
    yield AddParticipant(task.request.id, address, "cc", task.because())


def remove_by_hand(address: str, task: Task) -> Iterable[Effect]:
    """`#uncc`."""
    request = task.request
    found = request.participant(address)
    if found is None:
        others = [a for p in request.participants if p.role != "requester" for a in p.addresses]
        raise NotAllowed(f"{address} is no participant; there are: {', '.join(others) or 'none'}")
    if found.contact_id == request.requester_id and found.contact_id:
        raise NotAllowed(f"{address} is the requester")
    return (RemoveParticipant(request.id, address, task.because()),)
