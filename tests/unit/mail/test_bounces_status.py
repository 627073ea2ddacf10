"""What the words of mail servers mean: each line as one of them writes it, with its status."""

from __future__ import annotations

import pytest

from postroom.mail.bounce_status import action_of, status_of

WORDS = [
    ("5.1.1", "550 User unknown"),
    ("5.1.1", "550 No such user here"),
    ("5.1.1", "550 <ann@x.example>: User not found"),
    ("5.1.1", "550 Invalid recipient"),
    ("5.7.17", "550 sorry, no mailbox here by that name (#5.7.17)"),
    ("5.1.1", "511 5.1.1 unknown address or alias: ann@x.example"),
    ("5.1.1", "550 Requested action not taken: mailbox unavailable"),
    ("5.1.1", "550 Mailbox not found"),
    ("5.1.1", "550 unknown local part"),
    ("5.1.1", "550 ann@x.example... No such user"),
    ("5.1.1", "550 Address rejected"),
    ("5.1.1", "550 5.1.0 Address rejected."),
    ("5.1.1", "550 recipient rejected"),
    ("5.1.1", "550 RCPT TO:<ann@x.example> User unknown"),
    ("5.1.1", "550 #5.1.0 Address rejected ann@x.example"),
    ("5.7.1", "553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)"),
    ("5.7.1", "550 Relay not permitted"),
    ("5.7.1", "550 Unable to relay"),
    ("5.7.1", "554 Relay access denied"),
    ("5.2.2", "552 Quota exceeded (mailbox for user is full)"),
    ("5.2.2", "552 Mailbox is full / Blocked"),
    ("4.2.2", "452 4.2.2 Over quota"),
    ("5.2.2", "550 user is over quota"),
    ("5.2.2", "554 Message is not allowed: mailbox full"),
    ("5.2.2", "Mail quota exceeded."),
    ("5.2.2", "User's mailbox is full: <ann@x.example>"),
    ("5.2.2", "Requested mail action aborted: exceeded storage allocation"),
    ("5.3.4", "552 message size exceeds fixed maximum message size"),
    ("5.3.4", "552 5.3.4 Message size exceeds fixed limit"),
    ("5.3.4", "Message too large. Max 10 MB"),
    ("5.1.2", "550 Domain x.example does not exist"),
    (
        "5.1.2",
        (
            "Host or domain name not found. Name service error for name=x.example "
            "type=AAAA: Host not found"
        ),
    ),
    ("5.1.2", "Unknown host x.example"),
    ("5.1.2", "Domain name not found"),
    ("5.1.2", "No MX record for domain"),
    ("5.1.2", 'unrouteable mail domain "x.example"'),
    ("5.1.8", "553 5.1.8 Domain of sender address foo does not exist"),
    ("5.1.8", "550 Sender verify failed"),
    ("5.7.1", "554 5.7.1 Message rejected as spam"),
    ("5.7.1", "550 High probability of spam"),
    ("5.7.1", "554 Transaction failed: virus found"),
    ("5.7.1", "550 5.7.1 Message contains malware"),
    ("5.7.1", "554 Blocked by http://www.spamhaus.org/query"),
    (
        "5.7.1",
        (
            "554 Your access to this mail system has been rejected due to the sending "
            "MTA's poor reputation."
        ),
    ),
    ("5.7.25", "550 Client host rejected: cannot find your reverse hostname"),
    ("4.7.25", "450 Client host rejected: cannot find your hostname, [192.0.2.1]"),
    ("5.7.23", "550 SPF check failed"),
    ("5.7.23", "550 Message rejected: SPF fail - not authorized"),
    ("5.7.20", "550 DKIM signature verification failed"),
    ("5.7.26", "550 neither SPF nor DKIM passed for this domain"),
    ("5.7.26", "550 DMARC Sender Invalid - envelope rejected"),
    (
        "5.7.26",
        (
            "550 5.7.26 Unauthenticated email from x.example is not accepted due to "
            "domain's DMARC policy"
        ),
    ),
    ("4.3.2", "421 Too many connections"),
    ("4.7.1", "451 Greylisted, please try again in 180 seconds"),
    ("4.7.1", "450 4.7.1 Client host rejected: too many mails in one hour"),
    ("4.4.1", "connect to x.example[192.0.2.1]:25: Connection timed out"),
    ("4.4.1", "connect to x.example[192.0.2.1]:25: Connection refused"),
    ("4.4.1", "Could not connect to remote host"),
    ("4.4.2", "lost connection with x.example while sending RCPT TO"),
    ("4.4.2", "conversation with x timed out while receiving the initial server greeting"),
    ("5.4.6", "mail for x.example loops back to myself"),
    ("5.4.6", "554 5.4.6 Too many hops"),
    ("5.4.6", "Hop count exceeded - possible mail loop"),
    ("4.4.7", "Message expired: delivery time exceeded"),
    ("4.4.7", "retry timeout exceeded"),
    ("5.2.1", "550 Account disabled"),
    ("5.2.1", "550 5.2.1 The email account that you tried to reach is disabled"),
    (
        "5.2.1",
        (
            "554 delivery error: dd Sorry, your message cannot be delivered. This account "
            "has been disabled or discontinued"
        ),
    ),
    ("5.2.1", "550 This account is inactive"),
    ("5.2.1", "550 Mailbox suspended"),
    ("5.1.6", "551 User has moved; please try bob@x.example"),
    ("4.3.1", "Insufficient system storage"),
    ("4.3.1", "452 4.3.1 Insufficient system storage"),
    ("4.3.1", "No space left on device"),
    ("5.7.10", "530 5.7.0 Must issue a STARTTLS command first"),
    ("5.7.8", "535 5.7.8 Authentication credentials invalid"),
    ("5.7.1", "530 Authentication required"),
    ("5.5.2", "500 Syntax error, command unrecognized"),
    ("5.5.1", "503 Bad sequence of commands"),
    ("5.6.0", "554 5.6.0 Message contains NULs"),
    ("5.6.0", "550 Message headers are not RFC 2822 compliant"),
    ("5.3.5", "554 5.3.5 Local configuration error"),
    ("5.3.5", "mail system configuration error"),
    ("5.3.0", 'Command died with status 127: "/usr/bin/foo"'),
    ("5.3.0", "unknown mailer error 1"),
    ("5.3.0", "can't create user output file"),
    ("5.7.1", "550 Access denied"),
    ("5.7.1", "550 Administrative prohibition"),
    ("5.7.1", "550 5.7.1 You do not have permission to send to this recipient"),
    ("5.7.1", "554 Denied"),
    ("5.7.1", "550 rejected"),
    ("5.1.1", "Der Empfänger ist unbekannt"),
    ("5.2.2", "Das Postfach ist voll"),
    ("5.1.1", "Utilisateur inconnu"),
    ("5.1.1", "el usuario no existe"),
    ("5.2.2", "La casilla está llena: buzón lleno"),
    ("5.1.1", "пользователь не найден"),
    ("5.2.2", "ящик переполнен"),
    ("5.1.1", "收件人不存在"),
    ("5.2.2", "邮箱已满"),
    ("5.2.2", "メールボックスが一杯です"),
    ("5.1.1", "宛先のアドレスが存在しません"),
    ("5.1.8", "552 sorry, your envelope sender domain must exist"),
    ("4.3.0", "451 Temporary local problem - please try later"),
    ("4.2.1", "450 Mailbox temporarily unavailable"),
    ("5.4.1", "550 5.4.1 Recipient address rejected: Access denied"),
    ("5.7.1", "554 5.7.1 <ann@x.example>: Recipient address rejected: Access denied"),
    ("5.7.1", "550 This message was classified as SPAM and may not be delivered"),
    (
        "5.7.1",
        "550 #5.7.1 Your access to submit messages to this e-mail system has been rejected.",
    ),
    ("5.1.8", "550-Verification failed for <support@example.com> 550 Sender verify failed"),
    ("5.1.1", "550 No RCPT given: unknown mailbox"),
    ("5.1.1", "Recipient does not exist"),
    ("5.7.1", "550 Mail to ann not accepted here"),
    ("5.2.2", "User account is overquota"),
    ("5.2.2", "User has exceeded mailbox size limit"),
    ("5.2.2", "mailbox for ann@x.example is full"),
    ("5.1.1", "does not like recipient. Remote host said: 554 no thanks"),
    ("5.1.1", "550 Not a valid recipient"),
    ("5.1.1", "550 not our customer"),
    ("5.1.1", "550 That address is not valid here"),
    ("5.1.1", "The recipient's e-mail address was not found in the recipient's e-mail system"),
    ("5.4.4", "Sorry, I couldn't find a mail exchanger or IP address. (#5.4.4)"),
    (
        "5.4.6",
        (
            "Sorry. Although I'm listed as a best-preference MX or A for that host, it "
            "isn't in my control/locals file, so I don't treat it as local. (#5.4.6)"
        ),
    ),
    ("5.5.2", "SMTP protocol violation"),
    ("5.5.3", "550 Too many recipients"),
    ("4.7.28", "452 Too many recipients received this hour"),
    ("4.7.28", "454 Throttling failure: Daily message quota exceeded"),
    ("4.2.1", "450 The user you are trying to contact is receiving mail too quickly"),
    ("4.2.1", "451 Recipient temporarily unavailable"),
    ("5.1.1", "550 Account ann@x.example not available"),
    ("5.1.1", "550 We don't have a user by that name"),
    ("5.1.1", "550 Unable to find a user with this address"),
    ("5.1.1", "550 User is not on this server"),
    ("5.1.1", "550 lists.example: no such list"),
    ("5.1.1", "550 Adresát neexistuje"),
    ("5.1.2", "an undisclosed address: all relevant MX records point to non-existent hosts"),
    ("5.1.3", "501 Syntax error in recipient address"),
    ("5.1.3", "501 ann@: malformed address: not enough after the at"),
    ("5.1.8", "550 Callback to sender failed: no such sender"),
    ("5.1.10", "Domain x.example does not accept mail (nullMX)"),
    ("5.7.27", "550 Sender address rejected: Domain x.example does not accept mail (nullMX)"),
    ("5.2.2", "The email account that you tried to reach is out of storage space"),
    ("5.2.2", "550 Benutzer hat zuviele Mails auf dem Server"),
    ("5.2.2", "Le compte du destinataire est plein"),
    ("5.2.4", "Mailing list expansion problem"),
    ("5.3.4", "Message body is too big: 500000 bytes with a limit of 40 KB"),
    ("5.3.5", "554 mail system incorrectly configured"),
    ("4.3.0", "local delivery failed: temporary failure"),
    ("4.3.2", "system is shutting down"),
    ("4.4.2", "The remote server closed the connection unexpectedly"),
    ("4.4.3", "Name service error for name=x.example type=MX: Host not found, try again"),
    ("5.4.6", "This message already has my Delivered-To line"),
    ("5.3.0", 'Command time limit exceeded: "/usr/bin/filter"'),
    ("5.5.1", "502 Command not implemented"),
    ("5.5.4", "501 Syntax error in parameters or arguments"),
    ("5.6.7", "SMTPUTF8 is required, but was not offered by host mx.x.example"),
    ("4.7.1", "450 Helo command rejected: Host not found"),
    ("4.7.1", "421 [GL01] Message from (192.0.2.1) temporarily deferred"),
    ("5.7.10", "530 Must issue a STARTTLS command first"),
    ("4.7.5", "Cannot start TLS: handshake failure"),
    ("4.7.5", "Server certificate not verified"),
    ("5.7.28", "554 MI:SFQ 163 smtp1"),
    (
        "4.7.1",
        "421 4.7.0 [TS01] Messages from 192.0.2.5 temporarily deferred due to user complaints",
    ),
    ("5.7.1", "550 Mail rejected by policy"),
    ("5.7.10", "TLS is required, but was not offered by host"),
    ("5.1.1", "550 Recipient unknown"),
    ("5.1.1", "550 Unknown recipient ann"),
    ("5.1.1", "ann@x.example is not a valid mailbox"),
    ("5.1.1", "no such address"),
    ("5.0.0", "Delivery to the following recipients was aborted after 2 second(s)"),
]


