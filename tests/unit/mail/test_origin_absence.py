"""Vacation notes without a sign in the header, and what people write of their absence."""

from __future__ import annotations

import pytest

from postroom.mail.message import Address, Origin
from postroom.mail.origin import judge_origin
from postroom.mail.reports import Report

KIM = Address("Kim", "kim@example.net")


def judge(subject: str, text: str, *fields: tuple[str, str]) -> Origin:
    headers = [("Subject", subject), *fields]
    return judge_origin(headers, KIM, text, Report(), own=text)[0]


NOTES = [
    (
        "Re: Ihr Paket",
        (
            "Guten Tag,\nvielen Dank für Ihre Nachricht. Unser Büro ist bis zum 6. Januar "
            "geschlossen. Wir beantworten Ihre Mail danach. In dringenden Fällen: 0171."
        ),
    ),
    (
        "Re: pakje",
        (
            "Bedankt voor uw bericht. Ik ben tot 9 maart met vakantie. Voor dringende zaken kunt u "
            "Jo bellen. Ik beantwoord uw mail na terugkomst."
        ),
    ),
    (
        "Sabbatical",
        (
            "I am on sabbatical from 1 March until 31 August and will not read e-mail. For urgent "
            "matters contact the office. Messages are not forwarded."
        ),
    ),
    ("Elternzeit", "Ich befinde mich bis 31.8. in Elternzeit. Ihre Mail wird nicht gelesen."),
    ("Semester Sv: paket", "Jag har semester till den 9 mars och läser inte min mejl."),
    (
        "Out of Office Re: Ticket 4711 updated",
        (
            "Thank you for your email. I am out of the office until Monday, March 9th, limited "
            "access to email.\nFor urgent matters, please contact Jane Roe."
        ),
    ),
    ("Отсутствую: Заявка 221", "Добрый день! Я в отпуске до 15 марта. По срочным вопросам к А. В."),
    (
        "Abwesend bis 15.3. Re: Angebot",
        "Guten Tag,\nich bin derzeit nicht im Büro. Ihre E-Mail wird nicht weitergeleitet.",
    ),
    ("Fuera de la oficina: Re: pedido 33", "Estaré fuera de la oficina hasta el 10 de marzo."),
    (
        "I am currently out of the office until March 12",
        "I am currently out of the office until March 12. I will respond when I return.",
    ),
    (
        "Re: Ihr Ticket 2015-0311",
        (
            "Sehr geehrte Damen und Herren,\nvielen Dank für Ihre E-Mail. Ich bin bis zum "
            "13.03.2015 "
            "im Urlaub. In dringenden Fällen wenden Sie sich bitte an meine Kollegin Frau Roth.\n"
            "Mit freundlichen Grüßen\nKim Berg"
        ),
    ),
    (
        "Re: [#4411] Votre demande",
        (
            "Bonjour,\nje suis en congés jusqu'au 9 mars. En cas d'urgence, merci de contacter mon "
            "collègue Paul. Je vous répondrai dès mon retour."
        ),
    ),
    (
        "RE: Invoice 22",
        (
            "Hello,\n\nI am on annual leave until Monday 9th March and will reply to your email "
            "on my "
            "return.\n\nFor urgent queries please contact accounts@example.net.\n\nKind "
            "regards\nKim"
        ),
    ),
    ("På ferie", "Takk for din e-post. Jeg er på ferie til 9. mars og svarer når jeg kan."),
    ("Szabadság", "Köszönöm levelét. Március 9-ig szabadságon vagyok, sürgős esetben Kovács J."),
    ("Nieobecność w biurze", "Dziękuję za wiadomość. Przebywam na urlopie do 9 marca."),
    ("Semester", "Hej! Tack för ditt mail. Jag är ledig till den 9 mars. I brådskande ärenden"),
    ("Not in the office", "I am out of the office until March 9 and will reply when I return."),
    ("休暇中", "3月9日まで休暇中です。緊急の際は田中までお願いします。"),
    ("出張中のため不在です", "3月9日まで出張中のため、戻り次第ご連絡いたします。"),
]


