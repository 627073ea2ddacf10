"""Blocks with ways to reach a person: name, post, number and address below his words.

Promise: each call looks at some lines at the end of a text. A greeting and a name alone are the
person's own words, and so are the data that a mail is about. In doubt a line stays.
Used by: mail.signatures, mail.fresh.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from postroom.mail.closings import VALEDICTIONS
from postroom.mail.namesakes import NOBODY, Author

LOOK = 600  # characters of a line that are compared
BLOCK = 14  # lines of a block with ways to reach the sender
_LONGEST_GIVEN = 30  # characters of a given name
_LEAST = 3  # lines of a block without a greeting
NARROW = 80  # characters of a line in such a block
STOPS = (".", "!", "?", "。", ")", "…")
LINK = re.compile(
    r"[<(\[]?(?:https?://|mailto:|cid:)[^\s<>\[\]]*+[>)\]]?|\[(?:image|cid)[^\]]{0,200}\]|\[image\]",
    re.IGNORECASE,
)
_WAY = re.compile(rf"{LINK.pattern}|\S{{1,100}}@\S{{1,100}}|www\.\S{{1,100}}", re.IGNORECASE)
REACH = re.compile(
    r"(?:^|[\s|•·,;/(])(?:(?:tele)?ph?on[eo]?|ph|tel|tfno?|tfn|tél\w*|port|portable|tlf|telef\w*|mob(?:ile?|il)?|cell?|fax|[tmpfdewoch]|direct|office|main|handy"
    r"|puh|gsm|тел\w*|моб\w*|факс|τηλ|電話|电话|手机|전화|e-?mail|mail|web|www|skype|whatsapp)"
    r"[.:：)|\s]{1,4}(?:\+|\(|0|\d|[\w.-]+@|www|http)"
    r"|\+\d{1,3}[\s./(-]{0,2}\d|^\W{0,3}\(?\d{2,5}\)?[\s./-]{1,3}\d[\d\s./-]{4,20}$"
    r"|\S@\w+\S*\.\w\w|(?<!\w)skype\s?:\s?\w|(?<!\w)www\.\w|https?://|linkedin|facebook\.com",
    re.IGNORECASE,
)
# "Ann Berg", "Dr. Ann B. Berg"
_NAME = re.compile(
    r"\W?[^\W\d_a-z][\w.'’-]{0,20}(?: [^\W\d_][\w.'’-]{0,20}){1,3}(?:, [A-Z][\w.]{0,8}){0,2},?\s*$"
)
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
POSTSCRIPT = re.compile(
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
# Within a firm: "x4471", "Ext. 5508".
_EXTENSION = (
    r"(?:x|ext(?:ensi[oó]n|n)?\.?|app\.?|apparat|poste|ramal|anexo|interno|durchwahl|dw|anknytning"
    r"|ankn\.?|wewn?\.?|linka|kl\.|klapka|доб\.?|вн\.?|внутр\.?|dahili|toestel|tst\.?|alanumero"
    r"|lokal|mellék|内線|分机|내선)\s?[:：]?\s?\d{2,5}"
)
# Where the country and the town go without saying: "555-0119".
_LOCAL_NUMBER = re.compile(
    rf"(?:^|\s[|•·])\s*(?:[\w/ ]{{1,12}}[:.]\s?)?\d{{3}}[-. ]\d{{4}}(?:,? {_EXTENSION})?"
    r"\s*(?:$|[|•·])"
    rf"|(?:^|\s[|•·]\s|, )\s*{_EXTENSION}\s*(?:$|[|•·])",
    re.IGNORECASE,
)
_ONLY_PICTURES = re.compile(r"[<\[](?:cid:|image:? |image\d)[^<>\[\]]{0,200}[>\]]", re.IGNORECASE)
_MOTTO = re.compile(r"\s*[\"“„«].{10,200}[\"”“»]\s*$")
# The Bat!: "Ann                       mailto:ann@x.example"
_NAME_AND_ADDRESS = re.compile(r"\s*[^\W\d_][^@:]{0,40}\s{3}(?:mailto:)?\S{1,80}@\S{1,150}\s*$")
_COLUMN = re.compile(r"\s[|•·]\s")
# "Head of Sales", "Hollander Pump & Valve"; no sentence.
_TITLE = re.compile(
    r"\s*[^\W\d_a-zß-öø-ÿ][\w.'’&/-]*(?:,? (?:of|for|and|the|de|des|du|della|di|et|und|für|van|von"
    r"|y|e|og|[^\W\d_a-zß-öø-ÿ&(][\w.'’/)-]*|&|[-–])){0,7},?\s*$"
)
_NUMBER = re.compile(r"\d\d[\d\s./()-]{3}")
# Firms and titles end with a full stop, too; so do those that have one within, as "N.V.".
_ABBREVIATED = frozenset(
    {"Inc", "Ltd", "Corp", "Co", "LLC", "Bros", "Şti", "Tic", "San", "kft", "Zrt", "Bt", "Jr", "Sr"}
    | {"Co. KG", "Pty", "Pvt", "Dept", "Esq", "mbH", "Bhd", "Sdn", "Gmbh", "Univ", "Oy", "Dipl"}
)
SPOKEN = re.compile(
    "".join(rf"(?<!{re.escape(each)})" for each in sorted(_ABBREVIATED))
    + r"(?<!\.\w)[.!?。？！]\s*$|(?<!\w)(?:i|my|you|your|please|ich|bitte|sie|je|vous|yo)(?!\w)",
    re.IGNORECASE,
)


def above_block(lines: Sequence[str], count: int, author: Author = NOBODY) -> int:
    """Cut above a greeting that is followed by name, post and ways to reach the sender."""
    end = count
    while end and not _ONLY_PICTURES.sub("", lines[end - 1][:LOOK]).strip():
        end -= 1
    if not end or len(lines[end - 1]) > 2 * NARROW:
        return count
    is_pictured = any(line.strip() for line in lines[end:count])
    if is_pictured and (is_valediction(lines[end - 1]) or author.is_called(lines[end - 1])):
        count = end  # the picture goes
    if _MOTTO.match(lines[end - 1]) and author.is_called(last_line(lines, end - 1)):
        return end - 1
    if (own := _above_own_card(lines, end, author)) is not None:
        return own
    tail = "\n".join(lines[max(end - 6, 0) : end])[-LOOK:]
    is_reached = "@" in tail or "www" in tail or "http" in tail or _NUMBER.search(tail)
    if not (is_reached or _LOCAL_NUMBER.search(lines[end - 1])):
        return count
    first = max(end - 2 * BLOCK, 0)
    for number in range(end - 1, first - 1, -1):
        line = lines[number]
        if len(line) > 2 * NARROW:
            return count
        if is_valediction(line):
            below = [each for each in lines[number + 1 : end] if each.strip()]
            above = " ".join(lines[max(number - 6, 0) : number])[-LOOK:]
            if any(_SENTENCE.match(each) for each in below[:2]) or _POINTS.search(above):
                return count
            if not _is_block(below):
                return count
            named = _named_again(lines, number + 1, end)
            return _above_valedictions(lines, number) if named is None else named
    card = _above_card(lines, end)
    return card if card < end else count


def _above_own_card(lines: Sequence[str], end: int, author: Author) -> int | None:
    """Cut above the author's own name, if all below it is his post and ways to reach him.

    The uppermost such line: his name is in his firm's, too.
    """
    found = None
    for number in range(end - 1, max(end - 2 * BLOCK, -1), -1):
        line = lines[number]
        if len(line) > 2 * NARROW:
            break
        if not line.strip():
            continue
        if author.signs(line):
            if not _begins_card(lines, number, end, author):
                break
            found = number
        elif found is None and _is_firms(lines, number, end, author):
            return number + 1
    return None if found is None else _above_valedictions(lines, found)


def _begins_card(
    lines: Sequence[str], number: int, end: int, author: Author, *, may_be_titles: bool = True
) -> bool:
    """Say whether a card begins with the author's name in this line, that nothing announces."""
    above = last_line(lines, number, marks="")
    is_announced = above.endswith((":", "：")) or _POINTS.search(above[:LOOK]) is not None
    if not above.endswith(STOPS):  # "Please send it to"
        is_announced = is_announced or _ASKS.search(above[:LOOK]) is not None
    is_greeted = is_valediction(above)
    if is_announced and not is_greeted:
        return False
    is_signed = len(above) <= _LONGEST_GIVEN and author.is_called(above.rpartition(" ")[2])
    line = lines[number].strip()
    rest = line[len(_cell([line])) :]
    below = [each for each in lines[number + 1 : end] if each.strip()]
    # "Kind regards / Ann Berg / Support" is how an answer ends: no card without ways to reach her.
    return _is_own_block(
        [rest, *below] if rest.strip() else below,
        may_be_titles=may_be_titles and not is_greeted,
        is_signed=is_signed,
    )


