"""Finds in the code where the two sides of a paper on one page meet in another module."""

from pathlib import Path

from theory_on_trial import repository
from theory_on_trial.repository.reach import reached
from theory_on_trial.trial.sides import marked


def crossings_elsewhere(file: Path) -> list[str]:
    """Return a sentence for each marked function that reaches one of the other side which another
    module marks.
    """
    root = repository.root(file.absolute().parent)
    module = ".".join(file.absolute().relative_to(root).with_suffix("").parts)
    sentences = []
    for name, side in marked(file).items():
        for other in sorted(reached(f"{module}.{name}", root=root)):
            home, _, own = other.rpartition(".")
            place = root.joinpath(*home.split(".")).with_suffix(".py")
            another = marked(place).get(own) if home != module and place.is_file() else None
            if another not in (None, side):
                sentences.append(
                    f"{name} ({side}) reaches {other} ({another}), which is of the other side"
                )
    return sentences
