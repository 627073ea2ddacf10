"""Logging in by tokens: at a real Dovecot that asks a fake identity provider about them."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.fakes.identity_provider import IdentityProvider
from tests.flow.cli_runs import command
from tests.houses import mail, write_house
from tests.live.dovecot import Dovecot, running_dovecot
from tests.live.imap_house import config_for, imap_house

from postroom.core.imap import OauthTable
from postroom.intake import oauth, oauth_login
from postroom.intake.imap_trouble import ImapTrouble, Kind
from postroom.intake.oauth import TokenKeeper, Tokens, keep_tokens, read_tokens

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def provider() -> Iterator[IdentityProvider]:
    with IdentityProvider() as running:
        yield running


@pytest.fixture(scope="module")
def server(provider: IdentityProvider) -> Iterator[Dovecot]:
    with running_dovecot(f"{provider.url}/introspect") as running:
        yield running


@pytest.fixture
def own() -> Iterator[IdentityProvider]:
    with IdentityProvider() as running:
        running.refresh_tokens.add("first")
        yield running


def keys(provider: IdentityProvider) -> str:
    urls = f'token_url = "{provider.url}/token", device_url = "{provider.url}/device"'
    return f'password_file = \noauth = {{ client_id = "postroom", scope = "imap", {urls} }}'


def keeper(provider: IdentityProvider, path: Path, **more: object) -> TokenKeeper:
    values = {"client_id": "postroom", "scope": "imap", "token_url": f"{provider.url}/token"}
    table = OauthTable.model_validate({**values, **more})
    return TokenKeeper(table, path, lambda: "", "support", lambda: NOW)


def test_a_login_by_device_code_and_mail_that_comes_by_its_tokens(
    provider: IdentityProvider, server: Dovecot, tmp_path: Path
) -> None:
    config = write_house(tmp_path, config=config_for(server, "ann", keys(provider)))
    said = command("imap", "login", "support", "--config", config.path)
    assert (0, True) == (said.code, "ABCD-EFGH" in said.err)
    path = config.data / "oauth" / "support.json"
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    server.deliver("ann", [mail("By token")])
    with imap_house(tmp_path, server, "ann", keys(provider)) as house:
        house.fetch_and_work()
        assert ["By token"] == house.subjects
        calls = len(provider.calls)
        house.visit()
        assert [("/introspect")] == [path for path, _ in provider.calls[calls:]]  # no new token
        provider.access_tokens.clear()  # taken back before its time
        server.deliver("ann", [mail("By another")])
        house.fetch_and_work()
        assert ["By another", "By token"] == house.subjects
    kept = json.loads(path.read_text())
    assert {kept["refresh_token"]} == provider.refresh_tokens


def test_a_token_that_nobody_gave_is_said_in_words(
    provider: IdentityProvider, server: Dovecot, tmp_path: Path
) -> None:
    with imap_house(tmp_path, server, "ann", keys(provider)) as house:
        with pytest.raises(ImapTrouble, match="postroom imap login support") as caught:
            house.visit()
        assert Kind.LOGIN is caught.value.kind
    said = command("imap", "check", "--config", tmp_path / "config.toml")
    assert (1, True) == (said.code, "nobody has logged in yet" in said.out)


def test_a_rotated_token_is_on_the_disk_before_it_is_used(
    own: IdentityProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "oauth" / "support.json"
    keep_tokens(path, Tokens("first"))
    assert "access-1" == keeper(own, path).access_token()
    kept = read_tokens(path)
    assert kept is not None
    assert ({"refresh-1"}, "refresh-1") == (own.refresh_tokens, kept.refresh_token)
    assert "access-1" == keeper(own, path).access_token()  # the daemon was started anew
    monkeypatch.setattr(oauth, "keep_tokens", _no_room)
    with pytest.raises(OSError, match="no room"):
        keeper(own, path).access_token(is_refused="access-1")


def _no_room(path: Path, tokens: Tokens) -> None:
    raise OSError("no room")


def test_a_dead_token_is_asked_for_once_until_somebody_logs_in(
    own: IdentityProvider, tmp_path: Path
) -> None:
    path = tmp_path / "support.json"
    keep_tokens(path, Tokens("dead"))
    tokens = keeper(own, path)
    for _ in range(3):
        with pytest.raises(ImapTrouble, match="imap login support") as caught:
            tokens.access_token()
        assert Kind.LOGIN is caught.value.kind
    assert 1 == len(own.calls)
    keep_tokens(path, Tokens("first"))
    assert "access-1" == tokens.access_token()


@pytest.mark.parametrize(
    ("status", "kind"), [(503, Kind.AWAY), (429, Kind.THROTTLED), (404, Kind.LOGIN)]
)
def test_a_provider_in_trouble_is_told_from_a_dead_token(
    own: IdentityProvider, tmp_path: Path, status: int, kind: Kind
) -> None:
    keep_tokens(tmp_path / "support.json", Tokens("first"))
    own.status = status
    tokens = keeper(own, tmp_path / "support.json")
    with pytest.raises(ImapTrouble) as caught:
        tokens.access_token()
    assert kind is caught.value.kind
    own.status = 200
    assert "access-1" == tokens.access_token()


def test_the_end_of_a_token_is_known_ahead(own: IdentityProvider, tmp_path: Path) -> None:
    path = tmp_path / "support.json"
    keep_tokens(path, Tokens("first"))
    tokens = keeper(own, path, token_days=30)
    tokens.access_token()
    assert NOW + timedelta(days=30) == tokens.until
    own.extra["refresh_token_expires_in"] = 3600
    tokens.access_token(is_refused="access-1")
    assert NOW + timedelta(hours=1) == tokens.until
    watched = keeper(own, path, client_secret_expires=(NOW + timedelta(days=3)).date())
    assert NOW + timedelta(hours=1) == watched.until
    keep_tokens(path, Tokens("second", refresh_until=NOW + timedelta(days=30)))  # a new login
    assert datetime(2026, 11, 23, tzinfo=UTC) == watched.until
    assert NOW + timedelta(days=30) == tokens.until


def test_a_login_by_the_address_that_the_browser_ends_at(own: IdentityProvider) -> None:
    values = {"client_id": "p", "scope": "imap", "flow": "code", "token_url": f"{own.url}/token"}
    table = OauthTable.model_validate({**values, "authorize_url": "https://idp.example/auth"})

    def browse(url: str) -> str:
        state = url.partition("&state=")[2].partition("&")[0]
        return f"http://127.0.0.1:1/?code=abc&state={state}\n"

    chance = b"x" * 32
    tokens = oauth_login.by_code(table, "", lambda: NOW, chance=chance, show=browse)
    assert "refresh-1" == tokens.refresh_token
    assert "abc" == own.calls[-1][1]["code"]
    with pytest.raises(ImapTrouble, match="not the address"):
        oauth_login.by_code(
            table, "", lambda: NOW, chance=chance, show=lambda _: "http://x/?code=abc&state=other"
        )


@pytest.mark.parametrize(
    ("error", "words"), [("access_denied", "access_denied"), ("expired_token", "expired_token")]
)
def test_a_device_login_that_is_refused_ends_in_words(
    own: IdentityProvider, error: str, words: str
) -> None:
    own.script.extend(["slow_down", error])
    values = {"client_id": "p", "scope": "imap", "token_url": f"{own.url}/token"}
    table = OauthTable.model_validate({**values, "device_url": f"{own.url}/device"})
    waits: list[float] = []
    with pytest.raises(ImapTrouble, match=words):
        oauth_login.by_device(table, "", lambda: NOW, show=lambda *_: None, wait=waits.append)
    assert [1, 6] == waits  # RFC 8628 §3.5
