"""The story of the demo: five mails, and what each of them must lead to.

A scene writes its mail from what was read back of the scenes before it, as a customer's program
would. What it expects is checked against the daemon's own records.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import localtime, make_msgid

from postroom.cli.playback import Account, text_of

MAILBOX = "support@example.com"
RULE = "invoices"
CATEGORY, TAG = "support/billing", "invoice"
_KARI = Address("Kari Nordmann", "kari", "example.org")
_PAUL = Address("Paul Berg", "accounts", "bigcorp.example")
_MIA = Address("Mia Holm", "mia", "example.net")


@dataclass(frozen=True, slots=True)
class Posting:
    """A mail as it goes over the wire; `sender` "" is the null sender."""

    sender: str
    recipient: str
    raw: bytes


@dataclass(frozen=True, slots=True)
class Check:
    """One expectation, and what there was."""

    says: str
    is_met: bool
    found: str


Past = Sequence[tuple[Posting, Account]]  # the scenes until now


@dataclass(frozen=True, slots=True)
class Scene:
    """One mail of the story."""

    title: str
    write: Callable[[Past], Posting]
    expect: Callable[[Account, Past], Iterator[Check]]


# 1


def _write_first(_: Past) -> Posting:
    text = """Hello,

the coffee machine in the kitchen does not start since Monday. The light
on the front blinks twice, then nothing.

What can we do?

Regards
Kari
"""
    return _posting(_letter(_KARI, "The coffee machine does not start", text), MAILBOX)


def _expect_first(account: Account, _: Past) -> Iterator[Check]:
    yield _outcome(account, "opened")
    yield from _answered(account)
    answer = account.answer
    reply_to = str(answer.mail["Reply-To"]) if answer is not None else "no answer"
    says = "a reply to the answer would carry the request's own token"
    yield Check(says, reply_to.startswith("support+"), f"Reply-To: {reply_to}")


# 2


def _write_reply(past: Past) -> Posting:
    answer = past[0][1].answer
    if answer is None:
        raise LookupError("the first mail was not answered: there is nothing to reply to")
    quoted = "".join(f"> {line}".rstrip() + "\n" for line in text_of(answer.mail).splitlines())
    text = f"It is a Brewmaster 3000, bought last year.\n\nKari\n\nSupport wrote:\n{quoted}"
    letter = _letter(_KARI, f"Re: {answer.mail['Subject']}", text)
    letter["In-Reply-To"] = str(answer.mail["Message-ID"])
    letter["References"] = str(answer.mail["Message-ID"])
    del letter["To"]
    letter["To"] = str(answer.mail["Reply-To"])
    return _posting(letter, str(answer.mail["Reply-To"]))


def _expect_reply(account: Account, past: Past) -> Iterator[Check]:
    yield _outcome(account, "appended")
    yield _same_request(account, past[0][1])
    thread = str(account.explanation.get("thread"))
    yield Check("the token in the address led it there", thread == "reply-token", thread)
    fresh = account.message.fresh if account.message is not None else "no message"
    says = "the new words are told from the quoted ones"
    yield Check(says, "Brewmaster" in fresh and ">" not in fresh, fresh)
    yield _unanswered(account)


# 3


def _write_invoice(_: Past) -> Posting:
    text = """Dear Sir or Madam,

invoice 1003 of 2 November was charged twice. Please return one of the
two payments.

