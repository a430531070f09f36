"""Tests of infinite width: properties, the tool's doubts and refusals, fuzzing."""

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import pytest
from promises import Case, promises, refused

from own_data import infinite_width as tool
from paper_checks.test_infinite_width.test_exponents import stable_on_grid
from sims import infinite_width as observed
from tests.infinite_width.own_data_sets import LADDER, NTK, POINTS, VALUES, movements
from theory import infinite_width as predicted

X = np.array([1, -1, 0.5, 1, -0.5, 1, -1, 0.5])
Y = 1.5 * X
SERIES = X[:, None, None], Y[:, None, None]


def rng(seed=0):
    return np.random.default_rng(seed)


def test_a_step_is_that_of_automatic_differentiation():
    a, b, c = predicted.named_scaling("muP", 2)
    network = observed.draw_network(rng(), 3, 5, a, b, c, rate=0.3, inputs=3, outputs=2)
    y = rng(1).standard_normal((4, 2))

    def loss(weights):
        h = POINTS
        for w, multiplier in zip(weights[:-1], network.multipliers, strict=False):
            h = jnp.tanh(multiplier * h @ w.T)
        f = network.multipliers[-1] * h @ weights[-1].T
        return jnp.sum((f - y) ** 2) / 2 / len(POINTS)

    stepped = observed.sgd_step(network, POINTS, observed.outputs(network, POINTS) - y)
    gradients = jax.vmap(jax.grad(loss))(tuple(jnp.asarray(w) for w in network.weights))
    for w, new, gradient in zip(network.weights, stepped.weights, gradients, strict=True):
        np.testing.assert_allclose(
            new, w - network.rate * np.asarray(gradient), rtol=1e-12, atol=1e-14
        )


def test_nodes_have_the_means_of_drawn_networks():
    """Outputs after three steps of a small rate, and the movement of two layers in one step, which
    is exact.
    """
    nodes, chances = observed.reduced_nodes(20, 0.25, 0.05)
    sample = observed.shallow_network(rng(3), 200_000, 20, 0.25, 0.05)
    exact, many = (observed.train(network, *SERIES)[1][3, :, 0, 0] for network in (nodes, sample))
    assert chances.sum() == pytest.approx(1)
    assert chances @ exact == pytest.approx(many.mean(), abs=5 * many.std() / 447)
    assert chances @ exact**2 == pytest.approx(np.mean(many**2), abs=5 * np.std(many**2) / 447)
    for a, b in (([0, 0.5, 0.5], [0, 0, 0]), ([-0.5, 0.5, 1], [0.5, 0, 0])):
        scaling = (np.array(a), np.array(b), 0.0)
        x = np.ones((1, 1))
        nodes, chances = observed.deep_nodes(6, *scaling)
        sample = observed.draw_network(rng(4), 100_000, 6, *scaling, activation="linear")
        exact, many = (
            np.sum(
                (observed.features(observed.sgd_step(net, x, x), x) - observed.features(net, x))
                ** 2,
                axis=(1, 2),
            )
            for net in (nodes, sample)
        )
        assert chances @ exact == pytest.approx(many.mean(), abs=5 * many.std() / 316)
        assert exact.mean() != pytest.approx(many.mean(), rel=0.1, abs=0)


def test_the_order_of_widths_and_the_unit_do_not_matter():
    movement = movements(NTK, 1, 5)
    answer = tool.width_exponent(LADDER, movement)
    other = tool.width_exponent(LADDER[::-1], 1e200 * movement[:, ::-1])
    assert other.exponent == pytest.approx(answer.exponent, abs=1e-12)
    assert other.curvature == pytest.approx(answer.curvature, abs=1e-12)


def test_an_exact_power_law_is_not_doubted_for_its_rounding():
    answer = tool.width_exponent(LADDER, np.array(LADDER) ** -0.3 * [[1], [2], [3]])
    assert (answer.exponent.value, answer.doubts) == (pytest.approx(-0.3), ())


def test_plots_show_movement_and_power_law():
    answer = tool.width_exponent(LADDER, movements(NTK, 1, 5))
    line, points = answer.plot().get_lines()
    assert points.get_xdata().tolist() == LADDER
    assert np.allclose(points.get_ydata(), answer.typical)
    assert np.diff(np.log(line.get_ydata())) == pytest.approx(
        answer.exponent.value * np.log(2), rel=1e-9, abs=0
    )
    plt.close("all")


