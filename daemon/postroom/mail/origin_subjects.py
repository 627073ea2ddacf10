"""The subjects of automatic answers, absences, machines and shops, as data.

People write nearly all of them, too: how much each weighs is said where it is asked for.
"""

from __future__ import annotations

import re

ANSWERED = re.compile(
    r"\s*+(?:re|aw|antw?|sv|vs|rv|fwd?|wg|tr|rif|ref|odp|ynt|r|res|enc|doorst|vb|vl|pd|i|转发"
    r"|回复|回覆"
    r"|轉寄|答复|答覆)\s?(?:\[\d+\])?\s?[:：]",
    re.IGNORECASE,
)

# The fixed words that programs, and only they, put before or instead of the subject of an answer.
AUTOMATIC_ANSWER = re.compile(
    r"\s*+[\[(<*【［「]{0,3}(?:this is an? |系统)?"
    r"(?:auto(?:matic|mated)?[- ]?(?:e-?mail |mail )?(?:reply"
    r"|response|responder"
    r"|answer|antwort|svar|acknowledge?ment|confirmation)(?: from| message| notice)?"
    r"|automatically generated (?:reply|response)|(?:holiday|christmas) auto[- ]?(?:reply|response)"
    r"|automatische e-?mail-antwort|autoresp|out[- ]of[- ](?:the[- ])?office[- ](?:auto-?(?:reply"
    r"|response)|response"
    r"|automatic reply|reply)|vacation (?:auto-?)?(?:reply|response)|(?:absence|ooo"
    r"|oof) (?:auto-?reply)|automatische (?:antwort|empfangsbestätigung|eingangsbestätigung"
    r"|rückantwort|antwort(?:mail)?)|abwesenheitsnotiz|abwesenheitsassistent"
    r"|abwesenheitsbenachrichtigung|abwesenheitsmeldung|autom\. antwort|auto-?antwort"
    r"|réponse automatique|notification d'absence|respuesta autom[áa]tica|risposta automatica"
    r"|messaggio di assenza|resposta autom[áàa]tica"
    r"|automatisch (?:antwoord|bericht)|afwezigheids\w{3,20}|auto-?svar|automati(?:skt?"
    r"|sch) (?:svar|besked|antwort)|frånvaromeddelande|fraværs(?:assistent|besked|melding)"
    r"|automaattinen (?:vastaus|poissaolo\w{0,10})|automaatvastus|autom(?:atick"
    r"|atisk)[áaýt] (?:odpověď|odpoveď|svar)|odpowied[źz] automatyczna|automatyczna odpowied[źz]"
    r"|automatski odgovor|аутоматски одговор|samodejni odgovor|automatinis atsakymas"
    r"|automātiskā atbilde"
    r"|автоответ\w{0,10}|автоматическ\w{2,3} (?:ответ|уведомление)|автоматична відповідь"
    r"|автоматичен отговор|αυτόματη απάντηση|otomatik (?:yanıt|cevap)|automatikus válasz"
    r"|r[ăa]spuns automat|jawapan automatik|balasan (?:otomatis|automatik)"
    r"|erantzun automatikoa|автоматты жауап|sjálfvirkt svar|avtomatik cavab|përgjigje automatike"
    r"|автоматски одговор|outomatiese antwoord|automatische abwesenheits\w{3,20}|abwesenheits-info"
    r"|message d['’]absence|poissaolo(?:viesti|ilmoitus)|trả lời tự động"
    r"|(?:การ)?ตอบกลับอัตโนมัติ"
    r"|תשובה אוטומטית|מענה אוטומטי|(?:ال)?رد (?:ال)?تلقائي|پاسخ خودکار|स्वचालित \S{1,10}"
    r"|(?:부재 ?중 ?)?자동 ?(?:회신|응답|답장)|自动(?:答复|回复|应答)|自動(?:回覆|回信|答覆|応答"
    r"|返信"
    r"|送信)\w{0,6}|不在通知|休暇通知)(?:[\])*】］」>]|\s*+(?:[:：\-–—(\[【]|$)"
    r"|\s(?:re|aw|fwd?|wg|sv|vs|rv|tr|odp)\s?[:：])"
    r"|\s*+(?:automatische antwort auf|auto(?:matic)?[- ]?(?:reply|response) to) (?:ihre"
    r"|your)\b"
    r"|\s*+yahoo! auto response"
    # Domino, of a name with its organisation.
    r"|\s*+[^/:]{1,60}(?:/[^/:]{1,40}){1,4} (?:is out of the office|ist außer haus|est absent"
    r"|est en congé|non è in ufficio|está fuera de la oficina|is niet op kantoor)"
    r"|\s*+auto: .{1,80} is out of|\s*+(?:autoreply|autoresponse)\b|\s*+out of office auto-?reply",
    re.IGNORECASE,
)

