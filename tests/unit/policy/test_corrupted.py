"""Each shipped file, corrupted in many ways: the problem names file, key path and the way out."""

import pytest
from tests.unit.policy.files import shipped_problems

TEAM = [
    ('name = "eva"', 'name = "Eva"', 'handler "Eva".name: must be lower-case words joined by "-"'),
    ('name = "eva"', 'name = "auto"', 'handler "auto".name: "auto" is a reserved word'),
    ('name = "eva"', 'name = "cli"', 'handler "cli".name: "cli" is a reserved word'),
    ('name = "eva"', 'name = "timer"', 'handler "timer".name: "timer" is a reserved word'),
    ('name = "eva"', 'name = "system"', 'handler "system".name: "system" is a reserved word'),
    ('name = "eva"', "name = 5", "handler[1].name: must be a text, not 5"),
    ('name = "omar"', 'name = "eva"', 'handler[2].name: "eva" is already handler[1]'),
    ('email = "eva@example.com"', "", 'handler "eva".email: is required'),
    ('email = "eva@example.com"', 'email = "eva"', 'handler "eva".email: must be a mail address'),
    (
        'email = "omar@example.com"',
        'email = "Eva@Example.com"',
        'handler "omar": "Eva@Example.com" is also the address of eva',
    ),
    (
        '"Europe/Oslo"',
        '"Europe/Olso"',
        'time_zone: there is no time zone "Europe/Olso"; did you mean "Europe/Oslo"?',
    ),
    ('"Europe/Oslo"', '"../../etc/passwd"', "there is no time zone"),
    ("full_name =", "fullname =", 'fullname: is not a key here; did you mean "full_name"?'),
    ("administrator = true", 'administrator = "yes"', 'must be true or false, not "yes"'),
    ('"new", "message"', '"new", "mesage"', 'did you mean "message"?'),
    ('language = "en"', 'language = "English"', 'must be a language code such as "en"'),
    (
        (
            "hold_notifications = false            # true: notices wait for working hours …\n"
            'calendar = "office"'
        ),
        "hold_notifications = true",
        "hold_notifications: needs the handler's working hours",
    ),
    (
        'calendar = "office"',
        'calendar = "ofice"',
        'calendar: there is no calendar "ofice"; did you mean "office"?',
    ),
    (
        'members = ["omar", "kim"]',
        'members = ["omar", "kym"]',
        'group "second-line".members[2]: there is no handler "kym"; did you mean "kim"?',
    ),
    ('members = ["omar", "kim"]', "members = []", "a group needs at least one member"),
    ('members = ["omar", "kim"]', 'members = ["kim", "kim"]', 'names the handler "kim" twice'),
    ("[[group]]", "[[groups]]", 'groups: is not a key here; did you mean "group"?'),
    ("[[group]]", "[group]", "group: must be an array of tables: write [[group]]"),
    ("[[group]]", "[[group]", "is not valid TOML"),
]
CATEGORIES = [
    (
        'name = "support"',
        'name = "suport"',
        'category "support/billing".name: its parent "support" is missing; did you mean "suport"?',
    ),
    ('name = "sales"', 'name = "none"', 'category "none".name: "none" is a reserved word'),
    ('name = "sales"', 'name = "sales//eu"', 'must be lower-case words joined by "-", not ""'),
    ('administrator = "eva"', 'administrator = "eve"', 'there is no handler "eve"'),
    ('administrator = "eva"', "", 'category "support".fallback_to_administrator: needs an admin'),
    ('"round-robin"', '"round-robbin"', 'did you mean "round-robin"?'),
    ('members = ["eva", "omar"]', 'members = ["eva", "eva"]', 'members[2]: "eva" is named twice'),
    (
        '"second-line"',
        '"secondline"',
        'there is no group "secondline"; did you mean "second-line"?',
    ),
    ("weight = 2", "weight = -2", "weight: input should be greater than or equal to 0, not -2"),
    ("weight = 2", "wieght = 2", 'wieght: is not a key here; did you mean "weight"?'),
    ('handler = "omar", weight = 2', "weight = 2", "must name either a handler or a group"),
    ('reopen_within = "30d"', 'reopen_within = "2"', "reopen_within: must be a duration"),
    ('layout = "letterhead"', 'layout = "leterhead"', 'did you mean "letterhead"?'),
    ('priority = "medium"', 'priority = "meduim"', 'did you mean "medium"?'),
    ('thanks = "note"', 'thanks = "keep"', 'must be "reopen" or "note", not "keep"'),
    ("{ en =", "{ EN =", "must be a language code"),
    ('# status = "open"', 'status = "opne"', 'category "sales".status: there is no status "opne"'),
    ('# status = "open"', 'status = "merged"', 'there is no status "merged"'),
    ('# notify = ["d', 'notify = ["eva", "d', "notify[1]: must be a mail address"),
]
PRIORITIES = [
    ('calendar = "office"', 'calendar = "offices"', 'did you mean "office"?'),
    ("default = true", "", "priority: one of them must have default = true"),
    ("rank = 4", "default = true", "priority: only one can be the default, not low, medium"),
    ("rank = 4", "rank = 0", "rank: input should be greater than or equal to 1, not 0"),
    ('first_reply = "2wd"', 'first_reply = "2d"', 'first_reply: "2d" is working time, where a day'),
    ('first_reply = "2wd"', 'first_reply = "0h"', "first_reply: must be longer than nothing"),
    ('first_reply = "2wd"', "first_reply = 2", "first_reply: must be a text, not 2"),
    ('clock = "calendar"', 'clock = "calender"', 'did you mean "calendar"?'),
    (
        "customer-wrote",
        "customer_wrote",
        'on.customer_wrote: is not a key here; did you mean "cust',
    ),
    (
        'new = "restart"',
        'new = "retsart"',
        'on.new: must be "none", "stop", "continue" or "restart"',
    ),
    ("level = 2", "level = 1", "level[2].level: is 1 after 1: levels must be strictly ascending"),
    ('after = "1h"', 'after = "1d"', 'priority "high".level[1].after: "1d" is working time'),
    (
        'after = "15m"',
        'after = "1wd"',
        'level[1].after: "1wd" is working days, but clock is "always"',
    ),
    ('assign = "category"', 'assign = "categroy"', 'did you mean "category"?'),
    ('assign = "category"', 'assign = "group:second"', 'there is no group "second"; did you mean'),
    ('priority = "urgent"', 'priority = "hihg"', 'level[2].priority: there is no priority "hihg"'),
    ('priority = "urgent"', 'priority = "high"', '"high" leads back to "high"'),
    ('notify = ["administrator"]', 'notify = ["admin"]', 'did you mean "administrator"?'),
    ('notify = ["administrator"]', 'notify = ["boss@"]', "notify[1]: must be a mail address"),
    ('template = "escalation"', 'template = "escalate"', 'there is no template "escalate"'),
    ('template = "escalation"', 'run = "page"', 'level[1].run: there is no hook "page"'),
    ('of = "first_reply"', 'of = "first-reply"', 'did you mean "first_reply"?'),
    ('of = "first_reply"', 'of = "first_reply"\nafter = "0m"', "needs either before"),
    ('of = "deadline"', 'of = "deadline"\nwhat = 1', "warning[1].what: is not a key here"),
]
CALENDARS = [
    ('"Europe/Oslo"', '"Oslo"', 'time_zone: there is no time zone "Oslo"'),
    ('holidays = "NO"', 'holidays = "NOX"', 'no holidays are known for "NOX"; did you mean "NO"?'),
    ('holidays = "NO"', 'holidays = "DE-XX"', 'no holidays are known for "DE-XX"'),
    ('holidays = "NO"', 'holidays = "HolidayBase"', "no holidays are known for"),
    (
        '["08:00-15:00"]',
        '["08:00-12:00", "11:00-15:00"]',
        '"08:00-12:00" and "11:00-15:00" overlap',
    ),
    ('["08:00-15:00"]', '["15:00-08:00"]', 'friday[1]: "15:00-08:00" ends before it begins'),
    ('["08:00-15:00"]', '["08:00-25:00"]', '"08:00-25:00" is not a time of the day'),
    ('["08:00-15:00"]', '["8-15"]', 'must be hours such as "08:00-16:00"'),
    ('["08:00-15:00"]', '["24h", "08:00-15:00"]', "overlap"),
    ("friday =", "freeday =", 'freeday: is not a key here; did you mean "friday"?'),
    ('"12-24"', '"02-30"', 'closed[1]: "02-30" is not a day of any calendar'),
    ('"12-24"', '"24.12."', 'closed[1]: must be a day such as "12-24"'),
    ("# open = [", 'open = ["2026-12-05"] # [', "open[1]: must be such as"),
]
WORKFLOWS = [
    (
        'initial = "open"',
        'initial = "opne"',
        'workflow "request".initial: the workflow has no status',
    ),
    ('initial = "open"', 'initial = "closed"', "a request begins in an active one"),
    ('on_customer = "open"', 'on_customer = "spam"', 'on_customer: "spam" has phase deleted'),
    (
        '# on_answer = "waiting"',
        'on_answer = "wating"',
        'on_answer: the workflow has no status "wat',
    ),
    (
        'phase = "postponed"',
        'phase = "delayed"',
        'workflow "request".status "postponed".phase: must',
    ),
    ('counts = "external"', 'counts = "extern"', 'did you mean "external"?'),
    ('name = "waiting"', 'name = "open"', 'workflow "request".status "open": is named twice'),
    ('name = "spam"', 'name = "merged"', 'must be "merged": the status is a fixed one'),
    (
        'from = ["pending"]',
        'from = ["pendign"]',
        'transition "review".from[1]: the workflow has no',
    ),
    ('to = "in-review"', 'to = "reviewed"', 'transition "review".to: the workflow has no status'),
    ('to = "in-review"', 'to = "merged"', "only #merge leads to this status"),
    ('by = ["handler"]', 'by = ["agent"]', 'by[1]: must be "handler", "customer" or "system"'),
    ('by = ["handler"]', "by = []", "by: needs at least one"),
    ('mail = "rejected"', 'mail = "reject"', 'mail: there is no template "reject"; did you mean'),
    (
        'mail = "rejected"',
        'run = "refund"',
        'transition "reject".run: there is no hook "refund"',
    ),
    ('name = "cancel"', 'name = "reject"', 'transition "reject": is named twice'),
    (
        'name = "inquiry"',
        'name = "enquiry"',
        'there is no workflow "inquiry"; did you mean "enquiry"?',
    ),
]
TYPES = [
    ("default = true", "", "type: one of them must have default = true"),
    ('workflow = "inquiry"', 'workflow = "inquire"', 'did you mean "inquiry"?'),
    ("# priorities = [", 'priorities = ["hihg", ', 'priorities[1]: there is no priority "hihg"'),
    ("requires =", "require =", 'did you mean "requires"?'),
]
ROUTING = [
    ('name = "invoices"', 'name = "outage"', 'rule[3].name: "outage" is already rule[2]'),
    (
        'category = "support/billing"',
        'category = "support/biling"',
        'there is no category "support/biling"; did you mean "support/billing"?',
    ),
    (
        'priority = "high"',
        'priority = "hight"',
        'rule "outage".then.priority: there is no priority',
    ),
    ('tags = ["invoice"]', 'tags = ["an invoice"]', "then.tags[1]: must be one word"),
    ('tags = ["invoice"]', 'owner = "nobody"', 'then.owner: there is no handler "nobody"'),
    ('tags = ["invoice"]', 'auto_reply = "neutral"', 'auto_reply: there is no template "neutral"'),
    ('tags = ["invoice"]', "auto_reply = true", "auto_reply: must be false or the name"),
    ('tags = ["invoice"]', 'status = "closd"', 'status: there is no status "closd"; did you mean'),
    ('tags = ["invoice"]', 'forward_to = ["eva"]', "forward_to[1]: must be a mail address"),
    (
        'tags = ["invoice"]',
        'run = "page"',
        'then.run: there is no hook "page"',
    ),
    ('tags = ["invoice"]', 'subject = "{invioce}"', "nothing extracts {invioce}; did you mean"),
    (
        "when = { subject = '/\\b(inv",
        "when = { subjekt = '/\\b(inv",
        "subjekt: is not a condition; did",
    ),
    (
        "'/\\b(invoice|faktura)/i'",
        "'/(invoice/i'",
        "when.subject: is not an RE2 expression: missing )",
    ),
    ("'/\\b(invoice|faktura)/i'", "'/(?=invoice)/i'", "when.subject: is not an RE2 expression"),
    ("'/\\b(invoice|faktura)/i'", "'/invoice/x'", 'ends with "x": only /…/ and /…/i are known'),
    ("'/\\b(invoice|faktura)/i'", "[]", "is an empty list: nothing could match"),
    ("'/\\b(invoice|faktura)/i'", "5", "when.subject: must be a text or a list of texts, not 5"),
    (
        'origin = "auto-reply" }\nex',
        'origin = "autoreply" }\nex',
        "unless.origin: there is no origin",
    ),
    (
        'unless = { origin = "auto-reply" }',
        'unless = { size = "5MB" }',
        'a comparison such as ">5MB"',
    ),
    ('"header.X-Spam-Flag" = "yes",', '"header.X Spam" = "yes",', "is not the name of a header"),
    ('verdict = ["none", "fail"]', 'verdict = ["nil"]', 'when.verdict: there is no verdict "nil"'),
    ("\\s+(?:no\\.?\\s*)?(\\d+)/i'", "/i'", "extract.invoice: "),
    ("continue = true  ", 'continue = "yes"', 'continue: must be true or false, not "yes"'),
    ("then = { ignore = true }", "", 'rule "marked-as-spam".then: does nothing'),
    ('from = "pay@bigcorp.example"', 'frm = "x"', "example[1].mail.frm: is not a condition"),
]
ALL = {
    "team": TEAM,
    "categories": CATEGORIES,
    "priorities": PRIORITIES,
    "calendars": CALENDARS,
    "workflows": WORKFLOWS,
    "types": TYPES,
    "routing": ROUTING,
}


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [(file, *case) for file, cases in ALL.items() for case in cases],
)
def test_a_corrupted_file_is_refused_with_words(
    file: str, old: str, new: str, expected: str
) -> None:
    found = shipped_problems(file, old, new)
    assert any(expected in line for line in found), "\n".join(found)
    assert all(line.startswith("rules/") for line in found)


def test_all_problems_of_all_files_come_at_once() -> None:
    found = shipped_problems(
        "categories", 'assign = "round-robin"', 'assign = 5\npriority = "x"\nstatus = "y"'
    )
    keys = [line.split(": ")[1] for line in found]
    assert keys == [
        'category "support".assign',
        'category "support".status',
        'category "support".priority',
    ]


def test_a_fault_of_syntax_says_where_and_does_not_make_every_name_wrong() -> None:
    found = shipped_problems("team", 'name = "eva"', 'name = "eva')
    assert len(found) == 1
    assert "line 5" in found[0]
