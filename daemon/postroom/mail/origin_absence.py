"""What the absent have their mailbox answer: the sentences of a vacation note, by language.

Promise: only what stands in a note that a mailbox sends on its own; who announces his absence
himself, wants something of the reader or asks. Sentences are looked at in lower case.
"""

from __future__ import annotations

import re

from postroom.mail.origin_bodies import AWAY
from postroom.mail.origin_receipts import UNREAD

_NOTE = 1_500  # characters: notes are short
_NAME = 30
_NAME_WORDS = 3

# What somebody says who is away: in one piece, or apart, within so many characters of a sentence.
_SAID = (
    (
        r"(?:i am|i'm|i will be|i'll be) (?:currently |presently |now |away and |on annual )*(?:"
        r"out of (?:the |my )?office|away|on (?:vacation|holidays?|annual leave|leave|maternity|"
        r"parental|business trip|(?:\w+ )?sabbatical|(?:research|study) leave)|out of town|"
        r"unavailable|not in the office|absent|travell?ing)"
    ),
    r"(?:our|the) offices? (?:is|are|will be) closed",
    r"(?:nos|notre) bureaux? (?:est|sont|sera|seront) fermés?",
    r"(?:nuestra oficina|nuestras oficinas|la oficina) (?:está|estará|están|estarán) cerrad",
    r"gli uffici (?:resteranno|sono)",
    r"нахожусь в (?:отпуске|командировке)",
    r"меня не будет",
    r"szabadságon (?:vagyok|leszek)",
    r"(?:sunt|voi fi) în concediu",
    r"izindeyim",
    r"σε άδεια",
)
_SAID_APART = (
    (
        (
            r"(?:unser\w*|das|die) (?:büro|geschäft|praxis|kanzlei|firma|werkstatt|betrieb) (?:ist|"
            r"bleibt)"
        ),
        60,
        r"\bgeschlossen",
    ),
    (r"wir (?:haben|machen)", 40, r"betriebs(?:ferien|urlaub)"),
    (r"ons kantoor is", 40, r"gesloten"),
    (r"vårt kontor är", 30, r"stängt"),
    (
        r"ich (?:bin|befinde mich)",
        80,
        (
            r"nicht (?:im|in meinem) (?:büro|haus|hause|arbeitsplatz)|im urlaub|in urlaub|abwesend|"
            r"außer haus|nicht erreichbar|in elternzeit|dienstreise"
        ),
    ),
    (r"werde ich", 60, r"(?:abwesend|im urlaub|nicht erreichbar) sein"),
    (r"je (?:suis|serai)", 40, r"absente?|en congés?|en vacances|en déplacement"),
    (r"(?:estoy|estaré|me encuentro|me encontraré)", 30, r"fuera|ausente|de vacaciones"),
    (r"(?:sono|sarò)", 30, r"assente|fuori|in ferie"),
    (r"(?:estou|estarei|encontro-me)", 30, r"fora|ausente|de férias"),
    (r"(?:ik ben|ben ik)", 40, r"afwezig|niet (?:aanwezig|op kantoor)|(?:op|met) vakantie|vrij"),
    (r"jag (?:är|har)", 30, r"inte på kontoret|semester|ledig|bortrest|frånvarande|föräldraledig"),
    (
        r"jeg (?:er|har|holder)",
        30,
        (
            r"ferie|ikke på kontoret|ikke til stede|bortreist|fraværende|ute av kontoret|væk fra "
            r"kontoret"
        ),
    ),
    (r"olen", 30, r"lomalla|poissa|tavoittamattomissa"),
    (r"(?:jestem|przebywam|będę)", 30, r"nieobecn|poza biurem|na urlopie"),
    (r"(?:jsem|budu|čerpám|som)", 40, r"dovolen|mimo kancel|nepřítom|neprítom"),
    (r"я", 40, r"в отпуске|в командировке|отсутств|вне офиса"),
)
# In scripts without blanks, and what may stand within a word.
_ANYWHERE = (
    r"nem tartózkodom",
    r"ofis(?:te|im)? (?:dışında|değilim)",
    r"yıllık izin",
    r"εκτός γραφείου",
    r"休暇(?:を(?:いただ|頂|取得)|中)",
    r"不在(?:にして|となり|です)",
    r"出張(?:中|のため)",
    r"我(?:正在|目前|现在|將|将)?.{0,10}(?:休假|出差|外出|不在办公室)",
    r"휴가(?:입니다|중|로)",
    r"부재 ?중",
    r"출장 ?중",
)
_APART = "|".join(
    rf"(?:{begin})\b(?:[^.!?]|(?<=\d)\.){{0,{within}}}?(?:{then})"
    for begin, within, then in _SAID_APART
)
# "\b" once, before all: at each of them it is twice as slow.
_ABSENT = re.compile(rf"\b(?:{'|'.join(_SAID)}|{_APART})|{'|'.join(_ANYWHERE)}")
_URGENT = re.compile(
    r"\b(?:urgent|urgently|urgency|emergenc(?:y|ies)|immediate|immediately|assistance|help)\b"
    r"[^!?]{0,80}?\b(?:contact|call|e-?mail|write|reach|dial|speak|turn to|refer)"
    r"|\b(?:contact|call|reach)\b[^!?]{0,80}?\b(?:urgent|emergenc|immediate|assistance)"
    r"|\bin my absence\b|\bdringend(?:en|e|er)? (?:fällen|fragen"
    r"|angelegenheiten"
    r"|anliegen|notfällen)|\bin (?:eiligen|dringenden) |\bin notfällen|\bmeine vertretung"
    r"|\bwährend meiner abwesenheit|\b(?:en cas d'|pour (?:toute )?|si )urgen|\ben mon absence"
    r"|\b(?:temas|asuntos|casos?|cuestiones) (?:de )?urgen|\bsi es urgente"
    r"|\b(?:per|in caso di) (?:\S+ )?urgen|\b(?:assuntos?|casos?|em caso de) (?:de )?urg[eê]n"
    r"|\b(?:bij|voor|in) (?:spoed|dringende|urgente)|\b(?:vid|i) (?:brådskande|akuta)"
    r"|\b(?:ved|i) (?:haste|presserende|akutte|hastende)|\bkiireellis"
    r"|\b(?:w )?(?:pilnych|nagłych) |sprawach pilnych|\bv (?:naléhav|urgentn|neodkladn|súrn)"
    r"|\b(?:по|в) (?:срочн|неотложн|экстренн)|\bsürgős|\bacil (?:durum|konu)|\burgențe"
    r"|επείγον|緊急|急ぎ|(?:紧急|急事|緊急)|급한|긴급"
)
_LATER = re.compile(
    r"\bwir (?:beantworten|melden|antworten|bearbeiten|lesen)\b|\bik (?:beantwoord|lees|reageer)\b"
    r"|\bnous (?:répondrons|traiterons)\b|\b(?:läser|läsar) inte\b|\bleser ikke\b|\blæser ikke\b|"
    r"\b(?:i will|i'll|and will|will) (?:\w+ )?(?:respond|reply|answer|get back|return your|read"
    r"|attend) |(?:limited|no|intermittent|limited or no) access to (?:my )?(?:e-?mail|phone)"
    r"|\bnot be (?:checking|reading) (?:my )?e-?mail"
    r"|\bwerde(?:n)? nicht (?:weitergeleitet|gelesen)|\b(?:wird|werden) (?:auch )?nicht"
    r" (?:automatisch )?(?:weitergeleitet|gelesen|bearbeitet)|\b(?:beantworte|lese|bearbeite) ich"
    r"|\bwerde ich\b[^.!?]{0,60}(?:beantworten|lesen|bearbeiten|melden)|\bmelde ich mich"
    r"|\bwieder (?:für sie )?(?:da|erreichbar|im büro|zurück)|\bab dem [\d.]+ wieder"
    r"|\bje (?:vous répondrai|prendrai connaissance|traiterai|reviendrai|vous recontacterai)"
    r"|\bresponderé|\brisponder(?:ò|emo)|\bresponderei|\bretornarei|\bbeantwoord ik"
    r"|\b(?:zal|reageer) ik\b|\bsvarar (?:jag|när|så)|\båterkommer\b|\bsvarer (?:når|så|jeg)"
    r"|\bvender tilbage|\bbesvarer\b|\bvastaan\b|\bpalaan\b|\bodpowiem\b|\bodpovím|\bodpoviem"
    r"|\bотвечу\b|\bválaszol(?:ok|ni)|\bvoi răspunde|\b(?:döndüğümde|dönüşümde)"
    r"|θα (?:σας )?απαντήσω|(?:戻り次第|復帰後|休暇明け|出社後|帰社後).{0,30}(?:返信|連絡|回答"
    r"|対応|返答)"
    r"|(?:返回|回来|回到|尽快|儘快|盡快).{0,14}(?:回复|回覆|答复|答覆|处理)|복귀.{0,24}(?:회신"
    r"|답변|답장|연락)",
)
_THANKS = re.compile(
    r"\bthank(?:s| you)(?: very much)? for (?:your|the|contacting) ?(?:e-?mail|message|mail|us|me"
    r"|\w+ message)?\b|\b(?:vielen|herzlichen|besten) dank für (?:ihre|deine|die) (?:nachricht"
    r"|e-?mail|mail|anfrage)|\bihre (?:nachricht|mail) ist [^.!?]{0,20}eingegangen"
    r"|\bmerci (?:pour|de) votre (?:message|e-?mail|mail|courriel)"
    r"|\bgracias por (?:su|tu) (?:mensaje|correo|e-?mail)|\bgrazie per (?:la|il) (?:sua|tua|suo"
    r"|tuo|vostr\w|messaggio|mail|e-?mail)|\bobrigad[oa] p(?:elo|ela|or) (?:seu|sua|teu|contat)"
    r"|\b(?:bedankt|dank) voor (?:uw|je) |\btack för (?:ditt|din) |\btak for (?:din|dit) "
    r"|\btakk for (?:din|ditt|e-?posten) |\bkiitos (?:viestist|sähköpost)"
    r"|\bdziękuję za (?:wiadomość|e?-?mail)|\bděkuji za (?:vaš|váš|zpráv|e-?mail)"
    r"|\bспасибо за (?:ваше )?(?:письмо|сообщение)|ご連絡(?:いただき|ありがとう)"
    r"|メール(?:を)?ありがとう"
    r"|感谢您的(?:来信|邮件)|您的(?:来信|邮件)(?:已|我)|메일(?:을)? (?:주셔서|보내)"
)
# When he is back.
_UNTIL = re.compile(
    r"\b(?:until|till|through|thru|to the|return(?:ing)?|back (?:on|in)|today|this week|currently"
    r"|bis|ab dem|wieder|heute|derzeit|im moment|momentan|jusqu|au \d|de retour|actuellement"
    r"|hasta|al \d"
    r"|fino|até|a \d|tot|t/m|momenteel|til (?:og med|den|\d)|tilbake|tilbage|tillbaka|asti|saakka"
    r"|do \d|do \w+a\b"
    r"|по \d|до|-ig|kadar|μέχρι)|まで|戻り|至|까지"
)
# Around what a note has to say: greeting, closing, how to reach others.
_FRAME = re.compile(
    r"(?:hi|hello|dear|good (?:day|morning|afternoon)|hallo|guten|sehr geehrte|liebe|bonjour|madame"
    r"|cher|hola|buenos|estimad|buongiorno|gentile|ciao|olá|caro|prezad|bom dia|beste|geachte|hej"
    r"|hei"
    r"|hyvä|dzień dobry|szanown|dobrý|vážen|здравствуйте|добрый|уважаем|merhaba|sayın|kedves"
    r"|tisztelt"
    r"|(?:kind |best |warm |with )?regards|thanks|thank you|best wishes|sincerely|cheers|(?:mit )?"
    r"(?:freundliche|viele|beste|herzliche)\w?|mfg|danke|cordialement|bien |merci|saludos|gracias"
    r"|un saludo|cordiali|saluti|grazie|atenciosamente|obrigad|met vriendelijke|groet|(?:med )?"
    r"(?:vennlig|venlig|vänlig)|mvh|terveisin|pozdraw|s pozdravem|с уважением|saygılar"
    r"|üdvözlettel)\b"
    r"[^.!?]{0,60}$|(?:this is an? )?auto(?:matic|mated)\b|.{0,80}\S@\S"
    r"|.{0,40}\b(?:tel|phone|telefon|mobil|fax)\b",
)
# Who tells many, or wants something himself; whom to turn to instead is no such wish.
_WANTS = re.compile(
    r"[?？؟]|\b(?:(?:hi|hello|dear|hey) (?:all|team|everyone|everybody|colleagues|folks)"
    r"|hallo (?:zusammen|alle|team|kolleg\w+|allemaal)|liebe kolleg\w+|bonjour à tous"
    r"|chers collègues"
    r"|hola a todos|ciao a tutti|hej alla|hei alle|коллеги)\b|\b(?:attached|enclosed|anbei"
    r"|im anhang|ci-joint|en pièce jointe|adjunto|in allegato"
    r"|em anexo|bijgevoegd|w załączniku|v příloze|во вложении)\b"
    r"|\bplease (?!contact|call (?!me)|e-?mail|write|refer|direct|note|reach|dial|see|visit|speak"
    r"|be (?:aware|advised|informed)|do not|don't|address|forward|send (?:it|an|all|any|urgent"
    r"|your)"
    r"|expect|allow|feel|get in touch|use|resend|ring|turn|consult|leave)"
    r"|\bbitte (?!an\b|wenden|kontaktieren|direkt|schreiben sie|senden sie (?:ihre|eine|in)|richten"
    r"|beachten|unter|per\b|meine|sich|in (?:dieser|dringenden)|haben|rufen sie (?:in|die|unter"
    r"|meine))"
    r"|\b(?:message|reply|text|note|nachricht|notiz|text) (?:should|shall|must|soll|muss)\b"
    r"|\b(?:could|can|would) you\b|\bkönn(?:en|ten) sie\b|\b(?:let's|how about)\b"
)


