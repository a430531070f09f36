"""Compare a closed form for label curves of a learned pretext with a pipeline that is refitted.

`python -m benchmarks.conditional_independence_ssl [--quick]` prints the table. The pipeline is
scikit-learn's, which is fitted to random data `repetitions` times at each of ten numbers of labels.
Ours takes one decomposition and the formula that the claims verify.
"""

from collections.abc import Callable

import numpy as np

from benchmarks.side_by_side import answers, command, contest
from sims import conditional_independence_ssl as observed
from theory import conditional_independence_ssl as predicted

SIZES = (20, 25, 30, 40, 50, 65, 80, 100, 150, 200)
PAIRS = 2000
DIM = 10
KEPT = 2
WORKLOADS = [(20, 5)]  # repetitions, rounds
QUICK = [(2, 1)]


def sklearn_pipeline(repetitions: int) -> Callable[[int], list[float]]:
    from sklearn.decomposition import PCA
    from sklearn.linear_model import LinearRegression
    from sklearn.multioutput import MultiOutputRegressor

    world = observed.gaussian_world()
    laws = observed.conditionals(world.covariance, DIM, 2)
    target = np.linalg.solve(np.linalg.cholesky(world.covariance[:DIM, :DIM]).T, laws.target.T)

    def curve(seed: int) -> list[float]:
        rng = np.random.default_rng(seed)
        first, second, _ = observed.draw(rng, world, PAIRS)
        new, _, _ = observed.draw(rng, world, PAIRS)
        pretext = MultiOutputRegressor(LinearRegression()).fit(first, second)
        cut = PCA(KEPT).fit(pretext.predict(first))
        risks = []
        for n_labels in SIZES:
            loss = 0.0
            for _ in range(repetitions):
                inputs, _, labels = observed.draw(rng, world, n_labels)
                head = LinearRegression(fit_intercept=False).fit(
                    cut.transform(pretext.predict(inputs)), labels
                )
                outputs = head.predict(cut.transform(pretext.predict(new)))
                loss += np.mean(np.sum((outputs - new @ target) ** 2, axis=1))
            risks.append(float(loss / repetitions))
        return risks

    return curve


def ours(repetitions: int) -> Callable[[int], list[float]]:
    world = observed.gaussian_world()
    laws = observed.conditionals(world.covariance, DIM, 2)
    white = np.linalg.inv(np.linalg.cholesky(world.covariance[:DIM, :DIM]))

    def curve(seed: int) -> list[float]:
        first, second, _ = observed.draw(np.random.default_rng(seed), world, PAIRS)
        pretext = np.linalg.lstsq(first @ white.T, second, rcond=None)[0].T
        head = np.linalg.svd(pretext)[2][:KEPT]
        error = float(np.sum((laws.target - laws.target @ head.T @ head) ** 2))
        return [predicted.excess_risk(n, KEPT, laws.noise, error) for n in SIZES]

    return curve


CONTENDERS = {"scikit-learn pipeline": sklearn_pipeline, "ours": ours}

answer_seed = answers(CONTENDERS, lambda seed, risks, _: {"risk": risks[SIZES.index(50)]})
run = contest(
    "benchmarks.conditional_independence_ssl",
    f"{len(SIZES)} numbers of labels, {{}} repetitions, {PAIRS} pairs",
    CONTENDERS,
    WORKLOADS,
    QUICK,
    ours=["ours"],
    figure="risk at 50 labels",
    figure_of=lambda name, answers: (
        f"{sum(answer['risk'] for answer in answers) / len(answers):.4f}"
    ),
)


if __name__ == "__main__":
    command(__doc__, run, answer_seed)
