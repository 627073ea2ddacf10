"""What charset labels mean: those of the web, and those that mail programs make up.

Labels mean what the WHATWG encoding standard says, so a superset where programs use one; where it
has no label, what the programs that wrote it meant.
"""

from __future__ import annotations

import codecs
import re
from functools import lru_cache

from postroom.mail.oldsets import NAMES

# Codecs whose senders mean a larger set.
_SUPERSETS = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "hz": "hz",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "big5": "big5hkscs",
    "cp950": "big5hkscs",
    "iso2022_jp": "iso2022_jp_ext",
    "iso2022_jp_1": "iso2022_jp_ext",
    "iso2022_jp_2": "iso2022_jp_2",
    "iso2022_jp_3": "iso2022_jp_3",
}
_NAMES = {
    "cp1252": "ansi x-ansi ms-ansi winansi windows x-cp1252 cp-1252 win-1252 win1252 windows1252"
    " x-windows-1252 x-user-defined latin-1-windows ansi-1252 iso-8859-1-windows"
    " ansi_x3.110-1983 ansi_x3.4-1986 us us-asci ascii-us en_us 8859-1"
    " 8859_1 88591 iso iso-8859 iso8859 iso-8859-l iso-latin-1 isolatin1 latin western",
    "cp1250": "x-cp1250 win-1250 win1250 windows1250 cp-1250 x-windows-1250",
    "cp1251": "x-cp1251 win-1251 win1251 windows1251 cp-1251 x-windows-1251 win windows-cyrillic",
    "cp1253": "x-cp1253 win-1253 windows1253 cp-1253",
    "cp1254": "x-cp1254 win-1254 windows1254 cp-1254",
    "cp1255": "x-cp1255 win-1255 windows1255 cp-1255",
    "cp1256": "x-cp1256 win-1256 windows1256 cp-1256",
    "cp1257": "x-cp1257 win-1257 windows1257 cp-1257",
    "cp1258": "x-cp1258 win-1258 windows1258 cp-1258",
    "cp874": "dos-874 windows-874 x-windows-874 iso-8859-11 tis620 tis-620-2533 thai",
    "cp437": "dos-437 ibm-437 cp-437",
    "cp850": "dos-850 ibm-850 cp-850 dos",
    "cp852": "dos-852 ibm-852 cp-852",
    "cp858": "dos-858 ibm-858 ibm00858 cp-858",
    "cp866": "dos-866 ibm-866 csibm866 cp-866",
    "iso8859-2": "8859-2 iso-8859-2-windows latin-2",
    "iso8859-6": "iso-8859-6-e iso-8859-6-i csiso88596e csiso88596i asmo-708",
    "iso8859-8": "iso-8859-8-i iso-8859-8-e logical visual csiso88598e csiso88598i",
    "iso8859-15": "8859-15 latin-9 latin9 iso-8859-15-windows iso8859-15@euro",
    "koi8-r": "koi koi8 koi8r koi-8 koi-8-r x-koi8-r",
    "koi8-u": "koi8-ru koi8u",
    "viscii": "csviscii viscii1.1-1",
    "armscii_8": "armscii armscii-8 armscii8",
    "georgian_ps": "georgian-ps",
    "euc_tw": "euc-tw x-euc-tw cns-euc-tw cns11643",
    "iso2022_cn": "iso-2022-cn iso-2022-cn-ext x-iso-2022-cn csiso2022cn",
    "mik": "x-mik bulgarian-mik",
    "gb18030": "x-gbk x-gb18030 gb_2312-80 gb-2312 gb2312-80 x-euc-cn cn-gb cn-gb-2312 chinese"
    " iso-ir-58 csiso58gb231280 cp936 ms936 cp-936 windows-936 x-mac-simp-chinese x-gb gb",
    "hz": "x-hz",
    "big5hkscs": "x-x-big5 cn-big5 x-big5 big-5 big5-eten x-mac-trad-chinese cp950 ms950 cp-950"
    " windows-950 big5-hkscs",
    "cp932": "x-sjis x-ms-cp932 ms_kanji csshiftjis windows-31j ms932 cp-932 windows-932"
    " x-mac-japanese shift-jis shiftjis sjis-win shift_jis-win",
    "euc_jp": "x-euc-jp x-euc ujis-jp eucjp-win cp51932 eucjp-ms euc-jp-ms",
    "iso2022_jp_ext": "_iso-2022-jp$esc _iso-2022-jp cp50220 cp50221 cp50222"
    " iso-2022-jp-ms csiso2022jp x-iso-2022-jp iso2022-jp jis x-jis",
    "cp949": "ks_c_5601-1987 ks_c_5601-1989 ks_c_5601 ksc5601 ksc_5601 ks-c-5601-1987 csksc56011987"
    " iso-ir-149 korean windows-949 x-windows-949 uhc ms949 cp-949 x-mac-korean euc-kr-win kr",
    "johab": "x-johab ms1361",
    "mac_roman": "x-mac-roman macintosh mac csmacintosh x-mac apple-roman x-macroman",
    "mac_cyrillic": "x-mac-cyrillic x-mac-ukrainian",
    "mac_latin2": "x-mac-ce x-mac-centraleurroman x-mac-centraleurope x-mac-croatian",
    "mac_romanian": "x-mac-romanian",
    "mac_greek": "x-mac-greek",
    "mac_turkish": "x-mac-turkish",
    "mac_iceland": "x-mac-icelandic",
    "mac_arabic": "x-mac-arabic",
    "iso8859-5": "8859-5",
    "utf-8": "unicode-1-1-utf-8 unicode11utf8 unicode20utf8 x-unicode20utf8 utf8mb4 utf-8mb4 utf"
    " u8 utf-08 utf8-mac utf-8-mac utf-8n x-utf-8 x-utf8 unicode-utf-8 iso-10646/utf8 cp65001"
    " utf-8-unicode utf-8-bom uft-8 utf-8859-1 iso-utf-8 csutf8",
    "utf-7": "unicode-1-1-utf-7 x-unicode-2-0-utf-7 csunicode11utf7 cp65000 utf7",
    "utf-16": "unicode ucs-2 iso-10646-ucs-2 csunicode iso-10646",
    "utf-16-le": "unicodelittle ucs-2le x-utf-16le",
    "utf-16-be": "unicodefffe unicodebig ucs-2be x-utf-16be",
}
_LABELS = {label: codec for codec, labels in _NAMES.items() for label in labels.split()}
# What programs write when they do not know.
_UNKNOWN = frozenset(
    {"x-unknown", "unknown", "unknown-8bit", "x-unknown-8bit", "8bit", "7bit", "binary", "default"}
    | {"none", "null", "undefined", "charset", "x-charset", "auto", "_autodetect", "other", "local"}
    | {"_autodetect_all", "user-defined", "unspecified"}
)
# Python's registry also holds codecs that are not charsets (unicode_escape mangles paths, pain 69).
_NOT_CHARSETS = frozenset(
    {"unicode_escape", "raw_unicode_escape", "unicode-escape", "raw-unicode-escape", "idna"}
    | {"punycode", "undefined", "mbcs", "oem", "palmos"}
)
_LONGEST = 60
_LABEL = re.compile(r"[\w.:/$@!-]+")
# Of C1 controls, which nobody writes, in a text of these: the code page that has letters there.
WITH_C1 = {
    "iso8859-2": "cp1250",
    "iso8859-5": "cp1251",
    "iso8859-7": "cp1253",
    "iso8859-8": "cp1255",
    "iso8859-13": "cp1257",
    "iso8859-4": "cp1257",
    "iso8859-15": "cp1252",
}


@lru_cache(maxsize=256)
def codec_of(label: str) -> str | None:
    """Name Python's codec for a charset label, or None when the label means nothing."""
    label = label.strip(" \t\r\n\"'").lower()
    if not label or len(label) > _LONGEST or "\0" in label:
        return None
    found = _LABEL.match(label)
    for each in dict.fromkeys((label, found[0] if found else "", label.replace(" ", "-"))):
        if each in _UNKNOWN:
            return None
        if codec := _LABELS.get(each) or _registered(each):
            return codec
    return None


def _registered(label: str) -> str | None:
    if label in NAMES:
        return label
    try:
        name = codecs.lookup(label).name
        if name in _NOT_CHARSETS:
            return None
        b"a".decode(name)  # LookupError for zlib, rot13 and other codecs that make no text
    except UnicodeError:
        pass
    except (LookupError, ValueError):
        return None
    return _SUPERSETS.get(name, name)
