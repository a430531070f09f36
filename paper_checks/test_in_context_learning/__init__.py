"""Akyurek et al. 2023, "What learning algorithm is in-context learning? Investigations with linear
models".

ICLR 2023, arXiv 2211.15661. Its constructions are compiled to explicit weights, its baselines are
put beside exact risks, and neighbouring papers on linear self-attention are put on trial with it;
small transformers are trained in the full tier. d is the dimension, k the number of examples before
the query, n that of a whole prompt, τ and σ the standard deviations of weights and noise, s the
scale of the GeLU products, N that of whatever is passed on.

Abstract:

- Sentence 2: trained models build a predictor from labelled examples in the input. Holds at a
  smaller scale: icl-approaches-mbr, icl-approaches-ridge, noise. With inputs of one and two
  dimensions and some thousand steps; the paper has up to twenty dimensions and 500,000 steps.
- Sentence 3: the learners encode small models in their activations and update them as examples
  arrive. Holds at a smaller scale: sgd-stack, ridge-stack, implied-updates, probes. By constructed
  weights, example by example; the weights by which trained models of two layers answer move along
  with those of a gradient step or a ridge in four dimensions, and probes read weights off states in
  two. The paper has 16 layers.
- Sentence 4: linear regression serves as the prototype. Holds: mbr-ridge, pythagoras,
  ridge-spectrum, ols-risk, gd-risk, sgd-risk.
- Sentence 5: transformers can implement gradient descent and ridge regression, by construction.
  Holds: thm2-sherman-morrison, sm-recursion, primitives, gelu-mul, ln-bypass, ln-div. The printed
  chain of Theorem 1 has a wrong sign (`thm1-gd-step`).
- Sentence 6, first part: trained learners match gradient descent, ridge regression and least
  squares. Holds at a smaller scale: icl-approaches-mbr, lsa-train. With one and two dimensions, and
  with one layer of linear attention.
- Sentence 6, second part: the predictor that is matched changes with depth. Holds at a smaller
  scale: phase-depth, depth. One, two and four layers in two dimensions, without a phase of gradient
  descent. In four dimensions with noise most models of two layers were seen to move their weights
  as a gradient step does, and most of four layers as a ridge, which no claim decides. The paper has
  up to 16 layers and 20 dimensions.
- Sentence 6, third part: it changes with the noise of the data. Holds at a smaller scale: noise,
  fig2-diagonal. Models with two layers in one dimension, at four levels; the paper has 16 layers
  and eight dimensions.
- Sentence 6, end: large widths and depths converge to the Bayesian estimator. In part: depth,
  min-width. The excess over it falls from 1 layer to 4 and from 4 units to 16; its limit is not
  reached in so few steps. Models of 8 layers, trained for 3,000 steps in two dimensions, were no
  better than those of 4; the paper trains 16 layers for 500,000 steps. Beyond the lengths of
  training it grows again (`beyond_training`).
- Sentence 7: late layers encode weight vectors and moment matrices in a nonlinear way. Holds at a
  smaller scale: probes, nonlinear-hypothesis. Weights in models of four layers in two dimensions;
  moments are hardly read better than off the embeddings. The paper has 16 layers and four
  dimensions.
- Sentence 8: learners may find standard estimation algorithms again. Holds at a smaller scale:
  lsa-gd, lsa-optimum, lsa-flow, gdpp-polynomial. For linear attention.
"""

from itertools import product
from typing import Annotated

import jax
import numpy as np

from sims.in_context_learning import compiler, network, training
from sims.in_context_learning.baselines import gradient_step, ols, ridge
from sims.in_context_learning.prompts import sample_prompts
from theory_on_trial import abstract
from theory_on_trial.base.compilation_cache import cache_folder
from theory_on_trial.contract import Interval

