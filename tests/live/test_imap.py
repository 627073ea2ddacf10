"""Mail from a real Dovecot: fetched once, told to the server once it is journalled, never lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fakes.cutting_proxy import CuttingProxy
from tests.houses import mail, put_in, rows, send, sent, work, work_again
from tests.live.dovecot import Dovecot, running_dovecot
from tests.live.imap_house import ImapHouse, imap_house, imap_spool

from postroom import failpoints
from postroom.intake.imap_trouble import ImapTrouble, Kind
from postroom.store import schema as t

SEEN, DELETED = b"\\Seen", b"\\Deleted"


@pytest.fixture(scope="module")
def server() -> Iterator[Dovecot]:
    with running_dovecot() as running:
        yield running


@pytest.fixture
def user(request: pytest.FixtureRequest) -> str:
    """A mailbox of the test's own."""
    return f"u{abs(hash(request.node.nodeid)) % 10**9}"


@pytest.fixture(autouse=True)
def harmless() -> Iterator[None]:
    yield
    failpoints.disarm()


def subjects(count: int, word: str = "Question") -> list[str]:
    return sorted(f"{word} {number}" for number in range(count))


def mails(count: int, word: str = "Question") -> list[bytes]:
    return [
        mail(subject, sender=f"{word}{number}@{number}.example.net".lower())
        for number, subject in enumerate(subjects(count, word))
    ]


def seen(server: Dovecot, user: str) -> int:
    return sum(SEEN in flags for flags in server.flags(user).values())


def check_all(house: ImapHouse, wanted: list[str]) -> None:
    """Nothing missing, nothing twice."""
    house.fetch_and_work()
    assert wanted == house.subjects
    keys = [entry.source_key for entry in rows(house.house, t.journal) if entry.source_key]
    assert len(set(keys)) == len(keys)
    house.check_audit()


def test_the_server_hears_of_a_mail_only_when_the_journal_has_it(
    server: Dovecot, user: str, tmp_path: Path
) -> None:
    server.deliver(user, mails(3))
    with imap_house(tmp_path, server, user) as house:
        assert 3 == house.visit()
        assert 0 == house.visit()
        assert 0 == seen(server, user)
        work(house.house)
        assert 0 == house.visit()
        assert 3 == seen(server, user)
        check_all(house, subjects(3))


def test_a_quarantined_mail_stays_untold(server: Dovecot, user: str, tmp_path: Path) -> None:
    server.deliver(user, mails(1))
    with imap_house(tmp_path, server, user, "after = 'delete'") as house:
        house.visit()
        [entry] = house.house.spool.list()
        house.house.spool.quarantine(entry.id, "a test").result(20)
        assert 0 == house.fetch_and_work()
        assert 1 == len(server.flags(user))
        work_again(house.house)
        house.visit()
        assert {} == server.flags(user)


@pytest.mark.parametrize("after", ["seen", "move:Done", "delete", "keep"])
def test_what_is_done_afterwards_spares_the_mails_of_others(
    server: Dovecot, user: str, tmp_path: Path, after: str
) -> None:
    server.deliver(user, mails(3))
    with imap_house(tmp_path, server, user, f'after = "{after}"') as house:
        house.visit()
        server.deliver(user, [mail("late")])
        with server.client(user) as client:
            client.add_flags([4], [DELETED])  # somebody else's own business
        work(house.house)
        with server.client(user) as client:
            client.delete_messages([2])
            client.uid_expunge([2])  # and a mail that is gone already
        house.folders[0]._fetcher.drain = lambda *_: 0  # type: ignore[method-assign]
        house.visit()
        left = server.flags(user)
        match after:
            case "seen":
                assert [SEEN in left[uid] for uid in (1, 3, 4)] == [True, True, False]
            case "keep":
                assert [SEEN in left[uid] for uid in (1, 3, 4)] == [False, False, False]
            case _:
                assert [4] == list(left)
        if after.startswith("move"):
            assert 2 == len(server.flags(user, "Done"))