@pytest.mark.parametrize(("expected", "said"), WORDS)
def test_words_become_a_status(expected: str, said: str) -> None:
    assert expected == status_of("", said, "", "failed")


@pytest.mark.parametrize(
    ("expected", "reported", "said"),
    [
        ("5.2.1", "5.2.1", "550 5.1.1 User unknown"),  # specific: the report's own word stands
        ("5.7.1", "5.7.1", "550 User unknown"),
        ("5.1.1", "5.0.0", "550 5.1.1 User unknown"),
        ("5.1.1", "5.0.0", "550 User unknown"),
        ("5.2.2", "5.2.0", "mailbox full"),
        ("5.2.0", "5.2.0", "550 rejected"),  # "rejected" says less than what stands there
        ("5.7.1", "5.7.0", "554 blocked by policy"),
        ("4.4.7", "5.3.0", "554 4.4.7 Message expired"),
        ("4.2.2", "4.0.0", "mailbox full"),
        ("5.1.1", "5.1.1 (bad destination mailbox address)", ""),
        ("5.0.0", "5.0.0", "192.0.5.1.2 version 5.1.2.3"),  # no code, but an address
        ("5.2.2", "", "552 no"),  # RFC 5321: what the reply alone says
        ("5.0.0", "", "550 no"),
        ("5.0.0", "", ""),
        ("5.1.1", "5.01.001", ""),
    ],
)
def test_the_report_is_asked_first(expected: str, reported: str, said: str) -> None:
    assert expected == status_of(reported, said, "", "failed")


@pytest.mark.parametrize(
    ("expected", "said", "status", "words"),
    [
        ("failed", "failed", "4.4.7", ""),
        ("delayed", "delayed", "", ""),
        ("failed", "failure", "", ""),
        ("failed", "expired", "4.4.7", ""),
        ("delivered", "", "2.1.5", ""),
        ("failed", "", "5.1.1", "will be retried"),
        ("delayed", "", "4.4.1", "Your message will be retried for 2 days"),
        (
            "failed",
            "",
            "",
            "I'm not going to try again; this message has been in the queue too long.",
        ),
        ("delayed", "", "", "THIS IS A WARNING MESSAGE ONLY"),
        ("delayed", "", "", "Ihre Nachricht wurde noch nicht zugestellt"),
        ("delivered", "", "", "Your message was successfully delivered to"),
        ("failed", "", "", ""),
        ("failed", "what?", "", ""),
    ],
)
def test_the_action_is_told_or_follows(expected: str, said: str, status: str, words: str) -> None:
    assert expected == action_of(said, status, words)