# "City Council - Automatic response"
ENDS_AUTOMATIC = re.compile(
    r"(?:\s[-–—|:]|[\[(])\s?(?:auto(?:matic|mated)?[- ]?(?:reply|response|acknowledge?ment)"
    r"|automatische antwort|réponse automatique|respuesta automática|risposta automatica"
    r"|resposta automática|automatisch antwoord|automatisk svar|автоответ|自动回复|自動返信"
    r"|자동 ?회신)\W{0,2}$",
    re.IGNORECASE,
)
# How GroupWise ends the subject of what it answers.
ENDS_AWAY = re.compile(
    r"[\[(](?:out of (?:the )?office|abwesend|abwesenheit|absent|fuera de la oficina|fuori ufficio"
    r"|afwezig|ausente|frånvarande|fraværende)[\])]\W{0,2}$",
    re.IGNORECASE,
)
# With a name behind it people write it, too: "Automatic reply from your colleague".
AUTOMATIC_FROM = re.compile(
    r"\s*+(?:auto(?:matic)?[- ]?(?:reply|response)|automatische antwort|réponse automatique"
    r"|respuesta automática|risposta automatica|resposta automática|automatisch antwoord"
    r"|autosvar|automatisk svar|automatyczna odpowiedź|автоответ|автоматический ответ)"
    r" (?:from|of|by|de|d['’]|von|di|da|van|från|fra|od|от) ?\S"
    # So may other mail of machines begin.
    r"|\s*+[\[(*]?(?:mensaje automático|message automatique|messaggio automatico"
    r"|mensagem automática"
    r"|automatische nachricht|automat(?:ic|ed) message|automatisk melding|automatiskt meddelande"
    r"|automatisch bericht|автоматическое сообщение|自动消息)\b",
    re.IGNORECASE,
)

# Sieve puts "Auto: " before a subject; Germans write of their cars.
AUTO_SUBJECT = re.compile(r"\s*+auto(?:[:：] ?re)?\s?[:：]", re.IGNORECASE)

