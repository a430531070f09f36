"""Whose statement it is: the paper's, its abstract's, its code's, or derived in this repository."""

from dataclasses import dataclass
from typing import Literal


def in_words(text: str) -> bool:
    """Whether a text has a letter or a digit; punctuation alone explains nothing."""
    return any(character.isalnum() for character in text)


Provenance = Literal["paper", "abstract", "code", "derived"]


@dataclass(frozen=True)
class Source:
    """Where a statement stands, and whose it is.

    Attributes:
        provenance: "paper", "abstract" and "code" are the authors'; "derived" was derived, recalled
            or compared in this repository.
        where: the place (theorem, equation, page; repository, path and commit), or how a derived
            statement follows.
        says: the published sentence or formula; "" if the claim itself is the statement.
        within: the condition under which it is published, or read there, as in "up to signs"; ""
            if it has none.
    """

    provenance: Provenance
    where: str
    says: str = ""
    within: str = ""

    def __post_init__(self) -> None:
        if not in_words(self.where):
            raise ValueError(
                f"{self.provenance}(...) must say where the statement stands, or how it follows"
            )

    @property
    def published(self) -> str:
        """What it says, with its condition in brackets."""
        return f"{self.says} ({self.within})" if self.within else self.says

    def __str__(self) -> str:
        """Return the source in a few words, the way the ledger shows it."""
        return self.where if self.provenance == "paper" else f"{self.provenance}: {self.where}"


def paper(where: str, *, says: str = "", within: str = "") -> Source:
    """Name a place in a published text: `paper("Theorem 3.1")`; `says` quotes it, `within` is the
    condition that stands there.
    """
    return Source("paper", where, says, within)


def abstract(says: str, *, within: str = "") -> Source:
    """Quote a sentence of the paper's abstract; `within` is the condition that stands there."""
    return Source("abstract", says, says, within)


def code(repository: str, path: str, commit: str, *, says: str = "", within: str = "") -> Source:
    """Name a file of released code, `code("owner/name", "src/loss.py", "1a2b3c4")`; `says` is what
    it computes, `within` the condition under which it does.
    """
    if not all(map(in_words, (repository, path, commit))):
        raise ValueError(
            'code("owner/name", "src/loss.py", "1a2b3c4") names repository, path and commit'
        )
    return Source("code", f"{repository}, {path}, at {commit}", says, within)


def derived(how: str) -> Source:
    """Say how a statement follows that stands in no source that was read: derived, recalled or
    compared. ValueError for a text that begins with "derived", which the source prints itself.
    """
    if how.lower().startswith("derived"):
        raise ValueError(f"derived(...) prints that word itself: say only how, got {how!r}")
    return Source("derived", how)
