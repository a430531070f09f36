"""Who says it: the paper, its abstract, its code, or this repository."""

from dataclasses import dataclass
from typing import Literal


def in_words(text: str) -> bool:
    """Whether a text has a letter or a digit: what is to be said is not said by a full stop."""
    return any(character.isalnum() for character in text)


Provenance = Literal["paper", "abstract", "code", "derived"]


@dataclass(frozen=True)
class Source:
    """Where a statement stands, and who makes it.

    Attributes:
        provenance: "paper", "abstract" and "code" are the authors' own; "derived" is derived,
            recalled or compared here.
        where: the place (theorem, equation, page; repository, path and commit), or how a derived
            statement follows.
        says: the sentence or formula as it is printed there, with its conditions; "" where the
            claim is the statement.
    """

    provenance: Provenance
    where: str
    says: str = ""

    def __post_init__(self) -> None:
        if not in_words(self.where):
            raise ValueError(
                f"{self.provenance}(...) must say where the statement stands, or how it follows"
            )

    def __str__(self) -> str:
        """Return the source in a few words, the way the ledger shows it."""
        return self.where if self.provenance == "paper" else f"{self.provenance}: {self.where}"


def paper(where: str, *, says: str = "") -> Source:
    """Name a place in a published text: `paper("Theorem 3.1")`; `says` is what is printed there."""
    return Source("paper", where, says)


def abstract(says: str) -> Source:
    """Quote a sentence of the paper's abstract."""
    return Source("abstract", says, says)


def code(repository: str, path: str, commit: str, *, says: str = "") -> Source:
    """Name a file of released code, `code("owner/name", "src/loss.py", "1a2b3c4")`; `says` is what
    it computes.
    """
    if not all(map(in_words, (repository, path, commit))):
        raise ValueError(
            'code("owner/name", "src/loss.py", "1a2b3c4") names repository, path and commit'
        )
    return Source("code", f"{repository}, {path}, at {commit}", says)


def derived(how: str) -> Source:
    """Say how a statement that no source prints follows: derived, recalled but not read, or
    compared.
    """
    return Source("derived", how)
