"""Charsets that Python does not know and old mail is written in.

Promise: each of `NAMES` is a codec once this module was imported, as Python's own are.
Used by: mail.labels.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from postroom.mail.cns import decode_euc_tw, decode_iso2022_cn

_LOW = "".join(map(chr, range(128)))
_C1 = "".join(map(chr, range(0x80, 0xA0)))
_LATIN = "".join(map(chr, range(0xA0, 0x100)))
_VISCII = (  # RFC 1456
    "ẠẮẰẶẤẦẨẬẼẸẾỀỂỄỆỐỒỔỖỘỢỚỜỞỊỎỌỈỦŨỤỲÕắằặấầẩậẽẹếềểễệốồổỗỠƠộờởịỰỨỪ"
    "ỬơớƯÀÁÂÃẢĂẳẵÈÉÊẺÌÍĨỳĐứÒÓÔạỷừửÙÚỹỵÝỡưàáâãảăữẫèéêẻìíĩỉđựòóôõỏọ"
    "ụùúũủýợỮ"
)
_VISCII_LOW = {0x02: "Ẳ", 0x05: "Ẵ", 0x06: "Ẫ", 0x14: "Ỷ", 0x19: "Ỹ", 0x1E: "Ỵ"}
_ARMSCII = (  # U+FFFE: no character
    "\ufffeև։)(»«—.՝,-֊…՜՛՞ԱաԲբԳգԴդԵեԶզԷէԸըԹթԺժԻիԼլԽխԾծԿկՀհՁձՂղՃճՄմՅյՆ"
    "նՇշՈոՉչՊպՋջՌռՍսՎվՏտՐրՑցՒւՓփՔքՕօՖֆ՚\ufffe"
)
_GEORGIAN = "აბგდევზჱთიკლმნჲოპჟრსტჳუფქღყშჩცძწჭხჴჯჰჵ"
_MIK = (  # DOS in Bulgaria
    "АБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯабвгдежзийклмнопрстуфхцчшщъы"
    "ьэюя└┴┬├─┼╣║╚╔╩╦╠═╬┐░▒▓│┤№§╗╝┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈"
    "°∙·√ⁿ²■\xa0"
)

# Codec: the character of each octet.
TABLES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "viscii": _LOW.translate(_VISCII_LOW) + _VISCII,
        "armscii_8": f"{_LOW}{_C1}\xa0{_ARMSCII}",
        "georgian_ps": f"{_LOW}{_C1}{_LATIN[:32]}{_GEORGIAN}{_LATIN[32 + len(_GEORGIAN) :]}",
        "mik": _LOW + _MIK,
    }
)


# Codec: what decodes it, with U+FFFD for what it does not know.
_DECODERS: Final[Mapping[str, Callable[[bytes], str]]] = MappingProxyType(
    {"euc_tw": decode_euc_tw, "iso2022_cn": decode_iso2022_cn}
)
NAMES: Final = frozenset({*TABLES, *_DECODERS})


def _codec_info(name: str) -> codecs.CodecInfo | None:
    if name not in NAMES:
        return None

    def decode(raw: Any, errors: str = "strict") -> tuple[str, int]:
        if (table := TABLES.get(name)) is not None:
            return codecs.charmap_decode(raw, errors, table)
        text = _DECODERS[name](bytes(raw))
        if errors == "strict" and "\ufffd" in text:
            raise UnicodeDecodeError(name, bytes(raw), 0, len(raw), "no characters of it")
        return text, len(raw)

    class Decoder(codecs.IncrementalDecoder):
        def decode(self, raw: Any, final: bool = False) -> str:  # noqa: ARG002
            return decode(raw, self.errors)[0]

    def encode(_: str, errors: str = "strict") -> tuple[bytes, int]:
        raise LookupError(f"{name} is only read ({errors})")

    return codecs.CodecInfo(encode, decode, incrementaldecoder=Decoder, name=name)


codecs.register(_codec_info)
