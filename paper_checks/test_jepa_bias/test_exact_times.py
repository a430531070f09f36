"""The scalar equations solved: when a feature reaches a given strength."""

import numpy as np

from paper_checks.test_jepa_bias import FORMALISATION, QUADRATURE_ERROR, exact_time, rise_times
from sims import jepa_bias as observed
from theory import jepa_bias as predicted
from theory_on_trial import claim, ours


def power_terms(start, end, depth, covariance, regression):
    """The terms of JEPA's closed form, n = 1, ..., 2L - 1, with layers that go from `start` to `end`."""
    n = np.arange(1, 2 * depth)
    return depth / covariance * (start**-n - end**-n) / (n * regression ** (2 * depth - 1 - n))


def decide_times(trial, objective, n_solved, n_exact):
    """Decide the closed form of the time against a stiff solver and against quadrature in 30 digits."""
    rng = trial.generator("problems")
    count = max(n_solved, n_exact)
    depth = rng.integers(1, 9, count)
    regression = np.exp(rng.choice([-1, 1], count) * rng.uniform(0.1, np.log(2), count))
    covariance, fraction = rng.uniform(0.3, 3, count), rng.uniform(0.1, 0.95, count)
    limit = predicted.asymptote(depth, regression, objective=objective)
    init = fraction * limit * 10 ** -rng.uniform(1, 3, count)
    arguments = {"objective": objective, "clock": "paper"}

    def wrong(strength, start, depth, covariance, regression, time):
        if objective == "mae":
            return {"prefactor rho^(-L/(L+1))": time * regression ** (-1 / (depth + 1))}
        terms = power_terms(start ** (1 / depth), strength ** (1 / depth), depth, covariance, regression)
        return {
            "without the slowest power": time - terms[-1],
            "rho^(2L-n) in the sum": time + (1 / regression - 1) * terms.sum(),
        }

    def stacked(rows):
        return {name: np.array([row[name] for row in rows]) for name in rows[0]}

    found, expected, errors, controls = [], [], [], []
    for k in range(n_solved):
        problem = (int(depth[k]), covariance[k], regression[k])
        targets = init[k] * (fraction[k] * limit[k] / init[k]) ** np.array([0.25, 0.5, 0.75, 1.0])
        times = predicted.time_to_reach(targets, init[k], *problem, **arguments)
        solved = np.asarray(observed.simulate_flow(depth[k], init[k], *problem[1:], times, **arguments))
        # When the solver's strength passes the target: the two differ by so little that one tangent is enough.
        delay = (targets - solved) / predicted.velocity(targets, *problem, **arguments)
        found.append(times + delay)
        expected.append(times)
        summed = rise_times(targets / limit[k], depth[k], init[k], *problem[1:], objective)
        # What the solver may be off is seen from the other simulator, which steps through strengths, not time.
        errors.append(np.abs(times + delay - summed) + 2 * QUADRATURE_ERROR * times)
        controls.append(
            stacked([wrong(target, init[k], *problem, time) for target, time in zip(targets, times, strict=True)])
        )
    trial.value(found, expected, error=errors, margin=1e-8 * np.array(expected), controls=stacked(controls))

    cells = (fraction[:n_exact], init[:n_exact], depth[:n_exact], covariance[:n_exact], regression[:n_exact])
    times = predicted.critical_time(*cells, **arguments)
    bound = predicted.critical_time_error_bound(*cells, **arguments)
    exact = [
        float(exact_time(p, start, int(layers), strength, rho, objective))
        for p, start, layers, strength, rho in zip(*cells, strict=True)
    ]
    controls = [
        wrong(p * top, start, int(layers), strength, rho, time)
        for p, start, layers, strength, rho, top, time in zip(*cells, limit, times, strict=False)
    ]
    trial.value(
        exact,
        times,
        error=2.0**-53 * times,  # of writing the 30 digits in sixteen
        margin=np.minimum(bound, 1e-12 * times),
        controls=stacked(controls),
    )


@claim(ours("theorem 4.4, " + FORMALISATION + "; derived here"), kind="identity")
def test_exact_time_jepa(trial, n_solved=40, n_exact=16):
    """JEPA reaches w-bar when 2L - 1 powers of 1/w and a logarithm say so, for every L, rho, lambda and epsilon."""
    decide_times(trial, "jepa", n_solved, n_exact)


@claim(ours("theorem 4.4, " + FORMALISATION + "; derived here"), kind="identity")
def test_exact_time_mae(trial, n_solved=40, n_exact=16):
    """MAE reaches w-bar when (L / lambda) rho^(-(L-1)/(L+1)) [G_L(u) - G_L(u_0)] says so, for every L and epsilon."""
    decide_times(trial, "mae", n_solved, n_exact)
