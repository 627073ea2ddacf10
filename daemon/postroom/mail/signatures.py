"""Where a person's words end, and signature, telephone and disclaimers begin.

Promise: linear in the lines. A greeting and a name are the person's own words; they go only as part
of a block with ways to reach him. In doubt a line stays.
Used by: mail.fresh.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from postroom.mail.closings import (
    ADDED,
    DEVICE,
    DISCLAIMER,
    GET_OUTLOOK,
    HAPPENED,
    LEADING,
    LIST_FOOTER,
    SALUTATION,
    SENT_FROM,
    SPOKEN_OF,
    TOLD_OF,
    VALEDICTIONS,
)
from postroom.mail.footers import (
    has_stem,
    is_advertisement,
    is_disclaimer,
    is_list_footer,
    is_note,
    is_programs,
    is_sponsor,
)

_LOOK = 600  # characters of a line that are compared
_TAIL = 80  # lines at the end of a text that are looked at, paragraph by paragraph
_MOST_DELIMITERS = 3  # at the end of a text, that are looked at
_LONGEST_HELLO = 40  # characters of "Dear Mrs Smith,"
_FOOTER = 25  # characters that no footer is shorter than
_SHORT = 10  # lines below a bare "--" that may still be a signature
_BLOCK = 14  # lines of a block with ways to reach the sender
_LEAST = 3  # lines of a block without a greeting
_NARROW = 80  # characters of a line in such a block
_DELIMITER = re.compile(
    r"\s?(?:--|__|_{3,80}|—|––|——|–|-{3,80}|- -|={3,80}|\*{3,80}|~{2,80}|[─━]{2,80}"
    r"|[┏┌╔╭][─━═]{2,80}[┓┐╗╮]?)\s*$"
)
_STRICT = ("-- ", "--\t", "- -- ")  # the last one is how PGP writes it in a signed text
_LONGEST_RULE = 60  # characters of one that no person types
_LONG_RULE = re.compile(r"\s*[-_=*~─━]{9}")  # stands below a title, too, or in a table
_DELIMITERS = "-_—–=*~─━┏┌╔╭ "
_RULE = re.compile(r"[\s\-‐‑‒–—―─━═┏┓┗┛┌┐└┘╔╗╚╝╭╮╰╯_=*~#+.]{2,}$")
_LINK = re.compile(
    r"[<(\[]?(?:https?://|mailto:|cid:)[^\s<>\[\]]*+[>)\]]?|\[(?:image|cid)[^\]]{0,200}\]|\[image\]",
    re.IGNORECASE,
)
_WORD = re.compile(r"\w")
_WORDS = re.compile(r"\w+")
# "-Ann", "— Ann Berg"
_DASHED_NAME = re.compile(
    r"\s?(?:[-–—~]|--) ?[^\W\d_][\w.'’]{0,20}(?: [^\W\d_][\w.'’]{0,20}){0,2}\s*$"
)
_REACH = re.compile(
    r"(?:^|[\s|•·,;/(])(?:(?:tele)?ph?on[eo]?|tel|tlf|telef\w*|mob(?:ile?|il)?|cell?|fax|t|m|p|f|d|e|w|direct|office|main|handy"
    r"|puh|gsm|тел\w*|моб\w*|факс|τηλ|電話|电话|手机|전화|e-?mail|mail|web|www|skype|whatsapp)"
    r"[.:：)|\s]{1,4}(?:\+|\(|0|\d|[\w.-]+@|www|http)"
    r"|\+\d{1,3}[\s./(-]{0,2}\d|^\W{0,3}\(?\d{2,5}\)?[\s./-]{1,3}\d[\d\s./-]{4,20}$"
    r"|\S@\w+\S*\.\w\w|(?<!\w)skype\s?:\s?\w|(?<!\w)www\.\w|https?://|linkedin|facebook\.com",
    re.IGNORECASE,
)
# "Ann Berg", "Dr. Ann B. Berg"
_NAME = re.compile(r"\W?[^\W\d_a-z][\w.'’-]{0,20}(?: [^\W\d_][\w.'’-]{0,20}){1,3},?\s*$")
# After these words name and address are what the mail is about.
_ASKS = re.compile(
    r"address|adres|direcci|indirizz|endere|contact|kontakt|contatt|contato|detail|daten|datos|dati"
    r"|send|ship|deliver|liefer|livr|envi|invi|phone|telef|call|number|account|follow|below|folgend"
    r"|suivant|siguiente|seguente"
    r"|\bwho\b|do you know|kennen sie|connaissez|conoce"
    r"|адрес|контакт|住所|地址|주소|\bto\W*$|\bname|[:：]\W*$",
    re.IGNORECASE,
)
# "Send it to the address below": what stands there is no signature, if a greeting is above it, too.
_POINTS = re.compile(
    r"(?:address|contact|person|number|details|colleague|adresse?|anschrift|kontakt\w*|daten|kolleg\w+"
    r"|coordonnées|dirección|indirizzo|endereço)\W{1,2}(?:\w+\W{1,2}){0,2}(?:below|unten|unterhalb"
    r"|ci-dessous|abajo|qui sotto|abaixo|hieronder|nedan|nedenfor|niżej|níže|ниже)\b"
    r"|(?:following|folgende\w?|siguiente|seguente|suivante?) (?:address|contact|person|adresse?"
    r"|anschrift|dirección|indirizzo)",
    re.IGNORECASE,
)
# "P.S. The code of the door is …"
_POSTSCRIPT = re.compile(
    r"\W{0,3}(?:(?:p\.?){1,2}s(?:\.|\s?[:：]|\s[–-]\s)|p\.d\.|pd\s?:|n\.b\.|nb\s?:|з\.ы\.|зы\s?:|追伸|附注|又及)",
    re.IGNORECASE,
)
# "New address:", below which nothing is a signature.
_HEADING = re.compile(
    r"(?:(?:my|our|the|meine|unsere|ma|mon|mes|mi|mis|la mia|il mio|o meu|a minha|mijn) )?"
    r"(?:new|delivery|shipping|billing|neuen?|liefer\w*|rechnungs\w*|nouve\w*|nuev\w*|nuov\w*"
    r"|nov[oa]|nieuwe|ny[at]?|now[ye])(?!\w)[^:：]{0,30}[:：]\s*$",
    re.IGNORECASE,
)
_PHONE = re.compile(r"\d[\d\s./()-]{7,20}\d")
# A line in small letters of four words and more, and none of a title, a place or a way.
_TOLD = re.compile(r"[a-zß-öø-ÿ][^\W\d_]*+(?>(?:,? [^\W\d_]++){3,})[,:.]?\s*$")
# "One more thing: the code is 4711", "The right address is:", where a name should be.
_SENTENCE = re.compile(
    r"\W?\w+[:,]?(?: \w+[:,]?)*?(?: [a-zß-öø-ÿ]{2,},?){3}|[^\W\d_].{8,60}[^:]:\s*$"
)
_COLUMN = re.compile(r"\s[|•·]\s")
_NUMBER = re.compile(r"\d\d[\d\s./()-]{3}")
# "Please send the other one, too." below a rule.
_SENTENCE_WORDS = re.compile(r"\W{0,3}\w++(?:[^\w|@/]++\w++){3,100}[.!?]\s*$")
_SPOKEN = re.compile(
    r"(?<!Inc)(?<!Ltd)(?<!Corp)(?<!Co)(?<!LLC)(?<!S\.A)(?<!S\.L)(?<!e\.V)(?<!p\.A)(?<!r\.l)(?<!r\.o)"
    r"(?<!Bros)(?<!Jr)(?<!Sr)(?<!Ph\.D)[.!?。？！]\s*$|(?<!\w)(?:i|my|you|your|please|ich|bitte|sie|je|vous|yo)(?!\w)",
    re.IGNORECASE,
)


def own_lines(lines: Sequence[str]) -> int:
    """Count the lines from the top that a person wrote; below them the signature begins."""
    # What follows a greeting is taken as a whole, before a footer in it is taken alone.
    looked = _above_delimiter(lines)
    is_typed = looked < len(lines) and lines[looked] not in _STRICT
    if is_typed and _is_salutation(lines[:looked]) and _speaks(lines[looked + 1 :]):
        looked = len(lines)
    count = _above_endings(lines, looked)
    # "Hello," alone is no mail: what stands below it is what its sender had to say.
    return looked if count < looked and _is_salutation(lines[:count]) else count


def _is_salutation(lines: Sequence[str]) -> bool:
    said = [line for line in lines if line.strip()]
    return (
        len(said) == 1
        and len(said[0]) <= _LONGEST_HELLO
        and bool(SALUTATION.match(said[0].lower()))
    )


def _speaks(lines: Sequence[str]) -> bool:
    return any(_SPOKEN.search(line[:_LOOK]) is not None for line in lines[:_SHORT])


def _above_endings(lines: Sequence[str], looked: int) -> int:
    """Cut above a signature that a greeting begins, and above what programs and firms add."""
    count = _without_block(lines, looked)
    while True:
        shorter = _without_last_paragraph(lines, count)
        if shorter == count:
            break
        count = shorter
    count = _above_rules(lines, count)
    return count if count == looked else _without_block(lines, count)


def _without_block(lines: Sequence[str], count: int) -> int:
    shorter = _above_block(lines, count)
    is_some = shorter < count and any(_WORD.search(line) for line in lines[:shorter])
    return shorter if is_some else count


def _above_delimiter(lines: Sequence[str]) -> int:
    """Cut at "-- ", or at what people type for it."""
    strict = [lines.index(mark) for mark in _STRICT if mark in lines]
    if strict:
        return min(strict)
    typed = [
        number
        for number in range(max(0, len(lines) - _TAIL), len(lines))
        if lines[number][:1] in _DELIMITERS and _DELIMITER.match(lines[number]) is not None
    ]
    for number in typed[-_MOST_DELIMITERS:]:
        if _is_signature(lines, number):
            return number
    return len(lines)


def _is_signature(lines: Sequence[str], mark: int) -> bool:
    """Say whether the lines below a bare "--" are few and short enough for a signature."""
    below = [line for line in lines[mark + 1 : mark + _TAIL + 1] if line.strip()]
    if not below or len(lines) - mark > _TAIL:
        return False
    if any(_POSTSCRIPT.match(line) for line in below):
        return False
    low = [line[:_LOOK].lower() for line in below]
    if len(low) > _SHORT and sum(not is_programs(line) for line in low) > _SHORT:
        return False
    if any(len(line) > 160 and not DISCLAIMER.search(line) for line in low):
        return False
    if _LONG_RULE.match(lines[mark]) is not None and _is_table(lines, mark):
        return False
    if mark and abs(len(lines[mark - 1].strip()) - len(lines[mark].strip())) < 2 < len(lines[mark]):
        return False  # it underlines a title
    if _is_announced(lines, mark):
        return False
    if lines[mark].strip() in {"--", "__", "___", "—"}:
        is_told = lines[mark].strip() != "--" and all(_SENTENCE_WORDS.match(line) for line in below)
        return not is_told and sum(len(line) > _NARROW for line in below) <= 3
    # Nothing that speaks is a signature: our own notices end with a rule and what to do, and the
    # scan of answers must see their addresses.
    if any(
        (len(line) > _NARROW or _SPOKEN.search(line) is not None) and not is_programs(line)
        for line in low
    ):
        return False
    return any(_REACH.search(line) is not None or is_programs(line) for line in low)


def _is_announced(lines: Sequence[str], mark: int) -> bool:
    """Say whether the line above a rule says what comes: "These are the options:"."""
    above = lines[mark - 1].rstrip() if mark else ""
    above = above or (lines[mark - 2].rstrip() if mark > 1 else "")
    return above.endswith((":", "：")) and not is_valediction(above)


def _is_table(lines: Sequence[str], mark: int) -> bool:
    """Say whether a long rule belongs to a title or table: one below it may close a box."""
    rules = sum(_LONG_RULE.match(line) is not None for line in lines[mark + 1 : mark + _TAIL])
    return (mark > 0 and bool(lines[mark - 1].strip())) or rules > 1


def _without_last_paragraph(lines: Sequence[str], count: int) -> int:
    """Take the last paragraph away if a program wrote it."""
    end = count
    while end and (_is_blank(lines[end - 1]) or not _WORD.search(lines[end - 1])):
        end -= 1
    start = end
    while start and end - start < _TAIL and not _is_blank(lines[start - 1]):
        start -= 1
    if start == end:
        return count
    if (own := _above_device(lines, start, end)) < end:
        return own
    if sum(map(len, lines[start:end])) < _FOOTER:
        above = _above_rule(lines, start)
        if above < start and LIST_FOOTER.search(lines[start].lower()) is not None:
            return above
        if (link := _above_link(lines, start, end)) < start:
            return link
        return _without_name(lines, start, end, count)
    text = " ".join(line[:_LOOK] for line in lines[start : min(end, start + 40)])
    if not has_stem(text.lower()):
        return count
    if is_note(text):
        return start
    above = _above_rule(lines, start)
    rule = lines[above:start]
    if is_disclaimer(text):
        return above
    if is_list_footer(text, is_ruled=bool(rule)):
        return _above_sponsor(lines, above)
    is_long = any(_LONG_RULE.match(line) is not None for line in rule)
    return above if is_long and is_advertisement(text) else count


def _above_sponsor(lines: Sequence[str], count: int) -> int:
    """Take away what a list's host advertises between a long rule and the list's own footer."""
    start = count
    while start and count - start < _BLOCK and not _is_blank(lines[start - 1]):
        start -= 1
    rule = lines[start - 1].strip() if start else ""
    text = " ".join(line[:_LOOK] for line in lines[start:count])
    is_ruled = len(rule) >= _LONGEST_RULE and not rule.strip("-_")
    return start - 1 if is_ruled and start < count and is_sponsor(text) else count


def _above_link(lines: Sequence[str], start: int, end: int) -> int:
    """Take the address below a program's paragraph away, together with it."""
    if end - start > 1 or _LINK.sub("", lines[start]).strip():
        return start
    above = start
    while above and _is_blank(lines[above - 1]):
        above -= 1
    first = above
    while first and above - first < _BLOCK and not _is_blank(lines[first - 1]):
        first -= 1
    text = " ".join(line[:_LOOK] for line in lines[first:above])
    return first if has_stem(text.lower()) and is_note(text) else start


