"""Files to policy: what may be absent, what is shipped, what a version is."""

import os
from pathlib import Path

import pytest
from tests.unit.policy.files import SMALLEST, load, problems

from postroom.core.model import AssignMethod, Counts, Member, Phase, Span
from postroom.errors import ConfigError
from postroom.policy.loader import load_policy, policy_from_files, read_policy
from postroom.shipped import shipped_folder, shipped_texts


def test_the_shipped_policy_loads() -> None:
    policy = policy_from_files(shipped_texts(), hooks=())
    assert list(policy.handlers) == ["eva", "omar", "kim"]
    assert list(policy.priorities) == ["urgent", "high", "medium", "low"]
    assert policy.default_priority().name == "medium"
    assert policy.default_type().name == "general"
    assert [rule.name for rule in policy.rules][1] == "invoices"


def test_shipped_workflows_are_those_of_the_contract() -> None:
    request, inquiry = load().workflows.values()
    assert request.free
    assert set(request.statuses) == {
        "open", "waiting", "postponed", "closed", "spam", "deleted", "merged",
    }  # fmt: skip
    assert request.first_in(Phase.DELETED) == "deleted"
    assert request.statuses["spam"].phase is Phase.DELETED
    assert request.statuses["waiting"].counts is Counts.EXTERNAL
    assert (inquiry.initial, inquiry.free) == ("pending", False)
    steps = {(item.name, item.sources, item.to) for item in inquiry.transitions}
    assert ("approve", ("in-review",), "approved") in steps
    assert ("reject", ("in-review",), "rejected") in steps
    cancel = next(item for item in inquiry.transitions if item.name == "cancel")
    assert set(cancel.by) == {"customer", "handler"}


def test_shipped_types_follow_their_workflows() -> None:
    types = load().types
    assert {name: item.workflow for name, item in types.items()} == {
        "general": "request",
        "asset": "inquiry",
        "order-claim": "inquiry",
    }
    assert types["order-claim"].requires == ("order",)
    assert types["asset"].requires == ("asset",)


def test_the_smallest_policy_has_no_rules_and_the_shipped_rest() -> None:
    policy = load()
    assert policy.rules == ()
    assert set(policy.calendars) == {"office", "always"}
    assert policy.priorities["medium"].calendar == "always"
    assert policy.priorities["medium"].rank == 1


@pytest.mark.parametrize("file", SMALLEST)
def test_team_categories_and_priorities_must_be_there(file: str) -> None:
    files = {path: text for path, text in SMALLEST.items() if path != file}
    with pytest.raises(ConfigError) as caught:
        policy_from_files(files)
    assert str(caught.value) == f"{file}: is missing: `postroom init` writes one"


def test_category_settings_and_inheritance_of_the_layout() -> None:
    categories = policy_from_files(shipped_texts()).categories
    billing = categories["support/billing"]
    assert billing.layout == categories["support"].layout == "letterhead"
    assert categories["sales"].layout is None
    assert billing.members == (Member("omar", 2), Member("eva", 1), Member("kim", 1))
    assert billing.assign is AssignMethod.WEIGHTED
    assert categories["support/technical"].members == tuple(map(Member, ("eva", "omar", "kim")))
    assert categories["support"].title["nb"] == "Kundestøtte"


def test_who_is_named_beside_his_group_keeps_his_own_weight() -> None:
    team = SMALLEST["rules/team.toml"] + '\n[[group]]\nname = "all"\nmembers = ["eva"]\n'
    members = 'members = [{ group = "all" }, { handler = "eva", weight = 3 }]'
    policy = load(team=team, categories=f'[[category]]\nname = "support"\n{members}\n')
    assert policy.categories["support"].members == (Member("eva", 3),)


def test_defaults_of_a_handler() -> None:
    handler = load().handlers["eva"]
    assert handler.notify == {"new", "message", "escalated", "activated", "taken-over"}
    assert (handler.language, handler.time_zone) == ("en", "UTC")
    assert not handler.administrator