OSWALD = "von Oswald et al. 2023 (arXiv 2212.07677)"
AHN = "Ahn et al. 2023 (arXiv 2306.00297)"
ZHANG = "Zhang, Frei & Bartlett 2024 (arXiv 2306.09927)"
MATCH = abstract(
    "trained in-context learners closely match the predictors computed by gradient descent, ridge "
    "regression, and "
    "exact least-squares regression, transitioning between different predictors as transformer "
    "depth and dataset "
    "noise vary, and converging to Bayesian estimators for large widths and depths"
)
UNIT = 2.0**-53

SIGNS = "a few runs carry a sign only"
Runs = Annotated[int, Interval(5, 50, why="fewer equal signs are no evidence")]
Std = Annotated[float, Interval(0.1, 10.0, why="a cap, which nothing requires")]
"""τ or σ."""
PromptCount = Annotated[int, Interval(1, 100, why="each costs")]


def draw_prompts(rng, count, examples, dimension):
    """Inputs, labels (all standard normal: a program must work for any) and a query, `count` of
    each.
    """
    inputs = rng.standard_normal((count, examples, dimension))
    labels = rng.standard_normal((count, examples))
    return inputs, labels * np.sqrt(dimension), rng.standard_normal((count, dimension))


def compiled(program, balanced=True, **scales):
    """The transformer of a program, with balanced pads and the default scales unless others are
    named.
    """
    sizes = {"registers": program.register_rows, "positions": program.positions}
    return compiler.compile_program(
        program.instructions, **sizes, scales=network.Scales(**scales), balanced=balanced
    )


def answers(program, prompts, layer_norm="ideal", **scales):
    """What the compiled program answers to each prompt, and whether something was clipped on the
    way.
    """
    prediction = network.predict(compiled(program, **scales), *prompts, layer_norm=layer_norm)
    return np.asarray(prediction.value), np.asarray(prediction.overflow)


def on_each(rule, prompts):
    """The answers of `rule(X, Y)`, a function that returns weights, to all prompts."""
    return np.array(
        [rule(inputs, labels) @ query for inputs, labels, query in zip(*prompts, strict=True)]
    )


def gauss_hermite(nodes_per_variable, variables):
    """Nodes [nodes, variables] and probabilities: exact means of polynomials of degree 2 n - 1 in
    each normal.
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(nodes_per_variable)
    grid = np.array(list(product(nodes, repeat=variables)))
    return grid, np.array(list(product(weights / weights.sum(), repeat=variables))).prod(axis=1)


def query_risks(weights, inputs, weight_std, noise_std):
    """E (a.Y - w.x)^2 given the inputs, for label weights a [..., count, prefixes, examples]; x is
    the next input.
    """
    errors = np.einsum("...cke,ced->...ckd", weights, inputs) - inputs
    return weight_std**2 * np.sum(errors**2, axis=-1) + noise_std**2 * np.sum(weights**2, axis=-1)


def level(n_runs):
    """The level of a sign test that asks for equal signs of all runs: 2^-n by chance, and as much
    on either side.
    """
    return 2.0 ** (1 - n_runs)


def untrained(trial, run, settings):
    """A model at a random start."""
    sizes = {
        name: getattr(settings, name)
        for name in ("dimension", "examples", "layers", "width", "heads")
    }
    return training.Transformer(jax.random.fold_in(trial.key("untrained"), run), **sizes)


def trained(seed, run, settings):
    """One of the trained models of a seed, shared by all claims; what was trained before is read
    from the cache.
    """
    key = jax.random.fold_in(jax.random.key(seed), run)
    return training.train(key, settings, checkpoint=cache_folder() / "in_context_learning").model


def fresh_prompts(key, settings, count=8192):
    """Prompts of the kind that a model was trained on."""
    deviations = {
        name: getattr(settings, name) for name in ("noise_std", "weight_std", "weight_mean")
    }
    return sample_prompts(key, count, settings.examples, settings.dimension, **deviations)


FAMILY = {
    "least squares": ols(),
    "ridge .1": ridge(0.1),
    "ridge .5": ridge(0.5),
    "one step": gradient_step(0.05),
}
"""The rules among which the nearest to a model of a given depth is sought, fixed before any model
was looked at.
"""
