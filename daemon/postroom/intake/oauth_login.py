"""The first refresh token: a human logs in, in a browser, on whatever machine.

By a device code (RFC 8628), or, where a provider does not offer that for mail, by the address that
the browser ends at (RFC 6749 §4.1 with PKCE, RFC 7636): nothing has to listen anywhere.
Used by: cli (`postroom imap login`).
Fails:   ImapTrouble, with what to do.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Callable
from datetime import datetime
from hashlib import sha256
from urllib.parse import parse_qs, urlencode, urlsplit

from postroom.core.imap import OauthTable
from postroom.intake.imap_trouble import ImapTrouble, Kind
from postroom.intake.oauth import Answer, Tokens, ask, tokens_of

REDIRECT = "http://127.0.0.1:1/"  # where nobody listens: the browser shows the address
_LONGEST = 1800  # seconds that anybody is waited for
_DEVICE = "urn:ietf:params:oauth:grant-type:device_code"


def by_device(
    oauth: OauthTable,
    secret: str,
    now: Callable[[], datetime],
    *,
    show: Callable[[str, str], None],
    wait: Callable[[float], None],
) -> Tokens:
    """Let somebody type a code elsewhere; `show` gets URL and code, `wait` sleeps."""
    client = _client(oauth, secret)
    answer = ask(oauth.device_endpoint, client | {"scope": oauth.wanted_scope})
    code = str(answer.values.get("device_code") or "")
    if answer.error or not code:
        raise _failed(answer)
    url = answer.values.get("verification_uri") or answer.values.get("verification_url") or ""
    show(str(url)[:500], str(answer.values.get("user_code") or "")[:100])
    pause = _number(answer.values.get("interval"), 5)
    left = min(_number(answer.values.get("expires_in"), 900), _LONGEST)
    while left > 0:
        wait(pause)
        left -= pause
        answer = ask(oauth.token_endpoint, client | {"grant_type": _DEVICE, "device_code": code})
        match answer.error:
            case "":
                return _first(answer, oauth, now())
            case "authorization_pending":
                pass
            case "slow_down":  # RFC 8628 §3.5
                pause += 5
            case _:
                raise _failed(answer)
    raise ImapTrouble(Kind.LOGIN, "nobody typed the code in time")


def by_code(
    oauth: OauthTable,
    secret: str,
    now: Callable[[], datetime],
    *,
    chance: bytes,
    show: Callable[[str], str],
) -> Tokens:
    """Let somebody log in; `show` gets the URL to open and returns the address it ended at.

    `chance` are random octets, 32 at least.
    """
    verifier = urlsafe_b64encode(chance).rstrip(b"=").decode()
    challenge = urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    state = sha256(b"state" + chance).hexdigest()[:32]
    query = {
        "response_type": "code",
        "client_id": oauth.client_id,
        "redirect_uri": REDIRECT,
        "scope": oauth.wanted_scope,
        "state": state,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        "access_type": "offline",
        "prompt": "consent",
    }
    came = parse_qs(urlsplit(show(f"{oauth.authorize_endpoint}?{urlencode(query)}").strip()).query)
    if "error" in came:
        raise ImapTrouble(Kind.LOGIN, f"the provider said {came['error'][0][:200]}")
    code, said = came.get("code", [""])[0], came.get("state", [""])[0]
    if not code or not hmac.compare_digest(said.encode(), state.encode()):
        raise ImapTrouble(Kind.LOGIN, "this is not the address that this login ended at")
    answer = ask(
        oauth.token_endpoint,
        _client(oauth, secret)
        | {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": REDIRECT,
            "code_verifier": verifier,
        },
    )
    if answer.error:
        raise _failed(answer)
    return _first(answer, oauth, now())


def _first(answer: Answer, oauth: OauthTable, now: datetime) -> Tokens:
    tokens = tokens_of(answer, Tokens(), oauth, now)
    if not tokens.refresh_token:
        raise ImapTrouble(
            Kind.LOGIN,
            "the provider gave no refresh token: the scope must allow it (offline_access)",
        )
    return tokens


def _client(oauth: OauthTable, secret: str) -> dict[str, str]:
    return {"client_id": oauth.client_id} | ({"client_secret": secret} if secret else {})


def _failed(answer: Answer) -> ImapTrouble:
    said = answer.text or "the provider sent no code"
    return ImapTrouble(Kind.LOGIN, f"{answer.error}: {said}" if answer.error else said)


def _number(value: object, otherwise: int) -> int:
    try:
        return max(1, min(int(str(value)), 86_400))
    except ValueError:
        return otherwise
