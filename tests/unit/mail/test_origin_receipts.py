"""What a machine says that answers a mail, told from what it says by itself and from people."""

from __future__ import annotations

import pytest

from postroom.mail.message import Address, Origin
from postroom.mail.origin import judge_origin
from postroom.mail.reports import Report

DESK = Address("Help desk", "help@desk.example.net")
BULK = ("Precedence", "bulk")
GENERATED = ("Auto-Submitted", "auto-generated")
ANSWER = ("In-Reply-To", "<1@shop.example.org>")


def judge(
    subject: str, text: str, *fields: tuple[str, str], from_: Address = DESK, own: str | None = None
) -> Origin:
    headers = [("Subject", subject), *fields]
    return judge_origin(headers, from_, text, Report(), own=text if own is None else own)[0]


RECEIPTS = [
    ("[#GHT-771] renewal", "Thank you for contacting us. Your ticket has been created."),
    ("Ticket Received", "We would like to acknowledge that we have received your request."),
    ("Ihre Anfrage", "Vielen Dank für Ihre Nachricht. Sie wird bald bearbeitet."),
    ("Votre demande", "Votre demande a bien été enregistrée sous le numéro 22."),
    ("Su consulta", "Gracias por contactar con nosotros."),
    ("La tua richiesta", "Abbiamo ricevuto la tua richiesta numero 22."),
    ("Chamado 22", "Recebemos a sua mensagem e vamos responder em breve."),
    ("Uw vraag", "Wij hebben uw bericht ontvangen en antwoorden snel. Uw vraag is geregistreerd."),
    ("Ditt ärende", "Vi har mottagit ditt meddelande."),
    ("Zgłoszenie 22", "Zgłoszenie 22 zostało zarejestrowane."),
    ("Požadavek 22", "Váš požadavek byl přijat."),
    ("Обращение 22", "Ваше обращение зарегистрировано под номером 22."),
    ("お問い合わせ", "お問い合わせいただきありがとうございます。"),
    ("您的邮件", "您的邮件我们已经收到。"),
]


@pytest.mark.parametrize("fields", [BULK, GENERATED, ("X-FC-MachineGenerated", "true")])
@pytest.mark.parametrize(("subject", "text"), RECEIPTS)
def test_a_machine_that_acknowledges_a_mail_answers_it(
    subject: str, text: str, fields: tuple[str, str]
) -> None:
    assert Origin.AUTO_REPLY is judge(subject, text, fields)


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        ("Reset", "We received a request to reset your password."),
        ("Your order", "We have received your order 4711 and are packing it."),
        ("Backup", "The backup of host db1 has been completed."),
        ("Invoice", "Your invoice for March is attached."),
        ("Your request to join", "We received your request to join the beta."),
    ],
)
def test_what_a_machine_says_by_itself_is_automatic(subject: str, text: str) -> None:
    assert Origin.AUTOMATIC is judge(subject, text, GENERATED)


def test_a_newsletter_that_thanks_is_no_answer() -> None:
    fields = (BULK, ("List-Unsubscribe", "<https://news.example.net/u>"))
    assert Origin.AUTOMATIC is judge("News", "Thank you for your interest.", *fields)


def test_a_bulk_mail_of_a_mailbox_that_tells_of_an_absence_is_an_answer() -> None:
    text = "I will be out of the office until Thursday, March 5."
    assert Origin.AUTO_REPLY is judge("Re: Water bill", text, BULK)
    assert Origin.AUTO_REPLY is judge("Out of office message", "Bye", BULK)


def test_an_answer_by_procmail_loops_to_whoever_answers_and_a_list_to_itself() -> None:
    junk = ("Precedence", "junk")
    mine, lists = ("X-Loop", "help@desk.example.net"), ("X-Loop", "birds@lists.example.net")
    assert Origin.AUTO_REPLY is judge("My address has changed", "New: …", junk, mine, ANSWER)
    assert Origin.LIST is judge("Seen today", "A wren", junk, lists, ANSWER)


