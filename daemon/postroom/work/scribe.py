"""From claimed deliveries to mails: fetches what they are made of, and has a portion written.

Promise: one answer for each delivery of a portion, whatever is wrong with its mail; no more than a
few megabytes of files are in memory at once, or one mail. Large mails are written here, all others
where `away` does it.
Used by: work.sender.
Fails:   Unavailable when the database, or whoever writes, is away: nobody's fault.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import structlog

from postroom.core.site import Site
from postroom.errors import Unavailable
from postroom.mail.tokens import Signer
from postroom.store.db import Database
from postroom.store.raw import file_of
from postroom.store.recipe import Recipe
from postroom.work.composing import Order, Render, Sign, Written, write
from postroom.work.letter import Attachment
from postroom.work.readers import ReadFailure

PORTION_MAILS = 50
PORTION_OCTETS = 1_000_000  # of files; the one that goes beyond is the last
LARGE = (
    256_000  # octets of files: to carry them to another process and back costs more than it gives
)

log = structlog.get_logger()

Away = Callable[[Sequence[Order]], list[Written | ReadFailure]]


@dataclass(frozen=True, slots=True)
class Unwritten:
    """A mail that cannot be composed."""

    why: str


Answer = Written | Unwritten


class Scribe:
    """Writes mails. Safe to share among sender threads."""

    def __init__(
        self,
        database: Database,
        site: Site,
        signer: Signer,
        render: Render,
        *,
        sign: Sign | None = None,
        away: Away | None = None,
    ) -> None:
        self._database = database
        self._site = site
        self._signer = signer
        self._render = render
        self._sign = sign
        self._away = away

    def write(self, wanted: Iterable[tuple[Recipe, str]]) -> list[Answer]:
        """Write the first mails of these (recipe, recipient): as many as go into a portion."""
        found: list[Order | Unwritten] = []
        octets = 0
        for recipe, recipient in wanted:
            order = self._order(recipe, recipient)
            found.append(order)
            octets += order.octets if isinstance(order, Order) else 0
            if len(found) >= PORTION_MAILS or octets > PORTION_OCTETS:
                break
        return self._written(found)

    def _written(self, found: Sequence[Order | Unwritten]) -> list[Answer]:
        light = [one for one in found if isinstance(one, Order) and one.octets <= LARGE]
        if self._away is None or not light:
            return [self._write_here(one) for one in found]
        written = dict(zip(map(id, light), self._away(light), strict=True))
        return [
            _answer(one, written[id(one)]) if id(one) in written else self._write_here(one)
            for one in found
        ]

    def _write_here(self, order: Order | Unwritten) -> Answer:
        if isinstance(order, Unwritten):
            return order
        try:
            return _answer(order, write(order, self._render))
        except Unavailable:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this mail's own
            return _failed(order.recipe, error)

    def _order(self, recipe: Recipe, recipient: str) -> Order | Unwritten:
        mailbox = self._site.mailboxes.get(recipe.mailbox)
        if mailbox is None:
            return Unwritten(f"there is no mailbox {recipe.mailbox!r} any more")
        try:
            files = tuple(self._attachment(**item) for item in recipe.attachments)
        except Unavailable:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this mail's own
            return _failed(recipe, error)
        return Order(recipe, recipient, mailbox, self._signer, files, self._sign)

    def _attachment(self, journal: int, part: str) -> Attachment:
        with self._database.read() as conn:
            found = file_of(conn, self._database.objects, journal, part)
            return found.name, found.type, b"".join(found.octets)


def _answer(order: Order | Unwritten, written: Written | ReadFailure) -> Answer:
    if isinstance(written, ReadFailure):
        return Unwritten(f"{written.reason}: {written.detail}")
    if written.warning is not None and isinstance(order, Order):
        log.warning("template.failed", template=order.recipe.template, why=written.warning)
    return written


def _failed(recipe: Recipe, error: Exception) -> Unwritten:
    log.error("mail.not_composed", message_id=recipe.message_id, exc_info=error)
    return Unwritten(f"{type(error).__name__}: {error}")
