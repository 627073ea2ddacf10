"""Templates to words."""

from typing import Any

import pytest
from jinja2 import Environment
from jinja2.filters import do_wordwrap
from markupsafe import Markup

from postroom.core.pictures import illustrate
from postroom.core.variables import EMPTY, SAMPLE, SAMPLE_PICTURES
from postroom.render.checking import check_templates
from postroom.render.filters import lines, named, one_line, quote, wordwrap
from postroom.render.library import OUTPUT_CHARS, RenderError
from postroom.render.renderer import Renderer
from postroom.shipped import shipped_texts

NAMES = [
    *("auto-reply", "answer", "new", "message", "note", "ask", "alert", "escalation", "activated"),
    *("taken-over", "approved", "rejected", "canceled", "command-result", "command-error"),
    *(
        "held",
        "held-answer",
        "lost",
        "digest",
        "delayed",
        "letterhead",
        "forward",
        "undelivered",
        "notice",
    ),
    "hook-failed",
]


def renderer(**own: str) -> Renderer:
    """Return a renderer of the shipped templates with some replaced: `answer_en="…"`."""
    paths = {f"templates/mail/{name.replace('_', '.')}.j2": text for name, text in own.items()}
    return Renderer({**shipped_texts(), **paths})


def template(text: str, subject: str = "Hi", html: str | None = None) -> str:
    blocks = {"subject": subject, "text": text} | ({"html": html} if html is not None else {})
    return "".join(
        f"{{% block {name} %}}{words}{{% endblock %}}\n" for name, words in blocks.items()
    )


def sample(**changed: Any) -> dict[str, Any]:
    return {**SAMPLE, **changed}


def test_every_template_of_the_contract_ships() -> None:
    shipped = {
        path.split("/")[-1].split(".")[0] for path in shipped_texts() if path.endswith(".j2")
    }
    assert set(NAMES) == shipped


@pytest.mark.parametrize("name", [name for name in NAMES if name != "letterhead"])
@pytest.mark.parametrize("variables", [SAMPLE, {}])
def test_every_shipped_template_renders_with_all_and_with_nothing(
    name: str, variables: Any
) -> None:
    rendered = renderer().render(name, "en", variables)
    assert rendered.warning is None
    assert rendered.text.endswith("\n")
    assert "\n" not in rendered.subject


@pytest.mark.parametrize(
    "name", [name for name in NAMES if name not in ("letterhead", "digest", "alert")]
)
def test_every_mail_about_a_request_carries_its_tag_once(name: str) -> None:
    assert renderer().render(name, "en", SAMPLE).subject.count("[acme #123]") == 1


@pytest.mark.parametrize("language", ["en", "nb"])
def test_neutral_words_repeat_nothing_of_the_sender(language: str) -> None:
    rendered = renderer().render("auto-reply", language, sample(neutral=True))
    words = rendered.subject + rendered.text
    assert rendered.subject.startswith("[acme #123] ")
    for theirs in ("Kari", "kari@", "printer", "burning", "Example"):
        assert theirs not in words
    assert "R-123" in words


def test_to_a_known_sender_the_automatic_reply_names_subject_and_person() -> None:
    rendered = renderer().render("auto-reply", "en", SAMPLE)
    assert rendered.subject == "Re: The <b>printer</b> is on fire [acme #123]"
    assert "Hello Kari Nordmann," in rendered.text


@pytest.mark.parametrize(
    ("subject", "given"),
    [
        ("Re: Fire [acme #123]", "Re: Fire"),
        ("Re: Fire [acme #123]", "RE: Sv: re: Fire"),
        ("Re: Fire hose [acme #123]", "Fire\r\nBcc:\x00 x@y.no".replace("Bcc:\x00 x@y.no", "hose")),
        ("Re: [acme #123]", ""),
    ],
)
def test_subject_of_an_answer(subject: str, given: str) -> None:
    request = {**SAMPLE["request"], "subject": given}
    assert subject == renderer().render("answer", "en", sample(request=request)).subject


def test_a_subject_is_one_short_line_with_the_tag_whatever_the_template_does() -> None:
    own = template("x", subject="a\r\nBcc: evil@example.com\u2028{{ message.text * 100 }}")
    subject = renderer(answer_en=own).render("answer", "en", SAMPLE).subject
    assert subject.startswith("a Bcc: evil@example.com It has")
    assert subject.endswith(" [acme #123]")
    assert len(subject) < 950
    assert not set(subject) & set("\r\n\u2028\x00")


