"""Mail straight from the internet: its sender is looked up on the way, once, and delays nobody."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.fakes.dkim_keys import rsa_key
from tests.fakes.dns_server import DnsServer, Quirk
from tests.houses import accept, accept_hold, mail, make_house, row, rows, shared_readers, work

from postroom.dns import Resolver
from postroom.house import House
from postroom.spool.model import SpoolState
from postroom.store import schema as t
from postroom.work import review
from postroom.work.pipeline import Pipeline
from postroom.work.vouching import Voucher

HOST, ELSEWHERE = "192.0.2.1", "203.0.113.9"
ZONE = {
    "_dmarc.example.net": {"TXT": ["v=DMARC1; p=reject"]},
    "example.net": {"TXT": ["v=spf1 ip4:192.0.2.1 -all"]},
}


@contextmanager
def office(folder: Path, seconds: float = 2.0) -> Iterator[tuple[House, DnsServer, Voucher]]:
    with DnsServer(ZONE) as server, make_house(folder) as house:
        voucher = Voucher(
            Resolver([server.address], query_seconds=seconds, mail_seconds=seconds), threads=4
        )
        yield house, server, voucher
        voucher.close()


def journal_row(house: House, spool_id: str) -> Any:
    return row(house, t.journal, spool_number=int(spool_id.rpartition("-")[2]))


def test_verdicts_reach_the_journal(tmp_path: Path) -> None:
    with office(tmp_path) as (house, server, voucher):
        server.zone["k1._domainkey.example.org"] = {"TXT": [rsa_key().record]}
        signed = rsa_key().sign(mail(sender="bob@example.org"), "example.org")
        given = {
            accept(house, mail(), peer=HOST): "pass",
            accept(house, mail(), peer=ELSEWHERE): "fail",
            accept(house, mail(sender="bob@example.org"), peer=HOST): "none",
            accept(house, signed, peer=ELSEWHERE): "pass",
            accept(house, mail(), peer="127.0.0.1"): "none",  # our relay said nothing
        }
        assert 5 == work(house, voucher)
        found = {spool_id: journal_row(house, spool_id) for spool_id in given}
        assert given == {spool_id: entry.verdict for spool_id, entry in found.items()}
        said = [entry.explanation["verdict_evidence"] for entry in found.values()]
        assert [True] * 4 + [False] == [text.startswith("evaluated here: dmarc=") for text in said]


def test_without_a_voucher_nothing_is_asked(tmp_path: Path) -> None:
    with office(tmp_path) as (house, server, _):
        spool_id = accept(house, mail(), peer=HOST)
        work(house)
        assert ("none", []) == (journal_row(house, spool_id).verdict, server.asked)


def test_held_mail_keeps_the_verdict_of_its_first_day(tmp_path: Path) -> None:
    with office(tmp_path) as (house, server, voucher):
        spool_id = accept(house, mail("Our lawsuit"), peer=HOST)
        work(house, voucher)
        held = journal_row(house, spool_id)
        assert ("held", "pass") == (held.outcome, held.verdict)
        server.zone.clear()
        asked = len(server.asked)
        settled = accept_hold(house, held.id)
        assert settled.request_id is not None
        [message] = rows(house, t.message, request_id=settled.request_id, direction="in")
        assert ("pass", asked) == (message.verdict, len(server.asked))


def test_retried_mail_keeps_the_verdict_of_its_first_day(tmp_path: Path) -> None:
    with office(tmp_path) as (house, server, voucher):
        spool_id = accept(house, mail("The lottery"), peer=ELSEWHERE)
        work(house, voucher)
        ignored = journal_row(house, spool_id)
        assert ("ignored", "fail") == (ignored.outcome, ignored.verdict)
        asked = len(server.asked)
        settled = review.retry(house.desk, shared_readers(), ignored.id, frozenset({"spam"}), "eva")
        [message] = rows(house, t.message, request_id=settled.request_id, direction="in")
        assert ("fail", asked) == (message.verdict, len(server.asked))


def test_silent_dns_holds_nobody_else_up(tmp_path: Path) -> None:
    with office(tmp_path) as (house, server, voucher):
        server.quirks["_dmarc.example.net"] = Quirk.SILENT
        slow = accept(house, mail(), peer=HOST)
        relayed = accept(house, mail(), peer="127.0.0.1")
        pipeline = Pipeline(house.spool, shared_readers(), house.desk, voucher=voucher)
        assert 1 == pipeline.run_once()
        assert [journal_row(house, relayed).id] == [entry.id for entry in rows(house, t.journal)]
        later = accept(house, mail(), peer="127.0.0.1")
        assert 1 == pipeline.run_once()
        assert journal_row(house, later)
        assert 1 == pipeline.run_once()
        assert "none" == journal_row(house, slow).verdict
        assert 0 == pipeline.run_once()


def test_mail_that_is_looked_up_at_the_end_is_given_back(tmp_path: Path) -> None:
    with office(tmp_path) as (house, server, voucher):
        server.quirks["_dmarc.example.net"] = Quirk.SILENT
        slow = accept(house, mail(), peer=HOST)
        accept(house, mail(), peer="127.0.0.1")
        pipeline = Pipeline(house.spool, shared_readers(), house.desk, voucher=voucher)
        assert 1 == pipeline.run_once()
        stop = threading.Event()
        stop.set()
        pipeline.run(stop)
        house.spool.put_all([]).result(20)  # until the other one is forgotten
        [entry] = house.spool.list()
        assert (slow, SpoolState.NEW) == (entry.id, entry.state)
        server.quirks.clear()
        assert 1 == work(house, voucher)


def test_only_so_many_mails_are_looked_up_at_once(tmp_path: Path, monkeypatch: Any) -> None:
    from postroom.work import pipeline as module

    monkeypatch.setattr(module, "ASKED", 3)
    monkeypatch.setattr(module, "BATCH", 2)
    with office(tmp_path) as (house, _, voucher):
        for _ in range(20):
            accept(house, mail(), peer=HOST)
        assert 20 == work(house, voucher)
        assert {"pass"} == {entry.verdict for entry in rows(house, t.journal)}
