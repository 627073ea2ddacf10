"""Policies: the one that decides, and those of the past, whose texts are kept for ever.

Used by: whoever decides or renders (active_policy, policy_files), cli (policies, policy_texts).
Fails:   NotFound for a policy that never was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, select

from postroom.errors import NotFound
from postroom.store import schema as t
from postroom.store.prepared import Answer, Prepared


@dataclass(frozen=True, slots=True)
class PolicyView:
    """One activation of a policy; the last is the active one."""

    version: str
    activated_at: datetime
    is_active: bool


_ACTIVE_POLICY = Prepared(
    select(t.policy_activation.c.version).order_by(t.policy_activation.c.id.desc()).limit(1)
)
_POLICY_FILES = select(t.policy.c.files).where(t.policy.c.version == bindparam("version"))


def active_policy(connection: Connection) -> str | None:
    """Return the version of the policy that decides now."""
    return named(ask_for_active(connection))


def ask_for_active(connection: Connection) -> Answer:
    """Ask which policy decides now, without waiting; `named` reads the answer."""
    return _ACTIVE_POLICY.send(connection, {})


def named(active: Answer) -> str | None:
    """Return the version of the policy that was asked for."""
    row = active.first()
    return row[0] if row is not None else None


def policy_files(connection: Connection, version: str) -> Mapping[str, str]:
    """Return the texts of a policy that is or was active."""
    files = connection.execute(_POLICY_FILES, {"version": version}).scalar()
    if files is None:
        raise NotFound(f"no policy {version} was ever active here")
    return dict(files)


def policies(connection: Connection) -> list[PolicyView]:
    """Return every activation of a policy, oldest first."""
    rows = connection.execute(
        select(t.policy_activation.c.version, t.policy_activation.c.at).order_by(
            t.policy_activation.c.id
        )
    ).all()
    last = len(rows) - 1
    return [PolicyView(row.version, row.at, n == last) for n, row in enumerate(rows)]


def policy_texts(connection: Connection, version: str) -> dict[str, str]:
    """Return the files of a policy by path; a version may be cut short. NotFound if unknown."""
    rows = connection.execute(
        select(t.policy.c.files)
        .where(t.policy.c.version.startswith(version, autoescape=True))
        .limit(2)
    ).all()
    if len(rows) != 1:
        words = "no policy" if not rows else "more than one policy"
        raise NotFound(f"{words} has a version that begins with {version}")
    return dict(rows[0].files)
