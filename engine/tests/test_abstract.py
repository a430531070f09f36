"""The statements of an abstract: read from a docstring, held to the claims and to the ledger."""

import json
from types import SimpleNamespace

import pytest

from theory_on_trial.command import main
from theory_on_trial.ledger import Ledger
from theory_on_trial.page.report import write_html
from theory_on_trial.repository import abstract

pytest_plugins = ["pytester"]

DOCSTRING = '''"""Smith 2020, "Sums".

What it is about.

Abstract:

{lines}

Topic: sums.
"""
'''
CHECKS = '''
from theory_on_trial import claim, paper, published


@claim(paper("Section 1"), kind="identity")
def test_sum(trial):
    """1 + 1 = 2."""
    trial.identity({value}, 2, ops=0, controls={{"three": 3}})


@claim(
    paper("Section 2"), kind="identity", as_published=published(place=paper("Lemma 2"), quoted="2 times 2 = 5.", within="no condition stands there", reach="theorem", effect="nothing published", ran="the formula")
)
def test_double(trial):
    """2 times 2 = 4."""
    trial.identity(2 * 2, 4, ops=0, controls={{"three": 3}}, as_published={published})
'''
LINES = """\
- Sentence 1: one and one are two, e.g. 2 = 2. Holds: sum.
- Sentence 2, first half: two
  times two are five. Fails as published: double. They are four.
- Sentence 2, end: it is so for all numbers. In part: sum, double. Two of them were tried.
- Sentence 3: large numbers behave so. Not on trial. They are too large."""


@pytest.fixture
def folder(repository):
    def write(lines=LINES, value="1 + 1", published=5):
        text = DOCSTRING.format(lines=lines) + CHECKS.format(value=value, published=published)
        return repository({"paper_checks/test_sums.py": text}, "testpaths = ['paper_checks']\n")

    return write


def rows(**verdicts):
    return [SimpleNamespace(id=f"sums.{name}", verdict=verdicts[name]) for name in verdicts]


def test_lines_are_read_in_order(folder):
    one, two, three, four = abstract.sentences("sums", folder())
    assert (one.place, one.words, one.answer) == (
        "Sentence 1",
        "one and one are two, e.g. 2 = 2.",
        "holds",
    )
    assert (one.claims, one.more) == (("sums.sum",), "")
    assert (two.answer, two.words) == ("fails as published", "two times two are five.")
    assert two.more == "They are four."
    assert three.claims == ("sums.sum", "sums.double")
    assert (four.answer, four.claims, four.more) == ("not on trial", (), "They are too large.")
    assert abstract.faults("sums", folder()) == []


def test_a_docstring_without_the_section_has_no_statements_and_loses_nothing():
    text = "Smith 2020.\n\nWhat it is about.\n\nTopic: sums."
    assert abstract.without(text) == text
    assert abstract.without(f"Smith 2020.\n\nAbstract:\n\n{LINES}") == "Smith 2020."
    assert abstract.without(f"Smith 2020.\n\nAbstract:\n\n{LINES}\n\nTopic: sums.") == (
        "Smith 2020.\n\nTopic: sums."
    )


def test_the_counts_are_one_sentence(folder):
    assert abstract.summed(["sums"], folder()) == (
        "Of 4 statements of the abstract, 1 holds, 1 fails as published, 1 is tried in part, "
        "1 is not on trial."
    )


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("- Sentence 1: it is so. Holds: nothing.", "there is no claim sums.nothing"),
        ("- Sentence 1: it is so. Holds.", "'holds' names its claims"),
        ("- Sentence 1: it is so. Not on trial: sum. Why.", "'not on trial' names no claim"),
        ("- Sentence 1: it is so. Not on trial.", "'not on trial' says more"),
        ("- Sentence 1: it is so. In part: sum.", "'in part' says more"),
        ("- Sentence 1: so. Fails as published: sum. No.", "none of its claims has as_published="),
    ],
)
def test_an_answer_that_its_claims_cannot_bear_is_told(folder, line, complaint):
    (sentence,) = abstract.faults("sums", folder(line))
    assert sentence.startswith("sums, abstract, Sentence 1: ")
    assert complaint in sentence


