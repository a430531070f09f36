"""From the logistic loss to the error: F5."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.special import softmax

from figures.naive_bayes_vs_logistic.simulations import posterior_and_logits
from theory.naive_bayes_vs_logistic.consistency import (
    box_tie_threshold,
    conditional_regret,
    consistency_transform,
    kl_divergence,
)
from theory_on_trial.figures.drawing import COLOURS, figure
from theory_on_trial.figures.panels import label
from theory_on_trial.figures.replicates import replicates

_NO_BOUND = 500.0  # on the logits, of which the softmax still has no zeros


@figure(
    "F5",
    quick={"class_counts": (2, 3), "draws": 1000},
    claims=("psi_conjugate", "hcons_multiclass", "hcons_sqrt2", "hcons_bounded_fails"),
    marks="(a) dashed: tanh Λ, from where Ψ is straight. (c) dashed: error regret that costs "
    "nothing",
)
def consistency(
    bounds: Sequence[float] = (0.5, 1.0, 2.0),
    class_counts: Sequence[int] = (2, 3, 5, 10),
    draws: int = 3000,
    logit_bound: float = 0.5,
) -> Figure:
    """A small log-loss regret forces a small error regret for any number of classes, but not if
    logits are bounded.

    (a) The least log-loss regret $Ψ(t)$ (nats) at which the error regret can be $t$, without a
    bound on the logits and for two classes with logits in $[-Λ, Λ]$ ($Ψ_Λ$, straight beyond
    $tanh Λ$); $t²/2$ (dotted) bounds $Ψ$ from below. (b) Random posteriors $p$ and predictions $q$
    of $K$ classes: $t = p_a - p_b$ for the most probable classes $a$ of $p$ and $b$ of $q$, against
    the log-loss regret $KL(p‖q)$. All lie above $Ψ$ (line). Dotted: $t²$, which some violate. (c)
    The same for three classes with $|logits| <= Λ =$ `logit_bound`, log-loss regret against the
    best logits in the box: below $Ψ_Λ$ (line), draws and the counterexample
    $p = ((1 + t)/2, (1 - t)/2, 0)$ with the second class slightly ahead (circles; the second line
    is their regret, exactly). Up to $ρ/(2 + ρ)$, $ρ = exp(-2Λ)$ (vertical line), it costs nothing.
    `draws` draws per number of classes, those with $t > 0$ shown. Zheng et al. 2023 for the
    subject; transform, counterexample and draws are new.
    """
    fig, (left, middle, right) = plt.subplots(1, 3, figsize=(10.5, 3.5))
    t = np.linspace(0, 1, 201)
    left.plot(t, consistency_transform(t), color=COLOURS[6], label="Ψ, no bound")
    for bound, colour in zip(bounds, COLOURS, strict=False):
        left.plot(
            t,
            consistency_transform(t, bound),
            color=colour,
            label=f"$Ψ_Λ$, Λ = {bound:g}",
        )
        left.axvline(np.tanh(bound), color=colour, linewidth=0.6, linestyle="--")
    left.plot(t, t**2 / 2, ":", color="0.4", label="$t^2/2$")

    for n_classes, colour in zip(class_counts, COLOURS, strict=False):
        data = replicates(
            posterior_and_logits, draws, {"n_classes": n_classes}, {"logit_bound": _NO_BOUND}
        )
        p = data["posterior"].values
        logits = data["logits"].values
        q = softmax(logits, axis=1)
        regrets = kl_divergence(p, q / q.sum(axis=1, keepdims=True))
        _draws(middle, _error_regret(p, logits), regrets, colour, f"K = {n_classes}")
    grid = np.geomspace(1e-3, 1, 100)
    middle.plot(grid, consistency_transform(grid), color=COLOURS[6], label="Ψ(t)")
    middle.plot(grid, grid**2, ":", color="0.4", label="$t^2$")
    middle.set(xscale="log", yscale="log", xlim=(1e-3, 1.1), ylim=(1e-7, 20))

    data = replicates(posterior_and_logits, draws, {"n_classes": 3}, {"logit_bound": logit_bound})
    p = data["posterior"].values
    logits = data["logits"].values
    regrets = conditional_regret(logits, p, logit_bound)
    _draws(right, _error_regret(p, logits), regrets, COLOURS[1], "draws, K = 3")
    right.plot(t, consistency_transform(t, logit_bound), color=COLOURS[6], label="$Ψ_Λ(t)$")
    family = np.stack([(1 + t) / 2, (1 - t) / 2, np.zeros_like(t)], axis=1)
    tie = np.array([logit_bound, logit_bound, -logit_bound])
    exact = conditional_regret(np.tile(tie, (len(t), 1)), family, logit_bound)
    right.plot(t, exact, color=COLOURS[0], label="tie at the corner")
    ahead = tie - np.array([1e-9, 0, 0])
    members = family[10::20]
    scores = np.tile(ahead, (len(members), 1))
    regrets = conditional_regret(scores, members, logit_bound)
    right.plot(
        _error_regret(members, scores), regrets, "o", color=COLOURS[0], label="counterexample"
    )
    right.axvline(
        box_tie_threshold(3, logit_bound), color=COLOURS[0], linewidth=0.6, linestyle="--"
    )
    right.set(ylim=(-0.02, 0.6), title=f"Λ = {logit_bound:g}")
    left.legend(fontsize=7, loc="upper left")
    middle.legend(fontsize=7, loc="lower right", markerscale=2)
    right.legend(fontsize=7, loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=2)
    for panel, letter in zip((left, middle, right), "abc", strict=True):
        panel.set(xlabel="error regret  t  (probability)", ylabel="log-loss regret  (nats)")
        label(panel, letter, x=-0.1)
    return fig


def _error_regret(
    p: Float[np.ndarray, "draws classes"], scores: Float[np.ndarray, "draws classes"]
) -> Float[np.ndarray, " draws"]:
    """Return p_a - p_b, b the class with the highest score."""
    chosen = np.take_along_axis(p, scores.argmax(axis=1)[:, None], axis=1)[:, 0]
    return p.max(axis=1) - chosen


def _draws(
    axes: Axes,
    t: Float[np.ndarray, " draws"],
    regrets: Float[np.ndarray, " draws"],
    colour: str,
    name: str,
) -> None:
    """Draw those whose prediction is wrong as dots."""
    mask = t > 0
    axes.plot(
        t[mask],
        regrets[mask],
        ".",
        color=colour,
        markersize=2,
        markeredgewidth=0,
        label=name,
        rasterized=True,
    )