@pytest.mark.parametrize(
    "text",
    [
        (
            "Thank you for contacting us. This is an automated confirmation that we have received"
            " your e-mail. One of our representatives will reply."
        ),
        "This is an automatic acknowledgement of your email. It will be assigned to an editor.",
        (
            "Thank you for contacting my office. This automatic reply is the only answer for now."
            " Please do not reply to this message."
        ),
    ],
)
def test_a_receipt_that_says_what_it_is_needs_no_header(text: str) -> None:
    assert Origin.AUTO_REPLY is judge("Re: remote control", text, ANSWER)
    assert Origin.PERSON is judge("Re: remote control", f"Why this?\n{text}", ANSWER)
    by_hand = ("X-Mailer", "iPhone Mail (12B440)")
    assert Origin.PERSON is judge("Re: remote control", text, ANSWER, by_hand)


@pytest.mark.parametrize(
    "text",
    [
        "Thank you for your email. We have received your invoice and will pay it. Rita, Accounts",
        "Hi, we have received your request and looked at it. The outage is over. Ines",
        "I received my ticket, but the date is wrong. Your request form has been closed.",
        "To stop spam in the forum, I would have members confirm their address by a click.",
        "My order is on hold until you confirm my address.",
    ],
)
def test_people_thank_and_acknowledge_too(text: str) -> None:
    assert Origin.PERSON is judge("Re: Thank you for your email", text, ANSWER)


@pytest.mark.parametrize(
    ("subject", "text", "fields"),
    [
        (
            "Re: hi [verification required]",
            "The message you sent requires that you verify that you are a real live human being.",
            (),
        ),
        (
            "Re: order",
            "I apologize for this automatic reply to your email. To control spam I only allow…",
            (),
        ),
        (
            "Please confirm",
            "Your message is being held because your address has not been verified.",
            (BULK,),
        ),
    ],
)
def test_who_wants_to_know_that_a_person_wrote_answers(
    subject: str, text: str, fields: tuple[tuple[str, str], ...]
) -> None:
    assert Origin.AUTO_REPLY is judge(subject, text, *fields)


@pytest.mark.parametrize(
    "subject",
    ["Respuesta automática de Kim", "Abwesenheitsnotiz Re: Ihr Paket", "Fraværende: SV: Faktura"],
)
def test_subjects_of_automatic_answers_with_a_name_or_the_subject_behind(subject: str) -> None:
    assert Origin.AUTO_REPLY is judge(subject, "Vuelvo el lunes.", ANSWER)


def test_an_automatic_answer_that_somebody_writes_of_is_none() -> None:
    assert Origin.PERSON is judge("Automatic reply from your shop", "I got this three times.")


def test_sites_below_one_shared_domain_are_strangers_to_each_other() -> None:
    desk = Address("", "help@desk.co.uk")
    answer = ("In-Reply-To", "<1@shop.co.uk>")
    assert Origin.AUTO_REPLY is judge("Case 22", "Hello", GENERATED, answer, from_=desk)
    own = ("In-Reply-To", "<1@mail.desk.co.uk>")
    assert Origin.AUTOMATIC is judge("Case 22", "Hello", GENERATED, own, from_=desk)


KIM = Address("Kim", "kim@desk.example.net")


@pytest.mark.parametrize(
    "text",
    [
        "您好，您的邮件已收到，我会尽快给您回复！（自动回复）",
        "*** This is an automatic reply ***\n\nI check my mail on Fridays only.",
        "AUTOMATIC REPLY\n\nI check my mail on Fridays only.",
        "Invoices are paid weekly.\n[Automatische Antwort]",
        "Thank you for your e-mail. We will answer soon, usually within 3 working days.",
        "Danke für Ihre Nachricht! Wir bemühen uns, sie in drei Tagen zu beantworten.",
        (
            "I left in January and this mailbox is no longer monitored. Your message has not been"
            " forwarded. Please write to the office."
        ),
    ],
)
def test_what_only_a_machine_answers(text: str) -> None:
    assert Origin.AUTO_REPLY is judge("Re: parcel", text, ANSWER, from_=KIM)