def test_reactions_of_a_priority_have_the_defaults_of_the_contract() -> None:
    assert load().priorities["medium"].on == {
        "new": "restart",
        "read": "none",
        "owner-changed": "none",
        "customer-wrote": "restart",
        "handler-wrote": "none",
        "replied": "stop",
        "postponed": "stop",
        "activated": "continue",
        "closed": "stop",
        "reopened": "restart",
        "priority-changed": "continue",
    }


def test_levels_and_warnings() -> None:
    high = policy_from_files(shipped_texts()).priorities["high"]
    assert high.first_reply == Span(seconds=7_200)
    assert [(item.level, item.after, item.priority) for item in high.levels] == [
        (1, Span(seconds=3_600), None),
        (2, Span(seconds=1_800), "urgent"),
    ]
    assert high.levels[0].template == "escalation"
    assert high.warnings[0].of == "first_reply"


def test_a_circle_of_priorities_is_refused_on_each_of_its_levels() -> None:
    level = '\n[[priority.level]]\nlevel = 1\nafter = "1h"\npriority = "{}"\n'
    text = '[[priority]]\nname = "{}"\n'
    names = {"a": "b", "b": "c", "c": "a", "d": "a"}
    document = "".join(text.format(name) + level.format(to) for name, to in names.items())
    found = problems(priorities=document.replace('"d"', '"d"\ndefault = true'))
    assert found == [
        f'rules/priorities.toml: priority "{name}".level[1].priority: "{names[name]}" leads back '
        f'to "{name}": the escalation would go round in a circle'
        for name in "abc"
    ]


def test_a_mistyped_file_name_is_a_problem_and_not_silently_ignored() -> None:
    with pytest.raises(ConfigError, match=r'did you mean "rules/routing.toml"\?'):
        policy_from_files({**SMALLEST, "rules/routings.toml": ""})
    with pytest.raises(ConfigError, match=r"must be named NAME.LANGUAGE.j2"):
        policy_from_files({**SMALLEST, "templates/mail/answer.j2": ""})
    with pytest.raises(ConfigError, match=r"needs greeting.en.j2 beside it"):
        policy_from_files({**SMALLEST, "templates/mail/greeting.nb.j2": ""})


def test_an_own_template_can_be_named_and_replaces_a_shipped_one() -> None:
    own = {"templates/mail/blue.en.j2": "x", "templates/mail/answer.en.j2": "mine"}
    category = '[[category]]\nname = "support"\nlayout = "blue"\n'
    policy = policy_from_files({**SMALLEST, **own, "rules/categories.toml": category})
    assert policy.categories["support"].layout == "blue"
    assert policy.files["templates/mail/answer.en.j2"] == "mine"
    assert "templates/mail/auto-reply.nb.j2" in policy.files


def test_the_version_is_a_hash_of_all_that_acts() -> None:
    again, other = load(), load(routing="# only a comment\n")
    assert load().version == again.version
    assert load().version != other.version
    assert len(load().version) == 12


def test_a_stored_policy_loads_from_its_own_files_and_keeps_its_version() -> None:
    policy = load(hooks={"page"}, routing='[[rule]]\nname = "p"\nthen = { run = "page" }\n')
    again = policy_from_files(policy.files, version=policy.version)
    assert again == policy
    assert policy_from_files(policy.files).version == policy.version


def test_a_rule_may_run_an_executable_of_the_folder_or_a_webhook(tmp_path: Path) -> None:
    (tmp_path / "rules/hooks").mkdir(parents=True)
    for path, text in SMALLEST.items():
        (tmp_path / path).write_text(text)
    (tmp_path / "rules/hooks/page").write_text("#!/bin/sh\n")
    (tmp_path / "rules/hooks/page").chmod(0o755)
    rule = '[[rule]]\nname = "p"\nthen = { run = "page" }\n'
    other = '[[rule]]\nname = "r"\nthen = { run = "refund" }\n'
    (tmp_path / "rules/routing.toml").write_text(rule)
    assert load_policy(tmp_path / "rules").rules[0].then.run == "page"
    (tmp_path / "rules/routing.toml").write_text(rule + other)
    with pytest.raises(ConfigError, match='there is no hook "refund"'):
        load_policy(tmp_path / "rules")
    assert len(load_policy(tmp_path / "rules", webhooks={"refund"}).rules) == 2
    load_policy(tmp_path / "rules", webhooks=None)


