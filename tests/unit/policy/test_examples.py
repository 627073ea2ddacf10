"""Examples of rules, run against the matching that the pipeline uses."""

from tests.unit.policy.files import load, shipped_with

from postroom.core.routing import match_rule
from postroom.mail.message import Address, Origin
from postroom.policy.examples import example_mail, run_examples
from postroom.policy.loader import policy_from_files
from postroom.shipped import shipped_texts


def test_the_shipped_examples_hold() -> None:
    policy = policy_from_files(shipped_texts())
    assert sum(len(rule.examples) for rule in policy.rules) >= 8
    assert run_examples(policy, match_rule) == []


def test_an_example_that_does_not_hold_is_a_problem_with_its_reason() -> None:
    policy = policy_from_files(
        shipped_with("routing", 'subject = "Invoice 22"', 'subject = "Bill 22"')
    )
    (problem,) = run_examples(policy, match_rule)
    assert str(problem) == (
        'rules/routing.toml: rule "invoices".example[1]: does not match: subject does not match'
    )


def test_every_condition_can_be_said_in_an_example() -> None:
    rule = """
[[rule]]
name = "all"
mailboxes = ["sales"]
when = { from = "*@a.example", to = "x@b.example", cc = "y@b.example", subject = "s*", text = "*t*",
  "header.X-Spam" = "yes", attachment = "*.pdf", size = ">5MB", language = "nb", origin = "list",
  verdict = "pass", company = "Acme", mailbox = "sales" }
then = { ignore = true }
  [[rule.example]]
  mail = { from = "Kari <k@a.example>", to = ["x@b.example", "z@b.example"], cc = "y@b.example",
    subject = "s1", text = "a t b", "header.x-spam" = "YES", attachment = ["a.txt", "b.PDF"],
    size = "6MB", language = "nb", origin = "list", verdict = "pass", company = "acme",
    mailbox = "sales" }
  matches = true
"""
    text = rule.replace(",\n  ", ", ").replace(",\n    ", ", ")
    assert run_examples(load(routing=text), match_rule) == []


def test_what_an_example_does_not_say_is_empty() -> None:
    mail = example_mail({"subject": "Hi", "from": "Kari Nordmann <kari@example.org>"})
    assert (mail.subject, mail.text, mail.to) == ("Hi", "", ())
    assert mail.from_ == Address("Kari Nordmann", "kari@example.org")
    assert mail.origin is Origin.PERSON
