"""Texts as words: folded, cut, and which of them tell nothing.

Promise: what a mail program made of a text (case, accents, punctuation, wrapping, invisible marks)
changes no word; each character of a script without spaces between words is a word of its own. Pure.
Used by: core.leaks.
"""

from __future__ import annotations

import re
import unicodedata

# Scripts without spaces between words: each character is a word of its own.
_NO_SPACES = (
    r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
    r"\U00020000-\U0003ffff"
)
_WORD = re.compile(rf"[{_NO_SPACES}]|[^\W_{_NO_SPACES}]+")
_ASCII_WORD = re.compile(r"[a-z0-9]+")
_UNSPACED = re.compile(rf"[{_NO_SPACES}]")


class _Folding(dict[int, str]):
    """Each character as it is compared: compatible, without case, accents and invisible marks.

    One character at a time, so that places in the folded text lead back to the text.
    """

    def __missing__(self, code: int) -> str:
        folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", chr(code)).casefold())
        self[code] = "".join(
            each for each in folded if unicodedata.category(each) not in {"Mn", "Mc", "Me", "Cf"}
        )
        return self[code]


_FOLDING = _Folding()


def fold(text: str) -> str:
    """Return the text as it is compared."""
    return text.lower() if text.isascii() else text.translate(_FOLDING)


def words_of(text: str) -> list[str]:
    """Return the words of a text, folded."""
    folded = fold(text)
    return (_ASCII_WORD if folded.isascii() else _WORD).findall(folded)


def _list(words: str) -> frozenset[str]:
    return frozenset(fold(words).split())


def has_unspaced(words: list[str]) -> bool:
    """Say whether a word of a script without spaces is among them."""
    return _UNSPACED.search("".join(words)) is not None


def unspaced_in(said: str) -> int:
    """Count the characters of scripts without spaces."""
    return len(_UNSPACED.findall(said))


def places_of(text: str) -> list[tuple[int, int]]:
    """Return from where to where in the text each of its words stands."""
    folded = fold(text)
    spans = [match.span() for match in _WORD.finditer(folded)]
    if text.isascii():
        return spans
    origin = [place for place, letter in enumerate(text) for _ in _FOLDING[ord(letter)]]
    return [(origin[start], origin[end - 1] + 1) for start, end in spans]


# Words of which anybody's texts are full, in the languages of most of our mail. A list can never be
# whole: a word too few costs a false alarm, so only words that tell nothing stand here.
EVERYDAY = _list("""
    a about after again all already also am an and any anything are as asap ask asked at attached
    back be because been before but by call can cannot case check checked checking closed closing
    contact could customer day dear did do does doing don done fine first fixed fixing for forward
    forwarded from further fyi get give go going good got great had has have he hello help her here
    hi him his hold how however i if in information into is it its just know later let like ll look
    looks m mail may me message more much my need needs new next no not note now of off ok okay on
    once one only open or order other our out over per please possible problem question questions
    re ready received regarding regards reply request resolved s sale same see send sent she should
    so solved some soon sorry still sure t take team than thank thanks that the their them then
    there they thing this those ticket time to today tomorrow too two up us ve very via wait waiting
    was way we well were what when where which who why will wish with working would yes yesterday
    yet you your yours kind best warm sincerely cheers hesitate
    aber alle alles also am an anbei anfrage anhang antwort auch auf aus bei beim bekommen bis bitte
    bin da dabei damit danke dann das dass dem den der des dich die dies diese dir doch du durch ein
    eine einem einen einer er erhalten erledigt es euch fertig fragen fur geht gelost gern gerne
    geschickt gesendet gibt grusse grussen gruss gut guten habe haben hallo hat heute hier hilfe
    ich ihm ihn ihnen ihr ihre ihrer im in info ist ja jetzt kann kein keine kommt konnen kunde
    leider liebe lieber mal mehr mein meine melden melde mfg mich mir mit moin morgen nach nachricht
    nein nicht noch nochmal nun nur ob oder per problem ruckfrage sagen schicken sehr sein sich sie
    siehe sind so sobald soll tag um und uns unser vielen viele vom von vor war warten was wegen
    weitere weitergeleitet wenn wer werde werden wie wieder wir wird wurde zu zum zur herr frau
    freundlich freundlichen freundliche geehrte geehrter damen herren beste besten lg vg
    bonjour merci cordialement bien vous nous votre le la les un une de du et est pour pas avec
    madame monsieur salut voir joint jointe fait clos
    hola gracias saludos estimado estimada el los las por para con que adjunto hecho cerrado buenos
    dias cordiales favor ciao grazie saluti cordiali gentile allegato fatto chiuso buongiorno
    hoi dank bedankt groeten vriendelijke beste geachte bijlage gedaan gesloten graag het een van
    hei hej takk tack tak hilsen halsningar vennlig mvh ola obrigado obrigada atenciosamente
    """)
EVERYDAY_UNSPACED = _list(
    """
    谢谢 谢谢您 好的 您好 你好 已完成 完成 已处理 见附件 请见附件 非常感谢 了解しました 承知しました
    完了 完了しました お疲れ様です お世話になっております ありがとうございます
    よろしくお願いします よろしくお願いいたします ขอบคุณครับ ขอบคุณค่ะ สวัสดีครับ สวัสดีค่ะ
    """
)
GREETINGS = _list("""
    hi hello dear hey hallo liebe lieber guten moin sehr bonjour salut cher chere madame monsieur
    hola estimado estimada ciao buongiorno gentile caro cara hoi beste geachte hei hej ola
    """)
CLOSINGS = _list("""
    regards sincerely cheers grusse grussen gruss mfg lg vg cordialement saludos saluti groeten
    hilsen halsningar mvh atenciosamente
    """)