def test_a_draft_holds_what_could_be_read_beside_what_is_wrong(tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    rules.mkdir()
    for path, text in SMALLEST.items():
        (tmp_path / path).write_text(text)
    rule = "[[rule]]\nname = 'a'\nextract = { order = '/(\\d+)/', other = '/(/' }\n"
    (rules / "routing.toml").write_text(rule + "then = { x = 1 }\n")
    (rules / "categories.toml").write_text('[[category]]\nname = "support"\nassign = "chance"\n')
    draft = read_policy(rules)
    assert [problem.file for problem in draft.problems] == [
        "rules/categories.toml",
        "rules/routing.toml",
    ]
    assert draft.extracted == {"order", "other"}
    assert (set(draft.names["category"]), set(draft.policy.categories)) == ({"support"}, set())
    (rules / "routing.toml").write_bytes(b"# \xe6\n")
    assert read_policy(rules).extracted is None
    nothing = read_policy(tmp_path / "none")
    assert [str(problem) for problem in nothing.problems] == [
        "rules/: is not a folder: `postroom init` writes one"
    ]
    assert nothing.extracted is None
    assert "category" not in nothing.names


def test_a_folder_that_is_not_there_and_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is not a folder"):
        load_policy(tmp_path / "rules", None)
    for path, text in SMALLEST.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    (tmp_path / "rules/team.toml").write_bytes(b"# \xe6\n")
    (tmp_path / "rules/.#team.toml").write_text("an editor's lock")
    (tmp_path / "rules/routing.toml").mkdir()
    with pytest.raises(ConfigError) as caught:
        load_policy(tmp_path / "rules")
    lines = [str(problem) for problem in caught.value.problems]
    assert lines == [
        f"{tmp_path}/rules/routing.toml: cannot be read: Is a directory",
        f"{tmp_path}/rules/team.toml: is not UTF-8 (octet 2)",
    ]


def test_load_policy_from_the_checkout_equals_the_shipped_texts() -> None:
    folder = shipped_folder()
    policy = load_policy(folder / "rules", folder / "templates")
    assert policy.version == policy_from_files(shipped_texts(), hooks=()).version
    assert os.access(folder / "config.example.toml", os.R_OK)


def test_unquoted_dates_are_days_too() -> None:
    calendar = (
        '[[calendar]]\nname = "always"\ntime_zone = "UTC"\nmonday = "24h"\nclosed = [2027-05-14]'
    )
    assert len(load(calendars=calendar).calendars["always"].closed_once) == 1


def test_a_header_without_quotes_means_what_it_looks_like() -> None:
    rule = '[[rule]]\nname = "a"\nwhen = { header.X-Spam = "yes" }\nthen = { ignore = true }\n'
    (condition,) = load(routing=rule).rules[0].when
    assert (condition.key, condition.header) == ("header", "X-Spam")


def test_a_free_text_of_a_later_rule_may_use_what_an_earlier_one_extracted() -> None:
    first = "[[rule]]\nname = 'a'\nextract = { order = '/(\\d+)/' }\ncontinue = true\n"
    later = "[[rule]]\nname = 'b'\nthen = { subject = 'Order {order}' }\n"
    assert problems(routing=first + later) == []
    assert problems(routing=later + first) != []


def test_a_hook_that_would_never_run_is_refused() -> None:
    rule = '[[rule]]\nname = "p"\nthen = { run = "page", ignore = true }\n'
    [ignored] = problems(hooks={"page"}, routing=rule)
    assert "then.run: would never run: what is ignored opens no request" in ignored
    text = shipped_texts()["rules/workflows.toml"]
    added = '\n[[workflow.transition]]\nname = "x"\nfrom = "open"\nto = "closed"\nrun = "page"\n'
    free, strict = text.split('[[workflow]]\nname = "inquiry"')
    found = problems(
        hooks={"page"}, workflows=f'{free}{added}\n[[workflow]]\nname = "inquiry"{strict}'
    )
    assert any("in a free workflow nobody asks for transitions" in one for one in found)
