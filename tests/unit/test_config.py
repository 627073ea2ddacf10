"""config.toml: what it may say, what is refused, and the example of every key."""

import os
import re
import subprocess
import sys
import tomllib
from dataclasses import fields
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel
from tests.fakes.certificates import Authority
from tests.houses import barred_from

from postroom.config import Config, find_config, load_config, load_secrets
from postroom.core.consistency import check_mailboxes, unheard
from postroom.core.endpoints import Endpoint
from postroom.core.model import Span
from postroom.core.place import Server
from postroom.core.settings import MailboxTable
from postroom.core.site import Brakes, Budget, Mailbox, Site
from postroom.core.tables import Table, keys_of
from postroom.errors import ConfigError
from postroom.house import load_checked_policy
from postroom.policy.loader import policy_from_files
from postroom.shipped import shipped_folder, shipped_texts

SMALLEST = """
instance = "acme"
node = "n"

[[mailbox]]
name = "support"
address = "support@example.com"
category = "support"
"""


def write(folder: Path, text: str = SMALLEST) -> Path:
    secret = folder / "secret"
    secret.write_bytes(b"0123456789abcdef\n")
    secret.chmod(0o600)
    path = folder / "config.toml"
    path.write_text(text)
    return path


def problems(folder: Path, text: str) -> list[str]:
    try:
        load_config(write(folder, text))
    except ConfigError as error:
        prefix = f"{folder}/config.toml: "
        return [str(problem).removeprefix(prefix) for problem in error.problems]
    return []


def test_the_smallest_config(tmp_path: Path) -> None:
    config = load_config(write(tmp_path))
    assert config.warnings == ()
    assert config.data == tmp_path / "var"
    assert config.rules == tmp_path / "rules"
    assert config.listen == []
    assert config.outgoing.endpoint == Endpoint("localhost", 25)
    assert load_secrets(config) == (b"0123456789abcdef",)


def test_the_site_that_decisions_see(tmp_path: Path) -> None:
    site = load_config(write(tmp_path)).site()
    mailbox = site.mailboxes["support"]
    assert mailbox.reply_address == "support+{token}@example.com"
    assert (mailbox.priority, mailbox.type, mailbox.auto_reply) == (None, None, True)
    assert site.brakes.answers_per_address == Budget(2, timedelta(minutes=20))
    assert site.brakes.answers_per_day == Budget(3, timedelta(days=1))
    assert site.brakes.notices_in_all == Budget(300, timedelta(minutes=10))
    assert site.notice_size == 10_000_000
    assert mailbox.handler_name == "{first_name} at {from_name}"
    assert site.hold_for == Span(seconds=14_400)
    assert site.relays == ("127.0.0.0/8", "unix")
    assert site.handlers_verdict == "not-fail"


def test_what_decisions_see_without_a_config_is_what_a_config_says_by_default(
    tmp_path: Path,
) -> None:
    site = load_config(write(tmp_path)).site()
    plain = Site(site.instance, {}, site.brakes)
    for field in fields(Site):
        if field.name not in ("mailboxes", "signer"):
            assert getattr(plain, field.name) == getattr(site, field.name), field.name
    [mailbox] = site.mailboxes.values()
    assert mailbox == Mailbox(
        mailbox.name, mailbox.address, mailbox.reply_address, mailbox.category
    )
    shorter = Brakes(*(getattr(site.brakes, field.name) for field in fields(Brakes)[:4]))
    assert shorter == site.brakes


def test_what_is_set_reaches_the_decisions(tmp_path: Path) -> None:
    text = SMALLEST + (
        'from_name = "Acme"\nhandler_name = "{full_name}"\n'
        '[brakes]\nanswers_per_day = "7 per 1d"\nnotices_in_all = "off"\n'
        '[limits]\nnotice_size = "1MB"\n'
    )
    site = load_config(write(tmp_path, text)).site()
    assert site.mailboxes["support"].handler_name == "{full_name}"
    assert site.brakes.answers_per_day == Budget(7, timedelta(days=1))
    assert site.brakes.notices_in_all.count == 0
    assert site.notice_size == 1_000_000


