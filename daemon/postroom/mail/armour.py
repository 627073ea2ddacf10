"""The lines that PGP puts around a text that it signs, and cards of address in the text.

Promise: linear in the lines; what is not closed is no armour.
Used by: mail.fresh.
"""

from __future__ import annotations

from collections.abc import Sequence

_SIGNED = "-----BEGIN PGP SIGNED MESSAGE-----"
_BLOCKS = {
    f"-----BEGIN PGP {what}-----": f"-----END PGP {what}-----"
    for what in ("SIGNATURE", "PUBLIC KEY BLOCK")
} | {"BEGIN:VCARD": "END:VCARD"}
_LONGEST = 60
_MOST_HEADERS = 6  # lines "Hash: SHA512" below the first one
_MOST_LINES = 2_000  # of a signature or key


def begins_armour(line: str) -> bool:
    """Say whether the line is the first one of an armour."""
    if line[:1] not in "-Bb ":
        return False
    bare = line[:_LONGEST].strip().upper()
    return bare == _SIGNED or bare in _BLOCKS


def below_armour(lines: Sequence[str], position: int) -> int | None:
    """Return the line below the armour that begins here; None if none does."""
    bare = lines[position][:_LONGEST].strip().upper()
    if bare == _SIGNED:
        below = range(position + 1, min(position + _MOST_HEADERS, len(lines)))
        return next((number for number in below if not lines[number].strip()), None)
    if (end := _BLOCKS.get(bare)) is None:
        return None
    below = range(position + 1, min(position + _MOST_LINES, len(lines)))
    return next((number + 1 for number in below if lines[number].strip().upper() == end), None)
