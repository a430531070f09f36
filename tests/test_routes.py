"""The routes of the papers: every claim has one, and it is true as far as it can be read off the code."""

import pytest

from audits.independence import missing, packages, reached
from theory_on_trial.repository import outline


@pytest.mark.parametrize("paper", outline.papers())
def test_every_claim_has_a_route_that_it_deserves(paper):
    assert missing(paper) == []


def test_what_is_reached_is_followed_through_aliases_helpers_and_re_exports():
    walk = "paper_checks.test_random_walk_pca.test_walk.test_total_variance"
    assert "fractions.Fraction" in reached(walk)
    assert "theory.random_walk_pca.spectrum.total_variance" in reached(walk)
    assert "theory.random_walk_pca.spectrum.total_variance" not in reached(walk, outside="theory.")
    assert packages("random_walk_pca.total_variance") == "theory"
    assert packages("random_walk_pca.ema_is_momentum") == "sims"
    assert packages("random_walk_pca.exact_spectrum") == "theory and sims"
    # Through a helper of the paper's package, which imports inside a function.
    assert "mpmath.quad" in reached("paper_checks.test_jepa_bias.test_critical_times.test_critical_jepa")
    assert "theory.mixup.finite_samples.lda_rate" in reached("theory.mixup.mixup_samples")
    assert reached("theory.mixup.no_such_function") == {"theory.mixup.no_such_function"}