@pytest.mark.parametrize(
    ("endpoint", "address"),
    [
        (Endpoint("127.0.0.1", 2525), "127.0.0.1:2525"),
        (Endpoint("::1", 2525), "[::1]:2525"),
        (Endpoint(path="/run/postroom/smtp.sock"), "unix:/run/postroom/smtp.sock"),
        (Endpoint(name="smtp"), "systemd:smtp"),
    ],
)
def test_where_to_listen(tmp_path: Path, endpoint: Endpoint, address: str) -> None:
    text = f'{SMALLEST}\n[[listen]]\naddress = "{address}"\n'
    assert load_config(write(tmp_path, text)).listen[0].endpoint == endpoint


@pytest.mark.parametrize(
    ("relay", "host", "port", "is_tls"),
    [
        ("smtp://mx.example.com", "mx.example.com", 25, False),
        ("smtps://mx.example.com", "mx.example.com", 465, True),
        ("smtp://[::1]:2626", "::1", 2626, False),
    ],
)
def test_relay(tmp_path: Path, relay: str, host: str, port: int, is_tls: bool) -> None:
    text = f'{SMALLEST}\n[outgoing]\nrelay = "{relay}"\n'
    outgoing = load_config(write(tmp_path, text)).outgoing
    assert (outgoing.endpoint.host, outgoing.endpoint.port, outgoing.is_tls) == (host, port, is_tls)


def test_a_maildir_instead_of_a_relay(tmp_path: Path) -> None:
    text = f'{SMALLEST}\n[outgoing]\nrelay = "maildir:var/sent"\n'
    assert load_config(write(tmp_path, text)).maildir == tmp_path / "var/sent"


@pytest.mark.parametrize(
    ("expected", "server"),
    [
        (("192.0.2.1", 53), "192.0.2.1"),
        (("192.0.2.1", 5353), "192.0.2.1:5353"),
        (("2001:db8::1", 53), "2001:db8::1"),
        (("2001:db8::1", 53), "[2001:db8::1]"),
        (("2001:db8::1", 5353), "[2001:db8::1]:5353"),
    ],
)
def test_name_server(tmp_path: Path, expected: tuple[str, int], server: str) -> None:
    text = f'{SMALLEST}\n[dns]\nservers = ["{server}"]\n'
    assert [expected] == load_config(write(tmp_path, text)).dns.addresses


@pytest.mark.parametrize(
    "server",
    ["", "localhost", "192.0.2.1:", "192.0.2.1:0", "192.0.2.1:65536", "192.0.2.1:²", "[::1]x:53x"],
)
def test_no_name_server(tmp_path: Path, server: str) -> None:
    [problem] = problems(tmp_path, f'{SMALLEST}\n[dns]\nservers = ["{server}"]\n')
    assert problem.startswith("dns.servers[1]: must be an IP address such as")


