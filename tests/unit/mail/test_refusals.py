"""What programs of mailing lists refuse, and what people write who look like them."""

from __future__ import annotations

import pytest

from postroom.mail.message import Origin
from postroom.mail.parse import read_mail

# Sender, subject, more of the header, text, the list.
REFUSED = [
    (
        "users-owner@lists.example",
        'Request to mailing list "users" rejected',
        "X-List-Administrivia: yes\n",
        (
            "Your request to the users mailing list\n\n  Posting of your message titled 'How?'\n\n"
            "has been rejected by the list moderator. The moderator gave the\nfollowing reason:\n\n"
            '"Only subscribers may post to this list."'
        ),
        "users@lists.example",
    ),
    (
        "sympa@lists.example",
        "Distribution de message : vous n'êtes pas autorisé",
        "",
        (
            'Votre message pour la liste "users" a été rejeté.\n'
            "Vous n'êtes pas autorisé à envoyer ce message."
        ),
        "users@lists.example",
    ),
    (
        "users+owner@lists.example",
        "Post to users@lists.example denied: How?",
        "X-Mailer: mlmmj\n",
        (
            "The message was unable to be delivered to the list because the list address\n"
            "was not found in either the To: or Cc: header."
        ),
        "users@lists.example",
    ),
    (
        "users-admin@lists.example",
        "You ann@kunde.example are not member (users ML)",
        "X-MLServer: fml [fml 4.0.3 release]\n",
        "If you are not a member of this ML <users@lists.example>,\nyou cannot post to it.",
        "users@lists.example",
    ),
    (
        "owner-users@lists.example",
        "BOUNCE users@lists.example:     Approval required",
        "",
        (
            ">From ann@kunde.example Mon Nov 30 09:00:00 2026\nReceived: from a by b\n"
            "From: ann@kunde.example\nSubject: How?\n\nHow?"
        ),
        "users@lists.example",
    ),
]

PEOPLE = [
    (
        "Ann Kunde <ann@kunde.example>",
        "Post to users@lists.example denied",
        "Hello, my post came back: only subscribers may post to it. Can you let me in?",
    ),
    (
        "Ann Kunde <users-owner@lists.example>",
        "Your subscription",
        "Hello, only subscribers may post, so I subscribed you by hand today. Best, Ann",
    ),
    (
        "Ann Kunde <team-admin@kunde.example>",
        "Bounce rates of our newsletter",
        "Hi, can we meet about the bounce rates? Yours, Ann",
    ),
    (
        "Ann Kunde <ann@kunde.example>",
        "BOUNCE users@lists.example: what is that?",
        "I got a mail with this subject from your list. What does it mean?",
    ),
]


@pytest.mark.parametrize(("sender", "subject", "more", "text", "expected"), REFUSED)
def test_a_list_that_refuses_a_mail_is_the_one_not_reached(
    sender: str, subject: str, more: str, text: str, expected: str
) -> None:
    mail = read_mail(
        f"From: {sender}\nTo: support@example.com\nSubject: {subject}\n{more}\n{text}\n".encode()
    )
    assert Origin.BOUNCE == mail.origin
    assert mail.bounce is not None
    assert [(expected, "failed", "5.7.1")] == [
        (one.address, one.action, one.status) for one in mail.bounce.recipients
    ]


@pytest.mark.parametrize(("sender", "subject", "text"), PEOPLE)
def test_who_writes_of_a_list_is_a_person(sender: str, subject: str, text: str) -> None:
    mail = read_mail(
        f"From: {sender}\nTo: support@example.com\nSubject: {subject}\n\n{text}\n".encode()
    )
    assert Origin.PERSON == mail.origin


def test_a_list_that_welcomes_somebody_refuses_nothing() -> None:
    mail = read_mail(
        b"From: users-request@lists.example\nTo: support@example.com\nPrecedence: bulk\n"
        b"Subject: Welcome to the users list\n\n"
        b"Welcome to the list 'users'. Only subscribers may post to it.\n"
    )
    assert Origin.BOUNCE != mail.origin
    assert mail.bounce is None


def test_who_writes_to_a_list_that_refused_him_is_the_list() -> None:
    mail = read_mail(
        b"From: Ann <ann@kunde.example>\nTo: users@lists.example\nPrecedence: list\n"
        b"List-Id: <users.lists.example>\nX-Mailman-Version: 2.1\nSubject: [users] Rejected\n\n"
        b"I was told: you are not a member of this list. Am I now?\n"
    )
    assert Origin.LIST == mail.origin