def test_the_language_falls_back_to_its_general_form_and_to_english() -> None:
    own = renderer()
    assert own.render("auto-reply", "nb-NO", SAMPLE).text.startswith("Hei")
    assert own.render("auto-reply", "fr", SAMPLE).text.startswith("Hello")
    assert own.render("answer", "nb", SAMPLE).warning is None


def test_html_is_escaped_and_text_is_not() -> None:
    own = template("{{ request.subject }}", html="<p>{{ request.subject }}</p>")
    rendered = renderer(answer_en=own).render("answer", "en", SAMPLE)
    assert rendered.text == "The <b>printer</b> is on fire\n"
    assert rendered.html == "<p>The &lt;b&gt;printer&lt;/b&gt; is on fire</p>"


def test_without_an_html_block_there_is_no_html() -> None:
    assert renderer().render("approved", "en", SAMPLE, layout="letterhead").html is None


def test_an_answer_has_html_only_to_show_pictures() -> None:
    assert renderer().render("answer", "en", SAMPLE, layout="letterhead").html is None
    with_picture = sample(message={**SAMPLE["message"], "pictures": SAMPLE_PICTURES})
    shown = renderer().render("answer", "en", with_picture, layout="letterhead").html
    assert shown is not None
    assert '<img src="cid:p1.x@example.com" alt="&lt;b&gt;fire.png"' in shown


PICTURES = [
    {"part": "2", "name": "a<b>.png", "start": 3, "end": 3, "cid": "p1@x"},
    {"part": "3", "name": "c.png", "start": 6, "end": 11, "cid": "p2@x"},
    {"part": "4", "name": "d.png", "start": 99, "end": 99, "cid": ""},
]


def test_pictures_are_named_in_text_and_shown_in_html() -> None:
    text = "Hi.\n< [one] >\ue000\nBye."
    assert "Hi.\n[picture: a<b>.png]\n< [picture: c.png] >\ue000\nBye.\n[picture: d.png]" == named(
        text, PICTURES
    )
    assert (
        'Hi.<br>\n<img src="cid:p1@x" alt="a&lt;b&gt;.png" style="max-width: 100%"><br>\n'
        '&lt; <img src="cid:p2@x" alt="c.png" style="max-width: 100%"> &gt;\ufffd<br>\n'
        "Bye.<br>\n[picture: d.png]" == lines(text, PICTURES)
    )


@pytest.mark.parametrize(
    ("expected", "text", "place"),
    [
        ("X", "", (0, 0)),
        ("X\nHi", "Hi", (0, 0)),
        ("Hi\nX", "Hi", (2, 2)),
        ("Hi\nX", "Hi", (9, 12)),
        ("X", "Hi", (0, 2)),
    ],
)
def test_a_picture_has_a_place_in_any_text(
    expected: str, text: str, place: tuple[int, int]
) -> None:
    picture = {"name": "x", "start": place[0], "end": place[1]}
    assert expected == illustrate(text, ["X"], [picture]).strip("\n")


def test_a_layout_goes_around_text_and_html() -> None:
    own = template("Words", html="<p>{{ company }}</p>")
    rendered = renderer(answer_en=own).render("answer", "en", SAMPLE, layout="letterhead")
    assert rendered.text == "Words\n\n-- \nEva Berg\nAcme Support\nRequest R-123\n"
    assert rendered.html is not None
    assert rendered.html.startswith("<p>Example &amp; Sons</p>\n<hr>")
    assert rendered.subject == "Hi [acme #123]"


def test_a_template_that_fails_gives_way_to_the_shipped_one_with_a_warning() -> None:
    rendered = renderer(answer_en=template("{{ requst.id }}")).render("answer", "en", SAMPLE)
    assert rendered.text.startswith("It has been burning")
    assert rendered.warning == "templates/mail/answer.en.j2: 'requst' is undefined"


@pytest.mark.parametrize(
    "text",
    [
        "{% if %}",
        "{{ 1 / 0 }}",
        "{{ request.id.bit_length() + 'x' }}",
        "{{ ''.__class__.__mro__ }}",
        "{{ '-' * 10000000000 }}",
        "{{ 9 ** 9 ** 9 }}",
        "{% for i in range(10000000000) %}x{% endfor %}",
        "{% include 'nothing' %}",
        "{{ changes.append(1) }}",
        "{% extends 'nothing' %}",
    ],
)
def test_no_template_can_do_harm(text: str) -> None:
    rendered = renderer(answer_en=template(text)).render("answer", "en", SAMPLE)
    assert rendered.warning is not None
    assert rendered.text.startswith("It has been burning")


