"""The edge of the Marchenko-Pastur law."""

from typing import Annotated

from theory_on_trial import claim, paper
from theory_on_trial.contract import Interval
from theory_on_trial.laws import SubGaussian

from sims import spectra as observed
from theory import spectra as predicted


@claim(
    paper("Marchenko and Pastur 1967; Johnstone 2001, Theorem 1.1"),
    kind="limit",
    cases=[(100, 25), (60, 60)],
)
def test_edge(trial, n: Annotated[int, Interval(50)], d: Annotated[int, Interval(10)]):
    """The largest singular value of an n x d Gaussian matrix is sqrt(n) + sqrt(d), less a
    Tracy-Widom term.
    """
    trial.mean(
        lambda key: observed.largest_singular_value(key, n, d),
        predicted.mean_at_edge(n, d),
        # it moves no more than the matrix does: a Lipschitz function of Gaussians
        law=SubGaussian(1 / n**0.5),
        margin=0.02,
        controls={"the limit itself": predicted.edge(n, d), "as if columns were orthogonal": 1.0},
    )
