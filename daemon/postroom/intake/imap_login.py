"""Logging in to an IMAP server: by a password out of a file, or by a token.

Promise: a password or token goes to a server only over what the config allows; a token that is
refused is asked for anew once. Secrets are read at each log-in, so that a new one needs no restart.
Used by: imap, worker (token_path), cli.
Fails:   ImapTrouble; Kind.LOGIN or CERTIFICATE when somebody has to mend something.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from postroom import clock
from postroom.config import Config
from postroom.core.imap import ImapTable
from postroom.intake.imap_session import ImapSession, Login, tls_context
from postroom.intake.imap_trouble import ImapTrouble, Kind
from postroom.intake.imap_wire import Client, Cord
from postroom.intake.oauth import SECONDS, TokenKeeper


def keeper_of(config: Config, table: ImapTable) -> TokenKeeper | None:
    """Return who gives out the access tokens of one [[imap]], if it logs in by them."""
    if table.oauth is None:
        return None
    secret = partial(client_secret, config, table)
    return TokenKeeper(table.oauth, token_path(config, table), secret, table.label, clock.now)


def token_path(config: Config, table: ImapTable) -> Path:
    """Return where the refresh token is kept."""
    written = table.oauth.token_file if table.oauth is not None else None
    default = config.data / "oauth" / f"{table.label}.json"
    return config.resolve(written) if written is not None else default


def client_secret(config: Config, table: ImapTable) -> str:
    """Return what we prove ourselves to the provider with; "" if nothing."""
    written = table.oauth.client_secret_file if table.oauth is not None else None
    return read_secret(config, written) if written is not None else ""


def read_secret(config: Config, written: str) -> str:
    """Read a password; the line end that an editor adds is no part of it."""
    path = config.secret_path(written)
    try:
        secret = path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ImapTrouble(Kind.LOGIN, f"{path} cannot be read: {error}") from error
    if not secret:
        raise ImapTrouble(Kind.LOGIN, f"{path} is empty")
    return secret


def open_session(
    config: Config, table: ImapTable, keeper: TokenKeeper | None, cord: Cord | None = None
) -> ImapSession:
    """Connect and log in; whoever has the `cord` may end it at any time."""
    ca_file = config.resolve(table.ca_file) if table.ca_file is not None else None
    try:
        context = tls_context(ca_file, verify=table.verify)
    except OSError as error:
        raise ImapTrouble(Kind.CERTIFICATE, f"ca_file {ca_file}: {error}") from error
    if keeper is None:
        return ImapSession(table, context, _by_password(config, table), cord)
    if cord is not None:  # each folder in turn may have to hear that the provider is away
        cord.on_wait(SECONDS * 2 * (1 + len(table.all_folders)))
    token = keeper.access_token()
    try:
        return ImapSession(table, context, _by_token(table, token), cord)
    except ImapTrouble as trouble:
        if trouble.kind is not Kind.LOGIN:
            raise
    # It may have been taken back before its time: once more, with a new one.
    again = keeper.access_token(is_refused=token)
    return ImapSession(table, context, _by_token(table, again), cord)


def _by_password(config: Config, table: ImapTable) -> Login:
    password = read_secret(config, table.password_file or "")

    def login(client: Client) -> None:
        is_off = client.has_capability("LOGINDISABLED")
        if client.has_capability("AUTH=PLAIN") and (is_off or not password.isascii()):
            client.plain_login(table.user, password)
        elif is_off:
            raise ImapTrouble(Kind.LOGIN, "the server lets nobody log in by password")
        else:
            client.login(table.user, password)

    return login


def _by_token(table: ImapTable, token: str) -> Login:
    def login(client: Client) -> None:
        if client.has_capability("AUTH=OAUTHBEARER"):
            client.oauthbearer_login(table.user, token)
        elif client.has_capability("AUTH=XOAUTH2"):
            client.oauth2_login(table.user, token)
        else:
            raise ImapTrouble(Kind.LOGIN, "the server takes no tokens (OAUTHBEARER, XOAUTH2)")

    return login
