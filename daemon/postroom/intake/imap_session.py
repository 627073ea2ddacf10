"""One logged-in connection to one folder: what is there, its octets, and what the server is told.

Promise: every call ends (imap_wire); what a server answers is checked against what it was asked,
so that one that lies can lose nothing but its own mail's octets. Nothing here is remembered.
Used by: imap_fetch (reading), imap_after (telling), imap (idling), cli (check, audit).
Fails:   ImapTrouble, by what is to be done; the connection is of no use afterwards, except after
         Kind.REFUSED.
"""

from __future__ import annotations

import imaplib
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from imapclient.exceptions import (
    IMAPClientAbortError,
    IMAPClientError,
    LoginError,
    ProtocolError,
)

from postroom.core.imap import ImapTable
from postroom.errors import Unavailable
from postroom.intake.imap_trouble import ImapTrouble, Kind, told, words_of
from postroom.intake.imap_wire import LONGEST_LINE, Client, Cord

HIGHEST_UID = 2**32 - 1
SLACK = 64 * 1024  # octets around what was asked for
_OF_A_MAIL = 2048  # octets of an answer about a mail, without its own
_NEWS = (b"EXISTS", b"RECENT", b"EXPUNGE", b"BYE")

# What imapclient and imaplib raise when a server says what no grammar allows.
_NONSENSE = (
    ValueError,
    TypeError,
    LookupError,
    AssertionError,
    AttributeError,
    RecursionError,
    MemoryError,
)

Login = Callable[[Client], None]


@dataclass(frozen=True, slots=True)
class Selected:
    """What a server says of a folder when it is opened."""

    uid_validity: int
    uid_next: int | None


@dataclass(frozen=True, slots=True)
class Listed:
    """One mail as the server lists it: `size` is its word only."""

    uid: int
    size: int
    at: datetime | None


def tls_context(ca_file: Path | None, *, verify: bool) -> ssl.SSLContext:
    """Return how the server has to prove itself."""
    context = ssl.create_default_context(cafile=str(ca_file) if ca_file is not None else None)
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