@pytest.mark.parametrize(
    "text",
    [
        "(automatic reply) should be in the subject, not in the text. Otherwise fine with me.",
        "Thank you for your email. We will look into this and answer as soon as possible. Jo",
        "Thanks for your message! We usually pay within 14 days. I will ask accounting. Jo",
        "This address is no longer in use, please write to jo@new.example.com from now on. Jo",
        "Is this an\nautomatic reply\nor did you write it yourself?",
    ],
)
def test_what_people_answer(text: str) -> None:
    assert Origin.PERSON is judge("Re: parcel", text, ANSWER, from_=KIM)


def test_a_program_that_answers_by_itself_may_say_re() -> None:
    assert Origin.AUTO_REPLY is judge("Re: x", "Away.", ("X-Mailer", "Mail::Vacation"), from_=KIM)
    null = ("Return-Path", "<>")
    assert Origin.AUTO_REPLY is judge("Re: x", "I have left.", null, ANSWER, from_=KIM)


@pytest.mark.parametrize(
    ("subject", "text", "fields"),
    [
        ("Your parcel 1Z999 is on its way", "Track it.", (("X-SG-EID", "a"),)),
        ("Ihre Sendung wurde zugestellt", "Danke.", (("X-Mailer", "PHPMailer 6"),)),
        ("[Shop: ] New Order # 100221", "Thank you.", (("X-Mailer", "Zend_Mail"),)),
        (
            "New submission from Contact",
            "Name: Kim\nMessage: Call me",
            (("X-Mailer", "PHPMailer 5"),),
        ),
        ("Kontaktformular", "Name: Kim\nOrt: Bonn", (("X-PHP-Originating-Script", "5:m.php"),)),
        ("Reply to lamps", "Watch it.", (("X-Mailer", "phpBB3"),)),
        ("Reset your password", "Ignore it if not.", (("X-Mailer", "PHPMailer 6"),)),
        (
            "Your code",
            "Dear Kim, 4711. If you did not request this code, throw it away.",
            (("X-SG-EID", "a"), ("X-Mailer", "PHPMailer 6")),
        ),
        ("Lamps in May", "20 % off!", (("X-Mailer", "Sarbacane"),)),
        ("Message from KM_C364e", "", (("X-Mailer", "KONICA MINOLTA bizhub C364e"),)),
        ("Reserva confirmada", "Porto.", (("X-SG-EID", "a"),)),
        ("Page Lamps was changed", "Dear Kim", (("X-Mailer", "MediaWiki mailer"),)),
        (
            "Spring",
            "Lamps!\nYou are receiving this because you bought one. Unsubscribe here",
            (("X-SG-EID", "a"),),
        ),
    ],
)
def test_what_shops_forms_and_forums_write(
    subject: str, text: str, fields: tuple[tuple[str, str], ...]
) -> None:
    assert Origin.AUTOMATIC is judge(subject, text, *fields)


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        ("Reset your password", "I did, and it does not help."),
        ("Reserva confirmada", "Obrigado, até sexta."),
        ("Invoice 4711 from Lamps for May", "Please send it again."),
        ("Your parcel is on its way to the wrong town", "It went to Bergen. Please stop it."),
        ("New order", "Please send 5 lamps more."),
        ("Contact form", "Your contact form does not work."),
        ("Newsletter", "Where can I unsubscribe here? You say: to unsubscribe click."),
    ],
)
def test_people_write_of_parcels_forms_and_newsletters(subject: str, text: str) -> None:
    assert Origin.PERSON is judge(subject, text)
    assert Origin.PERSON is judge(f"Re: {subject}", text, ("X-SG-EID", "a"))


