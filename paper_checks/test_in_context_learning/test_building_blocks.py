"""The building blocks of the constructions: products by GeLU, passing GeLU and layer norm, division, reading."""

from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from paper_checks.test_in_context_learning import PAPER, UNIT
from sims.in_context_learning import activations, compiler, network
from sims.in_context_learning.primitives import aff, div, mov, mul
from theory import in_context_learning as predicted
from theory_on_trial import claim, ours, paper

FORMS = ("erf", "tanh")
ROWS = 30


@jax.jit
def products(x, y, scales):
    """The product of x and y at every scale, in both forms."""
    return jnp.stack([jax.vmap(partial(activations.gelu_product, x, y, form=form))(scales) for form in FORMS])


@jax.jit
def normalised(columns, gains):
    """The layer norm of each column times its gain."""
    return gains * activations.layer_norm(columns)


def through_layer_norm(rows, upper, lower, pads):
    """The rows (not the pads) after sqrt(2/L) N LayerNorm(upper, lower, rows), one column for each pad N."""
    columns = np.concatenate([[upper, lower], np.broadcast_to(rows[:, None], (len(rows), len(pads)))])
    return np.asarray(normalised(columns, np.sqrt(2 / len(columns)) * pads))[2:]


def layer_norm_ops(rows):
    """Roundings, in units of the pad: sums over all rows in the mean and the variance, and those of the last step."""
    return len(rows) + 10


@claim(
    ours(f"{PAPER}, Lemma 4; law of the error derived"),
    kind="limit",
    as_printed=paper(
        "Akyurek et al. 2023 (arXiv 2211.15661), Lemma 4",
        says="The remainder of Lemma 4's product is of third order (true as an upper bound, not as its order).",
    ),
)
def test_gelu__mul(trial, n_points=200, powers=(4, 5, 6, 7, 8, 9, 10)):
    """Lemma 4's product errs by kappa s^2 [(x + y)^4 - x^4 - y^4]: its remainder is of fourth order, not of third."""
    x, y = trial.generator("factors").uniform(-2, 2, (2, n_points))
    scales = np.array([1e-2, 1e-3, *2.0 ** -np.array(powers)])
    found = np.asarray(products(x, y, scales))
    law = np.array([[x * y + predicted.gelu_product_error(x, y, s, form) for s in scales[:2]] for form in FORMS])
    unseen = np.array([[np.abs(predicted.gelu_product_next_term(x, y, s, form)) for s in scales[:2]] for form in FORMS])
    # The theory's bound counts two roundings in a GeLU, where the library's erf has up to four.
    rounding = np.array([2 * predicted.rounding_of_product(s, 2, 2 * UNIT) for s in scales])
    rectified = [[s * (np.maximum(x + y, 0) - np.maximum(x, 0) - np.maximum(y, 0)) for s in scales[:2]]] * 2
    trial.value(
        found[:, :2],
        law,
        error=rounding[:2, None],
        slack=unseen,
        margin=np.array([1e-6, 1e-10])[:, None],
        controls={"sqrt(2/pi) for sqrt(pi/2)": law * 2 / np.pi, "no error": np.broadcast_to(x * y, law.shape)},
        wrong_processes={"ReLU": np.sqrt(np.pi / 2) * np.array(rectified) / scales[:2, None] ** 2},
    )
    errors = np.sqrt(np.mean((found[:, 2:] - x * y) ** 2, axis=-1))
    for of_form in errors:
        trial.order(
            of_form,
            1 / scales[2:],
            -2.0,
            rounding=rounding[2:],
            margin=0.02,
            controls={"s^3, of fifth order": -3.0},
            as_printed=-1.0,
            same_instance=True,
        )


