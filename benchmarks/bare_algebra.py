"""The tools for own data beside the bare linear algebra of their answers: seconds and memory."""

from collections.abc import Callable

from audits.side_by_side import Response, command, compare, timed

WORKLOADS = {  # rows, columns
    "cosine_range": (2000, 768),
    "stable_neighbours": (2000, 768),
    "selection_audit": (4000, 600),
}
CONDITIONS = (1.5, 4.0, 25.0)
CHOSEN = 10


def table(seed: int, rows: int, columns: int):
    import numpy as np

    generator = np.random.default_rng(seed)
    x = generator.normal(size=(rows, columns))
    return x, x[:, :CHOSEN].sum(axis=1) + generator.normal(size=rows)


def bare_range(x, y):
    """Cosines of all pairs by one Gram matrix, and the ends for three condition numbers."""
    import numpy as np

    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    cosines = (unit @ unit.T)[np.triu_indices(len(x), 1)]
    ends = [((1 + cosines) - k * (1 - cosines)) / ((1 + cosines) + k * (1 - cosines)) for k in CONDITIONS]
    return float(ends[-1].min())


def bare_neighbours(x, y):
    """The largest cosine of each row."""
    import numpy as np

    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    cosines = unit @ unit.T
    np.fill_diagonal(cosines, -1)
    return float(cosines.max(axis=1).mean())


def bare_pursuit(x, y):
    """The coherence, and scikit-learn's orthogonal matching pursuit."""
    import numpy as np
    from sklearn.linear_model import orthogonal_mp

    unit = x / np.linalg.norm(x, axis=0)
    return float((unit.T @ unit - np.eye(x.shape[1])).max()) + float(orthogonal_mp(x, y, n_nonzero_coefs=CHOSEN)[0])


def contender(tool: str, name: str, rows: int, columns: int) -> Callable[[int], Response]:
    from own_data.cosine_similarity import cosine_range, stable_neighbours
    from own_data.sequential_attention import selection_audit

    ours = {
        "cosine_range": lambda x, y: cosine_range(x),
        "stable_neighbours": lambda x, y: stable_neighbours(x),
        "selection_audit": lambda x, y: selection_audit(x, y, CHOSEN, standardise=False),
    }
    bare = {"cosine_range": bare_range, "stable_neighbours": bare_neighbours, "selection_audit": bare_pursuit}
    run = (ours if name == "ours" else bare)[tool]

    def answer(seed: int) -> Response:
        return {"seconds": timed(run, *table(seed, rows, columns))[0], "numbers": rows * columns}

    return answer


def run(quick: bool) -> None:
    for tool, (rows, columns) in WORKLOADS.items():
        n, p = (rows // 4, columns // 4) if quick else (rows, columns)
        compare(
            "benchmarks.bare_algebra",
            f"{tool}, {n} x {p}",
            {name: (tool, name, n, p) for name in ("ours", "bare")},
            2 if quick else 5,
            ours=["ours"],
            figure="numbers read",
            figure_of=lambda name, answers: str(answers[0]["numbers"]),
        )


if __name__ == "__main__":
    command(__doc__, run, contender)
