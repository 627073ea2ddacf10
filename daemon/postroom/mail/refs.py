"""Message-IDs and the tags that subjects carry."""

from __future__ import annotations

import re

_BRACKETED = re.compile(r"<([^<>]*+)(>?)")
_SPACE = re.compile(r"\s+")
_COMMENT = re.compile(r"\([^()]*+\)")
_LONGEST = 998  # RFC 5322 §2.1.1: no line, so no id, is longer


def message_ids(value: str, most: int = 100) -> tuple[str, ...]:
    """Return the canonical ids in a References, In-Reply-To or Message-ID value, in its order.

    Canonical: without `<>`, and without the white space that folding puts into long ids. Without
    any brackets, words with an `@` count. The last `most` are kept: the newest are last.
    """
    # The closing bracket may be missing.
    found = [match[1] for match in _BRACKETED.finditer(value) if match[2] or "@" in match[1]]
    if not any(found):
        found = [word.strip("<>',;") for word in value.split() if "@" in word]
        # RFC 5322 §3.6.4 allows quotes around what stands before the @.
        found = [word.strip('"') if '"@' not in word else word for word in found]
    ids: dict[str, None] = {}
    for each in found:
        # RFC 5322 §4.5.4: comments where there may be blanks; else a parenthesis is of the id.
        bare = _COMMENT.sub("", each) if "(" in each and " " in each else each
        message_id = _SPACE.sub("", bare)
        if message_id and len(message_id) <= _LONGEST:
            ids.pop(message_id, None)  # repeated: its last place is the newest
            ids[message_id] = None
    return tuple(ids)[-most:]


def message_id_of(value: str) -> str | None:
    """Return the canonical id of a Message-ID header, or None if it names nothing."""
    if found := message_ids(value):
        return found[0]
    bare = _SPACE.sub("", value).strip("<>")
    return bare if 0 < len(bare) <= _LONGEST else None


def find_tags(subject: str, instance: str) -> tuple[int, ...]:
    """Return the request numbers of all `[instance #123]` in a subject, in its order."""
    tag = re.compile(rf"\[\s*+{re.escape(instance)}\s*+#([0-9]{{1,18}}+)\s*+\]", re.IGNORECASE)
    return tuple(dict.fromkeys(int(match[1]) for match in tag.finditer(subject)))