# People announce this, too.
AWAY_SUBJECT = re.compile(
    r"\s*+[\[(【*]?(?:out[- ]of[- ](?:the[- ])?(?:office|town)"
    r"(?: message| notice| notification)?|ooo|vacation(?: notice| message)?"
    r"|ich bin (?:\S+ )?(?:im urlaub|abwesend|nicht (?:im (?:büro|haus)|da)|verreist|außer haus)"
    r"|sono (?:in ferie|assente|fuori ufficio)|(?:estou|estarei) (?:de férias|ausente)"
    r"|(?:estoy|estaré) (?:de vacaciones|ausente|fuera de la oficina)|je suis (?:en (?:congés?"
    r"|vacances)|absente?)"
    r"|ik ben (?:afwezig|er niet)|jag är (?:på semester|ledig|borta|bortrest)|jeg er (?:på ferie"
    r"|bortreist|fraværende)"
    r"|jestem (?:na urlopie|nieobecn[ya])|jsem (?:na dovolené|mimo kancelář)|(?:я )?в отпуске"
    r"|olen lomalla"
    r"|szabadságon vagyok|sunt în concediu|not in the office|on (?:vacation|holiday|leave)"
    r"|away(?: from .{1,20}| message| notice)?"
    r"|(?:i am|i'm) "
    r"(?:currently |now )?(?:away|on (?:vacation|holiday|leave)|out of (?:the |my )?office"
    r"|out of .{1,20})|absen(?:ce|t)(?:\(e\)| notice| message"
    r"| du bureau)?|holiday(?: notice| message)?|abwesen(?:d|heit)|urlaub|im urlaub|en vacances"
    r"|fuera de (?:la )?oficina|ausente(?: de la oficina)?|fuori (?:sede|ufficio)"
    r"|ausência(?: temporária)?|fora do escritório|niet aanwezig|afwezig|frånvar(?:o|ande)?"
    r"|fraværende"
    r"|fravær(?: fra kontoret)?|ikke på kontoret|poza biurem|mimo kancel[áa]\w{1,4}"
    r"|absent de la birou|în concediu|отсутстви[ея] на (?:рабочем месте|работе)|отсутствую"
    r"|нет (?:на работе"
    r"|в офисе)|вне офиса|εκτός γραφείου|不在[办辦]公室|外出|休假|出差"
    r"|(?:on )?(?:annual|maternity|parental|sick|medical|paternity) leave|delayed response"
    r"|(?:on )?sabbatical(?: leave)?"
    r"|elternzeit|mutterschutz|betriebs(?:ferien|urlaub)|congé (?:de )?maternité"
    r"|baja (?:de )?maternal"
    r"|barsel(?:sorlov)?|foreldrepermisjon|föräldraledig(?:het)?|(?:ouderschaps"
    r"|zwangerschaps)verlof"
    r"|urlop(?: macierzyński)?|dovolená|dovolenka|отпуск"
    r"|nicht (?:im (?:haus|büro)|erreichbar|anwesend)|au(?:ß|ss)er (?:haus|dienst)|отсутствие"
    r"|(?:en )?congés|(?:in|chiuso per) ferie|vakantie|szabadság(?:on)?|izindeyim"
    r"|(?:yıllık )?izin|.{0,12}不在(?:です|にしております)"
    r"|assente(?: dall.ufficio)?"
    r"|(?:ik ben )?(?:met|op) vakantie|semester|fraværsmelding"
    r"|ikke til stede|på ferie|poissa|nieobecno[śs][ćc](?: w (?:biurze|pracy))?"
    r"|в отпуске|ofis dışı\w{0,10}|házon kívül"
    r"|不在(?:届|連絡)?|休暇中?|外出(?:中|通知)|부재 ?중 ?\S{0,10}"
    r"|[^:]{1,60} (?:is (?:out of the office|on (?:vacation|holiday|leave)|away)"
    r"|ist (?:außer haus|nicht im (?:haus|büro)|abwesend)|est(?:ar)?á (?:ausente|fuera|fora)"
    r"(?: de la oficina| do escritório)?|(?:est|sera) absente?(?: du bureau)?"
    r"|(?:è|sarà) (?:fuori (?:sede|ufficio)|assente)(?: dall.ufficio)?"
    r"|is (?:afwezig|niet op kantoor|niet aanwezig)|är (?:inte på kontoret|frånvarande)"
    r"|er (?:ikke på kontoret|fraværende)"
    r"|on poissa(?: toimistosta)?|jest nieobecn[ya]|je mimo kancelář"
    r"|отсутствует(?: в офисе)?))\s*+(?:[:：\-–—()\[\]【】.!]|(?<=\s)(?:re"
    r"|aw|antw?|sv|vs|rv|odp|ynt|r|res)\s?[:：]"
    r"|(?:until|till?|through|from|bis|vom|ab|jusqu|hasta|fino|até|tot|t/m|till|do|od|до|с)\W|$)",
    re.IGNORECASE,
)
# Behind an absence: the subject of the mail that is answered. A person's program puts it first.
THEN_ANSWER = re.compile(
    r"(?<=.{4})\b(?:re|aw|antw?|sv|vs|rv|odp|ynt|r|res|回复"
    r"|答复)\s?(?:\[\d+\])?\s?[:：]",
    re.IGNORECASE,
)

MACHINE_SUBJECT = re.compile(
    r"\s*+(?:cron <[^<>]{1,200}> |anacron job|logwatch for |report domain: ?\S+ "
    r"|\*{1,3} ?(?:security information|problem|recovery|acknowledgement|nagios|downtime)"
    r"|\*\* (?:problem|recovery|acknowledgement|flapping|downtime)|(?:problem|recovery|resolved"
    r"|ok|critical|warning): .{1,200} (?:on|is|has|host|service) |\[?(?:firing"
    r"|resolved)(?::\d+)?\]|build (?:failed|fixed|success)|(?:e?fax"
    r"|voice ?mail) (?:message )?(?:received )?from"
    r"|new (?:voice ?mail|fax)\b|scan(?:ned)? (?:from|image|document) "
    r"|you have (?:a )?(?:new )?(?:voice ?mail"
    r"|fax)|smart error|apt-listchanges"
    r"|undelivered mail|rkhunter"
    r"|(?:library )?(?:courtesy|overdue|pre-?overdue|hold pickup|recall) (?:reminder )?notice\b)",
    re.IGNORECASE,
)

# As in "Re: Hello [verification required]": who wants to be sure of the sender answers so.
CHALLENGE = re.compile(
    r"[\[(](?:(?:mail |sender |e-?mail )?(?:verif|confirm|authenti)\w*(?: required| needed)?"
    r"|action required)[\])]\s*$",
    re.IGNORECASE,
)

