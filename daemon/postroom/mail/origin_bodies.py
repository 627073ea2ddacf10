"""What machines say of themselves, and the absent of their absence, in the text; as data.

For text in lower case.
"""

from __future__ import annotations

import re

AWAY = re.compile(
    r"\b(?:i am|i'm|i will be|i'll be|am|will be) (?:currently |presently |now |away and "
    r"|on annual |traveling |travelling )*(?:out of (?:the |my )?office|away|on (?:vacation"
    r"|holiday|annual leave|leave|maternity|parental|business trip|sick)|out of town|unavailable"
    r"|not in the office|off work)|out of (?:the )?office|limited access to (?:my )?e-?mail"
    r"|no access to (?:my )?e-?mail|(?:i'll|i will) (?:respond|reply|get back|return|be back"
    r"|answer)|(?:not|no longer) (?:work|employed|with the company|check|monitored)|on vacation"
    r"|nicht (?:im|am|in meinem) (?:büro|haus|hause|arbeitsplatz)|im urlaub|abwesend|außer haus"
    r"|nicht erreichbar|e-?mails? (?:werden|wird) nicht (?:weitergeleitet|gelesen)"
    r"|wieder (?:erreichbar|im büro|für sie da)|actuellement absent|suis absente?|serai absente?"
    r"|en congés?|de retour le|estoy (?:fuera|ausente|de vacaciones)|estaré (?:fuera|ausente"
    r"|de vacaciones)|fuera de la oficina|sono (?:assente|fuori|in ferie)|sarò (?:assente|fuori"
    r"|in ferie)|fuori (?:sede|ufficio)|estou (?:fora|ausente|de férias)|estarei (?:fora|ausente"
    r"|de férias)|ausente do escritório|ben (?:ik )?(?:afwezig|niet aanwezig|op vakantie"
    r"|niet op kantoor)|ik ben (?:momenteel |op )*(?:afwezig|niet|vakantie)|jag (?:är"
    r"|har) (?:inte på kontoret|på semester|semester|ledig|bortrest|frånvarande)|er (?:på ferie"
    r"|ikke på kontoret|ikke til stede|bortreist|fraværende)|jeg (?:er|har) ferie|olen (?:lomalla"
    r"|poissa)|jestem (?:nieobecn|poza biurem|na urlopie)|przebywam (?:na urlopie|poza)|nieobecn"
    r"|jsem (?:na dovolené|mimo kancelář|nepřítom)|dovolen|в отпуске|отсутству|нахожусь в"
    r"|szabadságon|nem tartózkodom|concediu|izinde|ofis dışında|άδεια|不在(?:です|にして|となり"
    r"|にしております)|休暇"
    r"|出張中|外出(?:中|して)|不在办公室|我(?:正在|目前)?(?:休假|出差|外出)|您的邮件(?:已|我)"
    r"|已收到您的|부재중|휴가|출장",
)

# Who wants to have an automatic answer is no machine.
SET_UP = re.compile(
    r"\b(?:set (?:up )?(?:an?|my|the|this|it|your|our)\b|switch (?:it|them|this|on|off)"
    r"|turn (?:it|them|on|off)"
    r"|(?:en|dis)able|activate|(?:einrichten|einzurichten|richten sie|richte ich"
    r"|aktivier\w+"
    r"|(?:ein|ab|aus)(?:zu)?schalten|einstellen)|configur\w+|activ(?:er|ar|are)|mettre en place"
    r"|instellen|inschakelen|ustawi\w+|włącz\w+|nastavi\w+|настро\w+|включи\w+)\b"
)

# Nor is who got one.
GOT_ONE = re.compile(
    r"\b(?:i|we) (?:just |only |have |keep |always )*(?:got|get|getting|received?)\b(?! your)"
    r"|\b(?:ich|wir) (?:habe|haben|bekomme|bekommen|erhalte|erhalten)\b|\b(?:j'ai|nous avons"
    r"|je) (?:reçu|reçois)\b"
    r"|\b(?:he|hemos) recibido (?!su|tu)|\b(?:ho|abbiamo) ricevuto (?!la sua|la tua|il)"
    r"|\brecebi (?!a sua|o seu)"
)