TOP = 'instance = "acme"'
BOX = 'category = "support"'
LISTEN = '[[listen]]\naddress = "127.0.0.1:25"'


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (TOP, "", "instance: is required"),
        (TOP, 'instance = "Acme Inc"', "instance: must be lower-case letters and digits"),
        (TOP, TOP + "\ninstanze = 1", 'instanze: is not a key here; did you mean "instance"?'),
        (TOP, TOP + "\nsecrets_files = []", "secrets_files: needs at least one"),
        (TOP, TOP + '\nsecrets_files = ["gone"]', "secrets_files[1]: "),
        (TOP, TOP + '\nsecrets_files = ["\\u0000"]', "must be the path of a file"),
        (TOP, "[" + TOP, "is not valid TOML: "),
        ('node = "n"', 'node = "a b"', "node: must be the name of a machine"),
        ("[[mailbox]]", "[mailbox]", "mailbox: must be a list, not a table"),
        (BOX, "", 'mailbox "support".category: is required'),
        (BOX, BOX + '\nadress = "x"', 'mailbox "support".adress: is not a key here; did you mean'),
        (BOX, BOX + '\naliases = ["support@example.com"]', 'mailbox "support": "support@example'),
        (BOX, BOX + '\naliases = ["s+x@example.com"]', 'mailbox "support".aliases[1]: "s+x@exa'),
        (BOX, BOX + '\nreply_address = "s@example.com"', "must hold {token} once"),
        (BOX, BOX + '\nhandler_name = "{name}"', "there is no {name}; possible: first_name, full_"),
        (BOX, BOX + '\nhandler_name = " "', "must not be empty, write such as"),
        (BOX, BOX + '\nreply_address = "s@{token}.example.com"', "must hold {token} once"),
        (BOX, BOX + f'\nreply_address = "{"s" * 40}+{{token}}@e.no"', "would have 73 octets"),
        (BOX, BOX + '\nlanguage = "english"', "language: must be a language code"),
        (BOX, BOX + '\ntime_zone = "Europe/Olso"', 'did you mean "Europe/Oslo"?'),
        (BOX, BOX + '\nauto_reply_needs = "fail"', 'must be "not-fail" or "pass", not "fail"'),
        *(
            (BOX, BOX + f'\n[database]\nurl = "{url}"', f"database.url: must {expected}")
            for url, expected in (
                ("mysql", 'be "sqlite" or such as "postgresql+psycopg://user@host/postroom", not'),
                ("postgresql://h/d", "begin with postgresql+psycopg://"),
                ("postgresql+psycopg://u:secret@h/d", "not hold the password: write it into a"),
                ("postgresql+psycopg://u@h", "name one database at its end"),
                ("postgresql+psycopg://u@h:99999/d", "hold a port up to 65535"),
                ("postgresql+psycopg://u@h/d?options=-c%20x", "not set options"),
            )
        ),
        (
            BOX,
            BOX + '\n[database]\nurl = "postgresql+psycopg://h/d"\npassword_file = "gone"',
            "database.password_file: ",
        ),
        (BOX, BOX + '\n[[imap]]\nurl = "x"', "imap[1].mailbox: is required"),
        (
            BOX,
            BOX + '\n[[listen]]\naddress = "25"',
            'listen[1].address: must be such as "127.0.0.1',
        ),
        (BOX, BOX + '\n[[listen]]\naddress = "h:99999"', "listen[1].address: must be such as"),
        (BOX, BOX + '\n[[listen]]\naddress = "unix:rel"', "must be unix: and a whole path"),
        (
            BOX,
            BOX + '\n[[listen]]\naddress = "systemd:"',
            "must be systemd: and the FileDescriptor",
        ),
        (BOX, BOX + '\n[[listen]]\naddress = "systemd:a b"', "must be systemd: and the FileDescr"),
        (
            LISTEN,
            LISTEN + '\nprotocol = "lmtp"',
            "listen[1].address: LMTP must not be spoken on port",
        ),
        (
            LISTEN,
            LISTEN + '\ntls = "implicit"',
            'certificate_file: is required with tls = "implicit"',
        ),
        (LISTEN, LISTEN + '\ntls = "ssl"', 'tls: must be "none", "starttls" or "implicit"'),
        (LISTEN, LISTEN + "\nrequire_tls = true", "listen[1].require_tls: needs certificate_file"),
        (LISTEN, LISTEN + '\nkey_file = "k"', "listen[1].key_file: goes with certificate_file"),
        (LISTEN, LISTEN + '\ncertificate_file = "gone"', "gone cannot be read: No such file"),
        (LISTEN, LISTEN + '\ncertificate_file = "secret"', "secret: is not in PEM form"),
        (
            LISTEN,
            LISTEN + '\ncertificate_file = "secret"\ntls = "none"',
            'listen[1].certificate_file: is not used with tls = "none"',
        ),
        (LISTEN, LISTEN + "\nproxy_protocol = true", "listen[1].proxies: is required with proxy_"),
        (LISTEN, LISTEN + '\nproxies = ["::1"]', "proxies: is not used without proxy_protocol"),
        (
            LISTEN,
            LISTEN + '\nproxies = ["proxy"]\nproxy_protocol = true',
            "listen[1].proxies[1]: must be a network",
        ),
        (BOX, BOX + '\n[[listen]]\nprotocol = "pop"\naddress = "h:1"', 'protocol: must be "smtp"'),
        (BOX, BOX + '\n[outgoing]\nrelay = "http://h"', "outgoing.relay: must be such as"),
        (BOX, BOX + '\n[outgoing]\nrelay = "smtp://u:p@h"', "user and password_file are keys"),
        (BOX, BOX + '\n[outgoing]\nrelay = "smtp://h:x"', "is not an address of a relay"),
        (
            BOX,
            BOX + '\n[outgoing]\ntls = "maybe"',
            'tls: must be "opportunistic", "verify" or "none"',
        ),
        (
            BOX,
            BOX + '\n[outgoing]\ntls = "none"\nrelay = "smtps://h"',
            'outgoing.tls: must not be "none"',
        ),
        (BOX, BOX + '\n[outgoing]\ntls = "none"\nca_file = "c"', "outgoing.ca_file: is not used"),
        (BOX, BOX + '\n[outgoing]\nca_file = "gone"', "gone cannot be read: No such file"),
        (BOX, BOX + '\n[outgoing]\nca_file = "secret"', "secret: no certificate"),
        (BOX, BOX + '\n[outgoing]\nuser = "u"', "outgoing: needs both user and password_file"),
        (
            BOX,
            BOX + "\n[outgoing]\nconnections = 0",
            "outgoing.connections: input should be greater",
        ),
        (BOX, BOX + '\n[trust]\nrelays = ["10.0.0.0/40"]', "trust.relays[1]: must be a network"),
        (BOX, BOX + '\n[trust]\nhold_for = "1d"', 'trust.hold_for: "1d" is working time'),
        (BOX, BOX + '\n[trust]\nhandlers = "none"', 'must be "not-fail" or "pass"'),
        (BOX, BOX + '\n[brakes]\nanswers_in_all = "0 per 1h"', 'for no limit write "off"'),
        (BOX, BOX + '\n[requests]\nsame_mail = "joined"', 'did you mean "join"?'),
        (BOX, BOX + '\n[limits]\nmesage_size = "1MB"', 'did you mean "message_size"?'),
        (
            BOX,
            BOX + "\n[limits]\nmessage_size = 1000",
            "limits.message_size: must be a size such as",
        ),
        (BOX, BOX + '\n[limits]\nidle = "0s"', "limits.idle: must be longer than nothing"),
        (BOX, BOX + "\n[limits]\nbatch = 50", "limits.batch: is not a key here"),
        (
            BOX,
            BOX + '\n[limits]\nmessage_size = "30MB"\nreader_memory = "119MB"',
            "mail of message_size (30MB): it must be at least 4 times that, 120MB",
        ),
        (
            BOX,
            BOX + '\n[limits]\nmessage_size = "251MB"',
            "limits.reader_memory: 1GB is too little",
        ),
        (BOX, BOX + '\n[hooks.page]\nurl = "x"', 'hooks.page.url: must be such as "https://'),
        (BOX, BOX + '\n[hooks.page]\nurl = "https://x/"', "needs both url and secret_file"),
        (BOX, BOX + '\n[logs]\nformat = "yaml"', "logs.format: must be"),
    ],
)
def test_what_is_refused(tmp_path: Path, old: str, new: str, expected: str) -> None:
    text = SMALLEST + LISTEN if old is LISTEN else SMALLEST
    found = problems(tmp_path, text.replace(old, new))
    assert any(expected in line for line in found), "\n".join(found)