def test_from_now_leaves_old_mail_alone_and_takes_what_comes(
    server: Dovecot, user: str, tmp_path: Path
) -> None:
    server.deliver(user, mails(3, "Old"))
    with imap_house(tmp_path, server, user, 'first_run = "from-now"') as house:
        assert 0 == house.visit()
        server.deliver(user, mails(2))
        check_all(house, subjects(2))
        assert 2 == len(send(house.house))
    assert 2 == seen(server, user)


def test_all_imports_old_mail_without_a_word_and_answers_what_comes(
    server: Dovecot, user: str, tmp_path: Path
) -> None:
    server.deliver(user, [*mails(3, "Old"), mail("A lawsuit"), mail("The lottery")], at=1.6e9)
    with imap_house(tmp_path, server, user) as house:
        house.fetch_and_work()
        assert [] == send(house.house)
        assert {"an old mail, imported"} == {one.auto_reply for one in rows(house.house, t.request)}
        assert [1.6e9] * 5 == [one.received_at.timestamp() for one in rows(house.house, t.journal)]
        server.deliver(user, mails(1))
        check_all(house, sorted([*subjects(1), *subjects(3, "Old"), "A lawsuit", "The lottery"]))
        assert 1 == len(send(house.house))


def test_another_uidvalidity_answers_nothing_twice_and_loses_nothing(
    server: Dovecot, user: str, tmp_path: Path
) -> None:
    server.deliver(user, mails(2, "Old"), at=1.6e9)
    with imap_house(tmp_path, server, user, 'first_run = "from-now"') as house:
        house.visit()
        server.deliver(user, mails(3))
        house.fetch_and_work()
        assert 3 == len(send(house.house))
        server.deliver(user, mails(2, "Meanwhile"))
        server.change_validity(user, 4_000_000_000)
        check_all(house, sorted([*subjects(3), *subjects(2, "Meanwhile")]))
        assert 2 == len(send(house.house))
        outcomes = [entry.outcome for entry in rows(house.house, t.journal)]
        assert 3 == outcomes.count("duplicate")


def test_mails_that_somebody_else_removes_are_passed_over(
    server: Dovecot, user: str, tmp_path: Path
) -> None:
    server.deliver(user, mails(6))
    with imap_house(tmp_path, server, user) as house:
        fetcher = house.folders[0]._fetcher
        fetch = fetcher._bodies

        def remove_first(*args: object) -> object:
            with server.client(user) as client:
                client.delete_messages([2, 3])
                client.uid_expunge([2, 3])
            fetcher._bodies = fetch  # type: ignore[method-assign]
            return fetch(*args)  # type: ignore[arg-type]

        fetcher._bodies = remove_first  # type: ignore[method-assign,assignment]
        check_all(house, [one for one in subjects(6) if one[-1] not in "12"])


def test_a_spool_file_that_was_moved_away_does_not_cost_or_double_a_mail(
    server: Dovecot, user: str, tmp_path: Path
) -> None:
    with imap_house(tmp_path, server, user, 'first_run = "from-now"') as house:
        house.visit()
        server.deliver(user, mails(2))
        house.fetch_and_work()
    for path in (tmp_path / "var").glob("spool.db*"):
        path.unlink()
    server.deliver(user, mails(2, "Meanwhile"))
    with imap_house(tmp_path, server, user, 'first_run = "from-now"') as house:
        check_all(house, sorted([*subjects(2), *subjects(2, "Meanwhile")]))
    for path in [*(tmp_path / "var").glob("spool.db*"), *(tmp_path / "var" / "imap").iterdir()]:
        path.unlink()
    with imap_house(tmp_path, server, user) as house:  # and now all is fetched once more
        check_all(house, sorted([*subjects(2), *subjects(2, "Meanwhile")]))
        assert 4 == len(sent(house.house)) + len(send(house.house))
        again = [one for one in rows(house.house, t.journal) if one.outcome == "duplicate"]
        assert 4 == len(again)
        assert all("was fetched before" in one.reason for one in again)


