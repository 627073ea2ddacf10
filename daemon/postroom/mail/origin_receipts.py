"""What a help desk or a mailbox says at once to whom writes to it, by language.

Promise: words only; they tell an answer of a machine from its other mail, never a machine from a
person, who thanks for a mail in the same words. For text in lower case.
"""

from __future__ import annotations

import re

# "Your request has been received", "we have received your e-mail", "thank you for contacting us".
ACKNOWLEDGED = re.compile(
    r"\breceived (?:your|an?|the) (?:\w+ ){0,2}?(?:e-?mail|mail|message|request(?! (?:to|for)\b)"
    r"|ticket|enquiry|inquiry|query|question|feedback|comments?|submission|correspondence)\b"
    r"|\b(?:your|this|the|an?) (?:\w+ ){0,2}?(?:e-?mail|message|request|ticket|enquiry|inquiry"
    r"|query"
    r"|question|case|issue)\b(?:(?!\byou\b)[^.!?]){0,90}?\b(?:has|have|was|is) "
    r"(?:now |just |successfully )?"
    r"(?:been )?(?:received|logged|created|opened|registered|queued|assigned|submitted|recorded)\b"
    r"|\breceipt of your (?:\w+ )?(?:e-?mail|mail|message|request|enquiry|inquiry|query)\b"
    r"|\bin response to (?:the creation of|your (?:e-?mail|message|request|enquiry|inquiry))"
    r"|\b(?:automat\w+|auto-?)[ -]?(?:generated[ -])?(?:response|reply|acknowledge?ment"
    r"|responder)\b"
    r"|\bthank(?:s| you)(?: very much| so much)? for (?:contacting|writing|e-?mailing|reaching out"
    r"|getting in touch|your (?:recent )?(?:e-?mail|mail|message|enquiry|inquiry|question|query"
    r"|request|interest))\b"
    r"|\b(?:ihre|deine|eure) (?:\w+ )?(?:anfrage|nachricht|e-?mail|mail|meldung|supportanfrage"
    r"|ticket"
    r")\b[^.!?]{0,70}(?:erhalten|eingegangen|erfasst|aufgenommen|angelegt|registriert|erreicht)"
    r"|\b(?:eingang|erhalt) (?:ihrer|deiner) (?:anfrage|nachricht|e-?mail|mail|meldung)"
    r"|\b(?:dank|danke) für (?:ihre|deine|eure) (?:anfrage|nachricht|e-?mail|mail|kontaktaufnahme)"
    r"|\bautomatische(?:r|s|n)? (?:antwort|eingangsbestätigung|empfangsbestätigung|rückantwort)"
    r"|\breçu (?:votre|ta) (?:demande|message|e-?mail|mail|courriel)"
    r"|\bvotre (?:demande|message|e-?mail|mail|courriel|ticket)\b[^.!?]{0,60}(?:reçue?|enregistr"
    r"|prise? en (?:compte|charge)|créé)|\bmerci (?:de|pour) (?:votre (?:message|demande|e-?mail"
    r"|mail|courriel)|nous avoir contact|de nous avoir contact)|\bréponse automatique"
    r"|\b(?:recibido|recibimos) (?:su|tu) (?:solicitud|mensaje|consulta|correo|e-?mail|petición)"
    r"|\b(?:su|tu) (?:solicitud|mensaje|consulta|correo|ticket)\b[^.!?]{0,60}(?:recibid|registrad"
    r"|cread)|\bgracias por (?:contactar|ponerse en contacto|escribir|comunicarse|(?:su|tu)"
    r" (?:mensaje"
    r"|consulta|correo|e-?mail))|\brespuesta automática"
    r"|\bricevuto (?:la|il) (?:sua|tua|suo|tuo|vostra) (?:richiesta|mail|e-?mail|messaggio)"
    r"|\b(?:la sua|la tua|la vostra) (?:richiesta|segnalazione|e-?mail)\b[^.!?]{0,60}(?:ricevut"
    r"|registrat|pres[ao] in carico)|\bgrazie per (?:aver(?:ci)? (?:contattat|scritt)"
    r"|(?:la sua|la tua) (?:e-?mail|mail|richiesta|messaggio))|\brisposta automatica"
    r"|\brecebemos (?:a )?(?:o )?(?:sua|seu|tua|teu) (?:mensagem|solicitação|pedido de (?:suporte"
    r"|contato)|e-?mail|contato|chamado)|\b(?:sua|seu) (?:mensagem|solicitação|chamado|e-?mail)\b"
    r"[^.!?]{0,50}(?:recebid|registrad|abert)|\bobrigad[oa] p(?:or|ela|elo) (?:entrar em contat"
    r"|contat|seu (?:contato|e-?mail)|sua (?:mensagem))|\bresposta automática"
    r"|\b(?:uw|je) (?:vraag|bericht|e-?mail|verzoek|melding|ticket)\b[^.!?]{0,60}(?:ontvangen"
    r"|geregistreerd|aangemaakt)|\b(?:bedankt|dank) voor (?:uw|je) (?:bericht|mail|e-?mail|vraag"
    r"|aanvraag)"
    r"|\b(?:ditt|din|dit|vår?t) (?:ärende|meddelande|mail|mejl|e-post|henvendelse|melding|besked"
    r"|sag|sak|förfrågan)\b[^.!?]{0,50}(?:mottag|modtag|mottat|registrer|tagit emot)"
    r"|\b(?:mottagit|modtaget|mottatt) (?:ditt|din|dit) |\bta(?:ck för|k for|kk for) (?:ditt|din"
    r"|dit|att du kontakt) ?(?:mail|mejl|meddelande|e-post|henvendelse|melding|besked|förfrågan)?"
    r"|\b(?:viesti|yhteydenotto|pyyntö|palvelupyyntö)\w* on (?:vastaanotettu|kirjattu)"
    r"|\bkiitos (?:viestist|yhteydenot)|\botrzymaliśmy (?:państwa|twoj\w+|pani|pana) "
    r"|\b(?:zgłoszenie|wiadomość|zapytanie)\b[^.!?]{0,50}(?:przyjęt|zarejestrowan|otrzyman)"
    r"|\bdziękujemy za (?:kontakt|wiadomość|zgłoszenie|przesłanie)|\b(?:váš|vaše|vaši) (?:požadavek"
    r"|e-?mail|zpráv\w|dotaz|žádost)\b[^.!?]{0,50}(?:přijat|přijali|zaregistrov|obdržel)"
    r"|\bděkujeme za (?:váš|vaši|zprávu|dotaz)|\b(?:levelét|üzenetét|megkeresését|e-mailjét)\b"
    r"[^.!?]{0,40}(?:megkaptuk|rögzítettük)|\bköszönjük (?:levelét|megkeresését|üzenetét)"
    r"|\bваш\w{0,3} (?:обращение|заявка|запрос|письмо|сообщение)\b[^.!?]{0,60}(?:принят|получен"
    r"|зарегистр)|\bспасибо за (?:ваше )?(?:обращение|письмо|сообщение)|\bмы получили ваш"
    r"|\b(?:talebiniz|mesajınız|e-postanız)\b[^.!?]{0,40}(?:alın|ulaş|kaydedil)"
    r"|お問い?合わ?せ(?:いただき|を受け?付|ありがとう|頂き)|(?:メール|お問い?合わ?せ"
    r"|ご連絡)[をは].{0,12}"
    r"(?:受け?付|受信|受領)|自動(?:返信|応答)|(?:收到|已收到)(?:您|你)的(?:邮件|来信|请求|咨询"
    r"|信件)"
    r"|(?:您|你)的(?:邮件|来信|请求|工单|郵件|來信).{0,12}(?:收到|受理|已创建)|自动回复|自動回覆"
    r"|(?:문의|메일|요청).{0,12}(?:접수|수신)되|자동 ?(?:회신|응답)",
)