NET = observed.shallow_network(rng(), 1, 2, 0, 0.1)
test_what_cannot_be_answered_is_refused = refused(
    [
        (
            lambda: observed.draw_network(rng(), 1, 4, np.zeros(1), np.zeros(1), 0.0),
            "a and b must have as many",
        ),
        (
            lambda: observed.deep_nodes(9, np.zeros(2), np.zeros(2), 0.0),
            "a and b must have three entries, got 2 and 2",
        ),
        (
            lambda: observed.train(NET, SERIES[0], SERIES[1][:3]),
            "y must have one entry for each of the 8 steps, got 3",
        ),
        (lambda: observed.kernel_descent(NET, *[SERIES[0].T] * 2), "single"),
        (
            lambda: predicted.departure_exponent(0.6),
            "s must lie in .* output at initialisation diverges",
        ),
        (
            lambda: predicted.named_scaling("mean field", 2),
            "hidden must be 1 for mean field, got 2",
        ),
        (
            lambda: predicted.feature_exponent([0.5], [0.5], 0),
            "a must have an entry for a hidden layer",
        ),
        (lambda: tool.width_exponent([128, 256], np.ones((3, 2))), "widths must be three or more"),
        (lambda: tool.width_exponent([128, 256, 384], np.ones((3, 3))), "at least 4 times"),
        (lambda: tool.width_exponent([128, 256, 256, 512], np.ones((3, 4))), "widths must differ"),
        (lambda: tool.width_exponent([0, 1, 2, 4], np.ones((3, 4))), "widths must be at least 1"),
        (
            lambda: tool.width_exponent(LADDER, np.ones((2, 4))),
            "movement must have at least 3 rows",
        ),
        (
            lambda: tool.width_exponent(LADDER, np.ones((3, 3))),
            "movement must have a column for each of the 4 widths, got 3",
        ),
        (lambda: tool.width_exponent(LADDER, np.ones((3, 4))), "same row twice"),
        (
            lambda: tool.width_exponent(LADDER, np.zeros((3, 4))),
            "movement must be positive: where nothing moves, the step",
        ),
    ]
)

NETWORK = observed.draw_network(rng(), 2, 3, *NTK, inputs=3)
BATCH = {"network": NETWORK, "x": POINTS}
STEPS = {"network": NETWORK, "x": POINTS[:, None], "y": VALUES[:, None]}
DRAWN = {"rng": rng(), "nets": 2, "width": 3}

test_every_function_is_guarded, test_refusals, test_answers, test_extreme_answers = promises(
    [predicted, observed, tool],
    {
        "shifted": Case({"scaling": predicted.named_scaling("NTK")}),
        "draw_network": Case({**DRAWN, "inputs": 1, "outputs": 1}),
        "shallow_network": Case({**DRAWN, "inputs": 1, "outputs": 1}),
        "deep_nodes": Case({"a": np.zeros(3), "b": np.zeros(3)}),
        "outputs": Case(BATCH),
        "features": Case(BATCH),
        "sgd_step": Case({**BATCH, "errors": VALUES}),
        "train": Case(STEPS),
        "kernel_descent": Case(STEPS),
        "width_exponent": Case({"widths": LADDER, "movement": movements(NTK, 1, 4)}),
    },
)


def counted_in_integers(hidden, parts):
    """How many are stable and learn, and how many learn features, in integers; the unit is a part
    of one.
    """
    axis = range(-parts, 3 * parts // 2 + 1)
    counts = np.zeros(2, int)
    for first in axis:
        for second in axis if hidden == 2 else [None]:
            mover = 2 * first + parts if second is None else min(2 * first + parts, 2 * second)
            for a in axis:
                for c in axis:
                    for b in axis:
                        r = min(a + b, 2 * a + c) + c - parts + mover
                        stable = (
                            2 * (a + b) >= parts
                            and r >= 0
                            and 2 * a + c >= parts
                            and a + b + r >= parts
                        )
                        if stable and (2 * a + c == parts or a + b + r == parts):
                            counts += [1, r == 0]
    return counts


@pytest.mark.parametrize(("hidden", "counts"), [(1, (407, 45)), (2, (3468, 774))])
def test_as_many_parametrisations_are_stable_and_learn_as_counted_in_integers(hidden, counts):
    a, _, stable, moving = stable_on_grid(hidden, 4, 6)
    assert a.shape[1] == hidden + 1
    assert (stable.sum(), moving.sum()) == counts == tuple(counted_in_integers(hidden, 4))
    *_, five = stable_on_grid(hidden, 4, 5)  # without the last condition of stability
    assert five.sum() > moving.sum()