# Domino's own sentences.
AWAY_FIXED = re.compile(
    r"i will be out of the office starting .{1,30} and will not return until"
    r"|ich werde ab .{1,30} nicht im büro sein\. ich kehre zurück"
    r"|je serai absent.{0,4} (?:à partir )?du .{1,30} et ne serai de retour"
)

AUTOMATED = re.compile(
    r"(?:this|the following) (?:is an|message is an|message (?:was|has been|is)|e-?mail (?:was"
    r"|has been|is)|mail (?:was|has been|is)|notification (?:was"
    r"|is)) ?(?:an )?(?:system[- ])?(?:automat|auto-?generated|generated (?:auto|by)|sent auto"
    r"|created auto|computer)|automat(?:ed|ically[- ]generated) (?:message|e-?mail|mail|response"
    r"|reply|notification)|auto-?generated (?:message|e-?mail|mail)|generated automatically"
    r"|(?:please )?do(?: not|n't) (?:reply|respond) (?:directly )?(?:to|on) this"
    r"|(?:please,? )?do not reply\b|not monitored|unmonitored|cannot (?:reply|accept repl)"
    r"|replies to this"
    r"|automatisch (?:generierte?|erzeugte?|erstellte?|versandte?|versendete?) (?:e-?mail"
    r"|nachricht|mail)|automatisch (?:generiert|erstellt|erzeugt|versandt|versendet|gesendet)"
    r"|wurde automatisch .{1,40} (?:generiert|erstellt|erzeugt|versandt|verschickt)"
    r"|nicht auf diese (?:e-?mail|nachricht|mail)|bitte antworten sie nicht"
    r"|message (?:est )?(?:généré |envoyé )?automatique|généré automatiquement"
    r"|envoyé automatiquement|(?:ne pas|merci de ne pas) répondre|mensaje (?:es )?(?:generado "
    r"|enviado )?automátic|generado automáticamente|no (?:responda|responder|conteste)"
    r"|messaggio (?:è stato )?(?:generato )?automatic|generato automaticamente"
    r"|(?:si prega di )?non rispondere|mensagem automática|gerad[ao] automaticamente"
    r"|(?:favor )?não responda|automatisch (?:gegenereerd|verzonden|bericht)|niet (?:op"
    r"|te) (?:dit|deze|beantwoorden)|automatisk(?:t)? (?:genereret|generert|genererat|besked"
    r"|melding|meddelande)|ikke svar|svara inte|inte svara på|wygenerowan\w* automatycznie"
    r"|automatycznie wygenerowan|prosimy nie odpowiadać|nie odpowiada|automaticky (?:generovan"
    r"|vygenerovan)|neodpovídejte|автоматически|автоматическ\w+ (?:сообщение|письмо)|не отвечайте"
    r"|отвечать на него не|otomatik olarak|自动(?:发送|生成|发出)|请勿(?:直接)?回复"
    r"|請勿(?:直接)?回覆|系统(?:自动|邮件)"
    r"|自動(?:送信|配信|的に送信)|返信(?:しないで|いただいても|できません|は不要)|送信専用"
    r"|자동(?:으로)? ?(?:발송|생성)|발신 ?전용",
)

