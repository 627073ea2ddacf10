"""Access tokens for IMAP, from refresh tokens that are kept in a file.

Promise: a rotated refresh token is on the disk before anything is done with what came with it; an
access token is asked for when the old one is about to end, not at every login; every call ends.
Used by: imap (tokens), cli (the first token: oauth_login).
Fails:   ImapTrouble: Kind.LOGIN when somebody has to log in anew, Kind.AWAY when the provider is
         not there.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from postroom.core.imap import OauthTable
from postroom.intake.imap_trouble import ImapTrouble, Kind
from postroom.ownership import belong_to_folder
from postroom.work.webhooks import call

SECONDS = 30.0  # for one call of the provider
SKEW = timedelta(minutes=5)  # an access token is not used so close to its end
WARN = timedelta(days=14)  # before a refresh token, or a client secret, ends
_SHORTEST = timedelta(minutes=1)  # however short-lived the provider says that a token is


@dataclass(frozen=True, slots=True)
class Tokens:
    """What the file holds."""

    refresh_token: str = ""
    access_token: str = ""
    access_until: datetime | None = None
    refresh_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What the provider said: `error` is RFC 6749's word, "" when all is well."""

    values: Mapping[str, Any]
    error: str = ""
    text: str = ""


def ask(url: str, form: Mapping[str, str]) -> Answer:
    """POST a form, and read JSON."""
    end = call(
        url,
        urlencode(form).encode(),
        {
            "content-type": "application/x-www-form-urlencoded",
            "accept": "application/json",
            "user-agent": "postroom",
        },
        SECONDS,
        threading.Event(),
    )
    if end.status is None:
        raise ImapTrouble(Kind.AWAY, f"{_place(url)}: {end.answer.decode(errors='replace')[:200]}")
    if end.status == 429 or end.status >= 500:
        raise ImapTrouble(
            Kind.THROTTLED if end.status == 429 else Kind.AWAY, _said(url, end.status)
        )
    try:
        values = json.loads(end.answer)
    except ValueError:
        values = None
    if not isinstance(values, dict):
        raise ImapTrouble(Kind.AWAY, f"{_said(url, end.status)}, and no JSON: is this the URL?")
    error = values.get("error")
    if end.status >= 400 or error:
        text = str(values.get("error_description") or error or _said(url, end.status))
        return Answer(values, str(error or "invalid_request"), " ".join(text.split())[:300])
    return Answer(values)


def tokens_of(answer: Answer, before: Tokens, oauth: OauthTable, now: datetime) -> Tokens:
    """Read a token answer (RFC 6749 §5.1); what it does not name stays as it was."""
    access = answer.values.get("access_token")
    if not isinstance(access, str) or not access:
        raise ImapTrouble(Kind.LOGIN, "the provider sent no access token")
    lives = _seconds(answer.values.get("expires_in"), 3600)
    refresh = answer.values.get("refresh_token")
    is_new = isinstance(refresh, str) and bool(refresh)
    until = before.refresh_until
    told = answer.values.get("refresh_token_expires_in")
    if told is not None:
        until = now + timedelta(seconds=_seconds(told, 0))
    elif is_new or until is None:
        until = now + oauth.lifetime if oauth.lifetime is not None else None
    return Tokens(
        str(refresh) if is_new else before.refresh_token,
        access,
        now + max(timedelta(seconds=lives), _SHORTEST),
        until,
    )


