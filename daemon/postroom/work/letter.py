"""From an outbox row and its rendered words to the letter that will be composed.

Promise: a pure function of the row, the words and the mailbox: every attempt makes the same letter.
Its headers are made here and copied from nobody: nothing of a handler's own mail goes out, and no
address with one of our tokens is shown in To or Cc.
Used by: work.composing.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from urllib.parse import quote

from postroom.core.site import Mailbox
from postroom.mail.compose import MAX_SUBJECT, Letter, addr_spec
from postroom.mail.folding import one_line
from postroom.mail.message import Address
from postroom.mail.tokens import Signer, Token
from postroom.store.recipe import Recipe

Attachment = tuple[str, str, bytes]  # name, type, octets

AUTO_SUBMITTED = {"answer": "", "auto-reply": "auto-replied"}  # RFC 3834 5; else auto-generated

# MS-OXOMSG 2.2.1.3: 22 bytes for the thread, 5 more for each answer in it.
THREAD_BYTES = 22
MAX_THREAD_BYTES = 700  # 135 answers; one header line in base64
MAX_THREAD_TEXT = 2_000


def _bodies(**lines: str) -> dict[str, str]:
    """Write each line as the body in a link."""
    return {name: quote(line, safe="") for name, line in lines.items()}


# What a click writes on the first line of a mail. Those that end with a space wait for a word.
COMMANDS = _bodies(
    take="#take",
    close="#close",
    status="#status ",
    assign="#assign ",
    priority="#priority ",
    postpone="#postpone 1d",
    tag="#tag ",
    show="#show",
    why="#why",
    help="#help",
)
HOLD_COMMANDS = _bodies(accept="#accept", refuse="#refuse")
UNDO = _bodies(undo="#undo")
MAX_LINK_SUBJECT = 100  # characters; a mailto URL stays under the 2,000 that Outlook opens

_REPLY = re.compile(r"^(?:(?:re|sv|aw|antw|vs)\s*(?:\[\d+\])?:\s*)+", re.IGNORECASE)


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

    @property
    def warning(self) -> str | None:
        """Which template failed and was replaced."""
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
        reply_to = _address(recipe.reply_role, recipe, mailbox, signer)
    auto_submitted = AUTO_SUBMITTED.get(recipe.kind, "auto-generated")
    headers: tuple[tuple[str, str], ...] = (("X-Postroom-Loop", signer.instance),)
    if auto_submitted:
        headers += (("X-Auto-Response-Suppress", "All"),)
    if auto_submitted and recipe.kind != "auto-reply" and recipe.reply_role != "c":
        # RFC 2919: filters of the team can sort by it, and RFC 3834 §2 keeps out-of-office away.
        domain = addr_spec(mailbox.address).rpartition("@")[2]
        headers += (("List-Id", f"<{mailbox.name}.{signer.instance}.{domain}>"),)
    files, pictures = _told_apart(recipe, rendered, mailbox, attachments)
    thread_index = _thread_index(recipe.thread_index, recipe.at)
    if thread_index:
        headers += (("Thread-Topic", _topic(rendered.subject, recipe.variables)),)
    return Letter(
        from_=Address(recipe.from_name or mailbox.from_name, mailbox.address),
        to=_shown(recipe.to_addresses, mailbox, signer) or (Address("", recipient),),
        cc=_shown(recipe.cc_addresses, mailbox, signer),
        reply_to=(Address("", reply_to),),
        subject=rendered.subject,
        text=rendered.text,
        html=rendered.html,
        message_id=recipe.message_id,
        date=recipe.at,
        in_reply_to=recipe.in_reply_to,
        references=tuple(recipe.references),
        auto_submitted=auto_submitted,
        thread_index=thread_index,
        headers=headers,
        attachments=tuple(files),
        pictures=tuple(pictures),
    )


# ---- pictures


def pictures_in(recipe: Recipe, mailbox: Mailbox) -> list[dict[str, Any]]:
    """Return the variable `message.pictures`, each with the Content-ID that it will have (`cid`).

    Made of our Message-ID: always the same, and another one in each mail.
    """
    message = recipe.variables.get("message") or {}
    own = hashlib.sha256(recipe.message_id.encode(errors="replace")).hexdigest()[:16]
    domain = addr_spec(mailbox.address).rpartition("@")[2]
    return [
        {**one, "cid": f"picture{number}.{own}@{domain}"}
        for number, one in enumerate(message.get("pictures") or (), 1)
    ]


def _told_apart(
    recipe: Recipe, rendered: Rendered, mailbox: Mailbox, attachments: tuple[Attachment, ...]
) -> tuple[list[Attachment], list[tuple[str, str, str, bytes]]]:
    """Return what is attached, and what the HTML shows: a template need not show any."""
    markup = rendered.html or ""
    named = {one["part"]: one["cid"] for one in pictures_in(recipe, mailbox)}
    parts = [item["part"] for item in recipe.attachments]
    files: list[Attachment] = []
    pictures: list[tuple[str, str, str, bytes]] = []
    for number, attachment in enumerate(attachments):
        content_id = named.get(parts[number]) if number < len(parts) else None
        if content_id is not None and f"cid:{content_id}" in markup:
            pictures.append((content_id, *attachment))
        else:
            files.append(attachment)
    return files, pictures


# ---- addresses


def _address(role: str, recipe: Recipe, mailbox: Mailbox, signer: Signer) -> str:
    token = Token(role, _object(recipe), recipe.reply_participant or 0)
    return signer.reply_address(mailbox.reply_address, token)


def _object(recipe: Recipe) -> int:
    return recipe.request_id or 0 if recipe.reply_object is None else recipe.reply_object


def _shown(
    pairs: Sequence[Sequence[str]] | None, mailbox: Mailbox, signer: Signer
) -> tuple[Address, ...]:
    """Return what To or Cc shows. An address with a token is a right: shown to nobody else."""
    return tuple(
        Address(name, address)
        for name, address in pairs or ()
        if not signer.find([address], [mailbox.reply_address])
    )


def addresses_in(recipe: Recipe, mailbox: Mailbox, signer: Signer) -> dict[str, Any]:
    """Return the variable `reply`: where a handler may write, and links that do it for him.

    `answer` goes to the customer, `note` is internal, `hold` takes `#accept` and `#refuse`. All
    are empty in mail to anybody but handlers.
    """
    found: dict[str, Any] = {"answer": "", "note": "", "hold": "", "links": {}}
    if recipe.reply_role not in ("h", "n"):
        return found
    internal = _address("n", recipe, mailbox, signer)
    is_hold = recipe.reply_role == "n" and not _object(recipe)
    found["hold" if is_hold else "note"] = internal
    if recipe.reply_role == "h":
        found["answer"] = _address("h", recipe, mailbox, signer)
    link = _mailto(internal, _link_subject(recipe.variables))
    found["links"] = {
        name: f"{link}&body={body}" if body else link
        for name, body in _commands(recipe.kind, is_hold)
    }
    return found


def _commands(kind: str, is_hold: bool) -> Iterator[tuple[str, str]]:
    if kind == "command-result":
        yield from UNDO.items()
    elif is_hold:
        yield from HOLD_COMMANDS.items()
    if not is_hold:
        yield "note", ""
        yield from COMMANDS.items()


def _mailto(address: str, subject: str) -> str:
    """Write a link, RFC 6068 2. The `+` is encoded, too: some readers take it for a space."""
    return f"mailto:{_escaped(address, '@')}?subject={_escaped(subject)}"


def _escaped(text: str, safe: str = "") -> str:
    return quote(text, safe=safe, errors="replace")


def _link_subject(variables: Mapping[str, Any]) -> str:
    tag, subject = _about(variables)
    return " ".join(f"Re: {_bare(subject, tag)[:MAX_LINK_SUBJECT].strip()} {tag}".split())


def _about(variables: Mapping[str, Any]) -> tuple[str, str]:
    """Return the tag and the subject of the request, else of the mail."""
    request = variables.get("request") or {}
    message = variables.get("message") or {}
    subject = request.get("subject") or message.get("subject") or ""
    return one_line(str(request.get("tag") or "")), one_line(str(subject))[:MAX_SUBJECT]


def _bare(subject: str, tag: str) -> str:
    """Return a subject without "Re:" and our tag: what its sender first wrote."""
    untagged = subject.replace(tag, " ") if tag else subject
    return " ".join(_REPLY.sub("", untagged.strip()).split())


# ---- Outlook's threads


def _thread_index(parent: str | None, at: datetime) -> str:
    """Continue a Thread-Index; empty if there is none, or it is not one.

    Outlook and Exchange put an answer without it beside the conversation, not into it.
    """
    if not parent or len(parent) > MAX_THREAD_TEXT:
        return ""
    try:  # header folds leave white space in it
        above = base64.b64decode("".join(parent.split()), validate=True)
    except (binascii.Error, ValueError):
        return ""
    if not THREAD_BYTES <= len(above) <= MAX_THREAD_BYTES:
        return ""
    return base64.b64encode(above + _child_block(above, at)).decode("ascii")


def _child_block(above: bytes, at: datetime) -> bytes:
    """Return the 5 bytes of one answer, MS-OXOMSG 2.2.1.3.2: time since the first mail, a number.

    The number should be a random one; the milliseconds make it always the same.
    """
    # FILETIME: 100 ns since 1601; a Thread-Index begins with the upper 48 of its 64 bits.
    ticks = (at - datetime(1601, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 10
    since = max(ticks - (int.from_bytes(above[:6], "big") << 16), 0)
    is_long = since >= 1 << 49  # 1.7 years
    delta = min(since >> (23 if is_long else 18), (1 << 31) - 1)
    number = at.microsecond // 1_000 & 0xFF
    return (is_long << 39 | delta << 8 | number).to_bytes(5, "big")


def _topic(subject: str, variables: Mapping[str, Any]) -> str:
    """Return the Thread-Topic: Outlook's is the first mail's subject, never "Re:", never a tag.

    Made of our own subject: with neutral words nothing of the sender's is repeated.
    """
    tag, _ = _about(variables)
    return _bare(one_line(subject), tag)
