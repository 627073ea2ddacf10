"""What the owner of a domain says about mail that names it in From (RFC 7489).

Pure: the texts come from work.vouching, which also knows where organisations begin.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

_VERSION = re.compile(r"v[ \t]*=[ \t]*DMARC1[ \t]*(?:;|$)")
_POLICIES = ("none", "quarantine", "reject")


@dataclass(frozen=True, slots=True)
class DmarcRecord:
    """A record; policies are "none", "quarantine" or "reject"."""

    policy: str = "none"
    policy_of_children: str = "none"
    is_dkim_strict: bool = False
    is_spf_strict: bool = False

    def is_severe(self, *, for_child: bool) -> bool:
        """Whether the owner wants what he did not prove to be rejected or put aside."""
        return (self.policy_of_children if for_child else self.policy) != "none"


def read_records(texts: Iterable[bytes]) -> list[DmarcRecord]:
    """Read the TXT records of a `_dmarc` name; others may stand among them (RFC 7489 §6.6.3)."""
    decoded = (text.decode("ascii", "replace") for text in texts)
    return [_read(text) for text in decoded if _VERSION.match(text)]


def _read(text: str) -> DmarcRecord:
    tags: dict[str, str] = {}
    for item in text.split(";"):
        name, _, value = item.partition("=")
        tags.setdefault(name.strip().lower(), value.strip().lower())
    # RFC 7489 §6.6.3: a policy that cannot be read is "none".
    policy = tags.get("p", "")
    policy = policy if policy in _POLICIES else "none"
    of_children = tags.get("sp", "")
    of_children = of_children if of_children in _POLICIES else policy
    # RFC 7489 §6.6.4: what the percentage spares gets the next milder policy.
    if tags.get("pct") == "0" or tags.get("t") == "y":
        policy, of_children = _milder(policy), _milder(of_children)
    return DmarcRecord(policy, of_children, tags.get("adkim") == "s", tags.get("aspf") == "s")


def _milder(policy: str) -> str:
    return _POLICIES[max(_POLICIES.index(policy) - 1, 0)]


def is_aligned(
    proven: str, wanted: str, organisation: Callable[[str], str], *, is_strict: bool
) -> bool:
    """Whether a proven domain speaks for the From domain (RFC 7489 §3.1)."""
    if proven == wanted:
        return True
    return not is_strict and organisation(proven) == organisation(wanted)


def is_parent(proven: str, wanted: str, organisation: Callable[[str], str]) -> bool:
    """Whether a proven domain speaks for the From domain when its owner published nothing.

    A parent may, within one organisation; a child may not: it may be a customer's.
    """
    if proven == wanted:
        return True
    return wanted.endswith(f".{proven}") and organisation(proven) == organisation(wanted)