def _without_name(lines: Sequence[str], start: int, end: int, count: int) -> int:
    """Take "-Ann" away, if it is the last paragraph."""
    is_name = start and end - start == 1 and _DASHED_NAME.match(lines[start]) is not None
    return start if is_name else count


def _above_rules(lines: Sequence[str], count: int) -> int:
    """Leave out rules at the end: they belong to what stood below them."""
    end = count
    while end and _is_blank(lines[end - 1]):
        end -= 1
    return end if any(line.strip() for line in lines[end:count]) else count


def _is_blank(line: str) -> bool:
    return not line.strip() or _RULE.match(line) is not None


def _above_rule(lines: Sequence[str], start: int) -> int:
    """Return the first of the rules above a line, else the line."""
    above = start
    while above and _is_blank(lines[above - 1]):
        above -= 1
    return above if any(line.strip() for line in lines[above:start]) else start


def _above_device(lines: Sequence[str], start: int, end: int) -> int:
    """Cut at "Sent from my iPhone" and "Get Outlook for iOS" in the last lines of a paragraph."""
    if end - start == 1 and ADDED.match(lines[start]) and not _is_told(lines[start]):
        return start
    for number in range(max(start, end - 4), end):
        if is_device_line(lines[number]) and sum(map(len, lines[number:end])) < 400:
            return number
    return end


