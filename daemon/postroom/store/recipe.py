"""An outbox row as the sender reads it: a value that goes to other processes, too.

Used by: store.queue (reads it), work.letter and work.composing (also in the readers, where nothing
of the database is loaded).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Recipe:
    """An outbox row: all that is needed to compose the same bytes again."""

    id: int
    request_id: int | None
    kind: str
    mailbox: str
    message_id: str
    at: datetime
    template: str
    language: str
    layout: str | None
    variables: Mapping[str, Any]
    from_name: str
    reply_role: str | None
    reply_object: int | None  # None: the request
    reply_participant: int | None
    to_addresses: Sequence[Sequence[str]] | None  # [name, address] as shown; None: the recipient
    cc_addresses: Sequence[Sequence[str]] | None
    thread_index: str | None
    in_reply_to: str | None
    references: Sequence[str]
    attachments: Sequence[Mapping[str, Any]]  # {"journal": id, "part": "2"}
    policy_version: str
