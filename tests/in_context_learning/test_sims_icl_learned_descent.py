"""Steps that are learned: where the fit stops."""

import jax
import numpy as np

from sims.in_context_learning import attention_layers

ULP = 2.0**-53
D = 3
CONTEXT = 4


def test_fits_stop_where_no_step_helps_and_contracting_helps_from_two_layers_on():
    spectra = attention_layers.task_spectra(jax.random.key(0), 2000, D, CONTEXT)
    fresh = attention_layers.task_spectra(jax.random.key(1), 2000, D, CONTEXT)
    free, one_contracting = (
        attention_layers.learn_descent(spectra, 1, CONTEXT, contract=choice)
        for choice in (False, True)
    )
    # One layer: the loss is a parabola in η, with its minimum at N E Σμ / E Σμ².
    best = CONTEXT * np.mean(np.sum(spectra, axis=1)) / np.mean(np.sum(np.square(spectra), axis=1))
    assert abs(free.steps[0] - best) <= 1e-4 * best
    np.testing.assert_array_equal(free.steps, one_contracting.steps)
    assert not one_contracting.contractions.any()
    fits = {
        choice: attention_layers.learn_descent(spectra, 2, CONTEXT, contract=choice)
        for choice in (False, True)
    }
    losses = {
        choice: float(
            np.mean(attention_layers.descent_losses(fresh, fit.steps, fit.contractions, CONTEXT))
        )
        for choice, fit in fits.items()
    }
    assert losses[True] < losses[False] < free.fitted_loss
    assert not fits[False].contractions.any()
    assert fits[True].contractions[0] > 0
    assert fits[True].contractions[1] == 0
    for fit in fits.values():
        at_minimum = attention_layers.descent_losses(
            spectra, fit.steps, fit.contractions, CONTEXT
        ).mean()
        assert abs(at_minimum - fit.fitted_loss) <= 2000 * D * ULP * fit.fitted_loss
        for layer in range(2):
            for factor in (0.98, 1.02):
                steps = fit.steps.copy()
                steps[layer] *= factor
                assert (
                    attention_layers.descent_losses(
                        spectra, steps, fit.contractions, CONTEXT
                    ).mean()
                    > fit.fitted_loss
                )