def _is_firms(lines: Sequence[str], number: int, end: int, author: Author) -> bool:
    """Say whether firm and number stand just below his given name in a line of its own."""
    is_apart = number > 0 and not lines[number - 1].strip() and end - number > 2
    above = next(
        (line for line in reversed(lines[max(number - 4, 0) : number]) if line.strip()), ""
    )
    return (
        is_apart
        and len(lines[number]) <= _LONGEST_GIVEN
        and all(line.strip() for line in lines[number:end])
        and author.is_called(lines[number])
        and not is_valediction(above)
        and _begins_card(lines, number, end, author, may_be_titles=False)
    )


def _is_own_block(below: Sequence[str], *, may_be_titles: bool, is_signed: bool) -> bool:
    """Say whether lines below the author's name are a card: with ways to reach him, or titles.

    `is_signed`: he signed just above, so that his name is there twice.
    """
    if not 1 <= len(below) <= BLOCK:
        return False
    if any(_TOLD.match(each) or POSTSCRIPT.match(each) or _HEADING.match(each) for each in below):
        return False
    looked = [each[:LOOK] for each in below]
    if any(len(_WAY.sub("", each)) > NARROW and each.count("|") < 2 for each in looked):
        return False
    ways = any(
        pattern.search(each) for each in looked for pattern in (REACH, _PHONE, _LOCAL_NUMBER)
    )
    spoken = sum(SPOKEN.search(each) is not None and not REACH.search(each) for each in looked)
    if ways:
        return spoken <= len(below) // 4
    if is_signed and not spoken and 1 < len(below) <= 2 * _LEAST:
        return True
    return (
        may_be_titles
        and not spoken
        and len(below) <= _LEAST
        and all(_TITLE.match(each) for each in looked)
    )


