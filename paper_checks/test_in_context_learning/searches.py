"""Inequalities of "What learning algorithm is in-context learning?": compiled programs, Bayes risk, GeLU's bypass."""

from functools import lru_cache

import numpy as np

from paper_checks.test_in_context_learning import compiled
from paper_checks.test_in_context_learning.test_constructions import REGULARISER, STEP, rounding_of
from sims.in_context_learning import error_bound, network, programs
from theory import in_context_learning as predicted
from theory_on_trial.audits.falsifier import Draw, Sides, inequality

PAPER = "in_context_learning"
_PAD = 1e7


@lru_cache
def _program(name: str, dim: int):
    """One of the claim's two programs and its transformer: a gradient step on one example, ridge on two."""
    if name == "gradient step":
        program = programs.gradient_step_program(dim, STEP, REGULARISER, np.linspace(-1, 1, dim))
    else:
        program = programs.recursive_ridge_program(dim, 2, REGULARISER)
    return program, compiled(program, pad=_PAD)


@inequality(
    f"{PAPER}.finite-precision",
    "the error of a program that clips nothing is at most the bound of its scales",
    draws=120,
    steps=60,
)
def finite_precision(draw: Draw) -> Sides | None:
    """One example or two in two dimensions, prompts of every size from a thousandth to thirty."""
    name, dim = draw.choice("program", ("gradient step", "ridge")), 2
    layer_norm = draw.choice("layer norm", ("ideal", "realised"))
    examples, size = 1 if name == "gradient step" else 2, draw.scale("size", 1e-3, 30.0)
    inputs, labels = size * draw.normal("X", 1, examples, dim), size * draw.normal("Y", 1, examples)
    query = size * draw.normal("x", 1, dim)
    program, transformer = _program(name, dim)
    prompts = inputs, labels, query
    if name == "gradient step":
        weights = predicted.sgd_weights(inputs[0], labels[0], STEP, REGULARISER, np.linspace(-1, 1, dim))
    else:
        weights = predicted.ridge_weights(inputs[0], labels[0], REGULARISER)
    answer = programs.predict(transformer, *prompts, layer_norm=layer_norm)
    if bool(answer.overflow[0]):
        return None  # something was clipped, and the program says so
    state = np.zeros((1, program.register_rows, program.positions))
    tokens = np.asarray(programs.prompt_state(*prompts))
    state[:, : tokens.shape[1]] = tokens
    scales = network.Scales(pad=_PAD)
    with np.errstate(over="ignore", invalid="ignore"):
        limit = error_bound.prompt_error(program.instructions, state, program.answer, scales, layer_norm=layer_norm)
    error = abs(float(answer.value[0]) - float(weights @ query[0]))
    return Sides(error, float(limit[0] + rounding_of(prompts)[0]), ops=1)


@inequality(f"{PAPER}.mbr-ridge", "the Bayes risk given the inputs is at most that of any rule linear in the labels")
def bayes_risk(draw: Draw) -> Sides:
    """Up to three examples in up to three dimensions, any query and label weights."""
    dim, examples = draw.integer("d", 1, 3), draw.integer("k", 1, 3)
    weight_std, noise_std = draw.scale("tau", 0.1, 10.0), draw.scale("sigma", 0.1, 10.0)
    inputs, query, rule = draw.normal("X", examples, dim), draw.normal("x", dim), draw.normal("a", examples)
    least = predicted.bayes_prediction_risk(inputs, query, weight_std=weight_std, noise_std=noise_std)
    risk = weight_std**2 * np.sum((rule @ inputs - query) ** 2) + noise_std**2 * np.sum(rule**2)
    return Sides(least, float(risk), ops=40 * dim)


@inequality(f"{PAPER}.gelu-bypass", "on [-2, 2] GeLU(N + x) - N loses most of x at x = -2, for N from 3 on")
def gelu_bypass(draw: Draw) -> Sides:
    """Both forms of GeLU, by the exact law."""
    form, x, shift = draw.choice("form", ("erf", "tanh")), draw.real("x", -2, 2), draw.scale("N", 3.0, 30.0)
    lost, most = predicted.gelu_bypass_error(np.array([x, -2.0]), shift, form)
    return Sides(float(lost), float(most), ops=100)
