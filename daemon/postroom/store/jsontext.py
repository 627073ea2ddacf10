"""JSON columns as text: a mail writes fifteen of them, so a library in C does it.

Promise: what `json` writes and reads is written and read, and nothing else; only white space and
escapes differ from its text.
"""

from __future__ import annotations

import json
from typing import Any

import orjson

# What `json` refuses is refused: a value that is no plain JSON is a mistake of ours.
_STRICT = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME


def written(value: Any) -> str:
    """Return a value as JSON."""
    try:
        return orjson.dumps(value, option=_STRICT).decode()
    except TypeError:  # half a surrogate pair, a number as a key, an integer over 64 bits
        return json.dumps(value)


def read(text: str | bytes) -> Any:
    """Return the value of JSON text."""
    try:
        return orjson.loads(text)
    except ValueError:  # half a surrogate pair, escaped
        return json.loads(text)