@pytest.mark.parametrize(("subject", "text"), NOTES)
def test_a_vacation_note_needs_no_header(subject: str, text: str) -> None:
    assert judge(subject, text) is Origin.AUTO_REPLY


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        ("Re: Termin", "Nächste Woche bin ich nicht im Büro, danach gern. Geht der 16.?"),
        ("Re: Meeting", "I will be out of the office until Thursday. Let's do Friday at ten."),
        ("Re: Ticket 33", "Thanks for your message. I am away until Monday, so close the ticket."),
        (
            "Re: Angebot",
            (
                "Vielen Dank für Ihre Nachricht. Ich bin bis Montag auf Dienstreise und melde mich "
                "danach. In dringenden Fällen rufen Sie mich an. Wir nehmen Variante B."
            ),
        ),
        ("Urlaub", "Ich bin vom 2. bis 9. März im Urlaub. Bitte eine Weiterleitung einrichten."),
        ("Vacation", "I am on vacation until March 9. Please put my account on hold."),
        ("OOO", "I am out of the office tomorrow. I will get back to you about it on Monday."),
        ("OOO", "Hi all, I am away until Monday. For urgent matters contact Sam."),
        ("RE: deal", "I will be on vacation until Monday. Please call Jeff if it is urgent. Kim"),
        ("Out of office: Friday", "I will be out of the office this Friday. Everyone else is in."),
        ("On leave", "I am on leave until Monday and the VPN is down. It is urgent."),
        ("Fuera de la oficina", "Estaré fuera de la oficina el jueves, mejor venid el viernes."),
        ("В отпуске", "Здравствуйте, я в отпуске с понедельника, переведите мои заявки на А."),
        ("不在連絡", "明日は出張中のため、納品は木曜にお願いします。"),
        (
            "Update for you",
            (
                "Thank you for your message. I am on vacation until Monday. For urgent matters "
                "please "
                ""
                "contact Jane. I will reply then."
            ),
        ),
    ],
)
def test_a_person_who_writes_of_an_absence_is_a_person(subject: str, text: str) -> None:
    assert judge(subject, text) is Origin.PERSON


@pytest.mark.parametrize(("subject", "text"), [note for note in NOTES if "Re: " not in note[0]])
def test_a_note_from_a_persons_program_is_a_persons(subject: str, text: str) -> None:
    assert judge(subject, text, ("X-Mailer", "Apple Mail (2.3445)")) is Origin.PERSON


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        (
            "Gelesen: Angebot",
            "Ihre Nachricht\n\n  An: x\n  Betreff: Angebot\n\nwurde am 03.03.2015 gelesen.",
        ),
        (
            "Read: Offer",
            "Your message\n\n   To: x\n   Subject: Offer\n\nwas read on Tuesday 10:00.",
        ),
    ],
)
def test_a_receipt_in_words_is_a_report(subject: str, text: str) -> None:
    assert judge(subject, text) is Origin.REPORT


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        ("Read: your manual", "Your message was clear, I read the manual now."),
        ("Your ticket was closed", "Your staff closed it. Our team will contact a lawyer."),
        ("Ticket received", "My ticket 3321 has been closed although it does not work!"),
        ("We have received your request", "We would like to meet you on Monday. Kim, Sales"),
        ("New message in mailbox", "There is a new message in mailbox 201, please reset my PIN."),
        ("Meeting (action required)", "See you on Monday."),
        ("Your order 5512 was received damaged", "Our team will review your contract."),
        ("Out of office", "My out of office note should say: I am away until May 9. Call Jane."),
        ("Semester", "Das neue Semester beginnt am 2. März. Bitte legen Sie die Accounts an."),
        ("Delayed response", "Sorry, I was on vacation until Monday. The toner arrived, thanks."),
        ("Re: Ticket", "I am sick until Wednesday. Please contact Lee for the server move."),
    ],
)
def test_people_use_the_words_of_help_desks(subject: str, text: str) -> None:
    assert judge(subject, text) is Origin.PERSON


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        ("[#AB-1] Your request has been received", "A representative will follow up with you."),
        ("[PBX]: New message 5 in mailbox 201", "Just wanted to let you know."),
        ('eFax message from "15550100" - 2 page(s)', "You have received a 2 page fax."),
        ("Problem: High load on db2", "Problem started at 10:11:12\nOriginal problem ID: 19"),
        ("[Prometheus] [FIRING:1] InstanceDown (node1 critical)", "1 alert"),
    ],
)
def test_words_of_help_desks_and_watchmen(subject: str, text: str) -> None:
    assert judge(subject, text) is Origin.AUTOMATIC