def test_a_large_mail_between_small_ones_keeps_none_of_them(
    server: Dovecot, user: str, tmp_path: Path
) -> None:
    large = mail("Large", "x" * 70 + "\n" + ("y" * 76 + "\n") * 60_000)  # 4.6 MB
    huge = mail("Huge", ("z" * 76 + "\n") * 400_000, message_id="huge@example.net")  # 31 MB
    server.deliver(user, [mail("First"), large, mail("Second"), huge, mail("Third")])
    with imap_house(tmp_path, server, user) as house:
        check_all(house, ["First", "Huge", "Large", "Second", "Third"])
        sizes = {entry.subject: entry.size for entry in rows(house.house, t.journal)}
        assert len(large) == sizes["Large"]
        assert sizes["Huge"] < 2_000
        [said] = [one for one in rows(house.house, t.message) if one.subject == "Huge"]
        assert "lies on the mail server, in folder INBOX" in said.text
        assert "huge@example.net" == said.message_id
        flags = server.flags(user)
        assert [SEEN in flags[uid] for uid in range(1, 6)] == [True, True, True, False, True]


def test_wrong_password_certificate_and_folder_are_said_in_words(
    server: Dovecot, user: str, tmp_path: Path
) -> None:
    cases = [
        ("ca_file = ", Kind.CERTIFICATE, "does not prove itself"),
        ('folders = ["Nowhere"]', Kind.FOLDER, "Nowhere"),
        (f'url = "imap://127.0.0.1:{server.port}"\nca_file = ', Kind.CERTIFICATE, "see ca_file"),
        (f'url = "imaps://127.1:{server.tls_port}"', Kind.CERTIFICATE, "does not prove itself"),
    ]
    for number, (extra, kind, words) in enumerate(cases):
        with (
            imap_house(tmp_path / str(number), server, user, extra) as house,
            pytest.raises(ImapTrouble, match=words) as caught,
        ):
            house.visit()
        assert kind is caught.value.kind
    with imap_house(tmp_path / "password", server, user) as house:
        (tmp_path / "password" / "imap-password").write_text("wrong")
        with pytest.raises(ImapTrouble) as caught:
            house.visit()
        assert Kind.LOGIN is caught.value.kind


@pytest.mark.parametrize("plain", ["", "\nplain = true"])
def test_starttls_and_said_plain_fetch_too(
    server: Dovecot, user: str, tmp_path: Path, plain: str
) -> None:
    server.deliver(user, mails(1))
    extra = f'url = "imap://127.0.0.1:{server.port}/INBOX"{plain}'
    with imap_house(tmp_path, server, user, extra) as house:
        check_all(house, subjects(1))


@pytest.mark.parametrize(
    ("key", "written", "expected"),
    [
        ('topmost_results = ["mx.google.com"]', "mx.google.com; dmarc=pass", "pass"),
        ('topmost_results = ["without-id"]', "dmarc=pass action=none", "pass"),
        ("topmost_results = []", "mx.google.com; dmarc=pass", "none"),
        ('topmost_results = ["mx.google.com"]', "mx.google.com; dmarc=none", "none"),
    ],
)
def test_a_sender_is_proven_by_what_his_provider_wrote_topmost(
    server: Dovecot, user: str, tmp_path: Path, key: str, written: str, expected: str
) -> None:
    forged = {"Authentication-Results": "mx.google.com; dmarc=pass header.from=example.com"}
    raw = mail("A call", sender="eva@example.com", headers=forged)
    of_provider = (
        "Received: by 2002:a05:1:1 with SMTP id 1; x\r\n"
        "Received: from out.example.com (out.example.com. [203.0.113.9]) by mx.google.com; x\r\n"
        f"Authentication-Results: {written} header.from=example.com\r\n"
    )
    server.deliver(user, [of_provider.encode() + raw])
    with imap_house(tmp_path, server, user, f'first_run = "from-now"\n{key}') as house:
        house.visit()
        server.deliver(user, [of_provider.encode() + raw.replace(b"A call", b"A later call")])
        house.fetch_and_work()
        [entry] = rows(house.house, t.journal)
        assert expected == entry.explanation["verdict"], entry.explanation