def test_a_fax_server_writes_by_itself() -> None:
    fax = Address("Fax", "fax@desk.example.net")
    assert Origin.AUTOMATIC is judge("Fax received from 555 0100", "2 pages", from_=fax)


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        (
            "Thank you for contacting Hotel X",
            "Your message has been received and a member of our team will respond in 24 hours.",
        ),
        ("Message received", "This message confirms that your email has been received."),
        (
            "Re: crash",
            "##- Please type your reply above this line -##\nYour request (22) has been received.",
        ),
        ("City Council - Automatic response", "Thank you for your email."),
        ("This is an autoreply [Re: parcel]", "Got it."),
        ("受付完了", "お問い合わせありがとうございます。このメールは自動送信されています。"),
        ("回复", "您好，您的邮件已收到。此邮件为系统自动发送，请勿回复。"),
    ],
)
def test_receipts_in_more_words(subject: str, text: str) -> None:
    assert Origin.AUTO_REPLY is judge(subject, text, ANSWER, from_=KIM)


def test_a_ticket_that_a_script_opened() -> None:
    text = "Thank you for contacting us. A support ticket has now been opened for your request."
    script = ("X-Mailer", "PHPMailer 5.2")
    assert Origin.AUTO_REPLY is judge("[Ticket ID: 22] crash", text, script)
    mine = "I have read your case. A ticket has been opened for it, and I will call you. Ben"
    assert Origin.PERSON is judge("[Ticket ID: 22] crash", mine, script)


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        ("autoreply", "Your autoreply says that you are back on Monday. Please call me then."),
        ("Message received", "I received your message, thank you. The lamp works again."),
        ("Re: visit", "Thank you for contacting us. One of our engineers will contact you. Jo"),
        ("Re: crash", "Your request has been received, but I am sorry to say that we are full."),
        ("Re: 订单", "您好，邮件收到了，明天付款。"),
        ("Re: お問い合わせ", "お問い合わせいただいた件ですが、明日発送いたします。山田"),
        ("Kim is on vacation", "I am her sister. Please leave the parcel with the neighbour."),
    ],
)
def test_people_receive_confirm_and_call_back_too(subject: str, text: str) -> None:
    fields = (ANSWER,) if subject.startswith("Re:") else ()
    assert Origin.PERSON is judge(subject, text, *fields, from_=KIM)


@pytest.mark.parametrize(
    ("subject", "text", "fields"),
    [
        ("Re: parcel", "Got it.", (("X-Auto-Response-From", "kim@desk.example.net"),)),
        ("**AUTO RESPONSE** parcel", "Gone fishing.", ()),
        ("<AUTO-REPLY> parcel", "Gone fishing.", ()),
        ("[Automatically generated reply] parcel", "Gone fishing.", (ANSWER,)),
        ("Holiday auto response", "Our offices are closed until 2 January.", ()),
        ("Automatische E-Mail-Antwort", "Ich bin im Urlaub.", ()),
        ("Ich bin im Urlaub", "Hallo, ich bin bis zum 9. März im Urlaub.", (ANSWER,)),
        ("Estou de férias", "Até 9 de março.", (ANSWER,)),
        ("Jsem mimo kancelář", "Budu zpět 9. března.", (ANSWER,)),
        ("Mensaje automático: estoy de vacaciones", "Vuelvo el 9.", (ANSWER,)),
    ],
)
def test_marks_and_subjects_of_more_answerers(
    subject: str, text: str, fields: tuple[tuple[str, str], ...]
) -> None:
    assert Origin.AUTO_REPLY is judge(subject, text, *fields, from_=KIM)


@pytest.mark.parametrize(
    "local", ["kim+canned.response", "autoresponder", "auto-reply", "info-autoreply", "autoreply-7"]
)
def test_addresses_that_answer_by_themselves(local: str) -> None:
    from_ = Address("", f"{local}@desk.example.net")
    assert Origin.AUTO_REPLY is judge("Re: parcel", "Got it.", from_=from_)


RELAYED = ("X-SG-EID", "a")  # people's mail, too, goes through such a relay


