"""From the folder into the spool: batches of mails, each put with its step of the cursor.

Promise: the cursor passes a mail only in the transaction that spools it, or when it is known to be
gone from the server. A mail that is too large, or that the server does not give out, becomes one
made of its headers, which says where it lies. Nothing the server says can lose another mail.
Used by: imap, tests, bench.
Fails:   ImapTrouble, Unavailable; called again, it goes on where it was.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from postroom import failpoints
from postroom.core.imap import ImapTable
from postroom.core.site import Mailbox, Site
from postroom.errors import Unavailable
from postroom.intake.imap_mail import (
    HEAD,
    Place,
    arrived_at,
    envelope_of,
    stub,
    too_large,
    unreadable,
)
from postroom.intake.imap_session import ImapSession, Listed
from postroom.intake.imap_trouble import ImapTrouble, Kind
from postroom.mail.message import Envelope
from postroom.spool import Spool
from postroom.spool.model import Cursor

log = structlog.get_logger()

CHUNK = 500  # mails listed at a time
BATCH = 250  # mails fetched at a time
BATCH_OCTETS = 4 * 2**20
PART = 2**20  # octets of a large mail fetched at a time
IN_FLIGHT = 2  # batches on their way to the disk
GIVEN_UP = 5  # attempts at one mail; then its headers must do
OLD = timedelta(days=1)  # of doubt about the server's clock, where a mail is not fetched at all
RECENT = timedelta(minutes=5)  # and where it is only not answered
PUT_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class FolderSetup:
    """A folder of the config, and what its mails need."""

    table: ImapTable
    folder: str
    mailbox: Mailbox
    site: Site
    message_size: int
    disk_reserve: int

    @property
    def source(self) -> str:
        """The name of its cursor."""
        return self.table.source(self.folder)


@dataclass(slots=True)
class _Piece:
    """The beginning of a large mail, kept over a lost connection."""

    uid_validity: int
    uid: int
    raw: bytearray


class Fetcher:
    """Fetches one folder. Holds what an interrupted attempt taught: how narrow to go."""

    def __init__(
        self,
        setup: FolderSetup,
        spool: Spool,
        now: Callable[[], datetime],
        *,
        on_progress: Callable[[int, int], None] = lambda _fetched, _left: None,
        is_stopping: Callable[[], bool] = lambda: False,
        on_wait: Callable[[float], None] = lambda _: None,
    ) -> None:
        self._setup = setup
        self._spool = spool
        self._now = now
        self._on_progress = on_progress
        self._is_stopping = is_stopping
        self._on_wait = on_wait
        self._most = BATCH  # narrowed by each failure, so that one mail cannot stop the others
        self._failures: Counter[tuple[int, int]] = Counter()
        self._piece: _Piece | None = None
        self._pending: deque[tuple[Future[list[str]], int]] = deque()

    def drain(self, session: ImapSession, cursor: Cursor) -> int:
        """Fetch all that is above the cursor; return how many mails were spooled."""
        uids = session.uids_above(cursor.uid)
        fetched = 0
        self._pending.clear()
        try:
            for start in range(0, len(uids), CHUNK):
                for batch in self._batches(session, cursor, uids[start : start + CHUNK]):
                    if self._is_stopping():
                        return fetched
                    cursor = self._take(session, cursor, batch)
                    fetched += len(batch)
                    self._on_progress(len(batch), len(uids) - fetched)
                cursor = self._pass(cursor, uids[min(start + CHUNK, len(uids)) - 1])
        finally:
            self._settle(0)
        return fetched

    def _batches(
        self, session: ImapSession, cursor: Cursor, uids: Sequence[int]
    ) -> Iterator[list[Listed]]:
        """List mails, and cut them into what is fetched at a time; the order is kept."""
        listed = session.look_up(uids)
        missing = [uid for uid in uids if uid not in listed]
        if missing:
            hidden = session.still_there(missing)
            listed |= {uid: Listed(uid, 0, None) for uid in hidden}
            if gone := [uid for uid in missing if uid not in hidden]:
                log.info(
                    "imap.vanished", folder=self._setup.source, uids=gone[:20], count=len(gone)
                )
        batch: list[Listed] = []
        octets = 0
        for uid in uids:
            if uid not in listed or self._is_skipped(cursor, listed[uid]):
                continue
            one = listed[uid]
            if batch and (len(batch) >= self._most or octets + one.size > BATCH_OCTETS):
                yield batch
                batch, octets = [], 0
            batch.append(one)
            octets += one.size
        if batch:
            yield batch

    def _is_skipped(self, cursor: Cursor, one: Listed) -> bool:
        """Whether a mail was there before we ever looked, and is only new by its UID."""
        is_from_now = self._setup.table.first_run == "from-now"
        is_old = one.at is not None and cursor.since is not None and one.at < cursor.since - OLD
        return is_from_now and one.uid <= cursor.border and is_old

    def _is_import(self, cursor: Cursor, one: Listed) -> bool:
        if one.uid > cursor.border:
            return False
        if one.at is None or cursor.since is None:
            return True
        return one.at < cursor.since - RECENT

    def _take(self, session: ImapSession, cursor: Cursor, batch: Sequence[Listed]) -> Cursor:
        """Fetch a batch and hand it to the spool, with the cursor's step."""
        self._check_room(batch)
        try:
            bodies = self._bodies(session, cursor, batch)
        except Unavailable as trouble:
            self._learn(cursor, batch, trouble)
            raise
        mails: list[tuple[Envelope, bytes]] = []
        uids: list[int | None] = []
        acts = self._setup.table.after != "keep"
        for one in batch:
            body = bodies.get(one.uid)
            if body is None:
                continue  # gone, by now
            raw, is_whole = body
            mails.append((self._envelope(cursor, one, raw), raw))
            uids.append(one.uid if is_whole and acts else None)
        failpoints.hit("imap.fetched")
        moved = self._put(cursor, batch[-1].uid, mails, uids)
        self._most = min(BATCH, self._most * 2)
        for one in batch:
            self._failures.pop((cursor.uid_validity, one.uid), None)
        return moved

    def _check_room(self, batch: Sequence[Listed]) -> None:
        octets = sum(min(one.size, self._setup.message_size) for one in batch)
        if self._spool.free_bytes() < self._setup.disk_reserve + octets:
            raise Unavailable("not enough room on the disk", timedelta(seconds=60))

    def _put(
        self,
        cursor: Cursor,
        uid: int,
        mails: Sequence[tuple[Envelope, bytes]],
        uids: Sequence[int | None],
    ) -> Cursor:
        moved = replace(cursor, uid=uid, before=(cursor.uid_validity, cursor.uid))
        self._pending.append((self._spool.put_all(mails, moved, uids), uid))
        self._settle(IN_FLIGHT)
        return replace(moved, before=None)

    def _pass(self, cursor: Cursor, uid: int) -> Cursor:
        """Move on over what is gone, or not ours."""
        return self._put(cursor, uid, [], []) if uid > cursor.uid else cursor

    def _settle(self, most: int) -> None:
        """Wait until no more than so many batches are on their way."""
        while len(self._pending) > most:
            future, uid = self._pending.popleft()
            self._on_wait(PUT_SECONDS)
            try:
                ids = future.result(PUT_SECONDS)
            except TimeoutError as error:
                raise Unavailable("the spool does not answer") from error
            if ids:
                log.info(
                    "mail.accepted",
                    transport="imap",
                    count=len(ids),
                    spool_id=ids[0] if len(ids) == 1 else f"{ids[0]} to {ids[-1]}",
                    up_to_uid=uid,
                )

    def _envelope(self, cursor: Cursor, one: Listed, raw: bytes) -> Envelope:
        setup = self._setup
        return envelope_of(
            raw,
            setup.mailbox,
            setup.site,
            Place(setup.source, cursor.uid_validity, one.uid),
            arrived_at(one.at, self._now()),
            is_import=self._is_import(cursor, one),
        )

    def _bodies(
        self, session: ImapSession, cursor: Cursor, batch: Sequence[Listed]
    ) -> dict[int, tuple[bytes, bool]]:
        """Return what is to be spooled of each mail that is there, and whether it is whole."""
        if len(batch) == 1:
            whole: dict[int, bytes] = {}
        else:
            try:
                whole = session.bodies([one.uid for one in batch], sum(one.size for one in batch))
            except ImapTrouble as trouble:
                if trouble.kind is not Kind.REFUSED:
                    raise
                whole = {}  # one of them cannot be given out: ask for each
        found: dict[int, tuple[bytes, bool]] = {}
        for one in batch:
            raw = whole.pop(one.uid, None)
            if raw is not None and len(raw) <= self._setup.message_size:
                found[one.uid] = (raw, True)
            elif (alone := self._alone(session, cursor, one)) is not None:
                found[one.uid] = alone
        return found

    def _alone(
        self, session: ImapSession, cursor: Cursor, one: Listed
    ) -> tuple[bytes, bool] | None:
        """Fetch one mail in parts; None when somebody has removed it."""
        most = self._setup.message_size
        if not self._is_given_up(cursor, one):
            try:
                if one.size > most and session.part(one.uid, most, 1):
                    return self._stub(session, cursor, one)  # as large as the server says
                raw = self._in_parts(session, cursor, one.uid, most)
            except ImapTrouble as trouble:
                if trouble.kind is Kind.REFUSED:
                    return self._refused(session, cursor, one, str(trouble))
                raise
            if raw and len(raw) <= most:
                return raw, True
            if not raw:
                return self._refused(session, cursor, one, "the server gave nothing")
        elif not session.still_there([one.uid]):
            return None
        return self._stub(session, cursor, one)

    def _in_parts(self, session: ImapSession, cursor: Cursor, uid: int, most: int) -> bytes:
        """Return the mail, or one octet more than allowed; goes on where a connection was lost."""
        piece = self._piece
        if piece is None or (piece.uid_validity, piece.uid) != (cursor.uid_validity, uid):
            piece = self._piece = _Piece(cursor.uid_validity, uid, bytearray())
        while len(piece.raw) <= most:
            got = session.part(uid, len(piece.raw), PART)
            piece.raw += got or b""
            if got:
                self._failures.pop((cursor.uid_validity, uid), None)
            if not got or len(got) < PART:
                break
            if self._is_stopping():
                raise Unavailable("stopping")
        self._piece = None
        return bytes(piece.raw[: most + 1])

    def _refused(
        self, session: ImapSession, cursor: Cursor, one: Listed, why: str
    ) -> tuple[bytes, bool] | None:
        """Note that a mail is not given out: gone, or to be tried again, or given up."""
        if not session.still_there([one.uid]):
            log.info("imap.vanished", folder=self._setup.source, uids=[one.uid], count=1)
            return None
        self._failures[cursor.uid_validity, one.uid] += 1
        self._most = 1
        if self._is_given_up(cursor, one):
            return self._stub(session, cursor, one)
        raise ImapTrouble(Kind.REFUSED, f"UID {one.uid} is not given out: {why}")

    def _is_given_up(self, cursor: Cursor, one: Listed) -> bool:
        return self._failures[cursor.uid_validity, one.uid] >= GIVEN_UP

    def _stub(self, session: ImapSession, cursor: Cursor, one: Listed) -> tuple[bytes, bool]:
        self._piece = None
        folder, most = self._setup.folder, self._setup.message_size
        is_given_up = self._is_given_up(cursor, one)
        why = unreadable(folder) if is_given_up else too_large(max(one.size, most), most, folder)
        head = b""
        try:
            head = session.part(one.uid, 0, HEAD, "HEADER") or b""
        except ImapTrouble as trouble:
            if trouble.kind is not Kind.REFUSED and not is_given_up:
                raise
        log.warning("imap.not_fetched", folder=self._setup.source, uid=one.uid, why=why)
        return stub(head, why, self._now()), False

    def _learn(self, cursor: Cursor, batch: Sequence[Listed], trouble: Unavailable) -> None:
        """Go narrower after a failure; count it against a mail that failed by itself."""
        if not isinstance(trouble, ImapTrouble) or trouble.kind not in (Kind.AWAY, Kind.NONSENSE):
            return
        self._most = max(1, min(self._most, len(batch)) // 8)
        if len(batch) == 1:
            self._failures[cursor.uid_validity, batch[0].uid] += 1