def test_a_layout_that_fails_gives_way_too() -> None:
    rendered = renderer(letterhead_en=template("{{ nobody }}")).render(
        "answer", "en", SAMPLE, layout="letterhead"
    )
    assert "Eva Berg" in rendered.text
    assert rendered.warning == "templates/mail/letterhead.en.j2: 'nobody' is undefined"
    bare = renderer(blue_en=template("{{ nobody }}")).render("answer", "en", SAMPLE, layout="blue")
    assert bare.text.startswith("It has been burning")
    assert bare.warning is not None


def test_a_template_of_the_site_that_fails_has_nothing_behind_it() -> None:
    with pytest.raises(RenderError, match=r"templates/mail/refund.en.j2: 'x' is undefined"):
        renderer(refund_en=template("{{ x }}")).render("refund", "en", SAMPLE)
    with pytest.raises(RenderError, match="there is no template refund"):
        renderer().render("refund", "en", SAMPLE)


def test_the_output_is_bounded() -> None:
    loop = "{% for i in range(90000) %}{{ '0123456789' * 20 }}{% endfor %}"
    rendered = renderer(answer_en=template(loop)).render("answer", "en", SAMPLE)
    assert len(rendered.text) <= OUTPUT_CHARS + 1


def test_macros_sets_and_includes_work() -> None:
    own = "{% set name = 'Eva' %}{% macro hi(x) %}Hi {{ x }}{% endmacro %}" + template(
        "{{ hi(name) }}{% include 'footer.en.j2' %}"
    )
    rendered = renderer(answer_en=own, footer_en=" -- us").render("answer", "en", SAMPLE)
    assert (rendered.text, rendered.warning) == ("Hi Eva -- us\n", None)


def test_a_template_may_extend_another() -> None:
    own = "{% extends 'auto-reply.en.j2' %}{% block subject %}Mine{% endblock %}"
    rendered = renderer(answer_en=own).render("answer", "en", SAMPLE)
    assert rendered.warning is None
    assert rendered.subject == "Mine [acme #123]"
    assert rendered.text.startswith("Hello Kari")


def test_the_check_knows_the_names_that_a_template_gives_itself() -> None:
    own = "{% set one = 1 %}{% macro hi(x) %}{{ x }}{% endmacro %}" + template("{{ hi(one) }}")
    assert check_templates({"templates/mail/answer.en.j2": own}) == []


def test_a_template_may_change_a_part_of_the_frame() -> None:
    own = (
        "{% extends 'notice.en.j2' %}{% set view = [('A', 'b')] %}{% block news %}Hi{% endblock %}"
    )
    rendered = renderer(new_en=own).render("new", "en", SAMPLE)
    assert rendered.warning is None
    assert rendered.text.startswith("Hi\n\nA:          b\n")
    assert "<p>Hi</p>" in (rendered.html or "")


def test_a_tag_that_the_subject_has_already_stands_there_once() -> None:
    request = {**SAMPLE["request"], "subject": "Re: Fire [acme #123] again [acme #123]"}
    subject = renderer().render("new", "en", sample(request=request)).subject
    assert subject == "Re: Fire again [acme #123]"


# ---- filters


@pytest.mark.parametrize(
    ("expected", "given"),
    [
        ("> a\n>\n> > b", "a\n\n> b\n"),
        ("> a\n> b\n> c\n> d", "a\r\nb\rc\u2028d\r\n\r\n"),
        (">   indented", "\n  indented  "),
        ("", ""),
        ("\n".join(["> x"] * 200 + ["> […]"]), "x\n" * 201),
        ("\n".join(["> x"] * 200), "x\n" * 200),
    ],
)
def test_quote_marks_every_line(expected: str, given: str) -> None:
    assert expected == quote(given)


@pytest.mark.parametrize(
    "given",
    ["", "a", " a ", "  a", "a\n", "a\nb", "a  b", "a\tb", "a" * 9, "aaaa bbbb cc", "a\u2028b"],
)
@pytest.mark.parametrize("is_broken", [True, False])
def test_words_are_wrapped_as_jinja_wraps_them(given: str, is_broken: bool) -> None:
    environment = Environment(autoescape=True)
    expected = do_wordwrap(environment, given, 8, is_broken)
    assert expected == wordwrap(environment, given, 8, is_broken)


