"""Where raw mail is kept if not in the database: a bucket of an object store. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import timedelta

from postroom.core.units import show

DATABASE = "database"
# As Amazon has it: the name becomes part of a host's.
_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PREFIX = re.compile(r"(?:[A-Za-z0-9_.=-]{1,100}/){0,10}(?:[A-Za-z0-9_.=-]{1,100})?")


@dataclass(frozen=True, slots=True)
class Bucket:
    """A place for objects, and who may read and write them."""

    name: str
    prefix: str
    endpoint: str | None  # None: Amazon's
    region: str
    access_key_id: str
    secret_key: str = field(repr=False)
    timeout: timedelta = timedelta(seconds=30)


def check_raw(written: str) -> str:
    """Check where raw mail is kept; ValueError says what is wrong with it."""
    if written == DATABASE:
        return written
    if not written.startswith("s3://"):
        raise ValueError(f'must be "{DATABASE}" or as "s3://bucket/prefix", not {show(written)}')
    name, prefix = bucket_and_prefix(written)
    if _NAME.fullmatch(name) is None:
        raise ValueError(f"must name a bucket: 3 to 63 of a-z, 0-9, . and -, not {show(name)}")
    if _PREFIX.fullmatch(prefix) is None or {".", ".."} & set(prefix.split("/")):
        raise ValueError(f"must have a prefix of letters, digits and _.=- only, not {show(prefix)}")
    return written


def bucket_and_prefix(written: str) -> tuple[str, str]:
    """Take s3://bucket/prefix apart."""
    name, _, prefix = written.removeprefix("s3://").partition("/")
    return name, prefix.strip("/")
