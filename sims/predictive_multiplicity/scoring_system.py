"""Supersparse linear integer models: scoring systems with small integer coefficients, by integer
programming.

Minimise the weighted errors + N C_0 |λ|_0 + N C_1 |λ|_1 over integers λ in a box, where a sample is
an error unless y <λ, x> >= ε. Equal samples share one binary. The coefficients that come back are
recounted by the definition, and data reduction settles, by linear programs alone, which samples
every optimum gets right or wrong.
"""

import dataclasses
import functools
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Int, Real

from sims.predictive_multiplicity.highs import ResidentProgram, solve
from sims.predictive_multiplicity.mip import Program
from theory_on_trial.contract import Holds, Interval, NonNegative, Positive, guarded, require

Signs = Annotated[
    Int[np.ndarray, "samples"],
    Holds("signs", "be -1 or +1", lambda y: bool(np.isin(y, (-1, 1)).all())),
]
Box = Annotated[Int[np.ndarray, "coefficients"], Interval(-(2**40), 2**40)]
Settled = Annotated[Int[np.ndarray, "samples"], Interval(-1, 1)]
PositiveWeight = Annotated[float, Interval(0, 2, "()", why="every error costs something")]
BigM = Literal["valid", "released"]

ROUNDING = 1e-6
"""What the objectives of solvers may be off, relative to the weight of all samples."""


class ScoringSystem(NamedTuple):
    """coefficients : λ. errors : the weight of samples with y <λ, x> < ε. objective : errors plus
    both penalties.
    """

    coefficients: Int[np.ndarray, "coefficients"]
    errors: float
    objective: float


@guarded(double=False)
@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class ScoringProblem:
    """What a scoring system must do.

    features : x_i, one sample per row.
    labels : y_i.
    lower, upper : the box of λ.
    sparsity_penalty, size_penalty : C_0 and C_1, per sample.
    intercept : whether the first column is an unpenalised constant.
    positive_weight : w_+, what an error on a positive label costs; on a negative one it is 2 - w_+.
    margin : ε, the least score that counts as right; scores of integer features are 0 or at least
    1. big_m : "valid" takes ε - min_λ y <λ, x>, which lets every λ of the box err. "released" takes
        what the authors' code has, 1.05 ε + max_λ y <λ, x>: as good on a box symmetric about 0, and
        wrong on others.

    Source: Ustun & Rudin 2016 (arXiv 1502.04269), as in its code; the valid big M: derived here.
    """

    features: Real[np.ndarray, "samples coefficients"]
    labels: Signs
    lower: Box
    upper: Box
    sparsity_penalty: NonNegative
    size_penalty: NonNegative
    intercept: bool = False
    positive_weight: PositiveWeight = 1.0
    margin: Positive = 1e-3
    big_m: BigM = "valid"

    def __post_init__(self):
        lower = self.lower.tolist()
        upper = self.upper.tolist()
        require(self.lower <= self.upper, f"lower must not exceed upper, got {lower} and {upper}")

    @functools.cached_property
    def _distinct(self) -> Any:
        """The distinct samples as y x, the weight of each, and which of them every sample is."""
        samples, index, counts = np.unique(
            np.column_stack([self.features, self.labels]),
            axis=0,
            return_inverse=True,
            return_counts=True,
        )
        price = np.where(samples[:, -1] > 0, self.positive_weight, 2 - self.positive_weight)
        return samples[:, :-1] * samples[:, -1:], counts * price, index.ravel()

    @property
    def _penalties(self) -> Any:
        """N C_0 and N C_1, one per coefficient."""
        mask = np.arange(len(self.lower)) >= self.intercept
        return len(self.labels) * self.sparsity_penalty * mask, len(
            self.labels
        ) * self.size_penalty * mask


@guarded(double=False)
def recount_scoring(
    problem: ScoringProblem, coefficients: Int[np.ndarray, "coefficients"]
) -> ScoringSystem:
    """The scoring system with these coefficients, recounted. Source: the objective of arXiv
    1502.04269.
    """
    wanted = len(problem.lower)
    given = len(coefficients)
    require(
        given == wanted,
        f"coefficients must be {wanted}, one for each column of features, got {given}",
    )
    products, weights, _ = problem._distinct
    per_nonzero, per_size = problem._penalties
    sizes = np.abs(coefficients.astype(float))  # products of integers would overflow unseen
    errors = float(weights[products @ coefficients.astype(float) < problem.margin].sum())
    penalties = per_nonzero @ (coefficients != 0) + per_size @ sizes
    return ScoringSystem(coefficients, errors, errors + float(penalties))


