"""The command `theory-on-trial` in this repository: its papers, its figures."""

from theory_on_trial import claims
from theory_on_trial.command import main
from theory_on_trial.repository import outline


def test_figures_are_handed_over(capsys):
    assert main(["figures", "random_walk_pca.F3", "--list"]) == 0
    assert capsys.readouterr().out.startswith("random_walk_pca.F3  ")


def test_the_outline_is_what_registration_finds():
    assert {"mixup", "random_walk_pca"} <= set(outline.papers())
    assert all(outline.title(paper) for paper in outline.papers())
    for paper in ("random_walk_pca", "predictive_multiplicity"):
        assert set(outline.settings(paper)) == {c.id for c in claims(paper)}, paper
    assert outline.settings("random_walk_pca")["random_walk_pca.total_variance"] == ["n_points"]