@claim(ours(f"{PAPER}, Lemma 4; Richardson's form derived"), kind="limit")
def test_richardson__mul(trial, n_points=200, powers=(1, 2, 3, 4, 5, 6)):
    """Two products at scales s and 2s combine to one with an error of order s^4, -4 kappa_6 s^4 [(x + y)^6 - ...]."""
    x, y = trial.generator("factors").uniform(-1, 1, (2, n_points))
    scales = 2.0 ** -np.array(powers)
    combined = jax.jit(jax.vmap(partial(activations.gelu_product, x, y, richardson=True)))(scales)
    rounding = np.array([3 * predicted.rounding_of_product(s, 1, 2 * UNIT) for s in scales])

    def size(found):
        return np.sqrt(np.mean((np.asarray(found) - x * y) ** 2, axis=1))

    trial.order(
        size(combined),
        1 / scales,
        -4.0,
        rounding=rounding,
        margin=0.05,
        controls={"s^2": -2.0, "s^3": -3.0},
        wrong_processes={"one product": size(products(x, y, scales)[0])},
        same_instance=True,
    )
    leading = predicted.richardson_product_error(x, y, float(scales[-1]))
    # The series of erf goes on with z^8 / 672; the combination multiplies it by (4 - 2^6) / 3 = -20.
    eighth = 20 / 672 * scales[-1] ** 6 * ((np.abs(x) + np.abs(y)) ** 8)
    trial.value(
        np.asarray(combined)[-1] - x * y,
        leading,
        error=rounding[-1],
        slack=eighth,
        margin=0.03 * np.abs(leading).max(),
        controls={"of the other sign": -leading},
    )


@claim(
    ours(f"{PAPER}, Lemma 5; law of the loss derived"),
    kind="identity",
    loose="1e-12 is what the statement says; at N = 10 the loss is 1e-16 at most",
)
def test_gelu__bypass(trial, n_points=200, shifts=(5.0, 7.0, 10.0, 30.0)):
    """GeLU(N + x) - N loses (N + x)(1 - Phi(N + x)) of x: less than 1e-12 from N = 10 on, but not at N = 7."""
    x = np.append(trial.generator("entries").uniform(-2, 2, n_points), -2.0)
    passed = jax.jit(lambda u: jnp.stack([activations.gelu(u, form) for form in FORMS]))
    shifted = np.array(shifts)[:, None] + x
    lost = shifted - np.asarray(passed(shifted))
    law = np.array([[predicted.gelu_bypass_error(x, shift, form) for shift in shifts] for form in FORMS])
    trial.identity(lost, law, ops=8, scale=np.array(shifts)[:, None] + 2, controls={"nothing is lost": 0 * law})
    large = np.array(shifts) >= 10
    trial.bound(
        np.abs(lost[:, large]),
        np.full(lost[:, large].shape, 1e-12),
        found_by="draws",
        independent=n_points,
        ops=8,
        scale=30.0,
        wrong_processes={"N = 7": np.abs(lost[:, [1, 1]])},
    )


@claim(ours(f"{PAPER}, Lemma 6; exact factor derived"), kind="limit")
def test_ln__bypass(trial, pads=tuple(1e3 * 4.0**j for j in range(6))):
    """With pads N, -N - S layer norm multiplies x by (1 + S/N + (S^2 + |x|^2) / 2N^2)^(-1/2), about 1 - S/2N."""
    rows, pads = np.abs(trial.generator("rows").standard_normal(ROWS)), np.array(pads)
    total, squares = rows.sum(), rows @ rows
    passed = through_layer_norm(rows, pads, -pads - total, pads)
    factors = np.array([predicted.layer_norm_factor(pad, total, squares, "paper") for pad in pads])
    leading = np.array([predicted.layer_norm_leading_error(pad, total, squares, "paper") for pad in pads])
    trial.identity(
        passed,
        rows[:, None] * factors,
        ops=layer_norm_ops(rows),
        scale=pads,
        controls={"sqrt(1/L) for sqrt(2/L)": rows[:, None] * factors / np.sqrt(2)},
        wrong_processes={"no S in the second pad": through_layer_norm(rows, pads, -pads, pads)},
    )
    lost = 1 - rows @ passed / squares
    rounding = 4 * layer_norm_ops(rows) * UNIT * pads * total / squares
    trial.order(lost, pads, -1.0, rounding=rounding, margin=0.02, controls={"second order": -2.0}, same_instance=True)
    trial.value(
        lost,
        -leading,
        error=rounding,
        slack=np.abs(factors - 1 - leading),
        margin=-0.02 * leading,
        controls={"S / N": -2 * leading},
    )


