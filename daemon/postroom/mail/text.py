"""What a person wrote, inside the text of a mail.

Promise: time linear in the text. Nothing is deleted from the text itself: `split_fresh` only says
which part of it is new, and if nothing seems new, all of it is (pain 63: customers write between
and below quotes, and whole paragraphs that look like quotes).
"""

from __future__ import annotations

import re

# "On Fri, 20 Nov 2026 at 10:00, Ann <ann@example.com> wrote:" and its sisters. The line is cut at
# 300 characters and stripped before it is compared, and may come in up to three lines.
_INTRODUCTION = re.compile(
    r"(?:"
    r"On\b.*\bwrote|.*<[^<>]+@[^<>]+>\s*wrote"  # English
    r"|Am\b.*\bschrieb\b.*|.*\bschrieb am\b.*|.*<[^<>]+@[^<>]+>\s*(?:hat )?(?:geschrieben|schrieb)"
    r"|Le\b.*\ba écrit|Il\b.*\bha scritto|El\b.*\bescribi[óo]|Em\b.*\bescreveu"
    r"|Op\b.*\bschreef\b.*|Den\b.*\b(?:skrev|skreiv)\b.*|(?:På|Pe)\b.*\b(?:skrev|a scris)\b.*"
    r"|W dniu\b.*\b(?:napisał|pisze)\S*|Dne?\b.*\bnapsal\S*|.*\b(?:kirjoitti|írta)"
    r"|.*\b(?:пишет|написала?|писала?)|在.*写道|.*(?:のメール|書きました).*"
    r")\s*[:：]",
    re.IGNORECASE,
)
# With a quote below it, a date and an address, or less, will do.
_LOOSE_INTRODUCTION = re.compile(
    r"(?:.*\d.*<[^<>\s]+@[^<>\s]+>.*|.*\d.*\b(?:skrev|skreiv|schrieb|schreef|napisał\S*)\b.*"
    r"|.*\b(?:wrote|writes|said))\s*[:：]",
    re.IGNORECASE,
)
_INTRODUCTION_START = re.compile(
    r"(?:On|Am|Le|Il|El|Em|Op|Den|På|Pe|W dniu|Dne?|在)\b.*[\d,<]", re.IGNORECASE
)
_SEPARATOR = re.compile(
    r"(?:-{3,}\s*(?:Original Message|Original Appointment|Ursprüngliche Nachricht"
    r"|Original[- ]?Nachricht|Message d'origine|Messaggio originale|Mensaje original"
    r"|Mensagem original|Oorspronkelijk bericht|Opprinnelig melding|Ursprungligt meddelande"
    r"|Oprindelig meddelelse|Wiadomość oryginalna|Původní zpráva|Исходное сообщение"
    r"|Alkuperäinen viesti|原始邮件|Forwarded message|Forwarded Message|Weitergeleitete Nachricht"
    r"|Message transféré|Mensaje reenviado|Messaggio inoltrato|Videresendt melding"
    r"|Vidarebefordrat meddelande|Doorgestuurd bericht)\s*-{3,}"
    r"|Begin forwarded message:|Anfang der weitergeleiteten Nachricht:"
    r"|Début du message réexpédié\s*:|Inizio messaggio inoltrato:)",
    re.IGNORECASE,
)
_RULE = re.compile(r"_{10,}")
_FROM_LABEL = re.compile(
    r"[\s*]*(?:From|Von|De|Da|Van|Fra|Från|Lähettäjä|Od|От|Feladó|发件人|差出人)[\s*]*[:：].*\S",
    re.IGNORECASE,
)
_OTHER_LABEL = re.compile(
    r"[\s*]*(?:Sent|Date|To|Cc|Subject|Gesendet|Datum|An|Betreff|Envoyé|À|Objet|Date|Inviato"
    r"|Data|A|Oggetto|Enviado(?: el)?|Fecha|Para|Asunto|Enviada em|Assunto|Verzonden|Aan|Onderwerp"
    r"|Sendt|Dato|Til|Emne|Skickat|Till|Ämne|Lähetetty|Vastaanottaja|Aihe|Wysłano|Do|Temat"
    r"|Odesláno|Komu|Předmět|Отправлено|Дата|Кому|Тема|Reply-To|发送时间|收件人|主题|送信日時|宛先|件名)"
    r"[\s*]*[:：]",
    re.IGNORECASE,
)
# Lines without any of this are the sender's own: most lines are, and are looked at only once.
_CLUE = re.compile(
    r"[:：]|^\s*+(?:[>&_-]|(?:On|Am|Le|Il|El|Em|Op|Den|På|Pe|W dniu|Dne?|在)\b)", re.IGNORECASE
)
_GAP = re.compile(r"\n{3,}+")
_WORD = re.compile(r"\w")
_LOOK = 300  # characters of a line that are compared
_SHORT_SIGNATURE = 10  # lines below a bare "--" that may still be a signature


