"""What config.toml says that decisions need: mailboxes, brakes, whom to trust. Frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from postroom.core.model import Span
from postroom.mail.tokens import Signer


@dataclass(frozen=True, slots=True)
class Mailbox:
    """An address that customers write to, of config.toml."""

    name: str
    address: str
    reply_address: str  # with {token}
    category: str
    aliases: tuple[str, ...] = ()
    priority: str | None = None
    type: str | None = None
    auto_reply: bool = True
    auto_reply_needs: str = "not-fail"  # or "pass"
    from_name: str = ""
    handler_name: str = "{first_name} at {from_name}"  # From of a handler's answer
    language: str = "en"
    time_zone: str = "UTC"


@dataclass(frozen=True, slots=True)
class Budget:
    """A token bucket: `count` per `period`; count 0 is "off" (no limit)."""

    count: int
    period: timedelta


@dataclass(frozen=True, slots=True)
class Brakes:
    """The brakes of config.toml."""

    answers_per_address: Budget
    answers_per_domain: Budget
    answers_in_all: Budget
    requests_per_address: Budget
    answers_per_day: Budget = Budget(3, timedelta(days=1))  # to one address
    answers_alike: Budget = Budget(25, timedelta(days=1))  # to those that differ by a number
    notices_in_all: Budget = Budget(300, timedelta(minutes=10))  # to handlers


@dataclass(frozen=True, slots=True)
class Site:
    """What config.toml says that decisions need."""

    instance: str
    mailboxes: Mapping[str, Mailbox]
    brakes: Brakes
    prefix: str = ""  # of references, such as "R-"
    same_mail: str = "join"  # or "separate"
    relays: tuple[str, ...] = ("127.0.0.0/8", "unix")
    authserv_ids: tuple[str, ...] = ()
    # Of folders that mail is fetched from, by source: whose topmost results are believed there.
    topmost_results: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    hold_for: Span = field(default_factory=lambda: Span(seconds=4 * 3600))
    handlers_verdict: str = "not-fail"  # or "pass"
    notice_size: int = 10 * 10**6  # octets of attachments that a notice carries
    signer: Signer | None = None  # the instance's keys; None only where nothing is decided

    def mailbox_named(self, name: str) -> Mailbox:
        """Return a mailbox; the first stands in for one that is gone from the config."""
        return self.mailboxes.get(name) or next(iter(self.mailboxes.values()))

    def is_ours(self, address: str) -> bool:
        """Whether mail to that address would come back to us."""
        return self.mailbox_for(address) is not None

    def mailbox_for(self, address: str) -> Mailbox | None:
        """Return the mailbox that an address belongs to: its own, an alias, any sub-address of
        them, or any local part in the form of its `reply_address` (DESIGN section 4.1)."""
        local, _, domain = address.lower().rpartition("@")
        if not local or not domain:
            return None
        for mailbox in self.mailboxes.values():
            for known in (mailbox.address, *mailbox.aliases):
                known_local, _, known_domain = known.lower().rpartition("@")
                if domain == known_domain and local.partition("+")[0] == known_local:
                    return mailbox
        for mailbox in self.mailboxes.values():
            head, _, tail = mailbox.reply_address.lower().partition("{token}")
            if address.lower().startswith(head) and address.lower().endswith(tail):
                middle = address.lower()[len(head) : len(address) - len(tail)]
                if "@" not in middle and middle:
                    return mailbox
        return None