@claim(ours(f"{PAPER}, Lemma 6 with balanced pads; derived here"), kind="limit")
def test_ln__bypass__balanced(trial, pads=tuple(1e2 * 4.0**j for j in range(5))):
    """With the pads N - S/2, -N - S/2 the error of the same layer norm is of second order, (S^2/4 + |x|^2/2) / 2N^2."""
    rows, pads = np.abs(trial.generator("rows").standard_normal(ROWS)), np.array(pads)
    total, squares = rows.sum(), rows @ rows
    passed = through_layer_norm(rows, pads - total / 2, -pads - total / 2, pads)
    as_in_paper = through_layer_norm(rows, pads, -pads - total, pads)
    factors = np.array([predicted.layer_norm_factor(pad, total, squares) for pad in pads])
    leading = np.array([predicted.layer_norm_leading_error(pad, total, squares) for pad in pads])
    trial.identity(
        passed,
        rows[:, None] * factors,
        ops=layer_norm_ops(rows),
        scale=pads,
        controls={"no error": np.broadcast_to(rows[:, None], passed.shape)},
        wrong_processes={"the paper's pads": as_in_paper},
    )
    lost, lost_in_paper = 1 - rows @ passed / squares, 1 - rows @ as_in_paper / squares
    rounding = 4 * layer_norm_ops(rows) * UNIT * pads * total / squares
    trial.order(
        lost,
        pads,
        -2.0,
        rounding=rounding,
        margin=0.02,
        controls={"first order": -1.0},
        wrong_processes={"the paper's pads": lost_in_paper},
        same_instance=True,
    )
    trial.value(
        lost[1:],
        -leading[1:],
        error=rounding[1:],
        slack=np.abs(factors - 1 - leading)[1:],
        margin=-0.02 * leading[1:],
        controls={"without |x|^2": (total**2 / 8 / pads**2)[1:]},
    )


@claim(ours(f"{PAPER}, Lemma 8; exact factor and the term -S/2 derived"), kind="identity")
def test_ln__div(trial, divisors=(0.4, -0.4, 2.5, -2.5), pad=1e4, large_pad=1e6):
    """With pads +-Nc - S/2 layer norm divides by |c|: the sign is lost, and without -S/2 the mean S/L stays."""
    rows, divisors = trial.generator("rows").standard_normal(ROWS), np.array(divisors)
    total, squares = rows.sum(), rows @ rows
    ideal = rows[:, None] / np.abs(divisors)

    def divide(pad, upper_share, lower_share):
        upper, lower = pad * divisors - upper_share * total, -pad * divisors - lower_share * total
        return through_layer_norm(rows, upper, lower, np.full(len(divisors), pad))

    def factors(pad):
        return np.array([predicted.layer_norm_division_factor(pad, c, total, squares) for c in divisors])

    trial.identity(
        divide(pad, 0.5, 0.5),
        ideal * factors(pad),
        ops=layer_norm_ops(rows),
        scale=pad / np.abs(divisors),
        controls={"y / c": rows[:, None] / divisors, "no error": ideal},
        wrong_processes={"bare pads": divide(pad, 0, 0), "pads Nc, -Nc - S": divide(pad, 0, 1)},
    )
    trial.value(
        divide(large_pad, 0.5, 0.5),
        ideal,
        error=4 * layer_norm_ops(rows) * UNIT * large_pad / np.abs(divisors),
        slack=np.abs(ideal * (1 - factors(large_pad))),
        margin=1e-7,
        controls={"y / c": rows[:, None] / divisors},
        wrong_processes={"bare pads": divide(large_pad, 0, 0)},
    )


@partial(jax.jit, static_argnames="layer_norm")
def one_layer(built, states, layer_norm="ideal"):
    """The hidden states (registers and scratch) after a network of one layer."""
    kept = built.layout.pad_rows.start
    return jax.vmap(lambda state: network.run(built, network.embed(built, state), layer_norm=layer_norm).hidden[:kept])(
        states
    )


