"""The bias: imbalanced classes with a free one, and what a decayed one does to the frame."""

from typing import Annotated

import numpy as np

from paper_checks.test_neural_collapse import (
    MARGIN,
    Depth,
    NClasses,
    PerClass,
    Sizes,
    Strength,
    Width,
)
from paper_checks.test_neural_collapse.problems import (
    apart,
    found_optimum,
    gram_error,
    grams,
    predicted_grams,
    problem_of,
    require_classes,
    require_frame,
    shared_decays,
    stacked,
)
from theory.neural_collapse import mean_square
from theory_on_trial import claim, derived, known
from theory_on_trial.contract import Interval


@claim(
    known(
        "Liu 2024, The exploration of neural collapse under imbalanced data, abstract: the "
        "geometry is that of the singular vectors and values of the centred labels",
        within="the bias and the lengths in closed form are derived here",
    ),
    kind="optimality",
    cases=[((6, 4, 2, 1), 1, 8), ((6, 4, 2, 1), 2, 8), ((5, 3, 2), 3, 8), ((8, 4, 2, 1), 2, 2)],
)
def test_imb_bias(trial, class_sizes: Sizes, depth: Depth, width: Width, strength: Strength = 0.2):
    """Let $n$ be the class sizes, $N$ their sum and $u = sqrt(n / N)$. With a bias under the square
    loss, the best bias is $n / N$, and each singular value $y$ of $diag(sqrt n)(I - u u^T)$ is
    fitted by $y x^M / (1 + x^M)$, where $x >= 0$ minimises $1/(1 + x^M) + β x$ with
    $β = M N (N Λ)^(1/M) / y^2$, for the depth $M$ and the product $Λ$ of all decays. If the least
    width $R$ is below $K - 1$, this is so of the $R$ largest $y$, and all others are fitted by 0.
    With the singular vectors this gives the Gram matrices of $W_M … W_1$, of $W_M$ and of the class
    means, and the logits.
    """
    require_classes(trial, class_sizes)
    n_classes = len(class_sizes)
    decays = shared_decays(class_sizes, depth, strength)
    widths = (n_classes + 4,) * (depth - 1) + (width,)
    optimum = mean_square.mse_optimum(class_sizes, *decays, widths=widths, bias=True)
    unbiased = mean_square.mse_optimum(class_sizes, *decays, widths=widths)
    require_frame(trial, optimum)
    problem = problem_of(class_sizes, *decays, bias=True)
    end = found_optimum(trial, problem, widths)
    shares = np.array(class_sizes) / sum(class_sizes)
    frames = predicted_grams(optimum)
    traces = np.trace(frames, axis1=1, axis2=2)[:, None, None]
    simplex = (np.eye(n_classes) - 1 / n_classes) / (n_classes - 1)  # of trace one

    def bias_and_frames(bias, matrices):
        return np.concatenate([bias, np.ravel(matrices)])

    rivals = {
        "a bias of $1 / K$": bias_and_frames(np.full(n_classes, 1 / n_classes), frames),
        "the frame without bias": bias_and_frames(shares, predicted_grams(unbiased)),
        "a simplex": bias_and_frames(shares, traces * simplex),
    }
    exact = bias_and_frames(shares, frames)
    trial.value(
        bias_and_frames(np.asarray(end.head.bias), stacked(grams(problem, end.head))),
        exact,
        error=gram_error(problem, end),
        margin=MARGIN,
        controls=apart(trial, exact, MARGIN, rivals),
        instances="search",
    )


@claim(
    derived(
        "the decayed bias is minimised out: the mean direction keeps a share $κ$ of its loss; that "
        "a simplex turns into an orthogonal frame at depth one is in the abstract of arXiv "
        "2606.00344, The role of class encoding in neural collapse"
    ),
    kind="optimality",
    cases=[(1, 0.1), (1, 0.3), (1, 1.0), (1, 10.0), (2, 0.5), (2, 1.0), (2, 5.0)],
)
def test_bias_decay(
    trial,
    depth: Depth,
    bias_decay: Annotated[float, Interval(1e-3, 1e3, why="beyond, κ is 0 or 1 to a thousandth")],
    strength: Strength = 0.01,
    n_classes: NClasses = 4,
    per_class: PerClass = 3,
):
    """Let $K$ balanced classes have a bias with the decay $λ_b$ at depth $M$ under the square loss,
    widths of at least $K$, and $β = M K (N Λ)^(1/M)$ for $N$ samples and the product $Λ$ of the
    other decays. The $K - 1$ contrasts have the $x >= 0$ that minimises $1/(1 + x^M) + β x$. The
    mean has the $x$ of $β κ^(-(M+1)/M)$ in place of $β$, and $κ$ times the cost, where
    $κ = λ_b / (1 + λ_b)$. This gives the logits, the bias and the least objective.
    """
    sizes = (per_class,) * n_classes
    kappa = bias_decay / (1 + bias_decay)
    widths = (n_classes + 4,) * depth
    decays = shared_decays(sizes, depth, strength)
    optimum = mean_square.mse_optimum(sizes, *decays, bias=True, bias_decay=bias_decay)
    require_frame(trial, optimum)
    problem = problem_of(sizes, *decays, bias=True, bias_decay=float(bias_decay))
    end = found_optimum(trial, problem, widths)
    beta = optimum.betas[0]

    def numbers(logits, bias, value):
        return np.concatenate([np.ravel(logits), bias, [value]])

    def under(weight, exponent):
        """The numbers, were β of the mean direction β weight^-exponent and its cost times `weight`;
        the claim has κ and (M + 1) / M.
        """
        betas = beta * np.array([1.0, weight**-exponent])
        roots = mean_square.global_root(betas, depth)
        contrasts, mean = mean_square.shrinkage(roots, depth)
        logits = contrasts * np.eye(n_classes) + (mean - contrasts) / n_classes
        bias = np.full(n_classes, (1 - mean) / n_classes / (1 + bias_decay))
        value = (
            np.array([n_classes - 1, weight])
            @ mean_square.scalar_objective(roots, betas, depth)
            / (2 * n_classes)
        )
        return numbers(logits, bias, value)

    exact = numbers(optimum.logits, optimum.bias, optimum.value)
    rivals = {
        "exponent $-1$ of $κ$": under(kappa, 1.0),
        "$λ_b$ for $κ$": under(bias_decay, 1 + 1 / depth),
    }
    trial.value(
        numbers(grams(problem, end.head)["logits"], np.asarray(end.head.bias), end.value),
        exact,
        error=gram_error(problem, end),
        margin=MARGIN,
        controls=apart(trial, exact, MARGIN, rivals),
        instances="search",
    )
