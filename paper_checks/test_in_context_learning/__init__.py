"""Akyurek et al. 2023, "What learning algorithm is in-context learning? Investigations with linear
models".

ICLR 2023, arXiv 2211.15661. Its constructions are compiled to explicit weights, its baselines are
compared with exact risks, and small transformers are trained in the full tier. d is the dimension,
k the number of examples before the query, n that of a whole prompt. X has an input x_i in each row,
Y the labels y_i, w are the weights; τ and σ are the standard deviations of weights and noise, λ is
the penalty of a ridge and α the step of a descent. GeLU(u) is u Φ(u) with the normal distribution
function Φ, or u (1 + tanh(√(2/π) (u + .044715 u³))) / 2 in its form with tanh. Lemma 4 multiplies x
and y at a scale s, as m_s = √(π/2) s⁻² [GeLU(s (x + y)) - GeLU(s x) - GeLU(s y)]. N is the number,
far above all entries, by which they are shifted on their way through GeLU or layer norm.

Abstract:

- Sentence 2: trained models build a predictor from labelled examples in the input. Holds at a
  smaller scale: icl-approaches-mbr, icl-approaches-ridge, noise. With inputs of one and two
  dimensions and some thousand steps; the paper has up to 16 dimensions and 500,000 steps.
- Sentence 3: the hypothesis is that learners encode small models in their activations and update
  them as examples arrive. In part: sgd-stack, ridge-stack, implied-updates, probes. By constructed
  weights, example by example; the weights by which trained models of two layers answer move along
  with those of a gradient step or a ridge in four dimensions, and probes read weights off states in
  two.
- Sentence 4: linear regression serves as the prototype. No statement.
- Sentence 5: transformers can implement gradient descent and ridge regression, by construction.
  Holds: thm1-gd-step, thm2-sherman-morrison, sgd-stack, ridge-stack, primitives, gelu-mul,
  ln-bypass, ln-div.
- Sentence 6, first part: trained learners match gradient descent, ridge regression and least
  squares. In part: icl-approaches-mbr, phase-depth. Ridge regression and least squares in small
  models, with one and two dimensions. None was found that matches gradient descent.
- Sentence 6, second part: the predictor that is matched changes with depth. In part: phase-depth,
  depth. From a ridge to least squares, over one, two and four layers in two dimensions; the phase
  of gradient descent, which the paper has with 8 and 16 dimensions, was not found.
- Sentence 6, third part: it changes with the noise of the data. Holds at a smaller scale: noise.
  Models with two layers in one dimension, at four levels; the paper has 16 layers and eight
  dimensions.
- Sentence 6, end: large widths and depths converge to the Bayesian estimator. In part: depth,
  min-width. The excess over it falls from 1 layer to 4 and from 4 units to 16; its limit is not
  reached in so few steps. Models of 8 layers, trained for 3,000 steps in two dimensions, were no
  better than those of 4; the paper trains 16 layers for 500,000 steps.
- Sentence 7: late layers encode weight vectors and moment matrices in a nonlinear way. In part:
  probes. Weights in models of four layers in two dimensions; moments are hardly read better than
  off the embeddings. The paper has 16 layers and four dimensions.
- Sentence 8: learners may find standard estimation algorithms again. Holds at a smaller scale:
  icl-approaches-mbr, icl-approaches-ridge. With noise the trained models find ridge regression.
"""

from typing import Annotated

import numpy as np

from theory_on_trial.contract import Interval

UNIT = 2.0**-53

SIGNS = "a few runs carry a sign only"
Std = Annotated[float, Interval(0.1, 10.0)]
"""τ or σ."""
Noise = Annotated[float, Interval(0, 10, why="the high end is a cap")]
"""σ, 0 on exact labels."""
PromptCount = Annotated[int, Interval(1, 100)]
"""How many prompts are drawn, each tried on its own."""


def draw_prompts(rng, count, examples, dimension):
    """Inputs (count, examples, dimension), labels (count, examples) and queries (count, dimension),
    all normal, labels of variance d. The labels follow no linear law: a program must work for any.
    """
    inputs = rng.standard_normal((count, examples, dimension))
    labels = rng.standard_normal((count, examples))
    return inputs, labels * np.sqrt(dimension), rng.standard_normal((count, dimension))


def level(n_runs):
    """The level of a sign test that asks for equal signs of all runs: by chance all are positive in
    a share 2^-n, and all negative in as many.
    """
    return 2.0 ** (1 - n_runs)
