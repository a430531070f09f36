"""Draw the maps of docs/maps.md: `python docs/draw_maps.py [PAPER …]`, from the root; cells on file
stay.

A cell has ten minutes: a slow machine is to draw the same maps.
"""

import shlex
import sys
from pathlib import Path

from theory_on_trial.command import main

MAPS = """
random_walk_pca.sim_evr --x n_points=4..128 --y dim=4..2000 --cells 7 --outside
infinite_width.finite_width_bias --x rate=0.02..2 --y width=4..65536 --cells 12 --outside
jepa_bias.critical_mae-shallow --x init=1e-8..0.9 --y rho=0.01..100 --cells 16 --outside
denoising_posterior.difference_step --x sigma=0.003..30 --cells 20 --outside
naive_bayes_vs_logistic.hard_covariance --x n_features=4..2000 --cells 14 --outside
conditional_independence_ssl.violation_is_quadratic --x smallest=0.0001..0.5 --cells 14 --outside
multicalibration_boosting.halting --x share=0.001..0.9 --cells 14 --outside
ridge_ensembles.risk_law --x dim=5..160 --y penalty=0.01..10 --cells 6 --outside
low_dim_diffusion.noise_law --x noise=1e-6..1 --y samples=11..256 --cells 8 --outside
contrastive_theory.excess_is_kl --x smallest=2..64 --cells 11 --outside
mixup.scale_limit --x alpha=0.001..1000 --y least=10..10000 --cells 10 --outside
forgetting_overlap.inverted_u --x degrees=1..89 --cells 9 --outside
"""


def draw(only: list[str]) -> int:
    """Draw the maps of some papers, or of all, each as a file named after its claim."""
    status = 0
    for line in MAPS.strip().splitlines():
        claim, *options = shlex.split(line)
        if not only or claim.rpartition(".")[0] in only:
            out = Path("docs", "maps", f"{claim}.webp")
            status |= main(["map", claim, *options, "--limit", "600", "--out", str(out)])
            print(out, flush=True)
    return status


if __name__ == "__main__":
    sys.exit(draw(sys.argv[1:]))