def _is_told(line: str) -> bool:
    """Say whether a person tells what was sent, when, and what became of it."""
    return (
        HAPPENED.search(line) is not None or TOLD_OF.search(line.strip(" \t*_").lower()) is not None
    )


def is_device_line(line: str) -> bool:
    """Say whether a program or telephone speaks of itself in this line."""
    low = line[:_LOOK].lower()
    if "://" in low or "[" in low:
        low = _LINK.sub(" ", low)
    low = LEADING.sub("", low.strip(" *_-—<>[]()|"))
    if not low or len(low) > 110 or "?" in low or low.startswith(("i ", "we ", "ich ", "je ")):
        return False
    words = len(_WORDS.findall(low))
    if words > 14:
        return False
    if words <= 9 and GET_OUTLOOK.search(line[:_LOOK].lower()) is not None:
        return SPOKEN_OF.search(low) is None
    found = SENT_FROM.search(low)
    if found is None or DEVICE.search(low) is None or TOLD_OF.search(low) is not None:
        return False
    # "I sent from Outlook …" is a person's: programs begin or end with the word.
    return found.start() <= 2 or found.end() >= len(low) - 3 or words <= 7


def _above_block(lines: Sequence[str], count: int) -> int:
    """Cut above a greeting that is followed by name, post and ways to reach the sender."""
    end = count
    while end and not lines[end - 1].strip():
        end -= 1
    if not end or len(lines[end - 1]) > 2 * _NARROW:
        return count
    tail = "\n".join(lines[max(end - 6, 0) : end])[-_LOOK:]
    if not ("@" in tail or "www" in tail or "http" in tail or _NUMBER.search(tail)):
        return count
    first = max(end - 2 * _BLOCK, 0)
    for number in range(end - 1, first - 1, -1):
        line = lines[number]
        if len(line) > 2 * _NARROW:
            return count
        if is_valediction(line):
            below = [each for each in lines[number + 1 : end] if each.strip()]
            above = " ".join(lines[max(number - 6, 0) : number])[-_LOOK:]
            if any(_SENTENCE.match(each) for each in below[:2]) or _POINTS.search(above):
                return count
            return _above_valedictions(lines, number) if _is_block(below) else count
    card = _above_card(lines, end)
    return card if card < end else count


