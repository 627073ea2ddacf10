"""What is internal stays internal, and nobody reads what another customer wrote.

Random histories go through the whole of Postroom; each mail to somebody outside is decoded in every
way that a reader could, and judged (visibility_oracle). A finding is printed as a story.

    POSTROOM_HISTORIES   how many in all; `make soak` lives through 10,000 (the mistakes that are
                         made on purpose below are found within 25, one of them within 300)
    POSTROOM_SEED        which ones; the same number gives the same histories
"""

from __future__ import annotations

import base64
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from tests.fuzz.visibility_actions import (
    ACTIONS,
    Action,
    answers,
    forges_a_handler,
    guesses_a_tag,
    notes,
    shows_his_address,
    writes_anew,
)
from tests.fuzz.visibility_oracle import decoded
from tests.fuzz.visibility_world import World, make_world
from tests.houses import row, rows, shared_readers, work

from postroom.core import answering, appending, handling, intake, letters, notices, participants
from postroom.core.effects import Reply
from postroom.core.exposure import exposed
from postroom.mail import parse
from postroom.mail.fresh import Fresh
from postroom.mail.message import Envelope
from postroom.store import schema as t
from postroom.work.desk import Settled

HISTORIES = int(os.environ.get("POSTROOM_HISTORIES", "800"))
SEED = int(os.environ.get("POSTROOM_SEED", "0"))
SHARDS = max(2, HISTORIES // 500)
SHM = Path("/dev/shm")
# Of a larger range Hypothesis prefers the small numbers, and so some events to others.
STEPS = st.lists(st.integers(0, 2**24 - 1), min_size=5, max_size=25)

# What must have happened in some hundred histories, or the property says little.
HAPPENS = (
    *(f"event: {action.__name__}" for action in ACTIONS),
    *("outcome opened", "outcome appended", "outcome held", "outcome command", "outcome bounce"),
    *("handler: answered", "handler: noted", "command error", "held: sender"),
    *("mail outside c", "mail inside h", "mail inside n", "mail inside s"),
)


@contextmanager
def world_in_memory(readers: Any = None) -> Iterator[World]:
    place = SHM if SHM.is_dir() else None
    with (
        tempfile.TemporaryDirectory(dir=place) as folder,
        make_world(Path(folder), readers) as world,
    ):
        yield world


def check(world: World) -> None:
    """Tell the story of a finding."""
    if not world.findings:
        return
    found = world.findings[0]
    story, mail = "\n".join(world.story), found.raw.decode("latin-1").replace("\r\n", "\n")
    pytest.fail(f"{found.what}\n\n{story}\n\nthe mail to {found.reader}:\n\n{mail}", pytrace=False)


def check_sent(world: World) -> None:
    """Every mail that was to be sent was composed."""
    poisoned = [
        delivery.last_response
        for delivery in rows(world.house, t.delivery)
        if "cannot be composed" in str(delivery.last_response)
    ]
    assert [] == poisoned


def table(world: World) -> str:
    return "\n".join(f"{count:8}  {what}" for what, count in sorted(world.counts.items()))


@pytest.mark.parametrize("shard", range(SHARDS))
def test_nobody_outside_reads_what_is_not_meant_for_him(shard: int) -> None:
    with world_in_memory() as world:

        @seed(SEED * SHARDS + shard)
        @settings(
            max_examples=max(1, HISTORIES // SHARDS),
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            phases=(Phase.generate, Phase.shrink),
        )
        @given(STEPS)
        def live(steps: list[int]) -> None:
            world.play(steps, ACTIONS)
            check(world)
            check_sent(world)

        live()
        print(f"seed {SEED}, shard {shard}:\n{table(world)}")
        if world.counts["histories"] >= 400:
            assert [] == [what for what in HAPPENS if not world.counts.get(what)]
            assert any(what.startswith("held: leak") for what in world.counts)


def test_nobody_does_either_when_the_mail_goes_by_spool_and_readers() -> None:
    with world_in_memory(shared_readers()) as world:
        world.deliver_by = by_spool
        for number in range(max(1, min(HISTORIES // 16, 200))):
            random = Random(f"{SEED} {number}")
            steps = [random.randrange(2**32) for _ in range(random.randint(5, 15))]
            world.play(steps, ACTIONS)
            check(world)
            check_sent(world)


def by_spool(world: World, envelope: Envelope, raw: bytes) -> Settled:
    """Take a mail in at the spool and let the pipeline work; return what became of it."""
    name, _, number = world.house.spool.put(envelope, raw).result(20).rpartition("-")
    assert work(world.house) == 1
    entry = row(world.house, t.journal, spool_name=name, spool_number=int(number))
    decision: Any = SimpleNamespace(explanation=entry.explanation)
    return Settled(entry.outcome, entry.reason, entry.id, entry.request_id, False, decision)


# ---- the oracle bites


def found_in(histories: int, actions: Sequence[Action] = ACTIONS) -> str:
    """Live through so many histories, or until something is found; return what."""
    with world_in_memory() as world:
        for number in range(histories):
            random = Random(number)
            steps = [random.randrange(2**32) for _ in range(random.randint(8, 25))]
            world.play(steps, actions)
            if world.findings:
                return world.findings[0].what
    return ""


def test_without_scan_and_splitter_a_leak_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering, "find_leaks", lambda *_: ())
    monkeypatch.setattr(parse, "split_fresh", lambda text, *_: Fresh(text, is_all_old=False))
    assert found_in(100)


def test_without_the_scan_alone_a_leak_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering, "find_leaks", lambda *_: ())
    assert found_in(100)


def test_a_note_in_a_notice_with_an_answer_address_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    of_note = notices.of_note

    def of_note_to_be_answered(*args: Any) -> notices.Telling:
        telling = of_note(*args)
        return replace(telling, news=replace(telling.news, reply=Reply.ANSWER))

    monkeypatch.setattr(notices, "of_note", of_note_to_be_answered)
    assert "whose answer goes outside" in found_in(100, (writes_anew, notes, notes, answers))


def test_a_quote_that_not_everybody_had_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def quoted(answered: Any, people: Any, time_zone: str) -> dict[str, str]:
        shown = letters.of_message(answered, time_zone)
        return {name: shown.get(name, "") for name in ("text", "from_name", "at")}

    monkeypatch.setattr(letters, "_quoted", quoted)
    assert "neither wrote nor was sent" in found_in(200)


def test_an_address_that_is_not_replaced_when_it_was_shown_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in (handling, intake, appending):
        assert module.exposed is exposed
        monkeypatch.setattr(module, "exposed", lambda _: ())
    events = (writes_anew, answers, shows_his_address, forges_a_handler, forges_a_handler)
    assert found_in(200, events)


def test_a_forgery_that_names_its_author_in_cc_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    from_mail = participants.from_mail

    def from_any_mail(case: Any, request: Any) -> Any:
        if request is None:
            return from_mail(case, request)
        there = [one for one in participants.named_by(case) if not request.participant(one.address)]
        learned = [participants.learn(one) for one in there]
        because = "named by anybody"
        add = [participants.AddParticipant(request.id, one.address, "cc", because) for one in there]
        return [*learned, *add]

    monkeypatch.setattr(participants, "from_mail", from_any_mail)
    assert found_in(100, (writes_anew, answers, guesses_a_tag))


HIDING: dict[str, Callable[[str], bytes]] = {
    "plain": lambda word: f"Subject: x\r\n\r\n{word}\r\n".encode(),
    "upper case": lambda word: f"Subject: x\r\n\r\n{word.upper()}\r\n".encode(),
    "quoted-printable": lambda word: (
        "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
        f"{word[:4]}=\r\n{word[4:6]}={ord(word[6]):02X}{word[7:]}\r\n"
    ).encode(),
    "base64": lambda word: (
        b"Content-Transfer-Encoding: base64\r\n\r\n" + based(f"here is {word} for you")
    ),
    "encoded word": lambda word: b"Subject: =?utf-8?b?" + based(word) + b"?=\r\n\r\n",
    "file name": lambda word: (
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Disposition: attachment;"
        b"\r\n filename*0*=utf-8''" + word[:5].encode() + b";\r\n filename*1*=" + word[5:].encode()
        + b"\r\n\r\n\r\n--b--\r\n"
    ),
    "mail in a mail": lambda word: (
        b"Content-Type: message/rfc822\r\n\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + based(f"deep down there is {word}")
    ),
    "entities": lambda word: b"\r\n\r\n" + "".join(f"&#{ord(each)};" for each in word).encode(),
    "percent": lambda word: b"\r\n\r\n" + "".join(f"%{ord(each):02x}" for each in word).encode(),
    "a header of base64": lambda word: b"Thread-Index: " + based(word * 3) + b"\r\n\r\n",
}  # fmt: skip


def based(text: str) -> bytes:
    return base64.b64encode(text.encode())


@pytest.mark.parametrize("way", HIDING)
def test_a_word_is_found_wherever_it_stands(way: str) -> None:
    assert "sekretq0001z" in decoded(HIDING[way]("sekretq0001z"))