def test_a_value_is_found_where_jinja_finds_it() -> None:
    extracted = {"items": "a key", "number": "4711"}
    own = template("{{ extracted.number }} {{ extracted.items() | list | length }}")
    assert renderer(new_en=own).render("new", "en", sample(extracted=extracted)).text == "4711 2\n"


@pytest.mark.parametrize(
    ("expected", "given"),
    [
        ("a<br>\nb", "a\r\nb"),
        ("&nbsp;&nbsp;x &nbsp;y", "  x  y"),
        ("&nbsp;&nbsp;&nbsp;&nbsp;x", "\tx"),
        ("&lt;b&gt; &amp; &#34;", '<b> & "'),
        ("<b>mine</b><br>\n&lt;", Markup("<b>mine</b>\n&lt;")),
        ("", ""),
    ],
)
def test_lines_escapes_and_keeps_breaks_and_spaces(expected: str, given: str) -> None:
    assert expected == lines(given)


@pytest.mark.parametrize(
    ("expected", "given"),
    [
        ("Eva Bcc: x", "Eva\r\nBcc:\tx"),
        ("gpj.exe", "\u202egpj.exe\u202c"),
        ("سلام", "سلام"),
        ("a" * 199 + "…", "a" * 5_000),
        ("7", 7),
    ],
)
def test_line_makes_one_line_that_reads_one_way(expected: str, given: object) -> None:
    assert expected == one_line(given)


def test_what_a_mail_does_not_know_is_empty() -> None:
    own = template("[{{ company }}][{{ handler.full_name }}][{{ extracted.order }}]")
    rendered = renderer(answer_en=own).render("answer", "en", {"handler": None, "company": None})
    assert (rendered.text, rendered.warning) == ("[][][]\n", None)


def test_the_sample_has_the_shape_of_the_empty_values() -> None:
    assert SAMPLE.keys() == EMPTY.keys()
    for key, value in EMPTY.items():
        if isinstance(value, dict) and key != "extracted":
            assert value.keys() == SAMPLE[key].keys()


def test_the_shipped_templates_pass_the_check() -> None:
    assert check_templates(shipped_texts()) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (template("{{ requst.id }}"), 'there is no variable "requst"; did you mean "request"?'),
        (template("{{ request.subjekt }}"), "request.subjekt; did you mean"),
        (
            template("{% if request.id == 77 %}{{ mailbox.nmae }}{% endif %}"),
            "mailbox.nmae; did you",
        ),
        (template("{% if request.id == 77 %}{{ nmae }}{% endif %}"), 'no variable "nmae"'),
        (template("{% if %}"), "line 2: "),
        ("{% block subject %}x{% endblock %}", "has no block text"),
        (template("{{ changes[0].whom }}"), "has no attribute 'whom'"),
        (template("{{ extracted.invoice }}"), "line 2: there is no variable extracted.invoice"),
        (
            template("{% if request.id == 77 %}{{ extracted.ordr }}{% endif %}"),
            'no variable extracted.ordr; did you mean "extracted.order"?',
        ),
    ],
)
def test_check_finds_what_would_fail_in_use(text: str, expected: str) -> None:
    (problem,) = check_templates({"templates/mail/answer.en.j2": text}, extracted=["order"])
    assert problem.file == "templates/mail/answer.en.j2"
    assert expected in problem.text


def test_a_file_that_is_only_included_needs_no_blocks() -> None:
    own = {
        "templates/mail/answer.en.j2": template("{% include 'footer.en.j2' %}"),
        "templates/mail/footer.en.j2": "-- us",
    }
    assert check_templates(own) == []


def test_an_extracted_variable_is_known_to_the_check() -> None:
    own = {"templates/mail/answer.en.j2": template("{{ extracted.order }}")}
    assert check_templates(own, extracted=["order"]) == []
    assert check_templates(own) == []
    own = {"templates/mail/answer.en.j2": template("{{ extracted.items() | list | length }}")}
    assert check_templates(own, extracted=["order"]) == []


def test_what_is_passed_on_to_an_address_outside_names_no_rule() -> None:
    text = renderer().render("forward", "en", sample(reason='rule "vip-complaints"')).text
    assert text.startswith("From:    Kari Nordmann")
    assert "vip-complaints" not in text
