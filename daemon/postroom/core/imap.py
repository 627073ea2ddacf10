"""[[imap]] of config.toml: which folders to read, how to log in, and what to do on the server.

Pure: whether files exist and mailboxes are known is config's business. A folder is named by its
*source*, an IMAP URL (RFC 5092), and a mail in it by its *source key*, which is unique for ever.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Annotated, Literal
from urllib.parse import SplitResult, quote, unquote, urlsplit

from pydantic import AfterValidator, Field

from postroom.core.endpoints import check_hook_url, check_instance
from postroom.core.settings import Duration, FilePath
from postroom.core.tables import Table
from postroom.core.units import nearest, show
from postroom.mail.auth import WITHOUT_ID

LOOPBACK = ("localhost", "127.0.0.1", "::1")
_VALIDITY = ";UIDVALIDITY="  # in a folder's name these signs are quoted
_PROVIDERS = {
    "microsoft": (
        "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token",
        "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/devicecode",
        "",
        "https://outlook.office.com/IMAP.AccessAsUser.All offline_access",
        90,
    ),
    "google": (
        "https://oauth2.googleapis.com/token",
        "",  # Google's device flow is not for mail
        "https://accounts.google.com/o/oauth2/v2/auth",
        "https://mail.google.com/",
        None,
    ),
    "custom": ("", "", "", "", None),
}


def check_imap_url(text: str) -> str:
    """Check the address of a folder on a server; return it as written."""
    wanted = '"imaps://imap.example.com/INBOX"'
    try:
        parts = urlsplit(text)
        is_well = parts.port is None or parts.port > 0
    except ValueError:
        is_well = False
    if not is_well or parts.scheme not in ("imaps", "imap") or not parts.hostname:
        raise ValueError(f"must be such as {wanted}, not {show(text)}")
    folder = unquote(parts.path.lstrip("/"))
    if folder and (not folder.isprintable() or "\ufffd" in folder):
        raise ValueError(f"names a folder that cannot be: {show(folder)}")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError(f"must be such as {wanted}: user and password_file are keys of their own")
    return text


def _folder(text: str) -> str:
    if not text or not text.isprintable() or len(text) > 200:
        raise ValueError(f"must be the name of a folder, not {show(text)}")
    return text


def _user(text: str) -> str:
    if not text or not text.isprintable():
        raise ValueError(f"must be the name to log in with, not {show(text)}")
    return text


def _authserv_id(text: str) -> str:
    if text != WITHOUT_ID and re.fullmatch(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)+", text) is None:
        wanted = f'a server as Authentication-Results name it ("mx.google.com") or "{WITHOUT_ID}"'
        raise ValueError(f"must be {wanted}, not {show(text)}")
    return text


def _after(text: str) -> str:
    word, colon, folder = text.partition(":")
    if word == "move" and colon:
        _folder(folder)
    elif text not in ("seen", "delete", "keep"):
        raise ValueError(f'must be "seen", "move:FOLDER", "delete" or "keep", not {show(text)}')
    return text


def _poll(value: timedelta) -> timedelta:
    if not timedelta(seconds=5) <= value <= timedelta(minutes=10):
        raise ValueError("must be between 5 seconds and 10 minutes")
    return value


def _timeout(value: timedelta) -> timedelta:
    if not timedelta(seconds=1) <= value <= timedelta(minutes=10):
        raise ValueError("must be between 1 second and 10 minutes")
    return value


def _tenant(text: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9._-]{1,128}", text) is None:
        raise ValueError(f"must be a tenant's name or id, not {show(text)}")
    return text


Fault = tuple[str, str]  # key, and what is wrong with it
OauthUrl = Annotated[str, AfterValidator(check_hook_url)]
Folder = Annotated[str, AfterValidator(_folder)]


class OauthTable(Table):
    """oauth = { … } of [[imap]]: who gives out access tokens, and where ours are kept."""

    provider: Literal["microsoft", "google", "custom"] = "custom"
    flow: Literal["device", "code", "client-credentials"] | None = None
    client_id: Annotated[str, Field(min_length=1, max_length=500)]
    client_secret_file: FilePath | None = None
    client_secret_expires: date | None = None  # watched, as nobody else does
    tenant: Annotated[str, AfterValidator(_tenant)] = "organizations"
    scope: Annotated[str, Field(max_length=2000)] | None = None
    token_url: OauthUrl | None = None
    device_url: OauthUrl | None = None
    authorize_url: OauthUrl | None = None
    token_file: FilePath | None = None  # default: oauth/NAME.json in the data folder
    token_days: Annotated[int, Field(ge=1, le=3650)] | None = None  # that a refresh token lives

    @property
    def way(self) -> str:
        """How a first token is got: by a code on another machine, or by a secret alone."""
        return self.flow or ("code" if self.provider == "google" else "device")

    @property
    def token_endpoint(self) -> str:
        """Where tokens come from."""
        return self.token_url or _PROVIDERS[self.provider][0].format(tenant=self.tenant)

    @property
    def device_endpoint(self) -> str:
        """Where a code for another machine comes from (RFC 8628)."""
        return self.device_url or _PROVIDERS[self.provider][1].format(tenant=self.tenant)

    @property
    def authorize_endpoint(self) -> str:
        """Where a browser asks for a code (RFC 6749 §4.1)."""
        return self.authorize_url or _PROVIDERS[self.provider][2]

    @property
    def wanted_scope(self) -> str:
        """What is asked for."""
        if self.scope is not None:
            return self.scope
        if self.provider == "microsoft" and self.way == "client-credentials":
            return "https://outlook.office365.com/.default"
        return _PROVIDERS[self.provider][3]

    @property
    def lifetime(self) -> timedelta | None:
        """How long a refresh token lives when the provider does not say so."""
        days = self.token_days or _PROVIDERS[self.provider][4]
        return timedelta(days=days) if days is not None else None


class ImapTable(Table):
    """[[imap]]: a mailbox on a server, and the folders of it that are read."""

    mailbox: str
    name: Annotated[str, AfterValidator(check_instance)] | None = None  # default: the mailbox's
    url: Annotated[str, AfterValidator(check_imap_url)]
    user: Annotated[str, AfterValidator(_user)]
    password_file: FilePath | None = None
    oauth: OauthTable | None = None
    folders: list[Folder] = Field(default=[])  # beside, or instead of, the one in url
    after: Annotated[str, AfterValidator(_after)] = "seen"
    first_run: Literal["from-now", "all"] = "from-now"
    idle: bool = True
    poll: Annotated[Duration, AfterValidator(_poll)] = timedelta(seconds=60)
    timeout: Annotated[Duration, AfterValidator(_timeout)] = timedelta(seconds=60)
    plain: bool = False  # log in without encryption
    ca_file: FilePath | None = None
    verify: bool = True
    # Whose Authentication-Results are believed if they stand topmost; none: those above the border.
    topmost_results: list[Annotated[str, AfterValidator(_authserv_id)]] = Field(default=[])

    @property
    def parts(self) -> SplitResult:
        """The URL, read."""
        return urlsplit(self.url)

    @property
    def host(self) -> str:
        """The server."""
        return self.parts.hostname or ""

    @property
    def port(self) -> int:
        """Its port."""
        return self.parts.port or (993 if self.is_tls else 143)

    @property
    def is_tls(self) -> bool:
        """Whether the connection is encrypted from its first octet (imaps://)."""
        return self.parts.scheme == "imaps"

    @property
    def is_on_this_machine(self) -> bool:
        """Whether nobody can listen in."""
        return self.host in LOOPBACK

    @property
    def all_folders(self) -> tuple[str, ...]:
        """The folders to read."""
        named = unquote(self.parts.path.lstrip("/"))
        first = (named,) if named else ()
        return tuple(dict.fromkeys([*first, *self.folders])) or ("INBOX",)

    @property
    def moves_to(self) -> str | None:
        """The folder that mails are moved to, if they are."""
        word, _, folder = self.after.partition(":")
        return folder if word == "move" else None

    @property
    def label(self) -> str:
        """What commands call it."""
        return self.name or self.mailbox

    def source(self, folder: str) -> str:
        """Name a folder for ever: the key of its cursor."""
        user = quote(self.user, safe="")
        name = quote("INBOX" if folder.upper() == "INBOX" else folder, safe="")
        return f"imap://{user}@{self.host.lower()}:{self.port}/{name}"


def source_key(source: str, uid_validity: int, uid: int) -> str:
    """Name one mail on a server for ever."""
    return f"{source}{_VALIDITY}{uid_validity}/;UID={uid}"


def source_of(key: str) -> str:
    """Return the folder's source out of a source key."""
    return key.partition(_VALIDITY)[0]


def problems_of(tables: Sequence[ImapTable], mailboxes: Sequence[str]) -> Iterator[Fault]:
    """Yield (key, what is wrong) that no single key can know."""
    labels, sources = set[str](), dict[str, str]()
    for index, table in enumerate(tables):
        at = f"imap {show(table.name)}" if table.name else f"imap[{index + 1}]"
        if table.mailbox not in mailboxes:
            hint = nearest(table.mailbox, mailboxes)
            yield f"{at}.mailbox", f"there is no mailbox {show(table.mailbox)}{hint}"
        if table.label in labels:
            yield at, f"{show(table.label)} is the name of two [[imap]]: give one of them a `name`"
        labels.add(table.label)
        for folder in table.all_folders:
            if table.source(folder) in sources:
                yield at, f"folder {show(folder)} of this user is read twice"
            sources[table.source(folder)] = at
        yield from _of_login(table, at)
    for index, table in enumerate(tables):
        if table.moves_to is not None and table.source(table.moves_to) in sources:
            yield f"imap[{index + 1}].after", f"{show(table.moves_to)} is read itself: a circle"


def _of_login(table: ImapTable, at: str) -> Iterator[Fault]:
    if (table.password_file is None) == (table.oauth is None):
        yield at, "needs password_file or oauth, one of them"
    if table.plain and table.is_tls:
        yield f"{at}.plain", "goes with imap://, not with imaps://"
    oauth = table.oauth
    if oauth is None:
        return
    needed = {"token_url": oauth.token_endpoint}
    if oauth.way == "device":
        needed["device_url"] = oauth.device_endpoint
    elif oauth.way == "code":
        needed["authorize_url"] = oauth.authorize_endpoint
    elif oauth.client_secret_file is None:
        yield f"{at}.oauth.client_secret_file", 'is required by flow = "client-credentials"'
    if not oauth.wanted_scope:
        yield f"{at}.oauth.scope", 'is required by provider = "custom"'
    for key, url in needed.items():
        if not url:
            yield f"{at}.oauth.{key}", f"is required by this provider with flow {show(oauth.way)}"
        elif url.startswith("http:") and urlsplit(url).hostname not in LOOPBACK:
            yield f"{at}.oauth.{key}", "must be https://: a token can be read on the way"


def doubts_of(tables: Sequence[ImapTable]) -> Iterator[str]:
    """Yield what is allowed but unwise."""
    for index, table in enumerate(tables):
        at = f"imap[{index + 1}]"
        if table.plain and not table.is_on_this_machine:
            yield f"{at}.plain: password and mail can be read by everybody on the way"
        if not table.verify and not table.is_on_this_machine:
            yield f"{at}.verify: whoever answers for {table.host} gets the password: name a ca_file"