class ImapSession:
    """A connection to the server of `table`; close it."""

    def __init__(
        self, table: ImapTable, context: ssl.SSLContext, login: Login, cord: Cord | None = None
    ) -> None:
        self._table = table
        seconds = table.timeout.total_seconds()
        with _translated(Kind.AWAY):
            self._client = Client(
                table.host,
                table.port,
                context if table.is_tls else None,
                seconds,
                cord or Cord(),
            )
        try:
            with _translated(Kind.LOGIN):
                self._secure(context)
                self._client.wire.expect()
                login(self._client)
                self._client.wire.expect()
                self._client._cached_capabilities = None  # noqa: SLF001 - they change at login
                self._capabilities = frozenset(self._client.capabilities())
        except BaseException:
            self.close()
            raise

    def _secure(self, context: ssl.SSLContext) -> None:
        table, client = self._table, self._client
        if table.is_tls or table.plain:
            return
        if not client.has_capability("STARTTLS"):
            raise ImapTrouble(
                Kind.LOGIN,
                f"{table.host} offers no STARTTLS, so nobody logs in: use imaps://, or say "
                "plain = true",
            )
        client.starttls(context)
        client._cached_capabilities = None  # noqa: SLF001 - what was said in clear is forgotten

    @property
    def can_idle(self) -> bool:
        """Whether the server tells of new mail by itself."""
        return b"IDLE" in self._capabilities

    @property
    def received(self) -> int:
        """Octets received so far."""
        return self._client.wire.total

    def close(self) -> None:
        """Let go of the connection, without a word: the server need not be there to hear one."""
        with suppress(OSError):
            self._client.wire.shutdown()

    # Looking

    def select(self, folder: str) -> Selected:
        """Open a folder."""
        is_looking = self._table.after == "keep"
        with self._asking(Kind.FOLDER):
            answer = self._client.select_folder(folder, readonly=is_looking)
        validity = answer.get(b"UIDVALIDITY")
        if not isinstance(validity, int) or validity <= 0:
            raise ImapTrouble(Kind.NONSENSE, f"{folder} has no UIDVALIDITY: its UIDs do not last")
        following = answer.get(b"UIDNEXT")
        is_well = isinstance(following, int) and 0 < following <= HIGHEST_UID + 1
        return Selected(validity, following if is_well else None)

    def uids_above(self, uid: int) -> list[int]:
        """Return the UIDs above that one, in order, each once."""
        with self._asking(Kind.REFUSED, LONGEST_LINE):
            found = self._client.search(["UID", f"{uid + 1}:*"])
        # RFC 3501 §6.4.8: n:* names the last mail, even if its UID is below n.
        return sorted({int(one) for one in found if uid < int(one) <= HIGHEST_UID})

    def still_there(self, uids: Sequence[int]) -> set[int]:
        """Return those of these that nobody has removed."""
        with self._asking(Kind.REFUSED, LONGEST_LINE):
            found = self._client.search(["UID", written(uids)])
        return {int(one) for one in found} & set(uids)

    def look_up(self, uids: Sequence[int]) -> dict[int, Listed]:
        """Return sizes and dates."""
        with self._asking(Kind.REFUSED, len(uids) * _OF_A_MAIL + SLACK):
            answer = self._client.fetch(list(uids), ["RFC822.SIZE", "INTERNALDATE"])
        listed = {}
        for uid in uids:
            found = answer.get(uid, {})
            size, at = found.get(b"RFC822.SIZE"), found.get(b"INTERNALDATE")
            if b"RFC822.SIZE" in found:
                octets = size if isinstance(size, int) and size >= 0 else 0
                listed[uid] = Listed(uid, octets, _instant(at))
        return listed

    def bodies(self, uids: Sequence[int], octets: int) -> dict[int, bytes]:
        """Return whole mails of so many octets together, as far as the server gives them."""
        most = octets + octets // 4 + len(uids) * _OF_A_MAIL + SLACK
        with self._asking(Kind.REFUSED, most):
            answer = self._client.fetch(list(uids), ["BODY.PEEK[]"])
        bodies = {}
        for uid in uids:
            raw = answer.get(uid, {}).get(b"BODY[]")
            if isinstance(raw, bytes) and raw:
                bodies[uid] = raw
        return bodies

    def part(self, uid: int, start: int, octets: int, section: str = "") -> bytes | None:
        """Return a piece of a mail, shorter than asked at its end; None: the server has none."""
        asked = f"BODY.PEEK[{section}]<{start}.{octets}>"
        with self._asking(Kind.REFUSED, octets + SLACK):
            answer = self._client.fetch([uid], [asked])
        found = answer.get(uid, {})
        raw = found.get(f"BODY[{section}]<{start}>".encode())
        if raw is None and start == 0:
            raw = found.get(f"BODY[{section}]".encode())
        if isinstance(raw, bytes) and len(raw) > octets:
            raise ImapTrouble(Kind.NONSENSE, f"{len(raw)} octets of UID {uid}, {octets} were asked")
        return raw if isinstance(raw, bytes) else None

    # Telling

    def add_flags(self, uids: Sequence[int], flag: bytes) -> None:
        """Set a flag; mails that are gone are nothing special."""
        with self._asking(Kind.REFUSED):
            self._client.add_flags(written(uids), [flag], silent=True)

    def has_folder(self, folder: str) -> bool:
        """Whether there is such a folder."""
        with self._asking(Kind.REFUSED):
            return bool(self._client.folder_exists(folder))

    def delete(self, uids: Sequence[int]) -> bool:
        """Remove these mails and no others; False: they are marked, and wait for an expunge."""
        self.add_flags(uids, b"\\Deleted")
        if b"UIDPLUS" not in self._capabilities:
            return False
        with self._asking(Kind.REFUSED):
            self._client.uid_expunge(written(uids))
        return True

    def move(self, uids: Sequence[int], folder: str) -> bool:
        """Move mails, into a folder that is made if there is none; False as in `delete`."""
        try:
            return self._move(uids, folder)
        except ImapTrouble as trouble:
            if trouble.kind is not Kind.REFUSED or self.has_folder(folder):
                raise
        with self._asking(Kind.REFUSED):
            self._client.create_folder(folder)
        return self._move(uids, folder)

    def _move(self, uids: Sequence[int], folder: str) -> bool:
        is_offered = b"MOVE" in self._capabilities
        with self._asking(Kind.REFUSED):
            if is_offered:
                self._client.move(written(uids), folder)
            else:
                self._client.copy(written(uids), folder)
        return True if is_offered else self.delete(uids)

    # Waiting

    def rest(self, seconds: float, wakes: socket.socket, is_due: Callable[[], bool]) -> None:
        """Idle until the server has news, `is_due`, somebody wakes us, or the time is over."""
        wire, until = self._client.wire, time.monotonic() + seconds
        with self._asking(Kind.REFUSED):
            is_news = self._client.idle_begun()
        with _translated(Kind.NONSENSE):
            while not is_news and (left := until - time.monotonic()) > 0:
                wire.expect()
                if wire.wait_readable(min(left, 1.0), wakes):
                    is_news = any(word in wire.readline().upper().split() for word in _NEWS)
                elif is_due():
                    break
        with _translated(Kind.REFUSED):
            self._client.idle_ended()

    @contextmanager
    def _asking(self, refusal: Kind, octets: int = SLACK) -> Iterator[None]:
        with _translated(refusal):
            self._client.wire.expect(octets)
            yield


