"""Orders of convergence of methods whose order is known, at sizes in any ratio, and of what has
none.
"""

import numpy as np
import pytest
from scipy import stats

from theory_on_trial.decide import trends
from theory_on_trial.decide.decision import Prediction, inside
from theory_on_trial.laws import Bounded, Enclosure, exact_ends
from theory_on_trial.trial.decisions import Trial

U = 2.0**-53
SIZES = {
    "doubling": 10 * 2 ** np.arange(6),
    "by 1.5": np.array([10, 15, 23, 35, 53, 80, 120]),
    "by 1.2": np.array([20, 24, 29, 35, 42, 51, 62, 75]),
}


def steps(rule, n):
    """y' = -y^2 + sin t from 1 over two units of time, in n steps."""
    h = 2.0 / n
    y = 1.0
    for k in range(n):
        y = rule(lambda t, y: np.sin(t) - y**2, k * h, y, h)
    return y


def euler(f, t, y, h):
    return y + h * f(t, y)


def heun(f, t, y, h):
    first = f(t, y)
    return y + h * (first + f(t + h, y + h * first)) / 2


def runge_kutta(f, t, y, h):
    a = f(t, y)
    b = f(t + h / 2, y + h / 2 * a)
    c = f(t + h / 2, y + h / 2 * b)
    return y + h * (a + 2 * b + 2 * c + f(t + h, y + h * c)) / 6


METHODS = {"euler": (euler, -1), "heun": (heun, -2), "runge-kutta": (runge_kutta, -4)}
END = steps(runge_kutta, 20_000)


def order(errors, sizes, predict, rounding, **options):
    trial = Trial("an.order")
    wrong = {"half": predict / 2, "next": predict - 1}
    margin = 0.05 * abs(predict)
    trial.order(errors, sizes, predict, rounding=rounding, margin=margin, controls=wrong, **options)
    return trial.findings[0]


@pytest.mark.parametrize("spacing", SIZES)
@pytest.mark.parametrize("method", METHODS)
def test_the_order_of_a_method_is_verified_at_sizes_in_any_ratio(method, spacing):
    rule, predict = METHODS[method]
    sizes = SIZES[spacing] * (8 if method == "euler" else 1)
    errors = np.array([steps(rule, n) for n in sizes]) - END
    found = order(errors, sizes, predict, 8 * sizes * U)
    assert found.outcome == "VERIFIED"
    assert [control.outcome for control in found.controls] == ["REFUTED", "REFUTED"]


@pytest.mark.parametrize("spacing", SIZES)
@pytest.mark.parametrize(
    ("f", "integral", "predict"),
    [(np.sqrt, 2 / 3, -1.5), (lambda x: x**-0.5, 2.0, -0.5), (np.exp, np.e - 1, -2)],
)
def test_the_order_of_midpoint_sums_is_that_of_their_function(f, integral, predict, spacing):
    sizes = 4 * SIZES[spacing]
    errors = [np.mean(f((np.arange(n) + 0.5) / n)) - integral for n in sizes]
    assert order(np.array(errors), sizes, predict, 8 * sizes * U).outcome == "VERIFIED"


def test_sizes_whose_error_is_rounding_are_left_out_and_do_not_refuse_the_others():
    """Simpson's rule for e^x reaches rounding at 1000 points."""
    sizes = 4 * 2 ** np.arange(10)
    errors = []
    for n in sizes:
        x = np.linspace(0, 1, 2 * n + 1)
        weights = np.resize([2.0, 4.0], 2 * n + 1)
        weights[[0, -1]] = 1.0
        errors.append(weights @ np.exp(x) / (6 * n) - (np.e - 1))
    found = order(np.array(errors), sizes, -4.0, 20 * sizes * U)
    assert found.outcome == "VERIFIED"
    assert found.interval.n < len(sizes)


def test_a_floor_noise_and_a_logarithm_have_no_order():
    n = SIZES["doubling"]
    noise = 1 + 0.05 * np.random.default_rng(0).standard_normal(len(n))
    for errors in (1 / n**2 + 1e-4, 1 / n**2 + 1e-6, noise / n):
        for predict in (-1.0, -2.0, -0.5):
            found = order(errors, n, predict, U * errors)
            assert found.outcome == "INCONCLUSIVE"
            assert "the slopes are -" in found.note
            assert "not yet at its order, take larger sizes (finer steps)" in found.note
    assert order(np.log(n) / n, n, -1.0, U / n).outcome == "REFUTED"


def test_the_exponent_of_the_next_term_may_be_stated():
    n = 100 * 4.0 ** np.arange(6)
    errors = (1 + 1 / n**0.25) / n  # a slow correction, which shrinks by .7 where sizes grow 4-fold
    assert order(errors, n, -1.0, U * errors).outcome == "INCONCLUSIVE"
    found = order(errors, n, -1.0, U * errors, next_term=0.25)
    assert np.isfinite(found.interval.high)
    assert found.interval.low <= -1 <= found.interval.high
    with pytest.raises(ValueError, match="next_term= is an exponent above 0"):
        order(errors, n, -1.0, U * errors, next_term=0)


