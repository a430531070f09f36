"""Derives `data/compas_counts.csv` from the two binarised COMPAS files of the paper's official
repository.

Usage: `python -m sims.predictive_multiplicity.derive_compas FOLDER`, where FOLDER holds
`compas_arrest_processed.csv` and `compas_violent_processed.csv`. One line of the result is a
distinct feature row, with the number of people of either label and, for the over-sampled variants,
how often people with this row were drawn.
"""

import csv
import sys
from pathlib import Path

import numpy as np

from sims.predictive_multiplicity.samples import COUNTS


def derive_compas(folder: str | Path, destination: str | Path) -> None:
    """Write the counts of distinct rows to `destination`. Raises ValueError where the two files
    differ in their people or in the order of these.
    """
    header = []
    counts = []
    features = None
    for target in ("arrest", "violent"):
        with (Path(folder) / f"compas_{target}_processed.csv").open(newline="") as file:
            (_, *names), *lines = csv.reader(file)
        people = np.array(lines, int)
        labels = people[:, 0]
        if features is None:
            features = people[:, 1:]
            rows, row_of_person = np.unique(features, axis=0, return_inverse=True)
        elif not np.array_equal(features, people[:, 1:]):
            raise ValueError(
                f"{folder} must hold two files on the same people, the features differ"
            )
        rarer = np.flatnonzero(labels == 1)
        draws = np.random.default_rng(1337).choice(rarer, len(labels) - 2 * len(rarer))
        for what, indices in (
            ("positives", rarer),
            ("negatives", np.flatnonzero(labels == -1)),
            ("drawn", draws),
        ):
            header.append(f"{target}:{what}")
            counts.append(np.bincount(row_of_person.reshape(-1)[indices], minlength=len(rows)))
    with Path(destination).open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*names, *header])
        writer.writerows(np.column_stack([rows, *counts]).tolist())


if __name__ == "__main__":
    derive_compas(sys.argv[1], COUNTS)