_KINDS = {"urgent": _URGENT, "later": _LATER, "thanks": _THANKS, "unread": UNREAD}
_SENTENCES = re.compile(r"\n\s*\n|(?<=[^\d\s][.!])\s+|(?<=[。！])")


def is_absent(said: str) -> bool:
    """Say whether somebody tells that he is away, of himself; `said` is in lower case."""
    return _ABSENT.search(said) is not None


def is_wanting(said: str) -> bool:
    """Say whether somebody asks for something or shows it; `said` is in lower case."""
    return _WANTS.search(said) is not None


def says_absent(own: str, *, is_announced: bool) -> str | None:
    """Return the words of absence in a vacation note; None if a person may have written them.

    Every sentence has to be a note's; to what a person writes of an absence he has more to say.
    `is_announced`: the subject tells of an absence. Otherwise the note has to be complete: absence
    and its end, whom to turn to meanwhile, and thanks or when one answers; or that
    nobody reads this.
    """
    said = own.lower().replace("’", "'").strip()
    if len(said) > _NOTE or _WANTS.search(said) or not _UNTIL.search(said):
        return None
    absent = ""
    found: set[str] = set()
    for sentence in (" ".join(each.split()) for each in _SENTENCES.split(said)):
        kinds = {name for name, words in _KINDS.items() if words.search(sentence)}
        away = _ABSENT.search(sentence) or (AWAY.search(sentence) if is_announced else None)
        if away is not None:
            absent = absent or away[0]
        elif not kinds and not _is_frame(sentence):
            return None
        found |= kinds
    is_whole = is_announced or "unread" in found or ("urgent" in found and len(found) > 1)
    return absent if absent and found and is_whole else None


def _is_frame(sentence: str) -> bool:
    is_name = len(sentence) <= _NAME and len(sentence.split()) <= _NAME_WORDS
    return is_name or _FRAME.match(sentence) is not None
