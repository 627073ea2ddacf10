"""What Postroom signs is good to verifiers that are not ours, and `check --online` knows it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.fakes.dns_server import DnsServer
from tests.fakes.relay import FakeRelay
from tests.flow.cli_runs import Shop
from tests.flow.test_check_online import ZONE, looked_at, shop_with
from tests.houses import accept, mail, work

from postroom.house import open_house, open_sender
from postroom.mail.signing import read_key, record_of

DKIM = '\n[dkim]\nselector = "post"\nkey_file = "dkim.pem"\n'
# Mail::DKIM, with its own name server, prints what it thinks of standard input.
VERIFY = """
my $resolver = Net::DNS::Resolver->new(nameservers => ["127.0.0.1"], port => shift);
Mail::DKIM::DNS::resolver($resolver);
my $verifier = Mail::DKIM::Verifier->new();
while (<STDIN>) { s/\\r?\\n$//; $verifier->PRINT("$_\\r\\n"); }
$verifier->CLOSE;
print $verifier->result_detail;
"""


def make_key(folder: Path, *kind: str) -> str:
    """Make a key as the example config says; return its record."""
    path = folder / "dkim.pem"
    subprocess.run(["openssl", "genpkey", "-out", path, *kind], check=True, timeout=60)
    return record_of(read_key(path.read_text(), "post"))


@contextmanager
def zone_with(record: str) -> Iterator[DnsServer]:
    with DnsServer({**ZONE, "post._domainkey.example.com": {"TXT": [record]}}) as dns:
        yield dns


def verified(raw: bytes, dns: DnsServer) -> str:
    modules = ["-MMail::DKIM::Verifier", "-MMail::DKIM::DNS", "-MNet::DNS"]
    done = subprocess.run(
        ["perl", *modules, "-e", VERIFY, str(dns.address[1])],
        input=raw, capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert 0 == done.returncode, f"apt-get install libmail-dkim-perl? {done.stderr.decode()}"
    return done.stdout.decode()


def take_in(shop: Shop, *raws: bytes) -> None:
    """Take mails in, work on them, and send what is due as the daemon does."""
    with open_house(shop.config) as house:
        for raw in raws:
            accept(house, raw)
        work(house)
        sender = open_sender(house)
        sender.run_once()
        sender._transport.close()


def test_every_mail_that_goes_out_is_signed(tmp_path: Path) -> None:
    record = make_key(tmp_path, "-algorithm", "rsa")
    with zone_with(record) as dns, FakeRelay() as relay:
        shop = shop_with(tmp_path, dns, relay.url, DKIM)
        take_in(shop, mail("Où est ma commande ?", "Bonjour,\n" + "encore " * 40 + "\n"))
        assert relay.mails
        for taken in relay.mails:
            assert "pass" == verified(taken.raw, dns)
            assert verified(taken.raw.replace(b"Subject: ", b"Subject: x", 1), dns) != "pass"


def test_check_online_tries_the_key(tmp_path: Path) -> None:
    record = make_key(tmp_path, "-algorithm", "rsa")
    with zone_with(record) as dns:
        _, found = looked_at(shop_with(tmp_path, dns, "maildir:sent", DKIM))
        assert "ok" == found["DKIM of example.com"]["state"], found["DKIM of example.com"]
    with DnsServer(ZONE) as dns:
        code, found = looked_at(shop_with(tmp_path, dns, "maildir:sent", DKIM))
        missing = found["DKIM of example.com"]
        assert (1, "failed") == (code, missing["state"])
        assert f'post._domainkey.example.com. TXT "{record}"' == missing["mend"]


def test_only_the_domains_that_are_named_are_signed(tmp_path: Path) -> None:
    make_key(tmp_path, "-algorithm", "ed25519")
    other = '\n[[mailbox]]\nname = "shop"\naddress = "shop@example.org"\ncategory = "sales"\n'
    with DnsServer(ZONE) as dns, FakeRelay() as relay:
        extra = f'{DKIM}domains = ["example.org"]\n{other}'
        shop = shop_with(tmp_path, dns, relay.url, extra)
        take_in(shop, mail(), mail("To the shop", to="shop@example.org"))
        signed = {one.raw.startswith(b"DKIM-Signature:") for one in relay.mails
                  if b"\nFrom: shop@example.org" in b"\n" + one.raw}  # fmt: skip
        plain = {one.raw.startswith(b"DKIM-Signature:") for one in relay.mails
                 if b"support@example.com>\r\n" in one.raw}  # fmt: skip
    assert ({True}, {False}) == (signed, plain)