@contextmanager
def _translated(refusal: Kind) -> Iterator[None]:
    """Turn what the libraries raise into what is to be done; `refusal`: when the server said no."""
    try:
        yield
    except ImapTrouble:
        raise
    except Unavailable as error:
        raise ImapTrouble(Kind.AWAY, str(error)) from error
    except (IMAPClientAbortError, ProtocolError) as error:
        kind = Kind.NONSENSE if isinstance(error, ProtocolError) else Kind.AWAY
        raise told(str(error), kind) from error
    except LoginError as error:
        is_gone = isinstance(error.__context__, IMAPClientAbortError)  # BYE says nothing of us
        raise told(str(error), Kind.AWAY if is_gone else Kind.LOGIN) from error
    except imaplib.IMAP4.readonly as error:
        raise ImapTrouble(
            Kind.FOLDER, f"the folder is read-only: say after = keep ({words_of(str(error))})"
        ) from error
    except (IMAPClientError, imaplib.IMAP4.error) as error:
        raise told(str(error), refusal) from error
    except ssl.SSLCertVerificationError as error:
        why = error.verify_message or error
        text = f"the server does not prove itself: {why}: see ca_file, and the host in url"
        raise ImapTrouble(Kind.CERTIFICATE, text) from error
    except OSError as error:
        raise ImapTrouble(Kind.AWAY, error.strerror or str(error) or "no connection") from error
    except _NONSENSE as error:
        said = f"{type(error).__name__}: {error}"[:200]
        raise ImapTrouble(Kind.NONSENSE, f"the server's answer makes no sense ({said})") from error


def written(uids: Iterable[int]) -> str:
    """Write UIDs as a set: runs as ranges, which name no others."""
    runs: list[list[int]] = []
    for uid in uids:
        if runs and uid == runs[-1][1] + 1:
            runs[-1][1] = uid
        else:
            runs.append([uid, uid])
    return ",".join(f"{a}:{b}" if b > a else str(a) for a, b in runs)


def _instant(at: object) -> datetime | None:
    if not isinstance(at, datetime):
        return None
    try:
        return at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