@claim(paper(f"{PAPER}, Lemma 1 and Definition C.2"), kind="identity")
def test_primitives(trial, count=16):
    """Each of mov, mul, div and aff is one decoder layer, which leaves all other rows as they are and no scratch."""
    rng = trial.generator("states")
    first, second, target, numbers, quotients = (0, 6), (6, 12), (12, 16), (16, 20), (20, 24)
    left, right, bias = rng.uniform(-1, 1, (4, 6)), rng.uniform(-1, 1, (4, 6)), rng.uniform(-1, 1, 4)
    copied, gated = mov(0, 2, numbers), mov(0, 2, numbers, target)
    instructions = [
        copied,
        gated,
        mul(2, 3, 2, first, second, target),
        aff(first, second, target, left, right, bias),
        div(numbers, 0, quotients),
        mov(1, 2, numbers),
        replace(gated, only_at=None),
        mul(3, 2, 3, first, second, (12, 21)),
    ]
    states = rng.uniform(-2, 2, (count, 24, 3))
    states[:, 20:] = 0
    states[:, 0] = np.where(states[:, 0] < 0, -1, 1) * np.maximum(np.abs(states[:, 0]), 0.1)
    built = compiler.compile_program(instructions, registers=24, positions=3, scales=network.Scales())
    layers = [replace(built, weights=jax.tree.map(lambda w, i=i: w[i : i + 1], built.weights)) for i in range(8)]
    found = np.stack([one_layer(layer, states) for layer in layers])
    expected = np.zeros((5, *found.shape[1:]))
    expected[:, :, :24] = states
    expected[0, :, 16:20, 2] = states[:, 16:20, 0]
    expected[1, :, 12:16, 2] = states[:, 16:20, 0]
    a, b = states[:, :6].reshape(count, 2, 3, 3), states[:, 6:12].reshape(count, 3, 2, 3)
    expected[2, :, 12:16] = np.einsum("nrct,ncst->nrst", a, b).reshape(count, 4, 3)
    expected[3, :, 12:16] = left @ states[:, :6] + right @ states[:, 6:12] + bias[:, None]
    expected[4, :, 20:24] = states[:, 16:20] / np.abs(states[:, [0]])
    signed, transposed = expected.copy(), expected.copy()
    signed[4, :, 20:24] = states[:, 16:20] / states[:, [0]]
    column_major = np.swapaxes(states[:, :6].reshape(count, 3, 2, 3), 1, 2)
    transposed[2, :, 12:16] = np.einsum("nrct,ncst->nrst", column_major, b).reshape(count, 4, 3)
    # All but the product pass the bypass of 1000 a few times; the product's scale of 1e-6 leaves 1e-9.
    margin = np.array([1e-11, 1e-11, 1e-8, 1e-11, 1e-11])[:, None, None, None]
    trial.value(
        found[:5],
        expected,
        error=8 * 12 * UNIT * 10,
        margin=margin,
        controls={"y / c": signed, "the first matrix by columns": transposed},
        wrong_processes={
            "mov from the next column": found[[5, 1, 2, 3, 4]],
            "mov between other rows without a gate": found[[0, 6, 2, 3, 4]],
            "a, b, c = 3, 2, 3": found[[0, 1, 7, 3, 4]],
            "a layer that replaces its input": found[:5] - np.pad(states, ((0, 0), (0, found.shape[2] - 24), (0, 0))),
        },
    )


@claim(ours(f"{PAPER}, proof of Lemma 1; exact error derived"), kind="identity")
def test_hard__attention(trial, positions=20, sharpnesses=(5.0, 10.0, 20.0, 64.0), bypass=30.0):
    """A softmax with score N_a at one of i positions and 0 elsewhere misses (i - 1) / (exp(N_a) + i - 1) of it."""
    state = np.zeros((1, 1, positions))
    state[0, 0, 0] = 1.0
    missed = []
    for sharpness in sharpnesses:
        scales = network.Scales(bypass=bypass, sharpness=sharpness)
        program = [mov(0, positions - 1, (0, 1))]
        built = compiler.compile_program(program, registers=1, positions=positions, scales=scales)
        missed.append(1 - float(one_layer(built, state)[0, 0, -1]))
    law = np.array([predicted.hard_attention_error(positions, sharpness) for sharpness in sharpnesses])
    trial.identity(
        np.array(missed),
        law,
        ops=10,
        scale=bypass,
        controls={
            "(i - 1) exp(-N_a)": (positions - 1) * np.exp(-np.array(sharpnesses)),
            "one position more": np.array([predicted.hard_attention_error(positions + 1, n) for n in sharpnesses]),
        },
    )