# Of these what only says that it came, or that a number was given to it.
RECEIVED = re.compile(
    r"\byour (?:\w+ ){0,2}?(?:e-?mail|message|request|ticket|enquiry|inquiry"
    r"|case)\b[^.!?]{0,60}?\b(?:has|have"
    r"|was|is) (?:now |just |successfully )?(?:been )?(?:received|logged|created|opened"
    r"|registered|queued)\b"
    r"|\b(?:an?|the) (?:\w+ )?(?:ticket|case|incident) (?:has|was) (?:now "
    r"|just )?(?:been )?(?:opened|created"
    r"|logged)\b|\bhave (?:\w+ )?received your (?:e-?mail|message|enquiry|inquiry"
    r"|request(?! (?:to|for)\b))"
)
# "This message confirms that your e-mail has been received."
CONFIRMED = re.compile(
    r"\bthis (?:e-?mail|message|note) (?:is to )?(?:confirms?"
    r"|acknowledges?)\b[^.!?]{0,40}\b(?:e-?mail|message"
    r"|enquiry|inquiry)\b"
)
REPLY_LINE = re.compile(r"\b(?:type|add|write|enter) your (?:reply|response) above this line")
# A machine's "my account" is the reader's, and "io" in "example.io" nobody.
IN_FIRST_PERSON = re.compile(
    r"(?<![\w.@/-])(?:"
    r"(?:i|i'm|i've|i'll|i'd|me|my(?! (?:account|orders?|profile|preferences|subscriptions?"
    r"|wish ?list)))\b(?! ?\.)"
    r"|(?:ich|mir|mich|mein\w{0,2}|je|j'ai|mon|ma|mes|yo|mí|io|mio|mia|eu|meu|minha|ik|mijn|jag|mig"
    r"|jeg|meg|minun|mój|moja|moje|můj|moje|я|мне|мой|моя|моё|benim)\b)"
)

