"""Theorems 1 and 2 as explicit transformers, what repeating them gives, and how large and how exact they are."""

import warnings
from dataclasses import replace

import numpy as np

from paper_checks.test_in_context_learning import DERIVED, PAPER, UNIT, answers, compiled, draw_prompts, on_each
from sims.in_context_learning import baselines, error_bound, network, programs
from sims.in_context_learning.prompts import Prompts
from theory import in_context_learning as predicted
from theory_on_trial import claim, ours, paper

STEP, REGULARISER = 0.02, 0.3
LADDER = (1.0, 0.3, 0.1, 1e-2, 1e-3, 1e-4, 1e-5)


def rounding_of(prompts):
    """Rounding of the closed forms: a few sums of d products, k deep, of numbers no larger than these prompts make."""
    inputs, labels, query = prompts
    size = np.abs(inputs).sum(axis=(1, 2)) * (1 + np.abs(labels).max(axis=1)) * np.abs(query).sum(axis=1)
    return 64 * UNIT * size * (1 + 1 / REGULARISER)


def size_of(prompts):
    """One and the sum of squares of all numbers of a prompt: the errors of GeLU's products grow as a power of it."""
    return 1 + sum((numbers**2).reshape(len(numbers), -1).sum(axis=1) for numbers in prompts)


def first_weights(trial, dimension):
    """The weights that the step starts from."""
    return trial.generator(f"weights {dimension}").standard_normal(dimension)


@claim(
    paper(f"{PAPER}, Theorem 1 and equation 11"),
    kind="identity",
    as_printed=paper(
        "Akyurek et al. 2023 (arXiv 2211.15661), Theorem 1 and equation 11",
        says="Appendix A's chain, w' = w - 2 alpha (x_1 (w.x_1 - y_1) - lambda w), computes the step of (11).",
    ),
)
def test_thm1__gd__step(trial, dimensions=(1, 2, 4, 8), count=64, powers=(7, 8, 9, 10, 11)):
    """Nine decoder layers take one SGD step on the ridge loss, w' = w - 2 alpha (x_1 (w.x_1 - y_1) + lambda w)."""
    found, printed_chain, law, minus, half, rounding, size = ([] for _ in range(7))
    for d in dimensions:
        start, prompts = first_weights(trial, d), draw_prompts(trial.generator(f"prompts {d}"), count, 1, d)
        found.append(answers(programs.gradient_step_program(d, STEP, REGULARISER, start), prompts)[0])
        chain = programs.gradient_step_program(d, STEP, REGULARISER, start, printed_sign=True)
        printed_chain.append(answers(chain, prompts)[0])
        law.append(on_each(lambda X, Y, w=start: predicted.sgd_weights(X, Y, STEP, REGULARISER, w), prompts))
        half.append(on_each(lambda X, Y, w=start: predicted.sgd_weights(X, Y, STEP / 2, REGULARISER, w), prompts))
        minus.append(law[-1] + 4 * STEP * REGULARISER * prompts[2] @ start)
        rounding.append(rounding_of(prompts))
        size.append(size_of(prompts) + start @ start)
    trial.value(
        np.array(found),
        np.array(law),
        error=np.array(rounding),
        margin=4e-10 * np.array(size),
        controls={"alpha for 2 alpha": np.array(half)},
        wrong_processes={"the chain with -lambda": np.array(printed_chain)},
        as_printed=np.array(minus),
    )
    scales = 2.0 ** -np.array(powers)
    program = programs.gradient_step_program(d, STEP, REGULARISER, start)
    errors = np.array([np.sqrt(np.mean((answers(program, prompts, product=s)[0] - law[-1]) ** 2)) for s in scales])
    # Rounding grows as 1 / s, and what is seen at 1e-6 is more than the rounding there.
    seen = np.abs(found[-1] - law[-1]).max()
    trial.order(
        errors,
        1 / scales,
        -2.0,
        rounding=seen * 1e-6 / scales,
        margin=0.02,
        controls={"as s": -1.0, "as s^3": -3.0},
        same_instance=True,
    )


@claim(paper(f"{PAPER}, Theorem 2 and equations 13-14"), kind="identity")
def test_thm2__sherman__morrison(trial, dimensions=(1, 2, 4, 8), count=64):
    """Fourteen decoder layers do one Sherman-Morrison update: the answer is x_1.x_2 y_1 / (lambda + |x_1|^2)."""
    found, without_one, law, rounding, size = ([] for _ in range(5))
    for d in dimensions:
        prompts = draw_prompts(trial.generator(f"prompts {d}"), count, 1, d)
        program = programs.ridge_update_program(d, REGULARISER)
        found.append(answers(program, prompts)[0])
        eighth = replace(program.instructions[7], bias=np.zeros(1))
        dropped = (*program.instructions[:7], eighth, *program.instructions[8:])
        without_one.append(answers(program._replace(instructions=dropped), prompts)[0])
        law.append(on_each(lambda X, Y: predicted.one_sample_ridge(X[0], float(Y[0]), REGULARISER), prompts))
        rounding.append(rounding_of(prompts))
        size.append(size_of(prompts))
    trial.value(
        np.array(found),
        np.array(law),
        error=np.array(rounding),
        margin=6e-10 * np.array(size) ** 1.5,
        controls={
            "A_1^-1 without the 1 + in the denominator": np.zeros_like(law),
            "twice the answer": 2 * np.array(law),
        },
        wrong_processes={"layer 8 adds nothing": np.array(without_one)},
    )