def test_two_mailboxes_share_neither_name_nor_address(tmp_path: Path) -> None:
    other = '[[mailbox]]\nname = "support"\naddress = "Support@Example.com"\ncategory = "sales"\n'
    (name,) = problems(tmp_path, SMALLEST + other)
    assert name == 'mailbox[2].name: "support" is the name of two mailboxes'
    (address,) = problems(tmp_path, SMALLEST + other.replace('"support"', '"sales"'))
    assert "is already an address of mailbox" in address


def test_a_password_that_others_can_read_on_its_way_is_warned_of(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("secret")
    (tmp_path / "password").chmod(0o600)
    text = SMALLEST + '[outgoing]\nuser = "u"\npassword_file = "password"\ntls = "none"\n'
    assert load_config(write(tmp_path, text)).warnings == ()
    (warning,) = load_config(write(tmp_path, text + 'relay = "smtp://mx.example.com"\n')).warnings
    assert warning == "outgoing.tls: the password goes to mx.example.com in clear"


def test_a_certificate_of_a_door(tmp_path: Path) -> None:
    pair = Authority(tmp_path / "authority").issue("mx")
    pair.key.chmod(0o644)
    files = 'certificate_file = "authority/mx.pem"\nkey_file = "authority/mx.key"\n'
    text = f"{SMALLEST}{LISTEN.replace(':25', ':2525')}\n{files}"
    config = load_config(write(tmp_path, text))
    [warning] = config.warnings
    assert "mx.key can be read by everybody on this machine" in warning
    assert "starttls" == config.listen[0].tls_mode
    assert str(config.certificate(config.listen[0])) == str(pair.certificate)
    other = text.replace("mx.key", "ca.key")
    [problem] = problems(tmp_path, other)
    assert problem.startswith("listen[1].certificate_file: ")
    assert problem.endswith("the key belongs to another certificate")


def test_our_own_door_is_no_relay(tmp_path: Path) -> None:
    text = (
        SMALLEST
        + '[[listen]]\naddress = "0.0.0.0:2525"\n[outgoing]\nrelay = "smtp://localhost:2525"\n'
    )
    (line,) = problems(tmp_path, text)
    assert line == 'outgoing.relay: "smtp://localhost:2525" is our own [[listen]]: a loop'


def test_a_short_secret_is_refused_and_one_that_all_can_read_is_warned_of(tmp_path: Path) -> None:
    path = write(tmp_path)
    (tmp_path / "secret").chmod(0o644)
    (warning,) = load_config(path).warnings
    assert "can be read by everybody" in warning
    (tmp_path / "secret").write_bytes(b"short\n")
    with pytest.raises(ConfigError, match="holds 5 octets; it needs at least 16"):
        load_config(path)


def test_a_systemd_credential_goes_before_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = load_config(write(tmp_path))
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "secret").write_bytes(b"fedcba9876543210")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    assert load_secrets(config) == (b"fedcba9876543210",)


