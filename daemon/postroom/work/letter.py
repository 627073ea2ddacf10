"""From an outbox row and its rendered words to the letter that will be composed.

Promise: a pure function of the row, the words and the mailbox: every attempt makes the same letter.
Used by: work.sender.
"""

from __future__ import annotations

from typing import Protocol

from postroom.core.site import Mailbox
from postroom.mail.compose import Letter
from postroom.mail.message import Address
from postroom.mail.tokens import Signer, Token
from postroom.store.queue import Recipe

Attachment = tuple[str, str, bytes]  # name, type, octets

AUTO_SUBMITTED = {"answer": "", "auto-reply": "auto-replied"}  # RFC 3834 5; else auto-generated


class Rendered(Protocol):
    """The words of one mail, as render makes them."""

    @property
    def subject(self) -> str:
        """One line."""
        ...

    @property
    def text(self) -> str:
        """Plain text."""
        ...

    @property
    def html(self) -> str | None:
        """The same as HTML."""
        ...


def letter_for(
    recipe: Recipe,
    recipient: str,
    rendered: Rendered,
    mailbox: Mailbox,
    signer: Signer,
    *,
    attachments: tuple[Attachment, ...] = (),
) -> Letter:
    """Make the letter of an outbox row for one recipient: always the same one."""
    reply_to = mailbox.address
    if recipe.reply_role is not None:
        token = Token(recipe.reply_role, recipe.request_id or 0, recipe.reply_participant or 0)
        reply_to = signer.reply_address(mailbox.reply_address, token)
    auto_submitted = AUTO_SUBMITTED.get(recipe.kind, "auto-generated")
    headers: tuple[tuple[str, str], ...] = (("X-Postroom-Loop", signer.instance),)
    if auto_submitted:
        headers += (("X-Auto-Response-Suppress", "All"),)
    return Letter(
        from_=Address(recipe.from_name or mailbox.from_name, mailbox.address),
        to=(Address("", recipient),),
        reply_to=(Address("", reply_to),),
        subject=rendered.subject,
        text=rendered.text,
        html=rendered.html,
        message_id=recipe.message_id,
        date=recipe.at,
        in_reply_to=recipe.in_reply_to,
        references=tuple(recipe.references),
        auto_submitted=auto_submitted,
        headers=headers,
        attachments=attachments,
    )