@claim(ours(f"{PAPER}, after Theorem 1; layers derived"), kind="identity")
def test_sgd__stack(trial, dimension=4, examples=(1, 2, 4, 8), count=16):
    """Stacked, Theorem 1 makes one pass of SGD over n examples in 8n layers, in the registers of a single step."""
    found, law, restarted, rounding = ([] for _ in range(4))
    for n in examples:
        prompts = draw_prompts(trial.generator(f"prompts {n}"), count, n, dimension)
        found.append(answers(programs.sgd_program(dimension, n, STEP, REGULARISER), prompts)[0])
        law.append(on_each(lambda X, Y: predicted.sgd_weights(X, Y, STEP, REGULARISER), prompts))
        last = (prompts[0][:, -1:], prompts[1][:, -1:], prompts[2])
        restarted.append(on_each(lambda X, Y: predicted.sgd_weights(X, Y, STEP, REGULARISER), last))
        rounding.append(rounding_of(prompts))
    program = programs.sgd_program(dimension, n, STEP, REGULARISER)
    weights_row = program.answer[0] - dimension
    forgetful = tuple(replace(i, reads={}) if weights_row in i.write_rows else i for i in program.instructions)
    trial.value(
        np.array(found),
        np.array(law),
        error=np.array(rounding),
        margin=5e-9,
        controls={"each step starts at zero": np.array(restarted)},
        wrong_processes={
            "w' is not moved on": np.array([*found[:-1], answers(program._replace(instructions=forgetful), prompts)[0]])
        },
    )


@claim(
    ours(f"{PAPER}, after Theorem 2; recursion derived"),
    kind="identity",
    as_printed=paper(
        "Akyurek et al. 2023 (arXiv 2211.15661), after Theorem 2",
        says="Theorem 2's chain, repeated for every example as it stands (it ends in A_n^-1 x_n y_n), is ridge.",
    ),
)
def test_ridge__stack(trial, dimension=4, examples=(2, 8), count=16):
    """Carrying A^-1 and sum x_i y_i along, the updates of Theorem 2 give ridge on n examples in 11n + 3 layers."""
    found, law, literal, rounding, clipped, clipped_small = ([] for _ in range(6))
    for n in examples:
        prompts = draw_prompts(trial.generator(f"prompts {n}"), count, n, dimension)
        program = programs.recursive_ridge_program(dimension, n, REGULARISER)
        value, overflow = answers(program, prompts)
        found.append(value)
        clipped.append(overflow.any())
        clipped_small.append(answers(program, prompts, bypass=30.0)[1].any())
        law.append(on_each(lambda X, Y: predicted.ridge_weights(X, Y, REGULARISER), prompts))
        literal.append(on_each(_last_update, prompts))
        rounding.append(rounding_of(prompts))
    trial.value(
        np.array(found),
        np.array(law),
        error=np.array(rounding),
        margin=1e-6,
        controls={"twice lambda": _ridge_of_last(2 * REGULARISER, prompts, law)},
        as_printed=np.array(literal),
    )
    trial.identity(
        np.array(clipped).astype(int),
        np.zeros(len(examples), int),
        ops=0,
        wrong_processes={"bypass N = 30": np.array(clipped_small).astype(int)},
    )


def _last_update(inputs, labels):
    gram = inputs.T @ inputs + REGULARISER * np.eye(inputs.shape[1])
    return np.linalg.solve(gram, inputs[-1] * labels[-1])


def _ridge_of_last(regulariser, prompts, law):
    return np.array([*law[:-1], on_each(lambda X, Y: predicted.ridge_weights(X, Y, regulariser), prompts)])