def test_a_limit_of_a_small_order_asks_that_its_ratios_settle():
    """1 / log n passes by the ratios of n^-.1 near 2^28, and tends to 0 more slowly than either."""
    sizes = 2.0 ** np.arange(26, 33)
    values = 1 / np.log2(sizes)
    trial = Trial("a.limit")
    trial.limit(values, sizes, 0.0, order=0.1, margin=0.004, scale=1.0, controls={"w": 0.02})
    found = trial.findings[0]
    assert np.isinf(found.interval.high)
    assert "the differences are in the ratios" in found.note
    assert "2^order is 1.072" in found.note
    slow = 1 + sizes**-0.1 + sizes**-0.3
    trial.limit(slow, sizes, 1.0, order=(0.1, 0.3), margin=0.05, controls={"w": 1.2})
    assert trends.inside(trial.findings[1].interval, trial.findings[1].prediction)


# --------------------------------------------------------------------------- exponential rates


def tails(n, share=0.75):
    """P(at least `share` of n fair coins are heads), exactly."""
    return np.exp([stats.binom.logsf(share * m - 1, m, 0.5) for m in n])


COINS = np.log(2) + 0.75 * np.log(0.75) + 0.25 * np.log(0.25)  # Cramér's rate


def test_the_rate_of_a_decaying_chance_is_verified_and_hoeffdings_is_refuted():
    n = 2 ** np.arange(4, 12)
    trial = Trial("a.rate")
    trial.order(
        tails(n),
        n,
        -COINS,
        rounding=1e-12 * tails(n),
        margin=0.02 * COINS,
        controls={"Hoeffding's": -2 * 0.25**2},
        exponential=True,
    )
    found = trial.findings[0]
    assert found.outcome == "VERIFIED"
    assert found.controls[0].outcome == "REFUTED"
    assert found.interval.low <= -COINS <= found.interval.high


@pytest.mark.parametrize("power", [-3, -1.5, -0.5, 0, 0.5, 1, 2.5])
@pytest.mark.parametrize("spacing", SIZES)
def test_a_power_of_n_beside_an_exponential_does_not_move_its_rate(power, spacing):
    n = SIZES[spacing] * 1.0
    chances = n**power * np.exp(-0.2 * n) * (1 + 1 / n)
    found = trends.convergence_order(chances, n, 1e-15 * chances, exponential=True)
    assert found.low <= -0.2 <= found.high


def test_a_chance_that_decays_as_a_power_has_no_exponential_rate_but_0():
    n = SIZES["doubling"]
    trial = Trial("a.rate")
    trial.order(
        1 / n, n, -0.02, rounding=U / n, margin=0.002, controls={"w": -0.05}, exponential=True
    )
    assert trial.findings[0].outcome == "REFUTED"


def test_an_exponential_rate_is_decided_from_a_sampler_of_weights():
    """Heads come with chance .75 and are weighted back: plain tosses would never show e^-33."""

    def weights(generator, count, size):
        heads = generator.binomial(size, 0.75, size=count)
        logs = heads * np.log(0.5 / 0.75) + (size - heads) * np.log(0.5 / 0.25)
        return np.where(heads >= 0.75 * size, np.exp(logs + COINS * size), 0.0)

    trial = Trial("a.rate")
    trial.order(
        sampler=weights,  # of e^(D n) times the chance, which lies in [0, 1] and has rate 0
        sizes=[16, 32, 64, 128, 256],
        law=Bounded(0, 1),
        predict=0.0,
        margin=0.02,
        controls={"that of another law": -0.1},
        exponential=True,
    )
    found = trial.findings[0]
    assert found.outcome == "VERIFIED"
    assert found.controls[0].outcome == "REFUTED"


def test_the_level_of_an_exponential_rate():
    """Boxes at 5 % in all around tossed chances 0.8 n^-0.5 e^(-0.02 n): the true rate is missed no
    more often, and no rate beyond the margin is VERIFIED more often.
    """
    n = np.array([5, 10, 20, 40, 80])
    truth = 0.8 * n**-0.5 * np.exp(-0.02 * n)
    generator = np.random.default_rng(81)
    missed = wrong = decided = 0
    for _ in range(400):
        count = 200_000
        seen = generator.binomial(count, truth)
        low, high = exact_ends(seen, count, 0.05 / len(n))
        boxes = [
            Enclosure(np.asarray(k / count), a, b, 0.05 / len(n), "finite-n", count)
            for k, a, b in zip(seen, low, high, strict=True)
        ]
        found = trends.convergence_order(boxes, n, exponential=True)
        missed += not found.low <= -0.02 <= found.high
        for predict in (-0.02 + 0.0101, -0.02 - 0.0101):
            wrong += inside(found, Prediction(np.asarray(predict), 0.01)).all()
        decided += bool(np.isfinite(found.high))
    assert decided > 300
    assert missed <= stats.binom.isf(1e-6, 400, 0.05)
    assert wrong <= stats.binom.isf(1e-6, 400, 0.05)