def _named_again(lines: Sequence[str], start: int, end: int) -> int | None:
    """Return the line of a card that begins with the name above it, by which its owner signed."""
    rows = [number for number in range(start, end) if lines[number].strip()]
    signed = lines[rows[0]].strip(" \t,.!-–—*").lower() if rows else ""
    if not signed or len(signed.split()) > _LEAST:
        return None
    for number in rows[1:3]:
        name = lines[number].strip(" \t*").lower()
        if name == signed or name.startswith(f"{signed} "):
            return number
    return None


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
    while start and end - start <= BLOCK and lines[start - 1].strip():
        start -= 1
    card = list(lines[start:end])
    if len(card) == 1:  # "Ann Berg | Berg Ltd | 0113 496 0000 | ann@x.example"
        card = _COLUMN.split(card[0][:LOOK])
    above = "".join(lines[max(start - 4, 0) : start])[-LOOK:].rstrip()
    while len(card) > 2 and not LINK.sub("", card[0]).strip():  # pictures
        del card[0]
    if (
        not above
        or not _LEAST <= max(len(card), end - start) <= BLOCK
        or not _NAME.match(_cell(card))
    ):
        return end
    is_signed = _cell(card).lower().startswith(f"{last_line(lines, start).lower()} ")
    is_whole = any(_PHONE.search(line) for line in card) and any(
        "@" in line or (is_signed and LINK.search(line)) for line in card
    )
    below = card[1:] if len(card) > 2 else card
    if not is_whole or not _is_block(below) or _ASKS.search(above) is not None:
        return end
    return start if is_signed or above.endswith(STOPS) else end


def last_line(lines: Sequence[str], end: int, marks: str = ",.!-–—") -> str:
    """Return the line above, or the one above an empty line: "Ann", who signs."""
    above = [line.strip(f" \t{marks}") for line in lines[max(end - 2, 0) : end] if line.strip()]
    return above[-1] if above and above[-1] else "\n"


def _cell(card: Sequence[str]) -> str:
    """Return the name in the first line, before the firm: "Ann Berg | Berg Ltd"."""
    return _COLUMN.split(card[0][:LOOK])[0] if card else ""


def is_valediction(line: str) -> bool:
    """Say whether a line is a greeting at the end of a letter, with or without a name in it."""
    if len(line) > 70:
        return False
    low = line.lower().replace("\u0307", "").strip(" \t,.!;:*_-–،؛、。！，")  # of "İ"
    if low in VALEDICTIONS:
        return True
    if "/" in low or "|" in low:  # in two languages
        return any(part.strip(" ,") in VALEDICTIONS for part in re.split(r"[/|]", low))
    head, _, name = line.strip().partition(",")
    is_name = 0 < len(name) <= 30 and not any(word[:1].islower() for word in name.split())
    return is_name and head.lower().strip(" *_-–") in VALEDICTIONS


def _is_block(below: Sequence[str]) -> bool:
    if len(below) == 1:
        return _NAME_AND_ADDRESS.match(below[0]) is not None
    if not 2 <= len(below) <= BLOCK:
        return False
    if any(_TOLD.match(each) or POSTSCRIPT.match(each) or _HEADING.match(each) for each in below):
        return False
    if any(len(_WAY.sub("", line)) > NARROW and line.count("|") < 2 for line in below):
        return False
    spoken = sum(
        SPOKEN.search(line[:LOOK]) is not None and not REACH.search(line[:LOOK]) for line in below
    )
    return spoken <= len(below) // 4 and any(
        REACH.search(line[:LOOK]) is not None for line in below
    )
