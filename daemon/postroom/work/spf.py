"""SPF: whether a host may send for a domain (RFC 7208), by pyspf with our own look-ups.

Used by: work.vouching.
Fails:   never: whatever goes wrong is one of RFC 7208's results.
"""

from __future__ import annotations

from typing import Any

import spf
import structlog

from postroom.dns import Inquiry
from postroom.errors import Unavailable

log = structlog.get_logger()

RESULTS = frozenset({"pass", "fail", "softfail", "neutral", "none", "permerror", "temperror"})


class _Query(spf.query):  # type: ignore[misc]
    """pyspf's evaluation. Its own `dns` asks by a function of the module and has no end."""

    def __init__(self, peer: str, sender: str, helo: str, inquiry: Inquiry) -> None:
        self._inquiry = inquiry
        super().__init__(i=peer, s=sender, h=helo)

    def dns(
        self,
        name: Any,
        qtype: str,
        cnames: Any = None,  # noqa: ARG002 - aliases are followed below
        ignore_void: bool = False,
    ) -> list[Any]:
        """Return the records of a name as pyspf wants them: TXT as lists of strings."""
        try:
            found = self._inquiry.ask(str(name), qtype)
        except Unavailable as error:
            raise spf.TempError(str(error)) from error
        if not found and not ignore_void:
            # RFC 7208 §4.6.4
            self.void_lookups += 1
            if self.void_lookups > spf.MAX_VOID_LOOKUPS:
                raise spf.PermError("too many look-ups that find nothing")
        return [[text] for text in found] if qtype == "TXT" else list(found)

    def get_explanation(self, spec: str) -> None:
        """Do not fetch the words that nobody here would read."""


def check_host(peer: str, sender: str, helo: str, inquiry: Inquiry) -> str:
    """Return the result for an envelope sender; "" is judged by the HELO name (§2.4)."""
    try:
        result = str(_Query(peer, sender, helo, inquiry).check()[0])
    except Exception as error:  # noqa: BLE001 - pyspf's parsers raise whatever they meet
        log.info("spf.failed", why=f"{type(error).__name__}: {error}"[:200])
        return "permerror"
    return result if result in RESULTS else "permerror"
