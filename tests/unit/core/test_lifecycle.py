"""How a request's status follows from what happens to it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.core.builders import (
    REQUEST,
    category,
    closed,
    policy,
    request,
    with_workflow,
)

from postroom.core.facts import RequestFact
from postroom.core.lifecycle import by_hand, initial_status, is_only_thanks, status_after_customer
from postroom.core.model import Phase
from postroom.errors import NotAllowed

EAGER = with_workflow(replace(REQUEST, on_customer="open"))
POLITE = policy(categories=(category(thanks="note"),))
CLAIM = {"type": "claim", "status": "pending"}


@pytest.mark.parametrize(
    ("to", "because", "before"),
    [
        ("open", "customer wrote: reopened", closed()),
        ("open", "customer wrote: activated", request(status="postponed", phase=Phase.POSTPONED)),
        (None, None, request()),
        (None, None, request(status="waiting")),
        ("pending", "customer wrote: reopened", closed(type="claim", status="approved")),
        # A type that is gone follows the default one's workflow.
        ("open", "customer wrote: reopened", closed(type="gone")),
    ],
)
def test_after_a_customers_message(
    to: str | None, because: str | None, before: RequestFact
) -> None:
    after = status_after_customer(before, policy(), "When?", "customer wrote")
    if after is None:
        assert to is None
    else:
        assert (before.status, to, because) == (after.from_, after.to, after.because)
        assert after.phase is Phase.ACTIVE


@pytest.mark.parametrize(
    ("to", "before"), [("open", request(status="waiting")), (None, request()), ("open", closed())]
)
def test_a_workflow_may_name_the_status_after_a_customers_message(
    to: str | None, before: RequestFact
) -> None:
    after = status_after_customer(before, EAGER, "When?", "customer wrote")
    assert to == (after.to if after is not None else None)


@pytest.mark.parametrize(("to", "fresh"), [(None, "Thanks a lot!"), ("open", "Thanks, but how?")])
def test_mere_thanks_do_not_reopen_where_the_category_says_so(to: str | None, fresh: str) -> None:
    after = status_after_customer(closed(), POLITE, fresh, "customer wrote")
    assert to == (after.to if after is not None else None)


def test_mere_thanks_reopen_by_default() -> None:
    after = status_after_customer(closed(), policy(), "Thanks!", "customer wrote")
    assert after is not None


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        (True, "Thank you very much!"),
        (True, "Tusen takk for hjelpen".replace(" for hjelpen", "")),
        (True, "  VIELEN DANK\n\nMit freundlichen Grüßen "),
        (False, ""),
        (False, "!!!"),
        (False, "Thanks, Ann"),
        (False, "ok " * 13),
        (False, "thanks" + "." * 200),
        (False, "It does not work"),
        (False, "Help!"),
        (False, "so good"),
        (False, "Kind regards"),
    ],
)
def test_only_thanks(expected: bool, text: str) -> None:
    assert expected is is_only_thanks(text)


@pytest.mark.parametrize(
    ("status", "type_name", "of_category", "wanted"),
    [
        ("open", "general", None, None),
        ("waiting", "general", "waiting", None),
        ("closed", "general", "waiting", "closed"),
        ("waiting", "general", "waiting", "pending"),  # of another workflow
        ("pending", "claim", "waiting", None),
    ],
)
def test_initial_status(
    status: str, type_name: str, of_category: str | None, wanted: str | None
) -> None:
    where = category(status=of_category)
    assert status == initial_status(policy(), type_name, where, wanted).name


@pytest.mark.parametrize(
    ("to", "phase", "wanted", "before"),
    [
        ("waiting", Phase.ACTIVE, "waiting", request()),
        ("closed", Phase.CLOSED, "closed", request()),
        ("open", Phase.ACTIVE, "open", closed()),
        ("in-review", Phase.ACTIVE, "review", request(**CLAIM)),  # by the transition's name
        ("in-review", Phase.ACTIVE, "in-review", request(**CLAIM)),
        ("rejected", Phase.CLOSED, "reject", request(type="claim", status="in-review")),
    ],
)
def test_a_legal_change(to: str, phase: Phase, wanted: str, before: RequestFact) -> None:
    after = by_hand(before, policy(), wanted, "handler", "because")
    assert (before.status, to, phase, "because") == (
        after.from_,
        after.to,
        after.phase,
        after.because,
    )


@pytest.mark.parametrize(
    ("words", "wanted", "reason", "before"),
    [
        (
            "no status is called 'shut'; possible: archived, closed, deleted, open, postponed, w",
            "shut",
            "why",
            request(),
        ),
        # A merged request names its target: that is a command of its own.
        ("no status is called 'merged'", "merged", "why", request()),
        (
            "'approve' is not possible in status 'pending'; possible: in-review, review",
            "approve",
            "why",
            request(**CLAIM),
        ),
        ("'cancel' is not possible", "cancel", "why", request(**CLAIM)),  # a customer's
        ("reject needs: reason", "reject", "", request(type="claim", status="in-review")),
        (
            "'review' is not possible in status 'approved'; possible: nothing",
            "review",
            "why",
            request(type="claim", status="approved"),
        ),
    ],
)
def test_an_illegal_change_names_the_legal_ones(
    words: str, wanted: str, reason: str, before: RequestFact
) -> None:
    with pytest.raises(NotAllowed) as refused:
        by_hand(before, policy(), wanted, "handler", reason)
    assert words in str(refused.value)


def test_a_customer_has_transitions_of_his_own() -> None:
    after = by_hand(request(**CLAIM), policy(), "cancel", "customer", "changed my mind")
    assert after.to == "rejected"


def test_a_change_without_a_reason_says_that_it_was_made_by_hand() -> None:
    assert by_hand(request(), policy(), "waiting", "handler", "").because == "by hand"
