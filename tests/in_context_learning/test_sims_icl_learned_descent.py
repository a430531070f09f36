"""Learned steps: one direction at a time against whole prompts, and what the fits find."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sims.in_context_learning as observed

ULP = 2.0**-53
D, CONTEXT, LAYERS = 3, 4, 3


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=10, deadline=None)
def test_directions_add_up_to_the_prompts_in_tokens(seed):
    rng = np.random.default_rng(seed)
    inputs = rng.uniform(-1, 1, (CONTEXT, D))
    steps, contractions = rng.uniform(0.1, 3, LAYERS), rng.uniform(0, 0.3, LAYERS)
    layers = observed.contracting_layers(steps, contractions, D, CONTEXT)
    total, growth = 0.0, (1 + (np.max(contractions) + np.max(steps)) * np.sum(inputs**2)) ** (3 * LAYERS)
    for weights in np.eye(D):  # E over w ~ N(0, I) and x of covariance I / 3 is a sum over unit vectors
        tokens = observed.joined_tokens(inputs, inputs @ weights, np.eye(D), np.zeros(D))
        answers = -np.asarray(observed.attend(layers, tokens, CONTEXT))[CONTEXT:, D]
        total += np.sum((answers - weights) ** 2) / 3
    spectrum = np.linalg.eigvalsh(inputs.T @ inputs)[None]
    found = float(observed.descent_losses(np.maximum(spectrum, 0), steps, contractions, CONTEXT)[0])
    assert abs(found - total) <= 100 * D * CONTEXT * ULP * growth * (1 + total)


def test_spectra_are_those_of_uniform_inputs():
    spectra = np.asarray(observed.task_spectra(jax.random.key(0), 4000, D, CONTEXT))
    assert np.all(np.diff(spectra) >= 0)
    # tr XᵀX has mean N d / 3 and variance N d 4/45; tr (XᵀX)² mean N d [1/5 + (N + d - 2) / 9].
    traces = spectra.sum(axis=1)
    assert abs(traces.mean() - CONTEXT * D / 3) <= 6 * (CONTEXT * D * 4 / 45 / 4000) ** 0.5
    squares = np.sum(spectra**2, axis=1)
    expected = CONTEXT * D * (1 / 5 + (CONTEXT + D - 2) / 9)
    assert abs(squares.mean() - expected) <= 6 * squares.std() / 4000**0.5


def test_fits_stop_where_no_step_helps_and_contracting_helps_from_two_layers_on():
    spectra = observed.task_spectra(jax.random.key(0), 2000, D, CONTEXT)
    fresh = observed.task_spectra(jax.random.key(1), 2000, D, CONTEXT)
    one, one_contracting = (observed.learn_descent(spectra, 1, CONTEXT, contract=choice) for choice in (False, True))
    # One layer: the loss is a parabola in η, with its minimum at N E Σμ / E Σμ².
    best = CONTEXT * np.mean(np.sum(spectra, axis=1)) / np.mean(np.sum(np.square(spectra), axis=1))
    assert abs(one.steps[0] - best) <= 1e-4 * best
    np.testing.assert_array_equal(one.steps, one_contracting.steps)
    assert not one_contracting.contractions.any()
    fits = {choice: observed.learn_descent(spectra, 2, CONTEXT, contract=choice) for choice in (False, True)}
    losses = {
        choice: float(np.mean(observed.descent_losses(fresh, fit.steps, fit.contractions, CONTEXT)))
        for choice, fit in fits.items()
    }
    assert losses[True] < losses[False] < one.fitted_loss
    assert not fits[False].contractions.any()
    assert fits[True].contractions[0] > 0
    assert fits[True].contractions[1] == 0
    for fit in fits.values():
        at_minimum = observed.descent_losses(spectra, fit.steps, fit.contractions, CONTEXT).mean()
        assert abs(at_minimum - fit.fitted_loss) <= 2000 * D * ULP * fit.fitted_loss
        for layer in range(2):
            for factor in (0.98, 1.02):
                steps = fit.steps.copy()
                steps[layer] *= factor
                assert observed.descent_losses(spectra, steps, fit.contractions, CONTEXT).mean() > fit.fitted_loss


def test_hostile_input_is_refused():
    spectra = np.ones((2, D))
    with pytest.raises(ValueError, match="spectra must have an eigenvalue above 0"):
        observed.learn_descent(0 * spectra, 1, CONTEXT, contract=True)
    with jax.enable_x64(False), pytest.raises(TypeError, match="the fit of the steps needs float64"):
        observed.learn_descent(spectra, 1, CONTEXT, contract=True)