# A help desk tells its customer: weak, as a shop's.
TICKET_SUBJECT = re.compile(
    r"\s*+(?:\[[^\]]{1,40}\]:?\s?)?(?:(?:your|new|support) (?:support )?(?:request|ticket|case"
    r"|inquiry"
    r"|enquiry|issue)\b.{0,60}?\b(?:received|created|opened|registered|logged|closed|resolved"
    r"|updated|assigned)|(?:request|ticket|case|incident|issue) (?:received|created|opened|closed"
    r"|resolved|\W?\w{0,6}\d{2,12}\b.{0,60}\b(?:received|created|opened|closed|resolved|assigned"
    r"|updated))|we(?:'ve| have) received your (?:request|message|inquiry|enquiry|e-?mail)"
    r"|(?:ihre|deine) anfrage\b.{0,60}?(?:eingegangen|erhalten|geschlossen|erfasst|aufgenommen)"
    r"|eingangsbestätigung|ticket .{0,30}(?:eröffnet|erstellt|angelegt|geschlossen)"
    r"|votre (?:demande|ticket)\b.{0,60}?(?:reçue?|enregistrée?|prise? en compte|clos|résolue?)"
    r"|accusé de réception|su (?:solicitud|consulta|ticket)\b.{0,60}?(?:recibid|cread|cerrad)"
    r"|ваш[ае]? (?:заявка|обращение|запрос)\b.{0,60}?(?:принят|получен|зарегистрирован|закрыт))",
    re.IGNORECASE,
)
# A receipt of Outlook in words.
RECEIPT = re.compile(
    r"\s*+(?:read|not read|deleted|gelesen|nicht gelesen|ungelesen gelöscht|gelöscht|lu|non lu"
    r"|leído"
    r"|no leído|letto|non letto|lida|não lida|gelezen|niet gelezen|läst|læst|lest|luettu"
    r"|przeczytano"
    r"|přečteno|прочитано|okundu|開封済み|已读|已讀|읽음)\s?[:：]",
    re.IGNORECASE,
)
# Of these each alone is a program's.
CERTAIN_SUBJECT = re.compile(
    r"\s*+(?:(?:\[[^\]]{1,40}\] )?\[(?:firing|resolved):\d+\]|cron <\S+@\S+> |logwatch for \S+ \("
    r"|\*\* (?:problem|recovery|acknowledgement|flapping\w*|downtime\w*)"
    r"(?: (?:service|host))? alert"
    r"|\[prtg network monitor|fritz!box-info|\[fail2ban\]|(?:degradedarray|fail|sparesmissing"
    r"|newarray|devicedisappeared) event on /dev/|smart error \(\w+\) detected on host"
    r"|microsoft (?:office )?outlook[- ]test(?: message|nachricht)\s*$"
    r"|monitor is (?:down|up): "
    r"|(?:\[[^\]]{1,40}\]: )?new message \d+ in mailbox \d+\s*$"
    r"|e?fax message from \W?[^\"]{1,40}\W? - \d+ page)",
    re.IGNORECASE,
)