@pytest.mark.parametrize(
    "line", ["- it is so. Holds: sum.", "- Sentence 1: it is so. True: sum.", "- Sentence 1: so."]
)
def test_a_line_of_another_form_is_refused_with_the_form(folder, line):
    with pytest.raises(ValueError, match=r"must read '- PLACE: STATEMENT\. ANSWER"):
        abstract.sentences("sums", folder(line))


def test_one_statement_and_none_are_counted_in_words(folder):
    here = folder("- Sentence 1: it is so. Holds: sum.")
    assert abstract.summed(["sums"], here) == "Of 1 statement of the abstract, 1 holds."
    assert abstract.summed([], here) == ""


def test_a_ledger_contradicts_an_answer(folder):
    here = folder()
    assert abstract.contradicted("sums", rows(sum="VERIFIED", double="VERIFIED"), here) == []
    assert abstract.contradicted("sums", rows(), here) == []
    sentences = abstract.contradicted("sums", rows(sum="REFUTED"), here)
    assert sentences == [
        "sums, abstract, Sentence 1: 'holds', and sums.sum is REFUTED",
        "sums, abstract, Sentence 2, end: 'in part', and sums.sum is REFUTED",
    ]
    (sentence,) = abstract.contradicted("sums", rows(**{"double-as-published": "VERIFIED"}), here)
    assert "'fails as published', and sums.double-as-published is VERIFIED" in sentence


@pytest.mark.parametrize(("value", "fails"), [("1 + 1", False), ("1 + 2", True)])
def test_a_run_that_contradicts_an_abstract_fails_and_says_so(pytester, value, fails):
    docstring = DOCSTRING.format(lines="- Sentence 1: it is so. Holds: sum.")
    pytester.makepyfile(test_sums=docstring + CHECKS.format(value=value, published=5))
    run = pytester.runpytest_inprocess("-q")
    said = "sums, abstract, Sentence 1: 'holds', and sums.sum is REFUTED"
    assert (said in run.outlines) == fails
    assert run.ret == fails


def test_a_paper_is_shown_by_its_abstract(folder, capsys):
    assert main(["show", "sums", "--root", str(folder())]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == 'Smith 2020, "Sums".'
    assert lines[1].startswith("The abstract. Of 4 statements of the abstract, 1 holds")
    assert lines[2] == "  Sentence 1: one and one are two, e.g. 2 = 2. HOLDS: sum."
    assert lines[-1] == "claims: theory-on-trial list sums"


def test_an_answer_whose_claim_is_gone_is_not_shown_as_holding(folder, capsys):
    root = folder(LINES.replace("Holds: sum.", "Holds: total."))
    assert main(["show", "sums", "--root", str(root)]) == 0
    shown = capsys.readouterr().out
    assert "  but 1 of these answers rests on a claim that is gone\n" in shown
    assert "e.g. 2 = 2. UNDECIDED. The claim total is gone.\n" in shown
    assert "HOLDS: total" not in shown
    assert main(["show", "sums", "--json", "--root", str(root)]) == 0
    told = json.loads(capsys.readouterr().out)["abstract"]
    assert [each["answer"] for each in told][:2] == ["undecided", "fails as published"]


def test_a_line_that_cannot_be_read_keeps_no_report_from_being_written(folder, tmp_path):
    page = tmp_path / "page.html"
    entry = {"id": "sums.sum", "tier": "fast", "reason": "left out"}
    write_html(page, Ledger([], not_run=[entry]), folder("- Sentence 1: so. True: sum."))
    assert "Smith 2020" in page.read_text()
    assert "statement by statement" not in page.read_text()


def test_the_report_shows_the_statements_harmlessly(folder, tmp_path):
    line = "- Sentence 1: <script>it</script> is so. Holds: sum."
    page = tmp_path / "page.html"
    entry = {"id": "sums.sum", "tier": "fast", "reason": "left out"}
    write_html(page, Ledger([], not_run=[entry]), folder(line))
    text = page.read_text()
    assert "The abstract, statement by statement" in text
    assert "&lt;script&gt;it" in text
    assert "<script>it" not in text
    assert '<a href="#sums.sum">sum</a>' in text
