"""Raw mail in an object store: nothing is lost whatever it does, nothing is left over."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from tests.fakes.object_store import Faults, failing_store
from tests.houses import (
    NOON,
    accept,
    mail,
    make_house,
    outcomes,
    quarantine,
    row,
    rows,
    work,
    work_again,
)
from tests.objects import keys_in, objects_of, storage
from tests.postgres import new_database

from postroom import failpoints
from postroom.errors import ConfigError, Unavailable
from postroom.house import House
from postroom.store import schema as t
from postroom.store.db import Database
from postroom.store.journal import stored_mail
from postroom.store.objects import Objects, StoredObject
from postroom.store.raw import raw_of
from postroom.work import audit as auditing
from postroom.work.audit import audit
from postroom.work.moving import move
from postroom.work.sweep import sweep

TODAY = NOON.date()
LONG_AFTER = TODAY + timedelta(days=40)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with make_house(tmp_path, config_extra=storage(tmp_path)) as made:
        yield made


@contextmanager
def before_a_failing_store(folder: Path) -> Iterator[tuple[House, Faults]]:
    with (
        failing_store() as faults,
        make_house(folder, config_extra=storage(folder, faults.port)) as house,
    ):
        yield house, faults


def kinds(house: House) -> list[str]:
    return [finding.kind for finding in audit(house.database, house.spool).findings]


def test_the_row_names_the_object_and_the_database_has_no_octets(house: House) -> None:
    raw = mail("Broken")
    spool_id = accept(house, raw)
    work(house)
    stored = row(house, t.raw_object)
    assert stored.key.startswith(f"2026-11-20/{spool_id}-")
    assert [stored.key] == keys_in(house)
    assert (len(raw), []) == (stored.size, rows(house, t.raw_mail))
    with house.database.read() as connection:
        assert raw == raw_of(connection, house.database.objects, 1)
        found = stored_mail(connection, house.database.objects, 1)
    assert found is not None
    assert raw == found.raw
    assert [] == kinds(house)


@pytest.mark.parametrize("fault", ["500", "503", "mute", "cut"])
def test_a_store_that_fails_for_a_moment_is_asked_again(tmp_path: Path, fault: str) -> None:
    with before_a_failing_store(tmp_path) as (house, faults):
        faults.plan("PUT", fault)
        accept(house, mail("Broken"))
        for _ in range(3):  # the library tries again, and then the pipeline
            try:
                work(house)
            except Unavailable:
                continue
        assert [fault] == faults.met
        assert ["opened"] == outcomes(house)
        assert [row(house, t.raw_object).key] == keys_in(house)


def test_while_the_store_is_away_mail_waits_in_the_spool(tmp_path: Path) -> None:
    with before_a_failing_store(tmp_path) as (house, faults):
        faults.plan("PUT", *["500"] * 6)
        for subject in ("First", "Second"):
            accept(house, mail(subject, sender=f"{subject}@example.net"))
        with pytest.raises(Unavailable, match="object store"):
            work(house)
        waiting = house.spool.list()
        assert 0 < len(waiting)
        assert {0} == {entry.attempts for entry in waiting}  # it is nobody's failure
        work(house)
        assert ["opened", "opened"] == outcomes(house)
        assert 2 == len(keys_in(house))
        assert [] == house.spool.list()


@pytest.mark.parametrize("fault", ["truncated", "other octets"])
def test_a_mail_that_comes_back_as_another_is_not_believed(tmp_path: Path, fault: str) -> None:
    with before_a_failing_store(tmp_path) as (house, faults):
        raw = mail("Broken")
        accept(house, raw)
        work(house)
        faults.plan("GET", *[fault] * 8)
        with house.database.read() as connection:
            with pytest.raises(Unavailable, match="object store"):
                raw_of(connection, house.database.objects, 1)
            faults.waiting.clear()
            assert raw == raw_of(connection, house.database.objects, 1)


def test_who_dies_between_object_and_row_leaves_one_object(house: House) -> None:
    accept(house, mail("Broken"))

    def die() -> None:
        failpoints.disarm()
        raise Unavailable("the database went away")

    failpoints.arm("apply.begun", die)
    with pytest.raises(Unavailable):
        work(house)
    assert [] == rows(house, t.journal)
    assert 1 == len(keys_in(house))
    work(house)
    assert [row(house, t.raw_object).key] == keys_in(house)


def test_a_quarantined_mail_is_put_again_when_it_is_taken_in(house: House) -> None:
    quarantine(house, mail("Broken"))
    assert ["quarantined"] == outcomes(house)
    assert 1 == len(keys_in(house))
    assert 1 == sweep(house.database, LONG_AFTER)  # the spool has it
    work_again(house)
    assert [row(house, t.raw_object).key] == keys_in(house)
    assert [] == kinds(house)


def test_the_sweep_spares_what_a_row_names_and_what_is_the_last_of_a_mail(house: House) -> None:
    objects = objects_of(house)
    accept(house, mail("Broken"))
    work(house)
    [named] = keys_in(house)
    again = objects.put(named[11:].rpartition("-")[0], b"of another day", TODAY - timedelta(days=9))
    lost = objects.put("mx9-1-77", b"accepted by a machine that burned", TODAY)
    typed = objects.put("typed-ab12", b"never sent", TODAY)
    assert 0 == sweep(house.database, TODAY)
    assert 1 == sweep(house.database, TODAY + timedelta(days=25))
    assert again.key not in keys_in(house)
    assert 1 == sweep(house.database, LONG_AFTER)
    assert typed.key not in keys_in(house)
    assert sorted([named, lost.key]) == keys_in(house)


def test_audit_tells_of_lost_and_of_stray_objects(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    for sender in ("ann@example.net", "bob@example.net", "cai@example.net"):
        accept(house, mail("Broken", sender=sender))
    work(house)
    lost = rows(house, t.raw_object)[:2]
    objects = objects_of(house)
    objects.delete([one.key for one in lost])
    objects.put("mx9-1-77", b"accepted by a machine that burned", TODAY - timedelta(days=9))
    monkeypatch.setattr(auditing.clock, "now", lambda: NOON)
    found = sorted(audit(house.database, house.spool).findings, key=lambda one: one.kind)
    assert ["object-missing", "object-missing", "object-stray"] == [one.kind for one in found]
    assert {f"journal {one.journal_id}" for one in lost} == {one.subject for one in found[:2]}


def test_who_names_no_store_any_more_is_told(house: House) -> None:
    accept(house, mail("Broken"))
    work(house)
    house.database.objects = None
    assert ["object-store-unknown"] == kinds(house)
    with house.database.read() as connection, pytest.raises(Unavailable, match="names none"):
        raw_of(connection, None, 1)
    accept(house, mail("Newer", sender="bob@example.net"))
    work(house)
    assert 1 == len(rows(house, t.raw_mail))


def test_more_objects_than_one_answer_lists_are_compared(house: House) -> None:
    objects = objects_of(house)
    keys = [objects.put(f"typed-{n:04}", b"x", TODAY).key for n in range(1_005)]
    assert sorted(keys) == keys_in(house)
    assert 1_005 == sweep(house.database, LONG_AFTER)
    assert [] == keys_in(house)


def test_a_site_moves_to_postgresql_and_its_objects_stay(house: House) -> None:
    raw = mail("Broken")
    accept(house, raw)
    work(house)
    with new_database(is_empty=True) as server:
        report = move(house.database, house.spool, server, lambda _: lambda *_: None, anyway=False)
        assert report.after.ok
        with closing(Database(server)) as moved, moved.read() as connection:
            assert raw == raw_of(connection, house.database.objects, 1)


def test_without_the_library_the_config_is_wrong(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert house.config.bucket is not None
    monkeypatch.setitem(sys.modules, "obstore.store", None)
    with pytest.raises(ConfigError, match=r"storage.raw: needs .*postroom\[s3\]"):
        Objects(house.config.bucket)


def test_a_missing_bucket_is_unavailable(house: House, tmp_path: Path) -> None:
    folder = tmp_path / "other"
    folder.mkdir()
    extra = storage(folder).replace("s3://mail/", "s3://nowhere/")
    with make_house(folder, config_extra=extra) as other:
        accept(other, mail("Broken"))
        with pytest.raises(Unavailable, match="or the bucket is not"):
            work(other)
        with pytest.raises(Unavailable):
            objects_of(other).get(StoredObject("2026-11-20/mx1-1-1-00", 3))
