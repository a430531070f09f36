"""The statements of a paper's abstract, each with its answer, as the docstring of its checks lists
them.

The docstring of a paper's checks (of the package `test_NAME`, or of the file of a page) has a
section such as

    Abstract:

    - Sentence 2: mixing pairs needs fewer samples. Holds: mixup_poly, exp_vs_poly.
    - Sentence 4, end: attention is never larger. Fails as published: bound. It is at most twice it.
    - Sentence 5: this was seen on photographs. Not on trial. The photographs are not free.
    - Sentence 6: we introduce a penalty. No statement.

A line says where a sentence stands, the sentence in words of one's own, one of `ANSWERS`, the
names of the claims behind it, and what a reader must know beside it.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from theory_on_trial.formula.marks import fault
from theory_on_trial.repository import outline, root

ANSWERS = (
    "holds",
    "fails as published",
    "holds at a smaller scale",
    "in part",
    "not on trial",
    "no statement",
)
"""The possible answers to a sentence. "No statement" is a definition, an activity or a question;
sums leave it out. After all but this one and the first the line says more, such as both scales.
"""
UNDECIDED = "undecided"
"""What is said in place of an answer whose claim is gone."""
_UNTRIED = ("not on trial", "no statement")
"""The answers behind which there is no claim."""
_BARE = ("holds", "no statement")
"""The answers that need no more words."""
_LINE = re.compile(
    r"(?P<place>[^:]+): (?P<words>.+?[.?!]) "
    rf"(?P<answer>{'|'.join(sorted((a.capitalize() for a in ANSWERS), key=len, reverse=True))})"
    r"(?:: (?P<claims>[\w.-]+(?:, [\w.-]+)*?))?\.(?: (?P<more>.+))?"
)


@dataclass(frozen=True)
class Sentence:
    """A statement of an abstract, with its answer.

    Attributes:
        place: where it stands, such as "Sentence 4, first half".
        words: the statement, in words of one's own.
        answer: one of `ANSWERS`.
        claims: the ids of the claims behind the answer.
        more: what a reader must know beside the answer; "" where it holds.
    """

    place: str
    words: str
    answer: str
    claims: tuple[str, ...]
    more: str

    def __str__(self) -> str:
        """Return the statement and its answer in one line."""
        names = ", ".join(claim.rpartition(".")[2] for claim in self.claims)
        answer = f"{self.answer.upper()}{': ' * bool(names)}{names}."
        return " ".join(filter(None, [f"{self.place}:", self.words, answer, self.more]))


@cache
def sentences(paper: str, folder: Path | None = None) -> tuple[Sentence, ...]:
    """Return the statements of a paper's abstract in order; () where its checks list none.

    Raises ValueError for a line that is not made as the module's docstring says, and for a formula
    in it that cannot be read or whose mark does not close.
    """
    return tuple(_sentence(paper, line) for line in _lines(outline.docstring(paper, folder)))


def without(docstring: str) -> str:
    """Return a docstring without its section on the abstract."""
    before, _, section = docstring.partition("\n\nAbstract:\n\n")
    return "\n\n".join(filter(None, [before, section.partition("\n\n")[2]]))


def without_gone(each: Sentence, folder: Path | None = None) -> Sentence:
    """Return a statement as it is, or, where a claim behind it is gone, as undecided."""
    known = {claim.id for claim in outline.stated(root(folder))}
    gone = [claim.rpartition(".")[2] for claim in each.claims if claim not in known]
    if not gone:
        return each
    more = f"The claim{'s' * (len(gone) > 1)} {', '.join(gone)} {'are' if len(gone) > 1 else 'is'}"
    left = tuple(claim for claim in each.claims if claim in known)
    return replace(each, answer=UNDECIDED, claims=left, more=f"{more} gone.")


def faults(paper: str, folder: Path | None = None) -> list[str]:
    """Return a sentence for each statement whose claims cannot bear its answer, or for a line that
    cannot be read; nothing is run.
    """
    known = {claim.id: claim for claim in outline.stated(root(folder), paper)}
    complaints = []
    try:
        told = sentences(paper, folder)
    except ValueError as error:
        return [str(error)]
    for each in told:
        where = f"{paper}, abstract, {each.place}"
        complaints += [
            f"{where}: there is no claim {claim}" for claim in each.claims if claim not in known
        ]
        untried = each.answer in _UNTRIED
        if untried == bool(each.claims):
            needs = "names no claim" if untried else "names its claims"
            complaints.append(f"{where}: {each.answer!r} {needs}")
        if each.answer not in _BARE and not each.more:
            complaints.append(f"{where}: {each.answer!r} says more, such as why or what is true")
        if each.answer == "fails as published" and not any(
            known[claim].printed for claim in each.claims if claim in known
        ):
            complaints.append(f"{where}: none of its claims has as_published=")
    return complaints


def contradicted(paper: str, rows: Iterable[Any], folder: Path | None = None) -> list[str]:
    """Return a sentence for each statement whose answer the rows of a ledger contradict.

    A statement holds, wholly, in part or at a smaller scale, if all its claims that ran do; it
    fails as published if a published form that ran is REFUTED.
    """
    verdicts: dict[str, set[str]] = {}
    for row in rows:
        verdicts.setdefault(row.id.partition("[")[0], set()).add(row.verdict)
    complaints = []
    for each in sentences(paper, folder):
        wrong = {
            claim: verdicts[claim] - {"VERIFIED"} for claim in each.claims if claim in verdicts
        }
        forms = [verdicts.get(f"{claim}-as-published", set()) for claim in each.claims]
        seen = set().union(*forms)
        if each.answer == "fails as published" and seen and "REFUTED" not in seen:
            wrong[f"{each.claims[0]}-as-published"] = seen
        complaints += [
            f"{paper}, abstract, {each.place}: {each.answer!r}, and {claim} is "
            f"{', '.join(sorted(others))}"
            for claim, others in wrong.items()
            if others
        ]
    return complaints


def counted(papers: Sequence[str], folder: Path | None = None) -> Counter[str]:
    """Return how many statements of some papers' abstracts have each answer; what is no statement
    is not counted.
    """
    answers = Counter(each.answer for paper in papers for each in sentences(paper, folder))
    del answers["no statement"]
    return answers


def summed(papers: Sequence[str], folder: Path | None = None) -> str:
    """Return the counts in one sentence, such as "Of 7 statements of 2 abstracts, 5 hold, …"; ""
    where no abstract is listed.
    """
    counts = counted(papers, folder)
    told = sum(counted([paper], folder).total() > 0 for paper in papers)
    if not told:
        return ""
    words = {
        "holds": ("holds", "hold"),
        "fails as published": ("fails as published", "fail as published"),
        "holds at a smaller scale": ("holds at a smaller scale", "hold at a smaller scale"),
        "in part": ("is tried in part", "are tried in part"),
        "not on trial": ("is not on trial", "are not on trial"),
    }
    named = [
        f"{counts[answer]} {words[answer][counts[answer] > 1]}"
        for answer in words
        if counts[answer]
    ]
    whose = "the abstract" if told == 1 else f"{told} abstracts"
    statements = f"{counts.total()} statement{'s' * (counts.total() > 1)}"
    return f"Of {statements} of {whose}, {', '.join(named)}."


def _lines(docstring: str) -> list[str]:
    section = docstring.partition("\n\nAbstract:\n\n")[2].partition("\n\n")[0]
    if not section:
        return []
    return [" ".join(part.split()) for part in re.split(r"^- ", section, flags=re.MULTILINE)[1:]]


def _sentence(paper: str, line: str) -> Sentence:
    parts = _LINE.fullmatch(line)
    if parts is None:
        answers = ", ".join(answer.capitalize() for answer in ANSWERS)
        raise ValueError(
            f"the abstract of {paper} has the line {line!r}; it must read '- PLACE: STATEMENT. "
            f"ANSWER: CLAIM, CLAIM. MORE', where ANSWER is one of {answers}"
        )
    if sentence := fault(line):
        raise ValueError(f"the abstract of {paper}, {parts['place']}: {sentence}")
    names = parts["claims"].split(", ") if parts["claims"] else []
    claims = tuple(f"{paper}.{name}" for name in names)
    return Sentence(
        parts["place"], parts["words"], parts["answer"].lower(), claims, parts["more"] or ""
    )