# A machine says what it is (group 1), or that nobody reads what it gets; each begins a sentence.
OF_ITSELF = re.compile(
    r"(?:^|(?<=[.,!。]) |(?<=[。！，]))[\s*_\[(=※-]*(?:"
    r"((?:this|the above) (?:e-?mail|message|mail|notification) (?:is|was|has been) (?:an? )?"
    r"(?:auto(?:mated|matic(?!ally (?:scann|check|test|screen|filter|archiv|encrypt|sign|translat"
    r"|forward))|-?generated|-?response|-?reply)|(?:system|computer)[- ]generated"
    r"|(?:generated|sent) automatically)"
    r"|(?:please note that )?this (?:automat(?:ic|ed)|auto-?) ?(?:reply|response|acknowledge?ment"
    r"|message|e-?mail) (?:is|was|has|will|confirms|acknowledges|serves)\b"
    r"|this is an? (?:auto(?:mated|matic(?:ally)?|-?generated)?|(?:system|computer)[- ]generated)"
    r"(?=(?:[- ]\w+){0,2}[- ](?:e-?mail|mail|messag|notif|repl|respon|confirm|acknow))"
    r"|(?:dies(?:e|es)? (?:ist eine|e?-?mail (?:ist|wurde)|(?:nachricht|schreiben) (?:ist|wurde)))"
    r" (?:eine )?(?:vom system )?auto(?:matisch\w* (?:\S+ )?(?:erzeugt|erstellt|generiert|versandt"
    r"|verschickt|versendet|gesendet|nachricht|antwort|e-?mail|mail|mitteilung|bestätigung|eingang)"
    r"|mat\w*antwort)"
    r"|(?:ceci est une?|cet? (?:e-?mail|message|courriel) (?:est|a été)|il s'agit d'une?)"
    r" (?:\S+ ){0,2}automati"
    r"|est[ea] (?:es un|(?:mensaje|correo|e-?mail|mensagem|é uma) ?(?:es|é|ha sido|foi|uma)?)"
    r" (?:\S+ ){0,2}autom[aá]ti"
    r"|quest[ao] (?:è un[ao']? ?|(?:e-?mail|messaggio) è (?:stat[oa] )?)(?:\S+ ){0,2}automati"
    r"|(?:dit|deze e-?mail|dit bericht) is (?:een )?automatisch|det(?:ta|te) (?:är|er) (?:ett?|en)"
    r" auto(?:mat|gener)|(?:ta |niniejsza )?wiadomość (?:została )?(?:wygenerowana|wysłana) automat"
    r"|toto je automat|tento e-?mail (?:byl|bol) (?:\S+ )?automat|это автоматическ"
    r"|(?:это|данное) (?:письмо|сообщение) (?:\S+ )?автомат|bu (?:e-?posta|mesaj) otomatik"
    r"|(?:この|本)?(?:メール|e ?メール)は[^。]{0,12}自動(?:送信|配信|応答|返信|的に)"
    r"|(?:此|本|这)(?:邮件|郵件|信)[^。，]{0,4}(?:为|為|是|由)?[^。，]{0,6}(?:自动|自動)"
    r"|(?:이|본) 메일은 [^.]{0,12}자동"
    r"|(?:この|本)(?:メッセージ|メール)は[^。]{0,20}(?:お知らせ|送信|配信)専用"
    r"|acest (?:mesaj|e-?mail) (?:a fost|este) (?:\S+ ){0,2}automat|ez (?:egy )?automatikus"
    r"|(?:ezt az? )?(?:üzenetet|e-?mailt|levelet) (?:\S+ ){0,3}automatikusan"
    r"|tento e-?mail bol automat|αυτό το (?:μήνυμα|e-?mail) (?:\S+ ){0,3}αυτόματα"
    r"|(?:цей лист|це повідомлення) (?:\S+ ){0,2}автомат|tämä on automaatti"
    r"|ovo je automatsk|זוהי הודעה (?:\S+ )?אוטומטית|הודעה זו נשלחה (?:\S+ )?אוטומטי"
    r"|هذه (?:ال)?رسالة (?:\S+ )?(?:آلية|تلقائية))"
    r"|(?:此|本)?(?:邮件|郵件)?[请請](?:勿|不要)(?:直接)?(?:回复|回覆)|(?:この|本)?メール(?:に|へ"
    r"|は)?(?:の|ご)*"
    r"(?:返信(?:しないで|いただいて|頂いて|できません|は不要)|送信専用)|회신하지 마"
    r"|please,? (?:do not|don't) (?:reply|respond)|(?:do not|don't) (?:reply|respond) to this"
    r"|bitte antworten sie (?:daher |deshalb )?nicht|(?:merci de |veuillez )?ne pas (?:y )?répondre"
    r"|(?:veuillez )?ne répondez pas|(?:por favor,? )?no (?:responda|conteste)"
    r"|(?:por favor,? )?não responda|(?:si prega di |la preghiamo di )?non rispond"
    r"|(?:gelieve )?niet (?:te )?(?:be)?antwoorden|prosimy (?:na nią )?nie odpowiada"
    r"|(?:prosím,? )?neodpovídejte|(?:пожалуйста,? )?не отвечайте"
    r"|lütfen (?:bu \S+ )?(?:yanıtlamayın|cevaplamayın)|vă rugăm să nu răspunde"
    r"|(?:この|本)?(?:メッセージ|メール)への返信[^。]{0,30}(?:できません|できかねます)"
    r"|kérjük,? (?:erre )?(?:\S+ )?ne válaszolj|prosím,? neodpovedajte|παρακαλούμε μην? απαντ"
    r"|(?:будь ласка,? )?не відповідайте|älä vastaa|(?:venligst )?svar ikke"
    r"|(?:vennligst )?ikke svar"
    r"|(?:vänligen )?svara inte|(?:molimo )?ne odgovarajte|אין להשיב|(?:يرجى|الرجاء) عدم الرد)",
    re.MULTILINE,
)
# The same in a line of its own, set off: "*** DO NOT REPLY TO THIS E-MAIL ***".
SET_OFF = re.compile(
    # Both in one sentence.
    r"\b(?:do not|don't) (?:reply|respond) to this auto\w+ (?:\w+ )?(?:e-?mail|message|notice)\b"
    r"|\bauf diese automatisch\w* (?:\w+ )?(?:e-?mail|nachricht|mail) (?:bitte )?nicht antworten"
    r"|\berre az automatikus \w+ ne válaszolj"
    r"|^[ \t]*[*=#_~-]{2,}[ \t]*(?:please,? )?do not (?:reply|respond) (?:directly )?to this"
    r" (?:automat\w+ )?(?:e-?mail|message|notice)[.!]?[ \t]*[*=#_~-]{2,}[ \t]*$",
    re.MULTILINE,
)
# What a form on a site sends begins so, whatever was filled in.
FORM_BEGINS = re.compile(
    r"\s*(?:below is the result of your feedback form|sent via form submission from"
    r"|(?:the )?following (?:information|message|data|form) (?:was|has been) submitted"
    r"|(?:you have|you've) (?:received )?a new (?:lead|enquiry|inquiry|submission|form submission)"
    r" (?:from|via|through|for)|a new (?:form )?submission (?:was|has been) (?:received|made)"
    r"|(?:folgende|die folgenden) (?:angaben|daten) wurden (?:über|per|mit|im) .{0,30}formular"
    r"|(?:über|via) (?:das|ihr) kontaktformular .{0,40}(?:gesendet|geschickt|eingegangen))"
)
# Or ends so, as WordPress has it.
FORM_ENDS = re.compile(
    r"^\W*(?:this (?:e-?mail|message) (?:was|is) sent (?:via|from|through|by) (?:an?|the|your) "
    r"(?:contact|web|website|online|feedback) ?-?form\b"
    r"|diese e-?mail wurde (?:über|von|per) (?:ein|dem|das|einem) kontaktformular\b"
    r"|(?:cet e-?mail|ce message) a été envoyé (?:via|depuis|par) (?:le|un) formulaire"
    r"|este (?:mensaje|correo|e-?mail) (?:se|ha sido|fue) envi\w+ (?:desde|a través de) (?:un|el)"
    r" formulario de contacto\b)",
    re.MULTILINE,
)
# As programs put it, of what they found, got or ask; for mail that is suspect by its header.
STATED = re.compile(
    r"\bfollowing item(?:\(s\)|s)? (?:will be|is|are|has been|have been) (?:due|overdue|held)\b"
    r"|\bif you (?:did(?: not|n't)|have(?: not|n't)) (?:\w+ )?(?:ask|request|initiate|make|create)"
    r"|\bif this (?:was(?: not|n't)|were(?: not|n't)) you\b"
    r"|\byou can (?:safely )?(?:ignore|disregard)"
    r" this (?:e-?mail|message)|\b(?:falls|wenn) sie (?:dies|das|diese \w+) nicht (?:angefordert"
    r"|veranlasst|beantragt)|\bsi vous n'(?:êtes pas à l'origine|avez pas (?:demandé|effectué))"
    r"|\bsi (?:usted )?no (?:ha|has) solicitad|\bse non (?:hai|ha|è stat\w) (?:richiest|effettuat)"
    r"|\bals (?:u|je) dit niet (?:hebt|heeft|was)|\bjeśli to nie (?:ty|pan)"
    r"|如非本人|若非本人"
    r"|\bесли (?:это были не вы|вы не (?:запрашивали|отправляли))|心当たりのない"
    r"|본인이 (?:아닌|요청)"
    r"|\b(?:powered by|wspierane przez|propulsé par|desarrollado por|realizzato con) (?:prestashop"
    r"|magento|woocommerce|shopify|opencart|zen ?cart|oscommerce|shopware)\b"
    r"|\boriginal problem id: ?\d|\bnotification type: ?(?:problem|recovery|acknowledg)"
    r"|\bwas waitlisted\b|\bmy guest list\b|\bjust this once\b.{0,40}\bclick\b"
    r"|\b(?:a representative|our (?:support |service )?(?:team|staff|agents?)|(?:one"
    r"|a member) of our"
    r" (?:\w+ ){1,3}) ?will (?:respond|reply|follow up|contact you|get back|be in touch"
    r"|review your request)"
    r"|\b(?:type|add|write) your (?:reply|response) above this line"
    r"|\b(?:ein|unser) (?:support-?|service-?)?(?:team|mitarbeiter) wird .{0,60}(?:melden"
    r"|bearbeiten"
    r"|antworten)"
)
# Below what goes to many: why one gets it, and how not to.
SENT_TO_MANY = re.compile(
    r"\byou receive this (?:newsletter|e-?mail|message)? ?because\b|\bto be (?:removed|taken off)\b"
    r"|\byou(?:'re| are) receiving this\b|\byou (?:have )?received this (?:e-?mail|message"
    r"|notification"
    r"|newsletter)? ?because\b|\bthis (?:e-?mail|message) was sent to \S+@|\bto unsubscribe\b"
    r"|\bunsubscribe (?:here|from|at|now|instantly)\b|\bunsubscribe\W{0,3}(?:\||https?:|$)"
    r"|\b(?:manage|update|change) your (?:e-?mail |notification |subscription )*(?:preferences"
    r"|settings"
    r"|subscriptions?|options)\b|\bview (?:this (?:e-?mail|newsletter) )?(?:it )?in (?:your"
    r"|a) browser\b"
    r"|\bnewsletter (?:abbestellen|abmelden)\b|\bvom newsletter abmelden\b|\bsie erhalten diese"
    r" (?:e-?mail|nachricht|mail),? (?:weil|da)\b|\b(?:se|vous) désabonner\b"
    r"|\b(?:me|vous) désinscrire\b"
    r"|\bvous recevez (?:ce|cet) (?:message|e-?mail|courriel)\b|\bdarse de baja\b"
    r"|\bcancelar (?:la |su )?"
    r"suscripción|\bha recibido este (?:correo|mensaje|e-?mail) porque\b"
    r"|\bannulla(?:re)? l'iscrizione\b"
    r"|\briceve? questa (?:e-?mail|mail) perch|\bdescadastr|\bcancelar (?:a )?(?:inscrição"
    r"|subscrição)"
    r"|\b(?:uitschrijven|afmelden) (?:voor|van|kunt)|\bje ontvangt deze|\bu ontvangt (?:deze|dit)"
    r"|\bavregistrera|\bafmeld (?:dig|nyhedsbrev)|\bmeld deg av\b|\bwypisać się\b|\bodhlásit\b"
    r"|\bотписаться\b|\bвы получили это письмо\b|\babonelikten ç"
    r"|配信停止|配信の停止|退订|退訂|수신 ?거부"
)
# What somebody filled in: "Name: Kim".
FILLED_IN = re.compile(
    r"^[ \t]*[^\n:]{2,30}:[ \t]*\S[^\n]*\n+[ \t]*[^\n:]{2,30}:[ \t]*\S", re.MULTILINE
)
# The receipt itself: "Your message To: … was read on …"
RECEIPT = re.compile(
    r"\s*+(?:your message|ihre nachricht|votre message|(?:su|el) mensaje|il messaggio"
    r"|a? ?sua mensagem"
    r"|uw bericht)\W{1,6}(?:to|an|à|a|para|aan)\s?: .{0,400}?\b(?:subject|betreff|objet|asunto"
    r"|oggetto|assunto|onderwerp)\s?: .{0,300}?\b(?:was|wurde|a été|se|è stat\w|foi"
    r"|is)"
    r"\b.{0,60}?\b(?:read|gelesen|deleted|gelöscht|lue?|supprimé|leyó|leído|lett\w|lid[oa]|gelezen"
    r"|eliminad\w)\b"
)
