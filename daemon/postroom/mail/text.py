"""What a person wrote, inside the text of a mail.

Promise: time linear in the text. Nothing is deleted from the text itself: `split_fresh` only says
which part of it is new, and if nothing seems new, all of it is (pain 63: customers write between
and below quotes, and whole paragraphs that look like quotes).
"""

from __future__ import annotations

import html
import re

from postroom.mail.charset import scrub

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


def unflow(text: str, *, is_delsp: bool) -> str:
    """Join the soft line breaks of format=flowed (RFC 3676)."""
    out: list[str] = []
    last_depth, is_open = 0, False
    for line in text.split("\n"):
        content = line.lstrip(">")
        depth = len(line) - len(content)
        content = content.removeprefix(" ")  # §4.4: space-stuffing
        is_signature = content == "-- "
        if is_open and depth == last_depth and not is_signature:
            out.append(content)
        else:
            mark = ">" * depth + (" " if depth and content else "")
            out.append(f"\n{mark}{content}")
        is_open = content.endswith(" ") and not is_signature
        if is_open and is_delsp:
            out[-1] = out[-1][:-1]
        last_depth = depth
    return "".join(out).removeprefix("\n")


_TAG_NAME = re.compile(r"/?([A-Za-z][A-Za-z0-9]{0,20})")
_TAG_MARK = re.compile(r">|=\s*+([\"'])")
_LONG_REFERENCE = re.compile(r"&#[xX]?[0-9a-fA-F]{9,}+;?")  # int() refuses very long numbers
_HREF = re.compile(r"\bhref\s*=\s*[\"']?([^\"'\s>]{1,2000})", re.IGNORECASE)
_SPACES = re.compile(r"[ \t\n\f\u00a0]+")
_UNSEEN = frozenset({"head", "script", "style", "title", "template", "noscript", "svg", "math"})
_PARAGRAPHS = frozenset(
    {"p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "dl", "table", "pre", "blockquote"}
)
_LINES = frozenset(
    {"div", "tr", "li", "dt", "dd", "section", "article", "header", "footer", "center", "address"}
    | {"form", "fieldset", "hr", "br", "body"}
)
_CLOSING = {tag: re.compile(f"</{tag}", re.IGNORECASE) for tag in _UNSEEN}
_DEEPEST_QUOTE = 10


def html_to_text(markup: str) -> str:
    """Return the readable text of HTML: one pass, without a tree, so nesting costs nothing.

    Trees do cost: lexbor and html5ever take time quadratic in the nesting (20,000 open `div`: a
    second), and inscriptis gives no text at all below libxml2's depth limit.
    """
    return _TextMaker(markup).run()


def _unescape(text: str) -> str:
    return html.unescape(_LONG_REFERENCE.sub("\ufffd", text)) if "&" in text else text


class _TextMaker:
    """State of the pass over the markup: the lines made and what stands open."""

    def __init__(self, markup: str) -> None:
        self.markup = markup
        self.lines: list[str] = []
        self.line: list[str] = []
        self.quotes = 0
        self.pres = 0
        self.href = ""
        self.spent: set[str] = set()  # marks that do not come again

    def run(self) -> str:
        markup, position = self.markup, 0
        while (tag := markup.find("<", position)) >= 0:
            self._say(markup[position:tag])
            position = self._tag(tag)
        self._say(markup[position:])
        self._break()
        text = "\n".join(self.lines)
        return scrub(_GAP.sub("\n\n", text).strip("\n").replace("\0", ""))

    def _tag(self, start: int) -> int:
        """Handle what begins with `<` at `start`; return where the text goes on."""
        markup = self.markup
        if markup.startswith("<!--", start):
            return self._after("-->", start + 4)
        if markup.startswith(("<!", "<?"), start):
            return self._after(">", start)
        name = _TAG_NAME.match(markup, start + 1)
        if name is None:
            self._say("<")
            return start + 1
        end = self._tag_end(name.end())
        tag, is_closing = name[1].lower(), markup[start + 1] == "/"
        if tag in _UNSEEN and not is_closing:
            return self._after_element(tag, end)
        self._element(tag, is_closing, markup[name.end() : end])
        return end

    def _after(self, mark: str, start: int) -> int:
        found = self.markup.find(mark, start)
        return len(self.markup) if found < 0 else found + len(mark)

    def _after_element(self, tag: str, start: int) -> int:
        """Pass over an element that shows nothing; an unclosed one hides only its tag."""
        if tag in self.spent:
            return start
        if (close := _CLOSING[tag].search(self.markup, start)) is not None:
            return self._after(">", close.end())
        self.spent.add(tag)
        return start

    def _tag_end(self, position: int) -> int:
        """Find the end of a tag, passing over quoted attribute values."""
        markup = self.markup
        while (mark := _TAG_MARK.search(markup, position)) is not None:
            position = mark.end()
            if mark[0] == ">":
                return position
            closing = -1 if mark[1] in self.spent else markup.find(mark[1], position)
            if closing < 0:
                self.spent.add(mark[1])
            else:
                position = closing + 1
        return len(markup)

    def _element(self, tag: str, is_closing: bool, attributes: str) -> None:
        if tag == "blockquote":
            self._break(paragraph=True)
            if is_closing and self.lines and not self.lines[-1].strip("> "):
                self.lines.pop()  # the empty line belongs below the quote, not to it
            self.quotes = max(0, min(self.quotes + (-1 if is_closing else 1), _DEEPEST_QUOTE))
            if is_closing:
                self._break(paragraph=True)
        elif tag in _PARAGRAPHS:
            self._break(paragraph=True)
            if tag == "pre":
                self.pres = max(0, self.pres + (-1 if is_closing else 1))
        elif tag in _LINES:
            if tag == "br" or self.line:
                self._break()
            if tag == "li" and not is_closing:
                self.line.append("* ")
        elif tag in {"td", "th"} and self.line and not is_closing:
            self.line.append(" ")
        elif tag == "a":
            self._link(is_closing, attributes)

    def _link(self, is_closing: bool, attributes: str) -> None:
        """Show where a link goes if its words do not say so."""
        if not is_closing:
            found = _HREF.search(attributes[:8_000])
            self.href = _unescape(found[1]) if found else ""
            return
        href, self.href = self.href, ""
        is_shown = href.rstrip("/") in "".join(self.line[-20:])
        if href.startswith(("http://", "https://")) and self.line and not is_shown:
            self.line.append(f" <{href}>")

    def _say(self, text: str) -> None:
        if not text:
            return
        text = _unescape(text)
        if self.pres:
            first, *more = text.replace("\r", "").split("\n")
            self.line.append(first)
            for each in more:
                self._break()
                self.line.append(each)
            return
        text = _SPACES.sub(" ", text)
        if text != " " or self.line:
            self.line.append(text)

    def _break(self, *, paragraph: bool = False) -> None:
        """End the line; an empty paragraph break is one empty line at most."""
        line = "".join(self.line)
        line = line.rstrip() if self.pres else _SPACES.sub(" ", line).strip()
        self.line = []
        mark = "> " * self.quotes
        if line or not paragraph:
            self.lines.append(f"{mark}{line}".rstrip())
        if paragraph and self.lines and self.lines[-1].strip("> "):
            self.lines.append(mark.rstrip())