def read_tokens(path: Path) -> Tokens | None:
    """Return what was kept; None when nobody has logged in yet."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        return Tokens(
            str(values["refresh_token"]),
            str(values.get("access_token") or ""),
            _moment(values.get("access_until")),
            _moment(values.get("refresh_until")),
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ImapTrouble(Kind.LOGIN, f"{path} cannot be read: {error}") from error


def keep_tokens(path: Path, tokens: Tokens) -> None:
    """Write them, for nobody else to read, and whole whenever the power goes."""
    values = {
        key: value.isoformat() if isinstance(value, datetime) else value
        for key, value in asdict(tokens).items()
    }
    half = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        belong_to_folder(path.parent)
        with suppress(FileNotFoundError):
            half.unlink()
        file = os.open(half, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(file, "w", encoding="utf-8") as writing:
            json.dump(values, writing)
            writing.flush()
            os.fsync(writing.fileno())
        belong_to_folder(half)
        half.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise ImapTrouble(Kind.AWAY, f"{path} cannot be written: {error.strerror}") from error


def login_ends(oauth: OauthTable, path: Path) -> datetime | None:
    """Return when somebody has to log in anew, or to renew the client secret, if that is known.

    By what stands in the file now: somebody may have logged in since.
    """
    expires = oauth.client_secret_expires
    ends = [datetime.combine(expires, time(), UTC)] if expires is not None else []
    if oauth.way != "client-credentials":
        with suppress(ImapTrouble):
            known = read_tokens(path)
            if known is not None and known.refresh_until is not None:
                ends.append(known.refresh_until)
    return min(ends, default=None)


class TokenKeeper:
    """The tokens of one [[imap]], shared by the threads of its folders."""

    def __init__(
        self,
        oauth: OauthTable,
        path: Path,
        secret: Callable[[], str],
        name: str,
        now: Callable[[], datetime],
    ) -> None:
        self._oauth = oauth
        self._path = path
        self._secret = secret
        self._name = name
        self._now = now
        self._lock = threading.Lock()
        self._known: Tokens | None = None
        self._refused = ""

    def access_token(self, *, is_refused: str = "") -> str:
        """Return a token that the server should take; `is_refused`: not this one."""
        with self._lock:
            known = self._known or self._read()
            if known is not None and self._is_fresh(known) and known.access_token != is_refused:
                return known.access_token
            return self._refresh().access_token

    @property
    def until(self) -> datetime | None:
        """When somebody has to log in anew, or to renew the client secret, if that is known."""
        return login_ends(self._oauth, self._path)

    def _is_fresh(self, known: Tokens) -> bool:
        return known.access_until is not None and known.access_until - SKEW > self._now()

    def _read(self) -> Tokens | None:
        if self._oauth.way == "client-credentials":
            return None
        self._known = read_tokens(self._path)
        return self._known

    def _refresh(self) -> Tokens:
        """Ask for new tokens, with what stands in the file now: somebody may have logged in."""
        if self._oauth.way == "client-credentials":
            answer = ask(self._oauth.token_endpoint, self._form("client_credentials"))
            if answer.error:
                raise self._is_over(answer)
            self._known = tokens_of(answer, Tokens(), self._oauth, self._now())
            return self._known
        known = self._read()
        if known is None or not known.refresh_token:
            raise ImapTrouble(
                Kind.LOGIN, f"nobody has logged in yet: `postroom imap login {self._name}`"
            )
        if known.refresh_token == self._refused:
            raise ImapTrouble(
                Kind.LOGIN, f"the login is no longer valid: `postroom imap login {self._name}`"
            )
        form = self._form("refresh_token") | {"refresh_token": known.refresh_token}
        answer = ask(self._oauth.token_endpoint, form)
        if answer.error:
            if answer.error == "invalid_grant":
                self._refused = known.refresh_token
            raise self._is_over(answer)
        fresh = tokens_of(answer, known, self._oauth, self._now())
        keep_tokens(self._path, fresh)
        self._known = fresh
        return fresh

    def _form(self, grant: str) -> dict[str, str]:
        form = {
            "grant_type": grant,
            "client_id": self._oauth.client_id,
            "scope": self._oauth.wanted_scope,
        }
        secret = self._secret()
        return form | ({"client_secret": secret} if secret else {})

    def _is_over(self, answer: Answer) -> ImapTrouble:
        if answer.error in ("temporarily_unavailable", "server_error"):
            return ImapTrouble(Kind.AWAY, answer.text)
        if answer.error == "slow_down":
            return ImapTrouble(Kind.THROTTLED, answer.text)
        hint = f": `postroom imap login {self._name}`" if answer.error == "invalid_grant" else ""
        return ImapTrouble(Kind.LOGIN, f"{answer.error}: {answer.text}{hint}")


def _moment(text: object) -> datetime | None:
    return datetime.fromisoformat(text) if isinstance(text, str) and text else None


def _seconds(value: object, otherwise: int) -> int:
    try:
        return min(max(int(str(value)), 0), 10**9)
    except ValueError:
        return otherwise


def _said(url: str, status: int) -> str:
    return f"{_place(url)} answered {status}"


def _place(url: str) -> str:
    return url.partition("?")[0]
