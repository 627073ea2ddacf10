"""Writing one delivery's mail: recipe, words, letter, bytes. For whatever process has time.

Promise: a pure function of the order and the papers of its policy: every attempt gives the same
bytes, here or in a reader process. Nothing of the database is loaded by this module.
Used by: work.scribe (here), work.stationery (in the readers).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

from postroom.core.site import Mailbox
from postroom.mail.compose import addr_spec, compose
from postroom.mail.tokens import Signer
from postroom.render.renderer import Renderer
from postroom.store.recipe import Recipe
from postroom.work.letter import Attachment, Rendered, addresses_in, letter_for, pictures_in

KEPT_RENDERERS = 4  # retries of old mail are rare

# policy version, template, language, layout, variables
Render = Callable[[str, str, str, str | None, Mapping[str, Any]], Rendered]
# mail, domain of its From, its Date → the mail, signed
Sign = Callable[[bytes, str, datetime], bytes]


@dataclass(frozen=True, slots=True)
class Order:
    """A mail to be written, with all that it takes but the templates."""

    recipe: Recipe
    recipient: str
    mailbox: Mailbox
    signer: Signer
    attachments: tuple[Attachment, ...] = ()
    sign: Sign | None = None

    @property
    def octets(self) -> int:
        """How large its files are."""
        return sum(len(octets) for _, _, octets in self.attachments)


@dataclass(frozen=True, slots=True)
class Papers:
    """The templates of one policy."""

    version: str
    files: Mapping[str, str] = field(compare=False)


@dataclass(frozen=True, slots=True)
class Written:
    """A mail, ready to be handed over. `warning` says which template failed and was replaced."""

    raw: bytes
    subject: str
    warning: str | None = None


def write(order: Order, render: Render) -> Written:
    """Write a mail, its words by `render`."""
    recipe, mailbox, signer = order.recipe, order.mailbox, order.signer
    rendered = render(
        recipe.policy_version,
        recipe.template,
        recipe.language,
        recipe.layout,
        _variables(order),
    )
    letter = letter_for(
        recipe, order.recipient, rendered, mailbox, signer, attachments=order.attachments
    )
    raw = compose(letter)
    if order.sign is not None:
        raw = order.sign(raw, addr_spec(letter.from_.address).rpartition("@")[2], letter.date)
    return Written(raw, letter.subject, rendered.warning)


def _variables(order: Order) -> dict[str, Any]:
    """Return what was frozen, and what follows from Message-ID and keys."""
    recipe = order.recipe
    message = recipe.variables.get("message")
    known = {**recipe.variables, "reply": addresses_in(recipe, order.mailbox, order.signer)}
    if message and message.get("pictures"):
        known["message"] = {**message, "pictures": pictures_in(recipe, order.mailbox)}
    return known


def write_by_papers(wanted: tuple[Papers, Order]) -> Written:
    """Write a mail with the templates of its policy; runs in a reader, which keeps them."""
    papers, order = wanted
    renderer = renderer_of(papers)

    def render(
        _: str, template: str, language: str, layout: str | None, variables: Mapping[str, Any]
    ) -> Rendered:
        return renderer.render(template, language, variables, layout=layout)

    return write(order, render)


@lru_cache(maxsize=KEPT_RENDERERS)
def renderer_of(papers: Papers) -> Renderer:
    """Return what renders by these papers; compiled templates are kept."""
    return Renderer(papers.files)