Paul Berg
Accounts
"""
    return _posting(_letter(_PAUL, "Invoice 1003 was charged twice", text), MAILBOX)


def _expect_invoice(account: Account, _: Past) -> Iterator[Check]:
    yield _outcome(account, "opened")
    matched = ", ".join(account.matched) or "no rule matched"
    yield Check(f'the rule "{RULE}" matched', RULE in account.matched, matched)
    request = account.whole.request if account.whole is not None else None
    category = request.category if request is not None else "no request"
    yield Check(f"its category is {CATEGORY}", category == CATEGORY, category)
    tags = request.tags if request is not None else ()
    yield Check(f"it has the tag {TAG}", TAG in tags, ", ".join(tags) or "no tags")
    owner = request.owner if request is not None else None
    yield Check("somebody owns it", owner is not None, owner or "nobody")
    yield from _answered(account)


# 4


def _write_again(past: Past) -> Posting:
    return past[0][0]


def _expect_again(account: Account, past: Past) -> Iterator[Check]:
    yield _outcome(account, "duplicate")
    yield _same_request(account, past[0][1])
    same_as = account.explanation.get("same_as")
    says = "the journal says which mail it is a copy of"
    yield Check(says, same_as == past[0][1].entry.id, f"same as {same_as}")
    yield _unanswered(account)


# 5


def _write_absence(_: Past) -> Posting:
    letter = _letter(
        _MIA, "Automatic reply: your newsletter", "I am out of the office until 1 December.\n"
    )
    letter["Auto-Submitted"] = "auto-replied"
    return _posting(letter, MAILBOX, sender="")


def _expect_absence(account: Account, _: Past) -> Iterator[Check]:
    yield _outcome(account, "ignored")
    says = "it opens no request"
    yield Check(says, account.entry.request is None, f"request {account.entry.request}")
    yield Check(
        "it is known for what it is", account.entry.origin == "auto-reply", account.entry.origin
    )
    yield _unanswered(account)


SCENES = (
    Scene("A customer writes", _write_first, _expect_first),
    Scene("She replies to the answer", _write_reply, _expect_reply),
    Scene("An invoice goes where a rule sends it", _write_invoice, _expect_invoice),
    Scene("The first mail comes once more, byte for byte", _write_again, _expect_again),
    Scene("An out-of-office comes in", _write_absence, _expect_absence),
)


# What they have in common


def _letter(author: Address, subject: str, text: str) -> EmailMessage:
    letter = EmailMessage(policy=SMTP)
    letter["From"] = author
    letter["To"] = MAILBOX
    letter["Subject"] = subject
    letter["Date"] = localtime()
    letter["Message-ID"] = make_msgid(domain=author.domain)
    letter.set_content(text)
    return letter


def _posting(letter: EmailMessage, recipient: str, sender: str | None = None) -> Posting:
    author: Address = letter["From"].addresses[0]
    return Posting(author.addr_spec if sender is None else sender, recipient, bytes(letter))


def _outcome(account: Account, wanted: str) -> Check:
    entry = account.entry
    return Check(
        f"its outcome is {wanted}", entry.outcome == wanted, f"{entry.outcome}: {entry.reason}"
    )


def _same_request(account: Account, first: Account) -> Check:
    found, wanted = account.entry.request, first.entry.request
    says = f"it belongs to request {wanted}"
    return Check(says, found is not None and found == wanted, f"request {found}")


def _answered(account: Account) -> Iterator[Check]:
    answer = account.answer
    if answer is None:
        why = account.explanation.get("auto_reply", "no reason is known")
        yield Check("it was answered", False, f"no automatic answer ({why})")
        return
    state = f"{answer.entry.state} {answer.entry.last_response or ''}"
    is_there = answer.path is not None
    yield Check("the answer lies in the Maildir", answer.entry.state == "sent" and is_there, state)
    to, wanted = str(answer.mail["To"]), account.entry.from_
    yield Check("it goes to who wrote, and to nobody else", to == wanted, f"To: {to}")
    marks = (str(answer.mail["Auto-Submitted"]), str(answer.mail["In-Reply-To"]))
    wanted_marks = ("auto-replied", f"<{account.entry.message_id}>")
    says = "it says that a machine wrote it, and to which mail"
    yield Check(says, marks == wanted_marks, f"Auto-Submitted, In-Reply-To: {marks}")


def _unanswered(account: Account) -> Check:
    kinds = ", ".join(f"{item.entry.kind} to {item.entry.recipient}" for item in account.sent)
    return Check(
        "nothing is sent to the writer", account.answer is None, kinds or "nothing was sent"
    )