def _above_valedictions(lines: Sequence[str], position: int) -> int:
    """Pass over another greeting just above: 此致 and 敬礼, "Thanks" and "Best regards"."""
    for number in range(position - 1, max(position - 3, -1), -1):
        if is_valediction(lines[number]):
            return number
        if lines[number].strip():
            break
    return position


def _above_card(lines: Sequence[str], end: int) -> int:
    """Cut above a last paragraph that is nothing but name, post, number and address."""
    start = end
    while start and end - start <= _BLOCK and lines[start - 1].strip():
        start -= 1
    card = list(lines[start:end])
    if len(card) == 1:  # "Ann Berg | Berg Ltd | 0113 496 0000 | ann@x.example"
        card = _COLUMN.split(card[0][:_LOOK])
    above = "".join(lines[max(start - 4, 0) : start])[-_LOOK:].rstrip()
    while len(card) > 2 and not _LINK.sub("", card[0]).strip():  # pictures
        del card[0]
    if (
        not above
        or not _LEAST <= max(len(card), end - start) <= _BLOCK
        or not _NAME.match(_cell(card))
    ):
        return end
    is_whole = any(_PHONE.search(line) for line in card) and any("@" in line for line in card)
    below = card[1:] if len(card) > 2 else card
    if not is_whole or not _is_block(below) or _ASKS.search(above) is not None:
        return end
    return start if above.endswith((".", "!", "?", "。", ")")) else end


