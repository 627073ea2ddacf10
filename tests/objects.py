"""A house whose raw mail lies in an object store."""

from __future__ import annotations

import secrets
from pathlib import Path

from tests.fakes.object_store import BUCKET, shared_store

from postroom.house import House
from postroom.store.objects import Objects


def storage(folder: Path, port: int | None = None) -> str:
    """Write the key; return what stands in the config. At `port` is one that may hang."""
    key = folder / "s3-key"
    key.write_text("a key of the tests\n")
    key.chmod(0o600)
    return f"""
[storage]
raw = "s3://{BUCKET}/{secrets.token_hex(6)}/raw"
endpoint = "http://127.0.0.1:{port or shared_store()}"
access_key_id = "tests"
secret_key_file = "s3-key"
timeout = "{1 if port else 10}s"
"""


def objects_of(house: House) -> Objects:
    assert house.database.objects is not None
    return house.database.objects


def keys_in(house: House) -> list[str]:
    return [key for portion in objects_of(house).listed() for key in portion]
