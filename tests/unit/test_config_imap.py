"""[[imap]]: what it may say, what is refused, and that the example's block works."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
from tests.unit.test_config import EXAMPLE, SMALLEST, problems, write

from postroom.config import load_config
from postroom.core.imap import ImapTable, OauthTable, source_key, source_of
from postroom.core.tables import keys_of

IMAP = """
[[imap]]
mailbox = "support"
url = "imaps://imap.example.com/INBOX"
user = "support@example.com"
password_file = "secret"
"""
OAUTH = IMAP.replace(
    'password_file = "secret"', 'oauth = { client_id = "c", provider = "microsoft" }'
)


def test_the_smallest_imap(tmp_path: Path) -> None:
    [table] = load_config(write(tmp_path, SMALLEST + IMAP)).imap
    assert ("imap.example.com", 993, ("INBOX",)) == (table.host, table.port, table.all_folders)
    source = "imap://support%40example.com@imap.example.com:993/INBOX"
    assert source == table.source("inbox")
    assert f"{source};UIDVALIDITY=7/;UID=9" == source_key(source, 7, 9)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('"support"\nurl', '"suport"\nurl', 'imap[1].mailbox: there is no mailbox "suport"'),
        ("imaps://imap", "https://imap", "imap[1].url: must be such as"),
        ("imaps://imap", "imaps://user@imap", "user and password_file are keys of their own"),
        ("example.com/INBOX", "example.com:0/INBOX", "imap[1].url: must be such as"),
        ('password_file = "secret"', "", "imap[1]: needs password_file or oauth, one of them"),
        ('password_file = "secret"', 'password_file = "gone"', "password_file: "),
        ("user =", "plain = true\nuser =", "imap[1].plain: goes with imap://"),
        ("user =", 'after = "move:"\nuser =', "imap[1].after: must be the name of a folder"),
        ("user =", 'after = "burn"\nuser =', 'imap[1].after: must be "seen", "move:FOLDER"'),
        ("user =", 'after = "move:INBOX"\nuser =', '"INBOX" is read itself: a circle'),
        ("user =", 'poll = "1s"\nuser =', "imap[1].poll: must be between 5 seconds and 10 min"),
        ("user =", 'timeout = "1h"\nuser =', "imap[1].timeout: must be between 1 second"),
        ("user =", 'first_run = "some"\nuser =', 'first_run: must be "from-now" or "all"'),
        ("user =", 'ca_file = "gone.pem"\nuser =', "gone.pem is not a file"),
        ("example.com/INBOX", "example.com/A%0d%0aB", "url: names a folder that cannot be"),
        ("example.com/INBOX", "example.com/%ff", "url: names a folder that cannot be"),
        ("user =", 'folders = ["A\\nB"]\nuser =', "must be the name of a folder"),
        ("user =", 'topmost_results = ["google"]\nuser =', "must be a server as Authentication-"),
        ("user =", 'folder = "INBOX"\nuser =', 'folder: is not a key here; did you mean "folders"'),
        (IMAP, IMAP + IMAP, '"support" is the name of two [[imap]]: give one of them a `name`'),
        (IMAP, IMAP + IMAP, 'folder "INBOX" of this user is read twice'),
    ],
)
def test_what_is_refused(tmp_path: Path, old: str, new: str, expected: str) -> None:
    assert old in IMAP
    said = problems(tmp_path, SMALLEST + IMAP.replace(old, new))
    assert any(expected in problem for problem in said), said


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ('client_id = "c"', "oauth.token_url: is required by this provider"),
        ('client_id = "c"', "oauth.scope: is required"),
        ('client_id = "c", provider = "google", flow = "device"', "oauth.device_url: is required"),
        (
            'client_id = "c", provider = "microsoft", flow = "client-credentials"',
            "oauth.client_secret_file: is required",
        ),
        (
            'client_id = "c", provider = "microsoft", token_url = "http://idp.example/token"',
            "oauth.token_url: must be https://",
        ),
        ('client_id = "c", provider = "microsoft", tenant = "a/b"', "must be a tenant's name"),
        ('provider = "microsoft"', "oauth.client_id: is required"),
    ],
)
def test_what_is_refused_of_oauth(tmp_path: Path, keys: str, expected: str) -> None:
    text = IMAP.replace('password_file = "secret"', f"oauth = {{ {keys} }}")
    said = problems(tmp_path, SMALLEST + text)
    assert any(expected in problem for problem in said), said


def test_what_is_unwise_is_said(tmp_path: Path) -> None:
    text = IMAP.replace("imaps:", "imap:") + "plain = true\nverify = false\n"
    said = " ".join(load_config(write(tmp_path, SMALLEST + text)).warnings)
    assert "can be read by everybody on the way" in said
    assert "whoever answers for imap.example.com gets the password" in said


def test_whose_topmost_results_are_believed_is_known_by_folder(tmp_path: Path) -> None:
    keys = 'folders = ["Spam;UIDVALIDITY=1"]\ntopmost_results = ["mx.google.com", "without-id"]\n'
    config = load_config(write(tmp_path, SMALLEST + IMAP + keys))
    [table] = config.imap
    found = config.site().topmost_results
    assert {table.source(folder) for folder in table.all_folders} == set(found)
    assert {("mx.google.com", "without-id")} == set(found.values())
    for source in found:
        assert source == source_of(source_key(source, 7, 9))


def test_providers_are_known(tmp_path: Path) -> None:
    [table] = load_config(write(tmp_path, SMALLEST + OAUTH)).imap
    assert table.oauth is not None
    assert "device" == table.oauth.way
    assert table.oauth.token_endpoint.endswith("/organizations/oauth2/v2.0/token")
    assert timedelta(days=90) == table.oauth.lifetime


def test_the_block_of_the_example_has_every_key_and_is_legal(tmp_path: Path) -> None:
    text = EXAMPLE.read_text()
    block = text[text.index("# [[imap]]") : text.index("\n[outgoing]")]
    keys = set(re.findall(r"^#   ([a-z_]+) = ", block, re.MULTILINE))
    assert keys >= set(keys_of(ImapTable)) - {"oauth"}
    assert keys >= set(keys_of(OauthTable))
    plain = re.sub(r"^# ( {2})?", "", block, flags=re.MULTILINE).partition("[imap.oauth]")[0]
    (tmp_path / "imap-password").write_text("secret")
    (tmp_path / "imap-ca.pem").write_text("")
    [table] = load_config(write(tmp_path, SMALLEST + plain)).imap
    defaults = ImapTable.model_fields
    for name in table.model_fields_set - {"mailbox", "url", "user", "password_file", "name"}:
        if name != "ca_file":
            assert defaults[name].get_default(call_default_factory=True) == getattr(table, name)
