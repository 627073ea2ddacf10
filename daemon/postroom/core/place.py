"""Where the database is: a file of its own, or a PostgreSQL server. Pure: nothing connects here."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from postroom.core.units import show

DATABASE_FILE = "postroom.db"  # in the data folder
SQLITE = "sqlite"
_DRIVER = "postgresql+psycopg"
_EXAMPLE = "postgresql+psycopg://user@host/postroom"
# A session of Postroom sets these itself.
_OURS = frozenset({"options", "client_encoding", "dbname", "user", "password", "passfile"})


@dataclass(frozen=True, slots=True)
class Server:
    """A database of a PostgreSQL server. `url` is what stands in the config: without a password."""

    url: str
    password: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return self.url


Place = Path | Server


def check_database_url(url: str) -> str:
    """Return the url as it is; ValueError says what is wrong with it."""
    if url == SQLITE:
        return url
    parts = urlsplit(url)
    if parts.scheme in ("postgresql", "postgres"):
        raise ValueError(f'must begin with {_DRIVER}://, such as "{_EXAMPLE}"')
    if parts.scheme != _DRIVER:
        raise ValueError(f'must be "sqlite" or such as "{_EXAMPLE}", not {show(url)}')
    if parts.password is not None:
        raise ValueError("must not hold the password: write it into a file, and password_file")
    try:
        _ = parts.port
    except ValueError as error:
        raise ValueError("must hold a port up to 65535, or none") from error
    name = unquote(parts.path.removeprefix("/"))
    if not name or "/" in name:
        raise ValueError(f'must name one database at its end, such as "{_EXAMPLE}"')
    if "\x00" in unquote(url):
        raise ValueError("must not hold a NUL")
    keys = {key for key, _ in parse_qsl(parts.query, keep_blank_values=True)}
    if keys & _OURS:
        raise ValueError(f"must not set {', '.join(sorted(keys & _OURS))}")
    return url
