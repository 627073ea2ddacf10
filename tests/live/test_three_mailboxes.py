"""The promise of answers by mail, with real processes and sockets: nothing internal gets out."""

from __future__ import annotations

import email
import email.policy

import pytest
from tests.live.three_mailboxes import ABSENT, ANN, EVA, FORGED, OMAR, SECRET, Story, play


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    return play(tmp_path_factory.mktemp("story"))


def _words(raws: list[bytes]) -> str:
    """Everything that can be read in these mails, headers too, as one line."""
    read = [email.message_from_bytes(raw, policy=email.policy.default) for raw in raws]
    parts = [
        *(str(value) for message in read for value in message.values()),
        *(p.get_content() for m in read for p in m.walk() if p.get_content_maintype() == "text"),
    ]
    return " ".join(" ".join(parts).split())


def test_the_customer_hears_three_mails_and_nothing_internal(story: Story) -> None:
    heard = _words(story.mailbox(ANN))
    assert 3 == len(story.mailbox(ANN))
    assert "I will see to it." in heard
    assert "No, sorry." in heard
    assert "Eva at Example" in heard
    for inside in (SECRET, FORGED, ABSENT, OMAR, EVA, "support+h", "support+n"):
        assert inside not in heard


def test_the_handler_is_told_of_note_forgery_and_leak(story: Story) -> None:
    told = _words(story.mailbox(EVA))
    for part in (SECRET, FORGED, "not proven to be", f"[[[ {SECRET}"):
        assert part in told


def test_the_request_tells_the_whole_story(story: Story) -> None:
    request = story.shop.json("request", "show", 1)
    assert ("closed", ["discount"]) == (request["status"], request["tags"])
    assert request["replied_at"] is not None
    said = [(one["direction"], one["visibility"]) for one in request["messages"]]
    assert [
        ("in", "public"),
        ("note", "internal"),
        ("out", "public"),
        ("in", "internal"),
        ("out", "public"),
    ] == said
    outcomes = [entry["outcome"] for entry in story.shop.json("journal", "list")]
    assert [
        *("opened", "appended", "appended", "held", "appended", "ignored", "command", "appended"),
    ] == outcomes
    assert story.shop.json("audit")["ok"]