# A shop tells its customer: weak, for customers answer in these words.
SHOP_SUBJECT = re.compile(
    r"\s*+(?:\[[^\]]{1,40}\]:? )?(?:"
    r"(?:your|ihre|deine|eure|votre|ta|su|tu|tuo|il tuo|uw|je|sua|seu|din|twoje|vaše|ваш)"
    r" (?:\S+ ){0,4}?"
    r"(?:order|bestellung|commande|pedido|ordine|bestelling|encomenda|beställning|ordre|zamówienie"
    r"|objednávka|заказ)\b.{0,30}?(?:received|confirm|shipped|dispatched|complete|bestätig"
    r"|eingegangen|empfangen|versandt|reçue|recibid|ricevut|verschickt|confirmée|expédiée|recibido|confirmado|enviado|confermato"
    r"|spedito|ontvangen|bevestig|verzonden|mottagen|bekräft|modtaget|potwierdz|przyjęt|przyjat"
    r"|оформлен|принят|подтвержд)"
    r"|(?:\S+[ :]){0,3}?(?:reset|change) your (?:\S+ )?password\b|(?:\S+ ){0,3}?password reset\b"
    r"|(?:please )?(?:verify|confirm|activate) your (?:\S+ )?(?:e-?mail|account|registration)"
    r"|(?:\S+ ){0,3}?(?:verification|security|login|access|confirmation) code\b"
    r"|(?:\S+ ){0,2}?passwort (?:zurücksetzen|vergessen)\b"
    r"|réinitialis\w+ (?:de )?votre mot de passe"
    r"|restablec\w+ (?:tu|su) contraseña|reimposta\w* (?:la )?password|wachtwoord (?:opnieuw"
    r"|herstellen)|bestätigen sie ihre (?:e-?mail|registrierung|anmeldung)"
    r"|(?:your )?(?:booking|reservation) (?:is )?confirmed\b"
    r"|(?:sua |su |a sua )?reserva confirmada\b"
    r"|(?:votre )?réservation confirmée\b|(?:la tua )?prenotazione confermata\b"
    r"|(?:uw |je )?(?:reservering|boeking) (?:is )?bevestigd\b"
    r"|(?:ihre )?buchung (?:ist )?bestätigt\b"
    r"|invoice #?[A-Z]{0,5}-?\d{3,12} from .{2,60} (?:for|to) \S"
    r"|(?:\S+ )?outbid notice\b|receipt for your payment to\b"
    # "Your Berg & Sons order #100048213"
    r"|(?:your|ihre|deine|eure|votre|ta|su|tu|tuo|il tuo|uw|je|sua|seu|din|twoje|vaše|ваш)"
    r" (?:\S+ ){0,5}?"
    r"(?:order|bestellung|commande|pedido|ordine|bestelling|encomenda|beställning|ordre|zamówienie"
    r"|objednávka|заказ) (?:(?:no|nr|n°|nº|№)\.? ?)?#?\w{0,6}\d{3,12}\W{0,2}$"
    r"|order #?\w{0,6}\d{3,12} (?:is |has been |was )?(?:confirmed|shipped|received|completed)\b"
    r"|(?:order|shipping|payment|booking) confirmation\W{0,3}#?\w{0,6}\d{3,12}"
    r"|(?:bestell|auftrags|eingangs|versand|zahlungs|buchungs)bestätigung\b.{0,20}\d{3,12})",
    re.IGNORECASE,
)

# So does who brings it.
PARCEL_SUBJECT = re.compile(
    r"\s*+(?:\[[^\]]{1,40}\]:? )?(?:your |ihre? |votre |su |tu |il tuo |uw |je |din |ditt "
    r"|ваш[ае]? )?(?:\S+ ){0,2}?"
    r"(?:parcel|package|shipment|delivery|paket|sendung|lieferung|colis|livraison|paquete|envío"
    r"|entrega"
    r"|pacco|spedizione|pakket|zending|pakke|paczka|przesyłka|zásilka"
    r"|посылка)\b.{0,40}?(?:on (?:its|the) way"
    r"|\bshipped|\bdispatched|\bdelivered|out for delivery|arriv|ready for|scheduled|unterwegs"
    r"|zugestellt"
    r"|versandt|angekündigt|en route|en chemin|expédié|livrée?|en camino|enviad|entregad"
    r"|in arrivo|in consegna"
    r"|spedit|onderweg|bezorgd|på vei|på väg|på vej|w drodze|na cestě|отправлен|в пути)",
    re.IGNORECASE,
)

# A form on a site tells its owner what somebody filled in.
FORM_SUBJECT = re.compile(
    r"\s*+(?:\[[^\]]{1,60}\]:? |[^:]{1,40}: )?(?:(?:new|neue[rs]?|nouve(?:au|lle)|nuev[oa]"
    r"|nuov[oa]|nov[oa]|nieuwe?)"
    r" (?:\S+ )?(?:submission|form entry|entry|order|lead|comment|registration|user|member"
    r"|bestellung"
    r"|kommentar|anmeldung|registrierung|commande|inscription|commentaire|pedido|comentario"
    r"|registro|ordine"
    r"|commento|iscrizione|encomenda|inscrição|bestelling|reactie|aanmelding)\b|(?:contact|web"
    r"|website|online"
    r"|enquiry|inquiry|feedback|quote|order|registration) ?form\b|form submission|submission from"
    r"|kontakt(?:formular|anfrage)|anfrage über (?:das|ihr|die)|formulaire de contact"
    r"|formulario de contacto"
    r"|modulo (?:di )?contatt|formulário de contato|contactformulier|kontakt(?:skjema|formulär))",
    re.IGNORECASE,
)

AGGREGATE = re.compile(
    r"\s*+(?:\[[^\]]{0,60}\]\s?)?report[- ]domain\s?:\s?\S{1,255}.{0,10}\bsubmitter\s?:",
    re.IGNORECASE,
)