# Who wants to know that a person wrote before he reads it.
CHALLENGED = re.compile(
    r"\bapologi[sz]e for this automat\w+ (?:reply|e-?mail|message|response)"
    r"|\brequires? that you verify that you are\b|\b(?:only|not) from senders (?:that )?i have"
    r" (?:approved|not)|\bjust this once\b.{0,40}\bclick\b|\b(?:added|add you) to my (?:guest"
    r"|safe|approved|allowed|white) ?-?list"
)
# The same in words that people have for other things, too.
MAY_CHALLENGE = re.compile(
    r"\b(?:protect\w*|control|fight|reduce|prevent|block|stop)\b.{0,60}\b(?:spam|junk)\b.{0,200}"
    r"\b(?:confirm|verify|click|approved|reply to this)\b"
    r"|\b(?:being held|is held|was held|on hold|quarantined)\b.{0,60}\b(?:until|because)\b.{0,80}"
    r"\b(?:confirm|verif|approv)"
)

# "(Automatic reply)" alone in its line or behind the last sentence, or so without brackets first.
_OF_ANSWERS = (
    r"(?:this is an? |dies ist eine |ceci est une |esta es una |questa è una |esta é uma )?"
    r"(?:auto(?:mat\w+)?[- ]?(?:reply|response|answer)|automatische antwort|réponse automatique"
    r"|respuesta automática|risposta automatica|resposta automática|automatisch antwoord|autosvar"
    r"|automatiskt? svar|автоответ|автоматический ответ|自动(?:回复|答复|回覆)"
    r"|自動(?:返信|応答|回覆|送信)(?:メール)?|자동 ?(?:회신|응답|답장)(?: ?메일)?)"
)
_MARK = rf"[\[(（【［<*=-]+\s?{_OF_ANSWERS}[.!。]?\s?[\])）】］>*=-]+"
MARKED = re.compile(rf"\A\s*{_MARK}\s*?\n|(?:\n|[.!?。！？])[^\S\n]*{_MARK}\s*\Z")
FIRST_SAID = re.compile(rf"\W*{_OF_ANSWERS}\s?[.!:。]")
HEADED = re.compile(rf"\A\s*{_OF_ANSWERS}[.!:]?[^\S\n]*\n")