PIECES = ('"', "[", "]", "=", "\n", "{", "\\u0000", "0", '"~nobody/x"', "9" * 5000, '""', "[]", "é")


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(at=st.floats(0, 1), cut=st.integers(0, 20), piece=st.sampled_from(PIECES))
def test_a_mutated_config_loads_or_is_refused(
    tmp_path: Path, at: float, cut: int, piece: str
) -> None:
    text = EXAMPLE.read_text()
    place = int(at * len(text))
    found = problems(tmp_path, text[:place] + piece + text[place + cut :])
    assert all("\n" not in line for line in found)


def test_a_file_that_is_missing_or_no_text(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        load_config(tmp_path / "none.toml")
    (tmp_path / "c.toml").write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="is not UTF-8"):
        load_config(tmp_path / "c.toml")


def test_where_the_config_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("POSTROOM_CONFIG", raising=False)
    write(tmp_path)
    assert find_config(None) == Path("config.toml")
    monkeypatch.setenv("POSTROOM_CONFIG", "/etc/other.toml")
    assert find_config(None) == Path("/etc/other.toml")
    assert find_config(Path("x.toml")) == Path("x.toml")


def test_a_config_that_may_not_be_read_is_passed_over_or_named_in_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("POSTROOM_CONFIG", raising=False)
    here = write(tmp_path)
    with TemporaryDirectory() as name:
        other = Path(name) / "config.toml"
        other.parent.chmod(0o755)
        monkeypatch.setattr("postroom.config.PLACES", (Path("config.toml"), other))
        with barred_from(here):
            assert find_config(None) == Path("config.toml")
            with pytest.raises(ConfigError, match=f"^{here}: cannot be read: Permission denied"):
                load_config(find_config(None))
        other.write_text(SMALLEST)
        other.chmod(0o644)
        with barred_from(here):
            assert find_config(None) == other


def test_whether_the_file_has_changed_since_it_was_loaded(tmp_path: Path) -> None:
    config = load_config(write(tmp_path))
    assert not config.is_file_another()
    config.path.write_text(config.path.read_text() + "# more\n")
    assert config.is_file_another()
    config.path.unlink()
    assert config.is_file_another()