@claim(
    ours(f"{PAPER}, Lemma 1 (as precise as desired, on paper); bound derived"),
    kind="bound",
    loose="worst case over the roundings of every operation: best known ratio .04",
)
def test_finite__precision(trial, dimensions=(4, 3), examples=5, counts=(64, 16), pad=1e7):
    """Where nothing is clipped, float64 keeps the bound of the scales, realised layer norm too if pads are balanced."""
    rng, (dimension_of_step, dimension), n = trial.generator("prompts"), dimensions, examples
    single, several = draw_prompts(rng, counts[0], 1, dimension_of_step), draw_prompts(rng, counts[1], n, dimension)
    start = first_weights(trial, dimension_of_step)
    cases = [
        (
            programs.gradient_step_program(dimension_of_step, STEP, REGULARISER, start),
            single,
            on_each(lambda X, Y: predicted.sgd_weights(X, Y, STEP, REGULARISER, start), single),
        ),
        (
            programs.recursive_ridge_program(dimension, n, REGULARISER),
            several,
            on_each(lambda X, Y: predicted.ridge_weights(X, Y, REGULARISER), several),
        ),
    ]
    scales = network.Scales(pad=pad)
    errors, bounds, unbalanced = [], [], []
    for program, prompts, law in cases:
        state = np.zeros((len(law), program.register_rows, program.positions))
        tokens = np.asarray(programs.prompt_state(*prompts))
        state[:, : tokens.shape[1]] = tokens
        for layer_norm in ("ideal", "realised"):
            errors.append(np.abs(answers(program, prompts, layer_norm, pad=pad)[0] - law))
            with np.errstate(over="ignore", invalid="ignore"):
                limit = error_bound.prompt_error(
                    program.instructions, state, program.answer, scales, layer_norm=layer_norm
                )
            bounds.append(limit + rounding_of(prompts))
        tilted = programs.predict(compiled(program, balanced=False, pad=pad), *prompts, layer_norm="realised").value
        unbalanced += [errors[-2], np.abs(np.asarray(tilted) - law)]
    trial.bound(
        np.concatenate(errors),
        np.concatenate(bounds),
        found_by="draws",
        independent=sum(counts),  # prompts, each under both layer norms
        ops=1,
        controls={"no error": 0 * np.concatenate(errors)},
        wrong_processes={"the paper's pads at the same N": np.concatenate(unbalanced)},
    )


@claim(ours(f"{PAPER}, Theorems 1 and 2; exact numbers derived"), kind="identity")
def test_counts(trial, dimensions=(1, 2, 4, 8), examples=(1, 2, 8)):
    """Depth does not grow with d; one step needs 4d + 3 registers, one Sherman-Morrison update 3d^2 + 5d + 3."""
    built = [programs.gradient_step_program(d, STEP, REGULARISER, np.ones(d)) for d in dimensions]
    built += [programs.ridge_update_program(d, REGULARISER) for d in dimensions]
    built += [programs.sgd_program(4, n, STEP, REGULARISER) for n in examples]
    built += [programs.recursive_ridge_program(2, n, REGULARISER) for n in examples]
    sizes = np.array([[p.layers, p.register_rows, compiled(p).layout.rows] for p in built])
    law = [predicted.theorem_one_counts(d) for d in dimensions] + [predicted.theorem_two_counts(d) for d in dimensions]
    law += [predicted.sgd_stack_counts(4, n) for n in examples] + [predicted.ridge_stack_counts(2, n) for n in examples]
    linear = np.array(law)
    second = slice(len(dimensions), 2 * len(dimensions))
    rows = linear[second, 1]
    linear[second, 1] = rows[0] + (np.array(dimensions) - dimensions[0]) * (rows[1] - rows[0])
    deeper = np.array(law)
    deeper[second, 0] += np.array(dimensions) - 1
    trial.identity(
        sizes,
        np.array(law),
        ops=0,
        controls={
            "O(d) registers in Theorem 2": linear,
            "depth grows with d": deeper,
            "a layer and a register to read the answer": np.array(law) + 1,
        },
    )


@claim(ours(f"{DERIVED} from equation 13 of {PAPER}"), kind="identity")
def test_sm__recursion(trial, examples=30, dimension=8, count=4, regularisers=LADDER):
    """One rank-one update of the inverse per example is ridge regression on all; it loses eps |X|^2 / lambda."""
    X, Y, _ = draw_prompts(trial.generator("prompts"), count, examples + 1, dimension)
    rules = [baselines.ridge(parameter) for parameter in regularisers]
    every = np.asarray(baselines.weights_all(Prompts(X, Y, X[:, 0]), rules))
    found, before = every[:, :, examples], every[:, :, examples - 1]
    X, Y = X[:, :examples], Y[:, :examples]

    def recursion(sign):
        def weights(inputs, labels, parameter):
            inverse = np.eye(dimension) / parameter
            for x in inputs:
                u = inverse @ x
                inverse = inverse - np.outer(u, u) / (1 + sign * x @ u)
            return inverse @ (inputs.T @ labels)

        return np.array([[weights(*prompt, p) for prompt in zip(X, Y, strict=True)] for p in regularisers])

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        law = np.array(
            [[predicted.recursive_ridge_weights(*pair, p) for pair in zip(X, Y, strict=True)] for p in regularisers]
        )
    scale = np.sum(X**2, axis=(1, 2))[:, None] / np.array(regularisers)[:, None, None] * np.abs(law).max()
    trial.identity(
        found,
        law,
        ops=4 * dimension,
        scale=scale,
        controls={"1 - v.A^-1 u": recursion(-1)},
        wrong_processes={"one example less": before},
    )