def _cell(card: Sequence[str]) -> str:
    """Return the name in the first line, before the firm: "Ann Berg | Berg Ltd"."""
    return _COLUMN.split(card[0][:_LOOK])[0] if card else ""


def is_valediction(line: str) -> bool:
    """Say whether a line is a greeting at the end of a letter, with or without a name in it."""
    if len(line) > 70:
        return False
    low = line.lower().strip(" \t,.!;:*_-–،؛、。！，")
    if low in VALEDICTIONS:
        return True
    if "/" in low or "|" in low:  # in two languages
        return any(part.strip(" ,") in VALEDICTIONS for part in re.split(r"[/|]", low))
    head, _, name = line.strip().partition(",")
    is_name = 0 < len(name) <= 30 and not any(word[:1].islower() for word in name.split())
    return is_name and head.lower().strip(" *_-–") in VALEDICTIONS


def _is_block(below: Sequence[str]) -> bool:
    if not 2 <= len(below) <= _BLOCK:
        return False
    if any(_TOLD.match(each) or _POSTSCRIPT.match(each) or _HEADING.match(each) for each in below):
        return False
    if any(len(_LINK.sub("", line)) > _NARROW for line in below):
        return False
    spoken = sum(
        _SPOKEN.search(line[:_LOOK]) is not None and not _REACH.search(line[:_LOOK])
        for line in below
    )
    return spoken <= len(below) // 4 and any(
        _REACH.search(line[:_LOOK]) is not None for line in below
    )
