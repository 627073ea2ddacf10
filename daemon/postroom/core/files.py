"""The files that a config names beside its folders: keys, passwords, certificates."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

# Nobody need hide these.
PUBLIC = frozenset({"ca_file", "certificate_file"})


def named_files(document: Any) -> Iterator[tuple[str, str]]:
    """Yield (key, path as written) of every file that a config names, wherever it stands."""
    if isinstance(document, dict):
        for key, value in document.items():
            if not key.endswith(("_file", "_files")):
                yield from named_files(value)
            elif value is not None:
                written = [value] if isinstance(value, str) else value
                yield from ((key, item) for item in written)
    elif isinstance(document, list):
        for value in document:
            yield from named_files(value)
