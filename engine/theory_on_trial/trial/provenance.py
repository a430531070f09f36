"""Whose statement it is, in six words, and what a claim accuses a publication of.

`paper` was seen in the paper at that place, `recalled` is the paper's but its text was not seen,
`known` is another publication's, `tried` is the paper's sentence with a law or experiment of
ours on it, `code` is what released code computes, and `derived` is ours.
"""

import re
from dataclasses import dataclass
from typing import Literal, get_args

from theory_on_trial.formula.marks import plain


def in_words(text: str) -> bool:
    """Whether a text has a letter or a digit; punctuation alone explains nothing."""
    return any(character.isalnum() for character in text)


Provenance = Literal["paper", "recalled", "known", "tried", "code", "derived"]


@dataclass(frozen=True)
class Source:
    """Where a statement stands, and whose it is.

    Attributes:
        provenance: one of the six words.
        where: the place (theorem, equation, page; author and year of another publication;
            repository, path and commit), the sentence that is tried, or how a derived statement
            follows.
        within: the condition under which it stands there, as in "up to signs"; "" if it has none.
        ours: of what is tried, the part that is not the paper's: a law, a number, an experiment.
    """

    provenance: Provenance
    where: str
    within: str = ""
    ours: str = ""

    def __post_init__(self) -> None:
        if not in_words(self.where):
            raise ValueError(
                f"{self.provenance}(...) must say where the statement stands, or how it follows"
            )

    def __str__(self) -> str:
        """Return the source in a few words, the way the ledger shows it."""
        place = self.where if self.provenance == "paper" else f"{self.provenance}: {self.where}"
        ours = f"; ours: {self.ours}" * bool(self.ours)
        return f"{place}{f' ({self.within})' * bool(self.within)}{ours}"


def paper(where: str, *, within: str = "") -> Source:
    """Name the place at which the paper's statement was seen: `paper("Theorem 3.1")`, or
    `paper("abstract, sentence 3")`; `within` is the condition that stands there.
    """
    return Source("paper", where, within)


def recalled(where: str, *, within: str = "") -> Source:
    """Name the place of a statement of the paper whose text was not seen: `recalled("Theorem 3, as
    a review quotes it")`.
    """
    return Source("recalled", where, within)


def known(where: str, *, within: str = "") -> Source:
    """Name another publication whose theorem it is: `known("Hoeffding 1963, Theorem 2")`."""
    return Source("known", where, within)


def tried(sentence: str, ours: str, *, within: str = "") -> Source:
    """Name a sentence of the paper, and what of the claim on it is not the paper's.

    `tried("abstract, sentence 5: fewer samples", "the constant for Gaussian classes")`. ValueError
    if either is empty.
    """
    if not in_words(sentence):
        raise ValueError("tried(...) must name the sentence of the paper that it tries")
    if not in_words(ours):
        raise ValueError(
            "tried(...) must say what is ours: the law, number, margin or experiment on the "
            "paper's sentence"
        )
    return Source("tried", sentence, within, ours)


def code(repository: str, path: str, commit: str, *, within: str = "") -> Source:
    """Name a file of released code that computes what the claim states: `code("owner/name",
    "src/loss.py", "1a2b3c4")`; `within` is the condition under which it does.
    """
    if not all(map(in_words, (repository, path, commit))):
        raise ValueError(
            'code("owner/name", "src/loss.py", "1a2b3c4") names repository, path and commit'
        )
    return Source("code", f"{repository}, {path}, at {commit}", within)


def derived(how: str) -> Source:
    """Say how a statement follows that stands in no publication. ValueError for a text that begins
    with "derived", which the source prints itself.
    """
    if how.lower().startswith("derived"):
        raise ValueError(f"derived(...) prints that word itself: say only how, got {how!r}")
    return Source("derived", how)


Reach = Literal["theorem", "default path", "released command", "unreached branch", "slip"]
REACHES: tuple[str, ...] = get_args(Reach)
"""What goes through an accused statement, the farthest reach first."""
Ran = Literal["the released function", "its lines, rewritten", "the formula"]
_LONGEST_QUOTATION = 300


@dataclass(frozen=True)
class Published:
    """A published statement that a claim refutes; `published` makes one.

    Attributes:
        place: where it stands: `paper(...)`, `known(...)`, or `code(...)`.
        quoted: its words, at most a sentence; "" where it is read.
        read: our reading of code or text, which is not its words; "" where it is quoted.
        within: the condition that stands there.
        reach: what goes through it, one of `REACHES`.
        effect: what of the paper changes, or "nothing published".
        ran: what was run for the verdict: the released function, its lines with nothing left out,
            or the formula of a text.
    """

    place: Source
    quoted: str
    read: str
    within: str
    reach: Reach
    effect: str
    ran: Ran

    @property
    def statement(self) -> str:
        """The accused statement with its condition; quotations bear quotation marks, readings do
        not, and a line of code is set as code.
        """
        quoted = f"`{self.quoted}`" if self.place.provenance == "code" else self.quoted
        words = f"“{quoted}”" if self.quoted else self.read
        return words if self.within.startswith("no condition") else f"{words} ({self.within})"

    @property
    def facts(self) -> str:
        """Reach, effect and what was run, in one sentence."""
        return f"reach: {self.reach}; changes: {self.effect}; run: {self.ran}"

    def __str__(self) -> str:
        return str(self.place)


def published(
    *,
    place: Source,
    quoted: str = "",
    read: str = "",
    within: str,
    reach: Reach,
    effect: str,
    ran: Ran,
) -> Published:
    """State what a publication says and a claim refutes.

    `published(place=paper("Lemma 2"), quoted="2 times 2 = 5.", within="no condition stands there",
    reach="slip", effect="nothing published", ran="the formula")`. Give either `quoted`, its own
    words, or `read`, our reading.

    Args:
        place: `paper(...)`, `known(...)` or `code(...)`.
        quoted: at most one sentence of at most 300 characters.
        read: our words for what the code or text does.
        within: the condition that stands there, or "no condition stands there".
        reach: "theorem", "default path", "released command", "unreached branch" (no released
            command takes it) or "slip" (its own proof or text repairs it).
        effect: what of the paper changes, or "nothing published".
        ran: "the released function", "its lines, rewritten" or "the formula".

    Raises ValueError for a field that is missing, unknown or too long.
    """
    if not isinstance(place, Source) or place.provenance not in ("paper", "known", "code"):
        raise ValueError(
            "place= of what was published is paper(...), known(...) or code(...), where it was "
            f"seen; got {place!r}"
        )
    if in_words(quoted) == in_words(read):
        raise ValueError(
            "give either quoted=, the words of the source, or read=, our reading of it"
        )
    if len(plain(quoted)) > _LONGEST_QUOTATION or re.search(r"[.!?] +[A-Z]", quoted):
        raise ValueError(
            f"quoted= is at most one sentence of {_LONGEST_QUOTATION} characters; got "
            f"{len(quoted)} characters"
        )
    if not in_words(within):
        raise ValueError(
            'within= must give the condition that stands there, or "no condition stands there"; '
            f"got {within!r}"
        )
    if reach not in REACHES:
        raise ValueError(f"reach= must be one of {', '.join(map(repr, REACHES))}; got {reach!r}")
    if not in_words(effect):
        raise ValueError(
            f'effect= must say what of the paper changes, or "nothing published"; got {effect!r}'
        )
    if ran not in get_args(Ran):
        raise ValueError(f"ran= must be one of {', '.join(map(repr, get_args(Ran)))}; got {ran!r}")
    return Published(place, quoted, read, within, reach, effect, ran)
