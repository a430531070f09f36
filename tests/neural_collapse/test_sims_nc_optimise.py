"""Minima: what they must be invariant to, what the convex program says of them, and the search beyond the ETF."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

import sims.neural_collapse as observed

ULP = 2.0**-53
KEY = jax.random.key(3)
SIZES = (6, 4, 2, 1)
VALUE = 1e-12
"""Of two descents to one minimum: they differ by the squared gradient (below 1e-8) over a curvature above 1e-3."""
seeds = st.integers(0, 2**32 - 1)


def problem(decays, feature_decay, **terms):
    return observed.Problem(SIZES, decays, feature_decay, **terms)


def test_minimum_at_depth_one_is_that_of_soft_thresholded_classes():
    # With orthogonal classes the convex program falls apart into one soft threshold per class.
    shrink = sum(SIZES) * np.sqrt(0.1 * 0.12)
    kept = np.maximum(np.sqrt(SIZES) - shrink, 0)
    expected = np.sum((np.sqrt(SIZES) - kept) ** 2) / (2 * sum(SIZES)) + np.sqrt(0.1 * 0.12) * np.sum(kept)
    for reduced in (True, False):
        found = observed.best_of(problem((0.1,), 0.12), KEY, 3, widths=(6,), reduced=reduced)
        assert abs(found.value - expected) <= VALUE
        assert found.gradient_norm < 1e-12
        outputs = np.linalg.svd(found.head.weights[0] @ found.head.features, compute_uv=False)[:4]
        assert np.all(np.abs(outputs - kept) <= 1e-9)


@pytest.mark.parametrize("terms", [{}, {"bias": True}, {"loss": "ce"}, {"bias": True, "bias_decay": 0.3}])
def test_both_forms_every_order_and_every_split_of_the_decays_have_one_minimum(terms):
    options = {"starts": 6, "widths": (8, 8)}
    base = observed.best_of(problem((0.002, 0.003), 0.004, **terms), KEY, **options)
    full = observed.best_of(problem((0.002, 0.003), 0.004, **terms), KEY, **options, reduced=False)
    split = observed.best_of(problem((0.0012, 0.001), 0.02, **terms), KEY, **options)
    shuffled = observed.best_of(observed.Problem((2, 6, 1, 4), (0.003, 0.002), 0.004, **terms), KEY, **options)
    for other in (full, split, shuffled):
        assert abs(other.value - base.value) <= VALUE
    # Classes of one feature each, as the class-mean form takes for granted.
    assert observed.within_class_collapse(full.head.features, SIZES) < 1e-12


@settings(max_examples=12, deadline=None)
@given(seed=seeds, bias=st.booleans(), loss=st.sampled_from(["mse", "ce"]))
def test_descent_goes_down_and_reports_its_gradient(seed, bias, loss):
    generator = np.random.default_rng(seed)
    decays = tuple(generator.uniform(0.01, 0.2, 2).tolist())
    chosen = observed.Problem((2, 1, 2), decays, 0.05, bias, loss=loss)
    shapes = [(4, 4), (3, 4)]
    start = observed.Head(
        tuple(jnp.asarray(generator.standard_normal(shape)) for shape in shapes),
        jnp.asarray(generator.standard_normal((4, 5))),
        jnp.zeros(3),
    )
    end = observed.minimise(chosen, start)
    value, slope = gradient_of(chosen, end.head)
    assert abs(value - end.value) <= 1e3 * ULP
    assert abs(np.sqrt(sum(np.sum(part**2) for part in jax.tree.leaves(slope))) - end.gradient_norm) <= 1e3 * ULP
    assert end.value < gradient_of(chosen, start)[0]
    assert end.gradient_norm < 1e-7
    again = observed.minimise(chosen, end.head)
    assert again.value <= end.value + 1e3 * ULP


def gradient_of(chosen, head):
    compiled = COMPILED.setdefault(
        (chosen.bias, chosen.loss),
        jax.jit(
            lambda head, decays: jax.value_and_grad(observed.objective)(
                head, observed.Problem((2, 1, 2), decays, 0.05, chosen.bias, loss=chosen.loss)
            )
        ),
    )
    return compiled(head, chosen.weight_decays)


COMPILED: dict = {}


@pytest.mark.parametrize(("dim", "zeros"), [(3, 3), (5, 9)])
def test_hessian_at_depth_one_has_the_kernel_of_its_rotations(dim, zeros):
    decay = 0.01
    chosen = observed.Problem((5, 3, 2), (decay,), decay)
    found = observed.best_of(chosen, KEY, 3, widths=(dim,))
    spectrum = observed.hessian_spectrum(chosen, found.head)
    assert np.all(np.abs(spectrum[:zeros]) < 1e-12)
    assert abs(spectrum[zeros] - 2 * decay) < 1e-12
    with_bias = observed.hessian_spectrum(observed.Problem((5, 3, 2), (decay,), decay, True), found.head)
    assert len(with_bias) == len(spectrum) + 3


def test_zero_is_a_minimum_of_deep_heads_with_the_decays_as_its_hessian():
    chosen = observed.Problem((5, 3, 2), (0.01, 0.02), 0.03)
    origin = observed.Head((jnp.zeros((4, 6)), jnp.zeros((3, 4))), jnp.zeros((6, 3)), jnp.zeros(3))
    expected = np.repeat([0.01, 0.02, 0.03], [24, 12, 18])
    assert np.array_equal(observed.hessian_spectrum(chosen, origin), expected)
    stayed = observed.minimise(chosen, origin)
    assert stayed.gradient_norm == 0
    assert stayed.value == 0.5


@pytest.mark.parametrize("loss", ["mse", "ce"])
@pytest.mark.parametrize("bias", [False, True])
def test_convex_program_certifies_the_minimum_at_depth_one(loss, bias):
    decays = (0.02, 0.01)
    certified = observed.nuclear_norm_optimum(SIZES, *decays, loss=loss, bias=bias)
    chosen = problem((decays[0],), decays[1], loss=loss, bias=bias)
    found = observed.best_of(chosen, KEY, 4, widths=(5,))
    # The interior-point solver's own tolerance on the value, and the root of it where the minimum is flat.
    assert abs(certified.value - found.value) <= 1e-7
    logits = np.asarray(found.head.weights[0] @ found.head.features) / np.sqrt(SIZES)
    assert np.all(np.abs(certified.logits - logits) <= 1e-3)
    assert abs(np.linalg.norm(certified.dual, 2) - np.sqrt(decays[0] * decays[1])) <= 1e-4
    if bias:
        centred = certified.bias - certified.bias.mean()
        assert np.all(np.abs(centred - (found.head.bias - found.head.bias.mean())) <= 1e-3)
    else:
        assert np.all(certified.bias == 0)
    if loss == "mse":
        bound = observed.dual_value(certified.dual, SIZES, *decays, bias=bias)
        assert 0 <= found.value - bound + 1e-14 <= 1e-7


@settings(max_examples=60, deadline=None)
@given(seed=seeds, scale=st.floats(1e-4, 10), bias=st.booleans())
def test_no_dual_matrix_exceeds_the_minimum(seed, scale, bias):
    decays = (0.1, 0.12)
    residual = np.diag(np.sqrt(SIZES)) / sum(SIZES)
    guess = residual + scale * np.random.default_rng(seed).standard_normal((4, 4))
    assert observed.dual_value(guess, SIZES, *decays, bias=bias) <= MINIMA[bias] + 1e-14


MINIMA = {bias: observed.best_of(problem((0.1,), 0.12, bias=bias), KEY, 3, widths=(5,)).value for bias in (False, True)}


def test_a_strong_decay_leaves_nothing():
    trivial = observed.nuclear_norm_optimum((2, 2), 1.0, 1.0)
    assert np.all(np.abs(trivial.logits) < 1e-6)
    assert abs(trivial.value - 0.5) < 1e-7
    assert abs(observed.dual_value(trivial.dual, (2, 2), 1.0, 1.0) - 0.5) < 1e-7


def etf_value(n_classes, class_size, depth, decay):
    """The least cross entropy plus decay over simplex ETFs of any size, by a one-dimensional search."""
    factors = depth + 1

    def value(size):
        norm = (n_classes - 1) * (class_size * size**2) ** (1 / factors)
        return np.log1p((n_classes - 1) * np.exp(-size)) + factors / 2 * decay * norm

    return minimize_scalar(value, bounds=(1, 30), method="bounded", options={"xatol": 1e-10}).fun


def test_search_finds_what_beats_the_simplex_at_depth_two_and_not_at_depth_one():
    decay, etf = 1e-3, {depth: etf_value(6, 4, depth, 1e-3) for depth in (1, 2)}
    deep = observed.best_configuration(
        observed.Problem((4,) * 6, (decay,) * 2, decay, loss="ce"), KEY, 6, widths=(8, 8)
    )
    assert deep.best.value < etf[2] - 1e-3
    assert deep.best.value == deep.values.min()
    assert np.all(deep.gradient_norms < 1e-7)
    assert deep.rank == 3
    assert np.ptp(deep.singular_values[:3]) < 1e-5
    # Three orthogonal pairs of opposite classes: each row has its own logit, its opposite, and four zeros.
    rows = np.sort(deep.logits, axis=1)
    assert np.all(np.abs(rows[:, 1:5]) < 1e-5)
    assert np.all(np.abs(rows[:, 0] + rows[:, 5]) < 1e-5)
    shallow = observed.best_configuration(observed.Problem((4,) * 6, (decay,), decay, loss="ce"), KEY, 2, widths=(8,))
    assert abs(shallow.best.value - etf[1]) < 1e-10
    assert shallow.rank == 5


def test_a_dead_configuration_has_no_rank():
    dead = observed.best_configuration(observed.Problem((2, 2), (1.0, 1.0), 1.0), KEY, 2, widths=(3, 3))
    assert dead.rank == 0


def test_searches_in_single_precision_are_refused():
    chosen = problem((0.1,), 0.1)
    head = observed.Head((jnp.ones((4, 3)),), jnp.ones((3, 4)), jnp.zeros(4))
    with jax.enable_x64(False):
        for search in (
            lambda: observed.minimise(chosen, head),
            lambda: observed.hessian_spectrum(chosen, head),
            lambda: observed.optima(chosen, KEY, 1, widths=(3,)),
        ):
            with pytest.raises(TypeError, match="needs float64"):
                search()
