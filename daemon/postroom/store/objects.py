"""Raw mail in an object store that speaks S3, beside the database.

Promise: what `put` returned is kept there, whole; what is read whole is what was put. Putting the
same again on the same day is harmless: it has the same key.
Used by: work.desk (put, before the transaction that names it), store.raw (reading), work.sweep and
work.audit (listing).
Fails:   Unavailable while the store is away, refuses us, gives back something else or nothing.

Why obstore: it is the Rust library object_store for Python, kept by people who live off it, with
types, time limits and checksums of its own; one wheel of 16 MB without any dependency, against
boto3's 90 MB of tables for all of Amazon's services.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from obstore.store import S3Config

from postroom.core.buckets import Bucket
from postroom.errors import ConfigError, Problem, Unavailable

RETRIES = 2  # by the library, within moments; whoever called tries again later
LISTED = 1_000  # objects of one answer


@dataclass(frozen=True, slots=True)
class StoredObject:
    """A mail that was put: what its row names."""

    key: str
    size: int


class Objects:
    """One prefix of one bucket."""

    def __init__(self, bucket: Bucket) -> None:
        try:
            from obstore.store import S3Store  # noqa: PLC0415 - only who wants it need have it
        except ImportError as error:
            missing = "needs a library: pip install 'postroom[s3]'"
            raise ConfigError([Problem("config.toml", "storage.raw", missing)]) from error

        config: S3Config = {
            "region": bucket.region,
            "access_key_id": bucket.access_key_id,
            "secret_access_key": bucket.secret_key,
            "checksum_algorithm": "SHA256",  # of what is put: the store refuses anything else
        }
        if bucket.endpoint is not None:
            config["endpoint"] = bucket.endpoint
        self._store = S3Store(
            bucket.name,
            prefix=bucket.prefix or None,
            config=config,
            client_options={
                "timeout": bucket.timeout,
                "connect_timeout": min(bucket.timeout, timedelta(seconds=5)),
                "allow_http": True,  # the config says whether that may be
            },
            retry_config={"max_retries": RETRIES, "retry_timeout": bucket.timeout},
        )

    def put(self, name: str, raw: bytes, day: date) -> StoredObject:
        """Keep a mail under a name that is its own, and that says when it was put."""
        import obstore  # noqa: PLC0415

        key = f"{day.isoformat()}/{name}-{hashlib.sha256(raw).hexdigest()}"
        with _translated(key):
            obstore.put(self._store, key, raw, use_multipart=False)
        return StoredObject(key, len(raw))

    def get(self, stored: StoredObject) -> bytes:
        """Return a mail whole, as it was put."""
        raw = self.cut(stored.key, 0, stored.size) if stored.size else b""
        if hashlib.sha256(raw).hexdigest() != stored.key.rpartition("-")[2]:
            raise Unavailable(f"object store: {stored.key} is not what was put there")
        return raw

    def cut(self, key: str, offset: int, length: int) -> bytes:
        """Return some octets of a mail."""
        import obstore  # noqa: PLC0415

        with _translated(key):
            octets = bytes(obstore.get_range(self._store, key, start=offset, length=length))
        if len(octets) != length:
            raise Unavailable(f"object store: {len(octets)} of {length} octets of {key}")
        return octets

    def listed(self) -> Iterator[list[str]]:
        """Yield the keys of all objects, in order, in portions."""
        with _translated("the list of objects"):
            for portion in self._store.list(chunk_size=LISTED):
                yield [found["path"] for found in portion]

    def delete(self, keys: list[str]) -> None:
        """Delete objects; what is not there is deleted already."""
        with _translated("deleting"):
            self._store.delete(keys)


def day_of(key: str) -> date | None:
    """Return when an object was put; None: it is none of ours."""
    try:
        return date.fromisoformat(key.partition("/")[0])
    except ValueError:
        return None


@contextmanager
def _translated(what: str) -> Iterator[None]:
    from obstore.exceptions import BaseError  # noqa: PLC0415

    try:
        yield
    except FileNotFoundError as error:
        # A row names it, so it was there: more likely we look into another bucket than that it is
        # gone, and audit knows the difference.
        raise Unavailable(f"object store: {what} is not there, or the bucket is not") from error
    except (BaseError, OSError) as error:
        plain = (str(error).splitlines() or [type(error).__name__])[0]
        raise Unavailable(f"object store: {what}: {plain[:300]}") from error