@pytest.mark.parametrize(
    ("old", "new", "by"),
    [
        ("", "", None),
        ('assign = "round-robin"', "", 'mailbox "support"'),
        ('assign = "round-robin"', "notify_members = true", None),
        ('assign = "round-robin"', 'notify = ["desk@example.com"]', None),
        ('assign = "round-robin"', 'priority = "high"', None),  # its levels tell the administrator
        ('members = ["eva", "omar"]', "members = []", None),  # the administrator stands in
        ('members = ["eva", "omar"]', 'members = [{ handler = "eva", weight = 0 }]', None),
    ],
)
def test_a_category_that_nobody_hears_of_is_warned_of(
    tmp_path: Path, old: str, new: str, by: str | None
) -> None:
    site = load_config(write(tmp_path)).site()
    files = dict(shipped_texts())
    files["rules/categories.toml"] = files["rules/categories.toml"].replace(old, new, 1)
    said = list(unheard(site, policy_from_files(files)))
    assert (by is not None) == bool(said)
    assert all(f"nobody hears of a new request, and {by} opens some" in one for one in said)
    rule = '\n[[rule]]\nname = "x"\nmailboxes = ["support"]\nthen = { owner = "eva" }\n'
    files["rules/routing.toml"] += rule
    assert [] == list(unheard(site, policy_from_files(files)))


def test_a_category_that_a_rule_names_is_heard_of_too(tmp_path: Path) -> None:
    site = load_config(write(tmp_path)).site()
    files = dict(shipped_texts())
    text = files["rules/categories.toml"]
    files["rules/categories.toml"] = text.replace('assign = "weighted"\n', "")
    [said] = unheard(site, policy_from_files(files))
    assert 'category "support/billing": nobody hears' in said
    assert 'rule "invoices" opens some' in said


def test_config_and_rules_must_fit_together(tmp_path: Path) -> None:
    box = BOX.replace("support", "suport") + '\npriority = "hihg"\ntype = "generale"\n'
    site = load_config(write(tmp_path, SMALLEST.replace(BOX, box))).site()
    files = dict(shipped_texts())
    then = 'then = { forward_to = "support+x@example.com" }'
    files["rules/routing.toml"] += f'\n[[rule]]\nname = "x"\nmailboxes = ["suport"]\n{then}\n'
    box_path, rule_path = 'config.toml: mailbox "support"', 'rules/routing.toml: rule "x"'
    assert [str(item) for item in check_mailboxes(site, policy_from_files(files))] == [
        f'{box_path}.category: there is no category "suport"; did you mean "support"?',
        f'{box_path}.priority: there is no priority "hihg"; did you mean "high"?',
        f'{box_path}.type: there is no type "generale"; did you mean "general"?',
        f'{rule_path}.mailboxes[1]: there is no mailbox "suport"; did you mean "support"?',
        f'{rule_path}.then: "support+x@example.com" is mailbox "support": mail to it comes back',
    ]


def test_a_handler_whose_address_is_a_mailbox_would_be_a_circle(tmp_path: Path) -> None:
    text = SMALLEST.replace("support@example.com", "eva@example.com")
    (problem,) = check_mailboxes(
        load_config(write(tmp_path, text)).site(), policy_from_files(shipped_texts())
    )
    assert problem.key == 'handler "eva"'


EXAMPLE = shipped_folder() / "config.example.toml"
# A key behind "# " stands there with no default: the comment says what holds without it.
OPTIONAL = re.compile(r'^# (\w+ = (?:"[^"]*"))', re.MULTILINE)


def defaults_of(model: type[BaseModel]) -> dict[str, Any]:
    return {
        field.alias or name: field.get_default(call_default_factory=True)
        for name, field in model.model_fields.items()
        if not field.is_required()
    }


def tables(config: Table, path: str = "") -> list[tuple[str, Table]]:
    """Return all tables of a config with their key paths."""
    found: list[tuple[str, Table]] = [(path, config)]
    for name in type(config).model_fields:
        value = getattr(config, name)
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, Table):
                found += tables(item, f"{path}.{name}")
    return found


def loaded_example(folder: Path) -> Config:
    return load_config(write(folder, EXAMPLE.read_text()))


def test_the_example_has_every_key(tmp_path: Path) -> None:
    text = EXAMPLE.read_text()
    for path, table in tables(loaded_example(tmp_path)):
        written = {name for name in type(table).model_fields if name in table.model_fields_set}
        optional = {match.partition(" ")[0] for match in OPTIONAL.findall(text)}
        tables_below = {
            name
            for name in type(table).model_fields
            if re.search(rf"^(# )?\[+{name}\]", text, re.MULTILINE)
        }
        assert set(keys_of(type(table))) <= written | optional | tables_below, path


