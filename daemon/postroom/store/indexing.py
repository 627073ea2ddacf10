"""What of a request goes into the index of words: of each message, and of a new subject.

Promise: whatever a handler sees in a request's texts can be found: who wrote, to whom, subject,
text and the names of files, up to core.words.MOST_CHARACTERS of each message. Of a message that
joins a request only what was newly written is indexed, as what it quotes is in the index already;
of one that passes on a mail, all of it.
Used by: store.write_request, migrations (fill).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, func, select

from postroom.core.effects import AppendMessage
from postroom.core.model import Visibility
from postroom.core.words import words_of
from postroom.mail.forward import is_forward_subject
from postroom.store import schema as t
from postroom.store import word_index
from postroom.store.prepared import Prepared
from postroom.store.writing import Entry, Writing

PORTION = 500  # messages read at a time by fill
_SUBJECT_ENTRY = 0  # no message is numbered so; a later subject is added to the earlier one

_ADDRESS = (
    select(t.address.c.address)
    .where(t.address.c.contact_id == t.request.c.requester_id)
    .order_by(t.address.c.key)
    .limit(1)
    .scalar_subquery()
)
_ABOUT = t.request.outerjoin(t.contact, t.request.c.requester_id == t.contact.c.id)
_HEAD = Prepared(
    select(t.request.c.subject, t.contact.c.name, _ADDRESS)
    .select_from(_ABOUT)
    .where(t.request.c.id == bindparam("id"))
)
_first = t.message.alias("first")
_MESSAGES = (
    select(
        *(
            t.message.c[name]
            for name in (
                *("id", "request_id", "visibility", "handler", "from_name", "from_address"),
                *("to_addresses", "subject", "text", "fresh", "attached_text"),
            )
        ),
        t.request.c.subject.label("request_subject"),
        t.contact.c.name.label("requester_name"),
        _ADDRESS.label("requester_address"),
        select(func.min(_first.c.id))
        .where(_first.c.request_id == t.message.c.request_id)
        .scalar_subquery()
        .label("first_id"),
    )
    .select_from(t.message.join(_ABOUT, t.message.c.request_id == t.request.c.id))
    .where(t.message.c.id > bindparam("after"))
    .order_by(t.message.c.id)
    .limit(PORTION)
)
_NAMES = select(t.attachment.c.message_id, t.attachment.c.name).where(
    t.attachment.c.message_id.between(bindparam("first"), bindparam("last"))
)


def index_message(work: Writing, message_id: int, effect: AppendMessage) -> None:
    """Let a message be found by its words."""
    request_id = work.request_id(effect.request)
    is_first = effect.request is None
    is_internal = effect.visibility is Visibility.INTERNAL
    is_whole = is_first or is_forward_subject(effect.subject)
    texts = (
        effect.author.name,
        effect.author.address,
        *effect.to,
        effect.subject,
        *(item.name for item in effect.attachments),
        effect.text if is_whole else effect.fresh,
    )
    inside = (effect.author.handler, effect.attached_text) if is_internal else ()
    _enter(work, request_id, message_id, (*texts, *inside), is_internal=is_internal)


def index_request(work: Writing, request_id: int) -> None:
    """Let a request be found by its new subject."""
    _enter(work, request_id, _SUBJECT_ENTRY, (), is_internal=False)


def write_entries(work: Writing) -> None:
    """Write what is to be found from now on; each entry begins with what its request is about."""
    for one in work.entries:
        head = (str(one.request_id), *(one.head.first() or ()))
        words = _words((*head, *one.texts))
        word_index.add(work.connection, one.request_id, one.n, words, is_internal=one.is_internal)


def fill(connection: Connection) -> Iterator[int]:
    """Put all messages there are into an empty index, a portion at a time; yield how many so far.

    For migrations and copies.
    """
    done, after = 0, 0
    while rows := connection.execute(_MESSAGES, {"after": after}).all():
        names: dict[int, list[str]] = {}
        keys = {"first": rows[0].id, "last": rows[-1].id}
        for message_id, name in connection.execute(_NAMES, keys):
            names.setdefault(message_id, []).append(name)
        for row in rows:
            _add_row(connection, row, names.get(row.id, ()))
        done, after = done + len(rows), rows[-1].id
        yield done


def count(connection: Connection) -> int:
    """Return how many messages there are to fill in."""
    return int(connection.execute(select(func.count()).select_from(t.message)).scalar_one())


def _add_row(connection: Connection, row: Any, names: Sequence[str]) -> None:
    is_internal = row.visibility == Visibility.INTERNAL
    is_whole = row.first_id == row.id or is_forward_subject(row.subject)
    texts = (
        str(row.request_id),
        row.request_subject,
        row.requester_name,
        row.requester_address,
        row.from_name,
        row.from_address,
        *row.to_addresses,
        row.subject,
        *names,
        row.text if is_whole else row.fresh,
    )
    inside = (row.handler, row.attached_text) if is_internal else ()
    words = _words((*texts, *inside))
    word_index.add(connection, row.request_id, row.id, words, is_internal=is_internal)


def _enter(
    work: Writing, request_id: int, n: int, texts: Sequence[str | None], *, is_internal: bool
) -> None:
    head = _HEAD.send(work.connection, {"id": request_id})
    work.entries.append(Entry(request_id, n, head, texts, is_internal))


def _words(texts: Iterable[str | None]) -> list[str]:
    return words_of("\n".join(one for one in texts if one))
