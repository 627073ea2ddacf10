"""What `postroom init` needs to know: taken from options, asked for on a terminal."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from zoneinfo import ZoneInfo

import typer

from postroom.cli.drafting import ImapPlan, Plan, Provider, Source
from postroom.core.endpoints import check_endpoint, check_instance, check_own_address, check_relay
from postroom.core.imap import check_imap_url
from postroom.core.units import check_language, check_time_zone
from postroom.errors import NotAllowed
from postroom.mail.address import parse_addresses

EXAMPLE_ADDRESS = "support@example.com"
EXAMPLE_HANDLER = "Eva Berg <eva@example.com>"
LISTEN = {Source.SMTP: "127.0.0.1:2525", Source.LMTP: "127.0.0.1:2424", Source.IMAP: None}
# Names that belong to nobody (RFC 2606, RFC 6761): good for trying out.
_RESERVED = re.compile(r"(?:.*\.)?(?:example(?:\.(?:com|net|org))?|test|invalid|localhost)")
_LARGEST_SECRET = 10_000  # octets
_ZONE_LINK = Path("/etc/localtime")


@dataclass(frozen=True, slots=True)
class Said:
    """What was said so far; None: nothing."""

    addresses: tuple[str, ...] = ()
    source: Source | None = None
    listen: str | None = None
    imap_url: str | None = None
    imap_user: str | None = None
    imap_password: str | None = None
    imap_oauth: Provider | None = None
    imap_client_id: str | None = None
    imap_client_secret: str | None = None
    relay: str | None = None
    relay_user: str | None = None
    relay_password: str | None = None
    handlers: tuple[str, ...] = ()
    time_zone: str | None = None
    language: str | None = None
    instance: str | None = None


def missing(said: Said, *, in_earnest: bool, is_system: bool = False) -> list[str]:
    """Name the options without which this cannot be; in earnest: not only for trying out.

    `is_system`: it is what the service will run with, unless the addresses say otherwise. The
    handlers that ship are people who do not exist: no real customer's mail may go to them.
    """
    is_sending = said.relay is not None and not said.relay.startswith("maildir:")
    is_taking = not all(map(_is_reserved, said.addresses)) if said.addresses else is_system
    is_real = in_earnest or is_sending or is_taking
    wanted = {
        "--address": in_earnest and not said.addresses,
        "--handler": is_real and not said.handlers,
        "--relay-password-file": said.relay_user is not None and said.relay_password is None,
    }
    if said.source is Source.IMAP:
        has_oauth = said.imap_oauth is not None
        wanted |= {
            "--imap-url": said.imap_url is None,
            "--imap-user": said.imap_user is None,
            "--imap-password-file, or --imap-oauth": said.imap_password is None and not has_oauth,
            "--imap-client-id": has_oauth and said.imap_client_id is None,
        }
    return [option for option, is_missing in wanted.items() if is_missing]


def _is_reserved(address: str) -> bool:
    """Whether nobody can have this address; what is no address is refused elsewhere."""
    domain = address.rpartition("@")[2]
    return "@" not in address or _RESERVED.fullmatch(domain.lower()) is not None


def ask(said: Said) -> Said:
    """Ask for what was not said; each answer is checked at once."""
    if not said.addresses:
        words = "Address that customers write to (several: with commas)"
        found = _asked(words, EXAMPLE_ADDRESS, _addresses)
        said = replace(said, addresses=tuple(_split(found)))
    if said.source is None:
        words = (
            "Where mail comes from: smtp or lmtp (your mail server brings it), imap (we fetch it)"
        )
        said = replace(said, source=Source(_asked(words, "smtp", Source)))
    if said.source is Source.IMAP:
        said = _ask_imap(said)
    elif said.listen is None:
        words = "Where your mail server brings it to (HOST:PORT, or unix:/PATH)"
        default = LISTEN[said.source or Source.SMTP]
        said = replace(said, listen=_asked(words, default, check_endpoint))
    said = _ask_relay(said)
    if not said.handlers:
        words = "Who handles requests: name and mail address (several: with commas)"
        found = _asked(words, EXAMPLE_HANDLER, _people)
        said = replace(said, handlers=tuple(_split(found)))
    if said.time_zone is None:
        found = _asked("Time zone", system_time_zone(), check_time_zone)
        said = replace(said, time_zone=found)
    if said.language is None:
        found = _asked("Language of what customers get (en, nb)", "en", check_language)
        said = replace(said, language=found)
    if said.instance is None:
        name = plan_of(said, Path(), data="var", has_templates=False).name
        words = "Short name, for subjects such as [NAME #12]; never to be changed"
        said = replace(said, instance=_asked(words, name, check_instance))
    return said


def _ask_imap(said: Said) -> Said:
    if said.imap_url is None:
        words = "Server and folder"
        found = _asked(words, "imaps://imap.example.com/INBOX", check_imap_url)
        said = replace(said, imap_url=found)
    if said.imap_user is None:
        said = replace(said, imap_user=_asked("User there", said.addresses[0], _something))
    if said.imap_password is None and said.imap_oauth is None:
        words = "Log in by password, microsoft or google"
        way = _asked(words, "password", _way)
        if way == "password":
            return replace(said, imap_password=_hidden("Password of the mailbox"))
        said = replace(said, imap_oauth=Provider(way))
    if said.imap_oauth is not None and said.imap_client_id is None:
        words = "Client id of the application that you registered there"
        said = replace(said, imap_client_id=_asked(words, None, _something))
        if said.imap_oauth is Provider.GOOGLE and said.imap_client_secret is None:
            said = replace(said, imap_client_secret=_hidden("Client secret of the application"))
    return said


def _ask_relay(said: Said) -> Said:
    if said.relay is None:
        words = "Where mail goes out: smtp://HOST:PORT, smtps://HOST; or maildir:var/sent, to try"
        found = _asked(words, "maildir:var/sent", check_relay)
        said = replace(said, relay=found)
        if not found.startswith("maildir:") and said.relay_user is None:
            user = typer.prompt("User there (empty: none)", "", show_default=False).strip()
            said = replace(said, relay_user=user or None)
    if said.relay_user is not None and said.relay_password is None:
        said = replace(said, relay_password=_hidden("Password there"))
    return said


def plan_of(said: Said, folder: Path, *, data: str, has_templates: bool) -> Plan:
    """Make a plan; what was not said gets what is good for trying out."""
    source = said.source or Source.SMTP
    imap = None
    if source is Source.IMAP:
        imap = ImapPlan(
            url=said.imap_url or "",
            user=said.imap_user or "",
            password=said.imap_password,
            provider=said.imap_oauth,
            client_id=said.imap_client_id or "",
            client_secret=said.imap_client_secret,
        )
    return Plan(
        folder=folder,
        addresses=said.addresses or (EXAMPLE_ADDRESS,),
        source=source,
        listen=said.listen or LISTEN[source],
        imap=imap,
        relay=said.relay or f"maildir:{data}/sent",
        relay_user=said.relay_user,
        relay_password=said.relay_password,
        handlers=said.handlers,
        time_zone=said.time_zone or "UTC",
        language=said.language or "en",
        instance=said.instance,
        data=data,
        has_templates=has_templates,
    )


def read_secret(path: Path | None) -> str | None:
    """Read a password from the file that an option names; "-" is standard input."""
    if path is None:
        return None
    with typer.get_binary_stream("stdin") if path == Path("-") else path.open("rb") as file:
        octets = file.read(_LARGEST_SECRET + 1)
    text = octets.decode("utf-8", "replace").rstrip("\r\n")
    if not text or len(octets) > _LARGEST_SECRET or "\n" in text:
        raise NotAllowed(f"{path} must hold one line, the password")
    return text


def system_time_zone() -> str:
    """Return the zone that this machine is set to, UTC if that cannot be known."""
    name = str(_ZONE_LINK.resolve()).partition("/zoneinfo/")[2]
    try:
        return ZoneInfo(name).key if name else "UTC"
    except (ValueError, OSError):
        return "UTC"


def _asked(words: str, default: str | None, check: Callable[[str], object]) -> str:
    while True:
        answer: str = typer.prompt(words, default).strip()
        try:
            check(answer)
        except ValueError as error:
            typer.echo(f"  {error}", err=True)
        else:
            return answer


def _hidden(words: str) -> str:
    found: str = typer.prompt(words, hide_input=True)
    return found.strip()


def _split(text: str) -> list[str]:
    return [one.strip() for one in re.split(r",(?=[^<>]*(?:<|$))", text) if one.strip()]


def _addresses(text: str) -> None:
    for one in _split(text):
        check_own_address(one)
    _something(text)


def _people(text: str) -> None:
    for one in _split(text):
        if len(parse_addresses(one)) != 1:
            raise ValueError(f"must be such as {EXAMPLE_HANDLER}")


def _way(text: str) -> None:
    if text not in ("password", *Provider):
        raise ValueError("must be password, microsoft or google")


def _something(text: str) -> None:
    if not text:
        raise ValueError("must not be empty")