def test_each_value_of_the_example_is_the_default_or_marked(tmp_path: Path) -> None:
    for path, table in tables(loaded_example(tmp_path)):
        defaults = defaults_of(type(table))
        for name in table.model_fields_set:
            value = getattr(table, name)
            is_table = isinstance(value, Table) or (
                value and isinstance(value, list) and isinstance(value[0], Table)
            )
            if is_table or (path, name) == (".mailbox", "reply_address"):
                continue  # compared by its own keys; the default depends on the address
            if name in defaults:
                assert value == defaults[name], f"{path}.{name}"
            else:
                line = next(
                    line
                    for line in EXAMPLE.read_text().splitlines()
                    if line.startswith(f"{name} =")
                )
                assert "required" in line


def test_the_optional_keys_of_the_example_are_legal(tmp_path: Path) -> None:
    text = OPTIONAL.sub(r"\1", EXAMPLE.read_text())
    text = text.replace('raw = "database"', 'raw = "s3://bucket/prefix"')
    for name in ("relay-password", "database-password", "s3-secret-key"):
        (tmp_path / name).write_text("secret")
        (tmp_path / name).chmod(0o600)
    authority = Authority(tmp_path / "authority")
    pair = authority.issue("mx")
    pair.certificate.rename(tmp_path / "mx.pem")
    pair.key.rename(tmp_path / "mx.key")
    authority.file.rename(tmp_path / "relay-ca.pem")
    config = load_config(write(tmp_path, text))
    assert (config.node, config.outgoing.user, config.mailbox[0].priority) == (
        "mail1",
        "postroom",
        "medium",
    )


def test_a_server_has_its_password_from_a_file_and_never_shows_it(tmp_path: Path) -> None:
    url = "postgresql+psycopg://postroom@db.example.com/postroom?sslmode=verify-full"
    (tmp_path / "word").write_text("open sesame\n")
    (tmp_path / "word").chmod(0o600)
    table = f'\n[database]\nurl = "{url}"\npassword_file = "word"\n'
    place = load_config(write(tmp_path, SMALLEST + table)).database_place
    assert place == Server(url, "open sesame")
    assert "sesame" not in f"{place} {place!r}"
    plain = table.replace("password_file", "# password_file")
    assert load_config(write(tmp_path, SMALLEST + plain)).database_place == Server(url)


def test_sqlite_has_no_password(tmp_path: Path) -> None:
    (tmp_path / "word").write_text("open sesame\n")
    (tmp_path / "word").chmod(0o600)
    config = load_config(write(tmp_path, SMALLEST + '\n[database]\npassword_file = "word"\n'))
    assert config.database_place == tmp_path / "var" / "postroom.db"
    assert config.warnings == ("database.password_file: is not used, SQLite has no password",)


def test_the_reply_address_of_the_example_is_the_default(tmp_path: Path) -> None:
    with_default = "\n".join(
        line for line in EXAMPLE.read_text().splitlines() if not line.startswith("reply_address")
    )
    expected = loaded_example(tmp_path).site().mailboxes
    assert load_config(write(tmp_path, with_default)).site().mailboxes == expected


def test_the_example_fits_the_shipped_rules(tmp_path: Path) -> None:
    site = loaded_example(tmp_path).site()
    assert check_mailboxes(site, policy_from_files(shipped_texts())) == []
    assert "support" in site.mailboxes
    assert set(MailboxTable.model_fields) >= {"from_name", "time_zone"}
    assert tomllib.loads(EXAMPLE.read_text())["instance"] == "acme"


def test_a_mail_of_a_quarter_of_the_reader_memory_is_allowed(tmp_path: Path) -> None:
    limits = '\n[limits]\nmessage_size = "30MB"\nreader_memory = "120MB"\n'
    assert problems(tmp_path, SMALLEST + limits) == []