# How soon one is answered as a rule, said with thanks: nobody's own words.
ANSWERED_SOON = re.compile(
    r"\b(?:aim|endeavou?r|strive|try|do our best|make every effort|usually|normally|typically"
    r"|generally)\b"
    r"[^.!?]{0,40}\b(?:answer|respond|reply|get back|be in touch|response)\w*\b[^.!?]{0,60}"
    r"(?:\b(?:within|in) [^.!?]{0,30}(?:days?|hours?|weeks?)\b(?: of \w+)?[.!,;]"
    r"|\bas (?:soon|quickly)|\bpromptly)"
    r"|\b(?:answer|respond|reply|get back|be in touch)\b[^.!?]{0,60}\b(?:usually|normally|typically"
    r"|generally) (?:within|in)\b"
    r"|\bin der regel\b[^.!?]{0,60}\b(?:innerhalb|binnen)\b[^.!?]{0,60}(?:antwort|beantwort|melden)"
    r"|\b(?:antwort|beantwort)\w*\b[^.!?]{0,60}\bin der regel (?:innerhalb|binnen)"
    r"|\bbemühen uns,? (?:ihre|alle|jede|sie|diese)\b[^.!?]{0,80}(?:beantwort|antwort)"
    r"|\bnous (?:nous efforçons|faisons notre"
    r" possible)\b[^.!?]{0,40}(?:\b(?:y|vous) répon|\brépondre à (?:votre|tous|toutes|chaque))"
    r"|\b(?:normalmente|habitualmente|geralmente|di solito)\b"
    r"[^.!?]{0,40}\b(?:respond|rispond)|\b(?:streven ernaar|doorgaans"
    r"|normaal gesproken)\b[^.!?]{0,40}"
    r"\b(?:beantwoord|reager|antwoord)|\b(?:vanligtvis|normalt|som regel)\b[^.!?]{0,40}\bsvar"
)

# Nobody reads what comes there, and this was not read either: both have to be said.
NOBODYS = re.compile(
    r"\b(?:this|the) (?:e-?mail )?(?:mailbox|inbox|(?:e-?mail )?address"
    r"|(?:e-?mail )?account) (?:you (?:have )?"
    r"(?:written|sent|replied|e-?mailed) (?:to )?)?(?:is|was|has been) (?:no longer|not|now|un)\s?"
    r"(?:in use|used|monitored|active|checked|read|being|closed|attended|valid)"
    r"|\bdies(?:e|es) (?:postfach|e-?mail-?adresse|adresse|mailbox) (?:wird"
    r"|ist) (?:nicht (?:mehr )?|außer )"
    r"(?:gelesen|betreut|überwacht|verwendet|genutzt|aktiv|abgerufen|betrieb|gültig)"
    r"|\bcette (?:adresse|boîte)\b[^.!?]{0,30}\bn'est (?:plus|pas)\b|\besta (?:dirección|cuenta"
    r"|casilla)"
    r"[^.!?]{0,30}\b(?:ya )?no (?:está|es|se)\b|\bquest[ao] (?:indirizzo"
    r"|casella)\b[^.!?]{0,30}\bnon è"
)
UNREAD = re.compile(
    r"\b(?:e-?mails?|messages?|mails?)\b[^.!?]{0,20}\b(?:not|never)\b"
    r"[^.!?]{0,20}\b(?:read|forwarded|delivered|answered|processed|received|redirected"
    r"|seen)\b(?! by (?:me|us)\b)"
    r"|\bihre (?:nachricht|e-?mail|mail|anfrage)\b[^.!?]{0,20}\bnicht (?:automatisch )?(?:gelesen"
    r"|weitergeleitet|bearbeitet|beantwortet|zugestellt)|\bvotre (?:message|courriel|mail"
    r"|e-?mail)\b"
    r"[^.!?]{0,20}\b(?:pas|ni)\b[^.!?]{0,20}(?:lu|transmis|traité)|\bsu (?:mensaje"
    r"|correo)\b[^.!?]{0,10}"
    r"\bno\b[^.!?]{0,20}(?:leíd|reenviad|procesad)|\b(?:messaggio|e-?mail)\b[^.!?]{0,10}\bnon\b"
    r"[^.!?]{0,20}(?:lett|inoltrat)"
)
