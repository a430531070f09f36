"""Every figure of in-context learning draws at small sizes, and holds the theory and simulation its caption tells of.

The models are trained for two steps here: what they have learned is not looked at.
"""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from theory import in_context_learning as predicted
from theory_on_trial.figures.drawing import figures, style

TINY = {
    "F1": {"dimension": 3, "largest": 4, "runs": 12, "count": 64, "model_dimension": 1, "layers": 1, "steps": 2,
           "prompts": 64},
    "F2": {"columns": ((0.0, 1.0), (0.5, 1.5)), "prefixes": (1,), "layers": 1, "steps": 2, "prompts": 64},
    "F3": {"dimension": 1, "depths": (1,), "steps": 2, "prompts": 64},
    "F4": {"dimension": 1, "layers": 1, "prefix": 2, "steps": 2, "control_steps": 2, "probe_steps": 2, "prompts": 64},
    "F6": {"dimension": 1, "depths": (1,), "steps": 2, "prompts": 8, "queries": 8},
    "F7": {"points": 5},
    "F8": {"layers": 1, "depths": (1,), "widths": (16,), "heads": (2,), "steps": 2, "prompts": 64},
    "F9": {"dimension": 1, "points": 5, "factors": 20, "rows": 6},
    "F10": {"dimension": 2, "largest": 7, "runs": 12, "count": 64},
    "F11": {"largest": 4, "contexts": (2,), "steps": 300, "starts": 2},
    "F12": {"depths": (1,), "steps": 2, "prompts": 64},
}  # fmt: skip
PANELS = {"F1": 3, "F2": 4, "F3": 1, "F4": 3, "F6": 1, "F7": 2, "F8": 3, "F9": 3, "F10": 1, "F11": 3, "F12": 2}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patched, style():
        patched.setenv("THEORY_ON_TRIAL_CACHE", str(tmp_path_factory.mktemp("cache")))
        found = {drawing.name: drawing.draw(**TINY[drawing.name]) for drawing in figures("in_context_learning")}
    yield found
    plt.close("all")


def line(axes, text):
    """The line of a panel that the legend calls by this text."""
    return next(line for line in axes.lines if line.get_label() == text)


def values(axes, text):
    return np.asarray(line(axes, text).get_ydata())


def with_intervals(container):
    """Abscissas, means and half widths of points with intervals."""
    points, _, (bars,) = container.lines
    lengths = [np.ptp(segment[:, 1]) / 2 for segment in bars.get_segments()]
    return points.get_xdata(), np.asarray(points.get_ydata()), np.array(lengths)


@pytest.mark.parametrize("name", PANELS)
def test_every_figure_holds_its_panels_and_labels(drawn, name):
    assert set(PANELS) == set(drawn)
    assert len(drawn[name].axes) == PANELS[name]
    for axes in drawn[name].axes:
        assert axes.get_ylabel() or axes.get_xlabel()


def test_simulated_distances_lie_on_the_exact_laws(drawn):
    """Six laws: 24 means, each within three of its 99 % half widths (Student's t with 11 degrees: 9.3 errors)."""
    axes = drawn["F1"].axes[0]
    laws = {
        "Ridge(0.1)": lambda k: predicted.spd_ridge_to_ols(0.1, 3, k),
        "GD(0.01)": lambda k: predicted.spd_gradient_step_to_ols(3, k, 0.01),
        "GD(0.02)": lambda k: predicted.spd_gradient_step_to_ols(3, k, 0.02),
        "SGD(0.01)": lambda k: predicted.spd_sgd_to_ols(3, k, 0.01),
        "SGD(0.03)": lambda k: predicted.spd_sgd_to_ols(3, k, 0.03),
    }
    containers = [*axes.containers[:5], axes.containers[7]]
    laws["label (a)"] = lambda k: predicted.spd_labels(3, k)
    for (name, law), container in zip(laws.items(), containers, strict=True):
        exact = [law(k) / 3 for k in range(1, 5)]
        assert values(axes, name) == pytest.approx(exact, rel=1e-12)
        _, means, half_widths = with_intervals(container)
        assert np.all(np.abs(means - exact) <= 3 * half_widths + 1e-12)
    assert len(axes.containers) == 8
    assert [len(panel.containers) for panel in drawn["F1"].axes[1:]] == [8, 6]


def test_exact_heat_map_has_its_minima_on_the_diagonal(drawn):
    exact, model = drawn["F2"].axes[:2]
    rings = [(ring.get_xdata()[0], ring.get_ydata()[0]) for ring in exact.lines]
    assert rings == [(0, 0), (1, 2)]
    cells = np.ma.getdata(exact.images[0].get_array())
    law = [predicted.spd_ridge_to_bayes(0.25, 8, 1, tau, sigma) / 8 / tau**2 for sigma, tau in ((0.0, 1.0), (0.5, 1.5))]
    assert cells[3] == pytest.approx(law, rel=1e-12)
    assert np.isnan(cells[2, 1])
    assert "∞" in [text.get_text() for text in model.texts]


def test_phases_hold_the_exact_distances_between_rules(drawn):
    for axes in drawn["F3"].axes:
        exact = [line.get_ydata()[0] for line in axes.lines if line.get_linestyle() == ":"]
        ridge = [np.mean([predicted.spd_ridge_to_ols(r, 1, k) for k in range(1, 6)]) for r in (0.0, 0.1, 0.5)]
        step = np.mean([predicted.spd_gradient_step_to_ols(1, k, 0.05) for k in range(1, 6)])
        assert exact == pytest.approx([*ridge, step], rel=1e-12)
        assert len(axes.containers) == 4