BROKEN = {
    "rules/routing.toml": "[[rule]]\nname = \"a\"\nextract = { order = '/(\\d+)/' }\n"
    'then = { owner = "eav" }\n',
    "rules/categories.toml": '[[category]]\nname = "support"\nassign = "chance"\n',
    "templates/mail/answer.en.j2": "{% block text %}{{ extracted.odrer }}{% endblock %}",
    "templates/mail/note.en.j2": "{% if %}",
}


def test_all_that_is_wrong_anywhere_is_told_at_once_by_the_files_where_it_lies(
    tmp_path: Path,
) -> None:
    shop = tmp_path / "shop"
    for path, text in {**shipped_texts(), **BROKEN}.items():
        if not path.startswith("templates/") or path in BROKEN:
            (shop / path).parent.mkdir(parents=True, exist_ok=True)
            (shop / path).write_text(text)
    sales = '[[mailbox]]\nname = "sales"\naddress = "kim@example.com"\ncategory = "salse"\n'
    paths = '[paths]\nrules = "shop/rules"\ntemplates = "shop/templates"\n'
    config = load_config(write(tmp_path, SMALLEST + sales + paths))
    with pytest.raises(ConfigError) as caught:
        load_checked_policy(config)
    found = (str(problem).removeprefix(f"{tmp_path}/") for problem in caught.value.problems)
    starts = [
        'shop/rules/categories.toml: category "support".assign: must be "round-robin"',
        'shop/rules/routing.toml: rule "a".then.owner: there is no handler "eav"; did you mean',
        'config.toml: mailbox "sales".category: there is no category "salse"; there is: support',
        'shop/rules/team.toml: handler "kim": "kim@example.com" is mailbox "sales": mail to it',
        "shop/templates/mail/answer.en.j2: line 1: there is no variable extracted.odrer; did you",
        "shop/templates/mail/note.en.j2: line 1: Expected an expression",
    ]
    for line, start in zip(found, starts, strict=True):
        assert line.startswith(start)


def test_an_example_of_a_rule_is_not_tried_while_its_file_has_other_faults(tmp_path: Path) -> None:
    for path, text in shipped_texts().items():
        if path.startswith("rules/"):
            (tmp_path / path).parent.mkdir(exist_ok=True)
            (tmp_path / path).write_text(text)
    rules = tmp_path / "rules/routing.toml"
    rules.write_text(rules.read_text().replace('subject = "Invoice 22"', 'subject = "Bill 22"'))
    with pytest.raises(ConfigError, match=f"{rules}: rule .* does not match"):
        load_checked_policy(load_config(write(tmp_path)))
    rules.write_text(rules.read_text().replace("'/\\b(invoice|faktura)/i'", "'/(invoice/i'"))
    with pytest.raises(ConfigError) as caught:
        load_checked_policy(load_config(write(tmp_path)))
    assert len(caught.value.problems) == 1


def test_time_zones_are_found_where_the_machine_has_none() -> None:
    """A minimal Debian has no /usr/share/zoneinfo: then Python reads the package tzdata."""
    program = (
        "from postroom.core.units import check_time_zone\n"
        'print(check_time_zone("Europe/Oslo"))\n'
        'try: check_time_zone("Europe/Olso")\n'
        "except ValueError as error: print(error)\n"
    )
    finished = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONTZPATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.stdout.splitlines() == [
        "Europe/Oslo",
        'there is no time zone "Europe/Olso"; did you mean "Europe/Oslo"?',
    ], finished.stderr


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ('selector = "a b"\nkey_file = "word"', 'dkim.selector: must be such as "postroom"'),
        ('selector = "a"', "dkim.key_file: is required"),
        ('selector = "a"\nkey_file = "none"', "dkim.key_file: "),
        ('selector = "a"\nkey_file = "word"', "word holds 30 octets; a key of Ed25519 has 32"),
        (
            'selector = "a"\nkey_file = "key"\ndomains = ["exmaple.com"]',
            "dkim.domains: no mailbox writes from exmaple.com; did you mean",
        ),
    ],
)
def test_a_key_that_cannot_sign_is_told_of_at_once(tmp_path: Path, table: str, words: str) -> None:
    for name, text in (("word", "x" * 40), ("key", "A" * 43 + "=")):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o600)
    with pytest.raises(ConfigError) as caught:
        load_config(write(tmp_path, f"{SMALLEST}\n[dkim]\n{table}\n"))
    assert words in str(caught.value)