def split_fresh(text: str) -> str:
    """Return what the sender newly wrote; all of the text if that would be nothing.

    Left out: quoted lines and their introductions, everything below the header block or separator
    of Outlook and others, the signature below "-- ". Answers between quoted lines stay.
    """
    lines = text.split("\n")
    kept: list[str] = []
    position = 0
    while position < len(lines):
        line = lines[position]
        if not _CLUE.search(line[:_LOOK]):
            kept.append(line.rstrip())
            position += 1
        elif _is_end(lines, position):
            break
        elif line.startswith("&gt;") or line[:4].lstrip().startswith(">"):
            position += 1
        elif length := _introduction_at(lines, position):
            position += length
            if not _is_quote_next(lines, position):
                break  # the old mail follows without marks
        else:
            kept.append(line.rstrip())
            position += 1
    fresh = _GAP.sub("\n\n", "\n".join(kept)).strip("\n")
    return fresh if _WORD.search(fresh) else text.strip("\n")


def _is_end(lines: list[str], position: int) -> bool:
    """Say whether nothing new can come from this line on."""
    line = lines[position][:_LOOK]
    bare = line.strip()
    if line in {"-- ", "-- \u00a0"}:
        return True
    if bare == "--":
        below = [each for each in lines[position + 1 : position + 40] if each.strip()]
        return 0 < len(below) <= _SHORT_SIGNATURE and position > 0
    if bare[:1] == "-" or bare[-1:] == ":":
        if _SEPARATOR.fullmatch(bare):
            return True
    elif bare[:1] == "_" and _RULE.fullmatch(bare):
        following = range(position + 1, min(position + 4, len(lines)))
        first = next((each for each in following if lines[each].strip()), None)
        return first is not None and is_header_block(lines, first)
    return is_header_block(lines, position)


def is_header_block(lines: list[str], position: int) -> bool:
    """Say whether the header of an older mail, as Outlook writes it into the text, begins here."""
    if not _FROM_LABEL.match(lines[position][:_LOOK]):
        return False
    following = [line[:_LOOK] for line in lines[position + 1 : position + 7] if line.strip()]
    return sum(_OTHER_LABEL.match(line) is not None for line in following) >= 2


def _introduction_at(lines: list[str], position: int) -> int:
    """Count the lines of an "On … wrote:" that begins here; 0 if none does."""
    most = 3 if _INTRODUCTION_START.match(lines[position][:_LOOK].strip()) else 1
    for count in range(1, most + 1):
        line = " ".join(each[:_LOOK].strip() for each in lines[position : position + count])
        if not line.endswith((":", "：")):
            continue
        is_dated = any(mark.isdigit() or mark == "@" for mark in line)
        is_quoted = _is_quote_next(lines, position + count)
        if (is_dated or is_quoted) and _INTRODUCTION.fullmatch(line):
            return count
        if is_quoted and _LOOSE_INTRODUCTION.fullmatch(line):
            return count
    return 0


def _is_quote_next(lines: list[str], position: int) -> bool:
    following = next((each for each in lines[position : position + 4] if each.strip()), "")
    return following.lstrip().startswith(">")


def is_forward_separator(line: str) -> bool:
    """Say whether this line stands above a mail that was passed on or answered."""
    return _SEPARATOR.fullmatch(line[:_LOOK].strip()) is not None