@pytest.mark.parametrize(
    ("subject", "text", "fields"),
    [
        ("Parcel delivered", "The parcel was delivered to my neighbour.", (RELAYED,)),
        ("New order", "Please send 5 lamps.", (RELAYED,)),
        ("Contact form broken", "Your contact form shows an error.", (RELAYED,)),
        ("unsubscribe", "To unsubscribe I clicked, but you are still sending.", (RELAYED,)),
        ("Absent", "Our trainee is absent until Monday, so please deal with me.", (ANSWER,)),
        ("Vacation", "Attached is my vacation request until 9 March.", (ANSWER,)),
        ("Sick leave", "I am on sick leave until 9 March. The paper is attached.", (ANSWER,)),
        ("Отпуск", "Прошу предоставить отпуск до 9 марта.", (ANSWER,)),
        ("Re: Offer", "Thank you for your e-mail. I normally answer within a day.", (ANSWER,)),
        (
            "Re: Offer",
            "Thank you for your message. We try to answer within 3 days whether we take it.",
            (ANSWER,),
        ),
        (
            "Re: account",
            "This account is not used any more, delete it. Your e-mail was not read by me.",
            (ANSWER,),
        ),
        ("Automated response: wrong", "I got an automated response with a wrong name.", ()),
    ],
)
def test_people_write_of_the_same_things(
    subject: str, text: str, fields: tuple[tuple[str, str], ...]
) -> None:
    assert Origin.PERSON is judge(subject, text, *fields, from_=KIM)


@pytest.mark.parametrize("subject", ["Out of office: parcel", "Fuera de la oficina: su pedido"])
def test_an_absence_that_names_what_it_answers_needs_no_header(subject: str) -> None:
    assert Origin.AUTO_REPLY is judge(subject, "I am away.", from_=KIM)


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        ("Out of office: 3-9 March", "I am out of the office from 3 to 9 March."),
        ("Out of office: Kim", "I am out of the office, Jo covers."),
        ("Out of office: parcel", "I am away, please hold it."),
        ("Absence: Kim Roe", "I am on leave from Monday."),
        ("Urlaub: Kim Roe", "Ich bin ab Montag im Urlaub."),
    ],
)
def test_people_announce_their_absence_with_when_and_who(subject: str, text: str) -> None:
    assert Origin.PERSON is judge(subject, text, from_=KIM)


def test_an_order_through_a_relay_is_no_form() -> None:
    text = "Lamps: 5\nColour: red\nThanks"
    assert Origin.PERSON is judge("New order 4711", text, RELAYED)
    assert Origin.AUTOMATIC is judge("New order 4711", text, ("X-Mailer", "PHPMailer 6"))


def test_a_station_of_disks_writes_by_itself() -> None:
    assert Origin.AUTOMATIC is judge("Backup finished", "Done.", ("X-Mailer", "Synology DSM"))


@pytest.mark.parametrize(
    ("subject", "text", "fields"),
    [
        ("Re: Rechnung", "Danke für Ihre E-Mail. Wir bemühen uns um Antwort auf alles.", (ANSWER,)),
        (
            "Re: devis",
            "Merci pour votre message. Nous faisons notre possible pour répondre vendredi.",
            (ANSWER,),
        ),
        ("Message automatique", "Je reçois un message automatique à chaque commande.", ()),
        ("Automatic message", "The automatic message on your phone is too loud.", (ANSWER,)),
        ("Re: ref 22", "(auto reply)\nwas all that I got from you.", (ANSWER,)),
        ("Shipment delivered", "Your shipment was delivered broken.", (RELAYED,)),
        ("Lieferung angekündigt", "Die Lieferung wurde angekündigt, kam aber nicht.", (RELAYED,)),
    ],
)
def test_people_complain_of_machines(
    subject: str, text: str, fields: tuple[tuple[str, str], ...]
) -> None:
    assert Origin.PERSON is judge(subject, text, *fields, from_=KIM)