def test_several_folders_have_cursors_of_their_own(
    server: Dovecot, user: str, tmp_path: Path
) -> None:
    server.deliver(user, mails(1))
    with server.client(user, "") as client:
        client.create_folder("Søknader & mer")
        client.append("Søknader & mer", mail("Application"))
    extra = 'folders = ["Søknader & mer"]'
    with imap_house(tmp_path, server, user, extra) as house:
        check_all(house, ["Application", "Question 0"])
    assert [(SEEN,)] == list(server.flags(user, "Søknader & mer").values())


def test_tokens_and_bounces_are_found_where_the_server_says_whom_it_was_for(
    server: Dovecot, user: str, tmp_path: Path
) -> None:
    with imap_house(tmp_path, server, user) as house:
        put_in(house.house, mail("How?", message_id="q@example.net"))
        [reply] = send(house.house)
        answer = mail("Re: How?", to="Acme <hidden@example.org>", message_id="a@example.net")
        to = str(reply["Reply-To"] or reply["From"]).rpartition("<")[2].strip(">")
        server.deliver(user, [f"Delivered-To: {to}\r\n".encode() + answer])
        null = b"Return-Path: <>\r\n" + mail("A machine", sender="bob@example.org")
        server.deliver(user, [null])
        house.fetch_and_work()
        by_subject = {entry.subject: entry for entry in rows(house.house, t.journal)}
        assert "appended" == by_subject["Re: How?"].outcome
        assert "" == by_subject["A machine"].sender
        assert [] == send(house.house)  # neither is answered


def boundaries(server: Dovecot, user: str, folder: Path) -> list[int]:
    """Where lines of the server end in one plain visit."""
    with (
        CuttingProxy(server.port) as proxy,
        imap_house(folder, server, user, plain_extra(proxy), proxy.port) as house,
    ):
        house.visit()
        work(house.house)
        house.visit()
        return proxy.boundaries[0]


def plain_extra(proxy: CuttingProxy, timeout: int = 20) -> str:
    url = f"imap://127.0.0.1:{proxy.port}/INBOX"
    return f'url = "{url}"\nplain = true\ntimeout = "{timeout}s"'


@pytest.mark.parametrize("how", ["cut", "mute"])
def test_a_connection_that_ends_anywhere_loses_and_doubles_nothing(
    server: Dovecot, user: str, tmp_path: Path, how: str
) -> None:
    wanted = sorted([*subjects(3), "Large"])
    raws = [*mails(3), mail("Large", ("y" * 76 + "\n") * 20_000)]  # two parts
    server.deliver(user, raws)
    places = _some(boundaries(server, user, tmp_path / "plain"), 30 if how == "cut" else 4)
    for number, place in enumerate([*places, *(one - 1 for one in places[::4])]):
        with CuttingProxy(server.port) as proxy:
            setattr(proxy, f"{how}_after", place)
            proxy.times = 2 if how == "cut" else 1
            extra = plain_extra(proxy, 20 if how == "cut" else 2)
            with imap_spool(tmp_path / str(number), server, user, extra) as folder:
                for _ in range(proxy.times):
                    with pytest.raises(ImapTrouble):
                        folder.visit()
                folder.visit()
                uids = [entry.envelope.source.rpartition("=")[2] for entry in folder.entries]
            assert ["1", "2", "3", "4"] == uids
            if number % 20 == 0:
                with imap_house(tmp_path / str(number), server, user) as house:
                    check_all(house, wanted)


def _some(places: list[int], most: int) -> list[int]:
    """Return so many of them, evenly, with the first and the last ones."""
    distinct = sorted(set(places))
    step = max(1, len(distinct) // most)
    return sorted({*distinct[::step][:most], *distinct[:3]})
