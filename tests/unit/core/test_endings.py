"""Signatures that are learned from how a sender's earlier mails ended."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.core.builders import EVA, NOW, arrival, contact, facts, policy, sender, site, token

from postroom.core.effects import AppendMessage, LearnContact, LearnEnding
from postroom.core.endings import KEPT, LINES, common_lines, ending_of, learn, remember
from postroom.core.facts import Facts
from postroom.core.intake import decide_mail
from postroom.core.model import Verdict
from postroom.mail.message import Belongs, Origin, Picture

SIGNED = "Kind regards\nAnn Berg\nBerg Engineering"
ONE = f"How do I pay this bill?\n\n{SIGNED}"
TWO = f"The second printer is on fire.\n\n{SIGNED}"
NEW = f"Could you please call me back?\n\n{SIGNED}"


def known(*texts: str) -> Facts:
    """Facts of Ann, whose mails ended so."""
    return facts(contact=contact(endings=[ending_of(text) for text in texts]))


def fresh_of(text: str, before: Facts, **changes: object) -> str:
    return learn(arrival(text=text, fresh=text, **changes), before, policy()).arrival.mail.fresh


def test_what_ends_two_earlier_mails_is_a_signature() -> None:
    assert "Could you please call me back?" == fresh_of(NEW, known(ONE, TWO))


@pytest.mark.parametrize(
    ("text", "before"),
    [
        (NEW, known()),
        (NEW, known(ONE)),  # one mail is not enough
        (NEW, facts()),
        ("Could you please call me back?\nThanks", known("a\nThanks", "b\nThanks")),  # one line
        ("Yes.\n" + SIGNED, known(ONE, TWO)),  # too little would be left
        (SIGNED, known(ONE, TWO)),  # nothing would
        (ONE, known(ONE, ONE)),  # the same mail again
        ("Could you please call me back?\nKind regards\nBob", known(ONE, TWO)),
        (
            "Could you please call me back?\n#close\n#take",
            known("a\n#close\n#take", "b\n#close\n#take"),
        ),
    ],
)
def test_in_doubt_every_line_stays(text: str, before: Facts) -> None:
    assert text == fresh_of(text, before)


def test_case_and_spaces_make_no_difference() -> None:
    text = "Could you please call me back?\n--\n\n KIND  regards\n\nAnn Berg\nBerg Engineering "
    assert "Could you please call me back?" == fresh_of(text, known(ONE, TWO))


def test_two_signatures_by_turns_are_both_learned() -> None:
    phone = "I am on the train now.\n\nAnn (on the road)\n+47 900 00 000"
    other = "The train is late again.\n\nAnn (on the road)\n+47 900 00 000"
    before = known(ONE, phone, TWO, other)
    assert "Could you please call me back?" == fresh_of(NEW, before)
    text = "The door is locked, I am outside.\n\nAnn (on the road)\n+47 900 00 000"
    assert "The door is locked, I am outside." == fresh_of(text, before)


@pytest.mark.parametrize(
    "changes",
    [
        {"from_": sender(EVA)},
        {"tokens": (token(7, "h"),)},
        {"tokens": (token(7, "s"),)},
        {"origin": Origin.AUTOMATIC},
        {"is_all_old": True},
    ],
)
def test_mail_of_people_inside_and_of_machines_is_left_alone(changes: dict[str, object]) -> None:
    given_ = learn(arrival(text=NEW, fresh=NEW, **changes), known(ONE, TWO), policy())
    assert (NEW, 0, None) == (given_.arrival.mail.fresh, given_.lines, given_.endings)


def test_a_logo_goes_with_the_signature_and_a_screenshot_stays() -> None:
    shown = (Picture("2", Belongs.OWN, 5, 5), Picture("3", Belongs.OWN, len(NEW), len(NEW)))
    found = learn(arrival(text=NEW, fresh=NEW, pictures=shown), known(ONE, TWO), policy())
    belongs = [one.belongs for one in found.arrival.mail.pictures]
    assert [Belongs.OWN, Belongs.BELOW] == belongs


# ---- what is remembered


def decided(text: str, before: Facts, **changes: object) -> list[object]:
    mail = arrival(text=text, fresh=text, **changes)
    return list(decide_mail(mail, before, policy(), site(), NOW).effects)


def test_a_new_sender_is_remembered_with_his_row() -> None:
    [effect] = [one for one in decided(ONE, facts()) if isinstance(one, LearnContact)]
    assert (ending_of(ONE),) == effect.endings


def test_a_known_sender_is_remembered_by_a_change_and_only_if_there_is_one() -> None:
    changed = [one for one in decided(TWO, known(ONE)) if isinstance(one, LearnEnding)]
    assert [(ending_of(ONE), ending_of(TWO))] == [one.endings for one in changed]
    for text, before in ((NEW, known(ONE, TWO)), (ONE, known(ONE)), ("Hello", known(ONE))):
        assert [] == [one for one in decided(text, before) if isinstance(one, LearnEnding)]


def test_only_so_many_endings_are_remembered() -> None:
    texts = [f"first {n}\nsecond {n}" for n in range(KEPT + 3)]
    changed = learn(arrival(fresh=texts[-1], text=texts[-1]), known(*texts[:KEPT]), policy())
    assert (*map(ending_of, texts[1:KEPT]), ending_of(texts[-1])) == changed.endings
    assert len(ending_of("x\n" * 99)) == len(ending_of("x\n" * LINES))


def test_the_decision_says_what_was_learned_and_keeps_the_whole_text() -> None:
    mail = arrival(text=NEW, fresh=NEW)
    decision = decide_mail(mail, known(ONE, TWO), policy(), site(), NOW)
    assert (
        "3 lines at the end, as in two earlier mails of this sender"
        == (decision.explanation["signature"])
    )
    [message] = [one for one in decision.effects if isinstance(one, AppendMessage)]
    assert (NEW, "Could you please call me back?") == (message.text, message.fresh)


def test_who_is_forged_teaches_nothing() -> None:
    mail = arrival(text=TWO, fresh=TWO)
    decision = decide_mail(mail, known(ONE), policy(), site(), NOW)
    learned = learn(mail, known(ONE), policy())
    effects = tuple(
        replace(one, verdict=Verdict.FAIL.value) if isinstance(one, AppendMessage) else one
        for one in decision.effects
        if not isinstance(one, LearnEnding)
    )
    forged = replace(decision, effects=effects)
    assert forged == remember(forged, learned)


lines = st.lists(st.sampled_from(["a b", "Ann", "#x", "", "--", "Kind regards", "é"]), max_size=20)


@given(lines, lines, lines)
def test_any_text_keeps_a_beginning_of_itself(
    one: list[str], two: list[str], new: list[str]
) -> None:
    earlier = ["\n".join(one), "\n".join(two)]
    text = "\n".join(new)
    assert text.startswith(fresh_of(text, known(*earlier)))
    assert 0 <= common_lines(ending_of(text), list(map(ending_of, earlier))) <= LINES
