"""JSON columns as text: a mail writes fifteen of them, so a library in C does it.

Promise: what `json` writes and reads is written and read, and nothing else; only white space and
escapes differ from its text.
"""

from __future__ import annotations

import json
import re
from typing import Any

import orjson

# What `json` refuses is refused: a value that is no plain JSON is a mistake of ours.
_STRICT = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME
_LONG, _LONG_OCTETS = re.compile("[0-9]{19}"), re.compile(b"[0-9]{19}")


def written(value: Any) -> str:
    """Return a value as JSON."""
    try:
        return orjson.dumps(value, option=_STRICT).decode()
    except TypeError:  # half a surrogate pair, a number as a key, an integer over 64 bits
        return json.dumps(value)


def read(text: str | bytes) -> Any:
    """Return the value of JSON text."""
    long = _LONG.search(text) if isinstance(text, str) else _LONG_OCTETS.search(text)
    if long is not None:  # perhaps an integer over 64 bits, of which orjson makes a float
        return json.loads(text)
    try:
        return orjson.loads(text)
    except ValueError:  # half a surrogate pair, escaped
        return json.loads(text)