def test_probes_stand_at_every_state_and_mixtures_sum_to_one(drawn):
    *probed, mixture = drawn["F4"].axes
    for axes in probed:
        assert [len(with_intervals(container)[0]) for container in axes.containers] == [2, 2, 2]
    for bars in mixture.containers:
        # Weights are computed in float32.
        assert sum(bar.get_height() for bar in bars) == pytest.approx(1, abs=8 * 2**-24)


def test_linear_fits_explain_at_most_everything(drawn):
    axes = drawn["F6"].axes[0]
    assert line(axes, "rules with weights (exact)").get_ydata()[0] == 1
    assert len(axes.containers) == 2
    for container in axes.containers:
        prefixes, shares, _ = with_intervals(container)
        assert list(prefixes) == [1, 2, 3, 4, 5]
        assert np.all(shares <= 1)


@pytest.mark.parametrize("name", ["GeLU", "tanh", "ReLU"])
def test_squares_hold_the_units_on_their_exact_curves(drawn, name):
    """Rounding: a difference of numbers below 1, divided by the curvature 1.45 of tanh, in a few steps."""
    curve = line(drawn["F7"].axes[0], name)
    lines = list(drawn["F7"].axes[0].lines)
    points = lines[lines.index(curve) + 1]
    at_points = np.interp(points.get_xdata(), *curve.get_data())
    assert np.asarray(points.get_ydata()) == pytest.approx(at_points, abs=16 * 2**-53)


def test_sizes_stand_against_the_line_at_one(drawn):
    for axes in drawn["F8"].axes:
        assert axes.lines[-1].get_ydata()[0] == 1
        assert np.all(with_intervals(axes.containers[0])[1] > 0)


def test_errors_of_the_constructions_follow_their_laws(drawn):
    product, theorems, pads = drawn["F9"].axes
    scales, errors = line(product, "float64").get_data()
    x, y = np.random.default_rng(0).uniform(-1, 1, (2, 20))
    law = np.sqrt(np.mean(predicted.gelu_product_error(x, y, float(scales[2])) ** 2))
    next_term = np.sqrt(np.mean(predicted.gelu_product_next_term(x, y, float(scales[2])) ** 2))
    rounding = 2 * predicted.rounding_of_product(float(scales[2]), 1.0, 2**-52)
    assert abs(errors[2] - law) <= next_term + rounding
    for name in ("Theorem 1, d = 1", "Theorem 2, d = 1"):
        scales, errors = line(theorems, name).get_data()
        # Of second order; rounding and the next order are far below a tenth of both errors.
        assert errors[3] / errors[2] == pytest.approx((scales[3] / scales[2]) ** 2, rel=0.1)
    balanced, paper = values(pads, "balanced pads"), values(pads, "paper pads")
    assert balanced[0] < paper[0] / 10


def test_risks_lie_on_the_exact_laws(drawn):
    axes = drawn["F10"].axes[0]
    laws = (
        ("Bayes: Ridge(σ²)", lambda k: predicted.bayes_risk(2, k, noise_std=0.5)),
        ("Ridge(0.1)", lambda k: predicted.ridge_expected_risk(0.1, 2, k, noise_std=0.5)),
        ("GD(0.02)", lambda k: predicted.gradient_step_risk(2, k, 0.02, noise_std=0.5)),
        ("SGD(0.03)", lambda k: predicted.sgd_risk(2, k, 0.03, noise_std=0.5)),
    )
    for (name, law), container in zip(laws, axes.containers[1:], strict=True):
        exact = np.array([law(k) / 2 for k in range(8)])
        assert values(axes, name) == pytest.approx(exact, rel=1e-12)
        _, means, half_widths = with_intervals(container)
        assert np.all(np.abs(means - exact[1:]) <= 3 * half_widths)
    least_squares = values(axes, "least squares")
    assert list(np.flatnonzero(np.isnan(least_squares))) == [1, 2, 3]
    assert list(with_intervals(axes.containers[0])[0]) == [6, 7]


def test_optimal_maps_are_drawn_and_trained_ones_come_near(drawn):
    """Three hundred steps: within a tenth of the optimum, where 1/variance is more than twice as large."""
    axes = drawn["F11"].axes[1]
    best = np.diag(predicted.optimal_map(np.diag([0.5, 1.5]), np.eye(2), 0.25, 2))
    for variance, exact, container in zip((0.5, 1.5), best, axes.containers, strict=True):
        curve = line(axes, f"variance {variance:g}")
        assert curve.get_ydata()[list(curve.get_xdata()).index(2)] == pytest.approx(exact, rel=1e-12)
        assert with_intervals(container)[1] == pytest.approx(exact, rel=0.1)


def test_ladder_holds_the_exact_bayes_error(drawn):
    by_prefix, by_depth = drawn["F12"].axes
    bayes = [predicted.bayes_risk(1, k, noise_std=0.5) + 0.25 for k in range(6)]
    assert values(by_prefix, "Bayes") == pytest.approx(bayes, rel=1e-12)
    assert by_depth.lines[0].get_ydata()[0] == pytest.approx(np.mean(bayes[1:]), rel=1e-12)
    assert len(by_prefix.containers) == len(by_depth.containers) == 1