@guarded(double=False)
def scoring_system(problem: ScoringProblem, settled: Settled | None = None) -> ScoringSystem:
    """The optimal scoring system, by HiGHS; `settled` is what `settled_errors` found, and fixes
    those errors. Raises ValueError where `settled` or the released big M leaves nothing;
    RuntimeError if the recount is not what the solver says. Source: arXiv 1502.04269.
    """
    n_samples = len(problem.labels)
    given = len(problem.labels if settled is None else settled)
    require(
        given == n_samples,
        f"settled must be -1, 0 or 1 for each of the {n_samples} samples, got {given}",
    )
    program = _program(problem, settled)
    outcome = solve(program)
    if outcome.values is None:  # with a valid big M any λ of the box may err everywhere
        raise ValueError(
            "problem and settled must leave a λ of the box: the released big M, or settled, "
            "forbids all"
        )
    answer = recount_scoring(problem, np.rint(outcome.values[: len(problem.lower)]).astype(int))
    cost = float(program.cost @ outcome.values)
    if abs(answer.objective - cost) > ROUNDING * len(problem.labels):
        raise RuntimeError(
            f"the scoring system costs {answer.objective} by recount, but {cost} by the solver"
        )
    return answer


@guarded(double=False)
def settled_errors(problem: ScoringProblem, attained: float) -> Int[np.ndarray, "samples"]:
    """Data reduction: 0 for samples that every optimum gets right, 1 for those it gets wrong, -1
    where that is open.

    `attained` is the objective of any scoring system, the smaller the better. The linear relaxation
    never exceeds the objective, so if it does exceed `attained` once a sample is forced to be an
    error, no optimum errs there; so for right ones. Two linear programs per distinct
    sample, from the last basis. Raises ValueError for an objective below the relaxation's, which
    nothing attains. Source: data reduction of Ustun & Rudin 2016 (arXiv 1502.04269), as recalled;
    this proof: derived here.
    """
    program = _program(problem, None)
    linear = ResidentProgram(program._replace(integral=np.zeros_like(program.integral)))
    linear.run()
    limit = attained + ROUNDING * len(problem.labels)
    least = linear.objective
    require(
        least <= limit,
        f"attained must be the objective of a scoring system, from {least} on, got {attained}",
    )
    _, weights, index = problem._distinct
    decisions = np.full(len(weights), -1)
    for sample in range(len(weights)):
        column = np.array([len(problem.lower) + sample])
        for value in (0, 1):
            linear.set_bounds(column, np.array([float(value)]), np.array([float(value)]))
            if linear.run() == "infeasible" or linear.objective > limit:
                decisions[sample] = 1 - value
        linear.set_bounds(column, np.zeros(1), np.ones(1))
    return decisions[index]


def _program(problem, settled):
    """Over (λ, an error per distinct sample, whether each λ_j is not zero, |λ_j|)."""
    from scipy.sparse import block_array, csr_matrix, diags_array, eye_array

    products, weights, index = problem._distinct
    lower = problem.lower.astype(float)
    upper = problem.upper.astype(float)
    corners = np.stack([products * lower, products * upper])
    if problem.big_m == "valid":
        big_m = problem.margin - corners.min(axis=0).sum(axis=1)
    else:
        big_m = 1.05 * problem.margin + corners.max(axis=0).sum(axis=1)
    n_samples, n_coefficients = products.shape
    identity = eye_array(n_coefficients)
    rows = block_array(
        [
            [csr_matrix(products), diags_array(big_m), None, None],
            [-identity, None, diags_array(upper), None],
            [identity, None, diags_array(-lower), None],
            [-identity, None, None, identity],
            [identity, None, None, identity],
        ],
        format="csr",
    )
    least_error = np.zeros(n_samples)
    most_error = np.ones(n_samples)
    if settled is not None:
        least_error[index] = settled == 1
        most_error[index] = settled != 0
    largest = np.maximum(np.abs(lower), np.abs(upper))
    return Program(
        cost=np.concatenate([np.zeros(n_coefficients), weights, *problem._penalties]),
        lower=np.concatenate([lower, least_error, np.zeros(2 * n_coefficients)]),
        upper=np.concatenate([upper, most_error, np.ones(n_coefficients), largest]),
        integral=np.arange(n_samples + 3 * n_coefficients) < n_samples + 2 * n_coefficients,
        rows=csr_matrix(rows),
        row_lower=np.concatenate(
            [np.full(n_samples, float(problem.margin)), np.zeros(4 * n_coefficients)]
        ),
        row_upper=np.full(n_samples + 4 * n_coefficients, np.inf),
    )
