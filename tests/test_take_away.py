"""The numbers that a page gives under "Take away" are those of its own functions."""

import importlib
import inspect

import numpy as np
import pytest
from numpy.polynomial.polynomial import polypow
from scipy.optimize import brentq

from theory_on_trial.formula.marks import plain


def short(value: float, digits: int) -> str:
    """A number with so many decimals, without a zero before the point."""
    text = f"{value:.{digits}f}"
    return text.removeprefix("0") if digits else text


def percent(share: float, digits: int = 0) -> str:
    return f"{short(100 * share, digits)} %"


def angle_of_regularisation(page):
    points, labels = page.points_of_classes(np.random.default_rng(0), 20, 10, 5)
    delta = page.difference_of_means(points, labels)
    (u,), (start,) = page.reduced_hulls(points[None], labels)
    cosine = u @ delta / np.linalg.norm(u) / np.linalg.norm(delta)
    yield f"{np.degrees(np.arccos(cosine)):.0f} degrees off δ"
    yield f"from {np.ceil(10 * start) / 10} on"


def attention_gradients(page):
    yield f"reaches {page.bounds(np.full((1, 2), 0.001))[2].max():.0f}"
    yield f"reach {page.floor_bound(np.eye(2), 1e-4).max():.0f} |v_k|"


def centred_private_gradient(page):
    noise = [page.flow_excess(c, 1.0, 3 / page.modes(c, 1.0)[0][1], 1.0)[1] for c in (8.0, 0.0)]
    yield f"{round(noise[0] / noise[1], -2):.0f} times"
    yield "0" + short(page.centre_bounds(2, 10)[0], 2)


def centroids_of_centroids(page):
    one, two = (page.ratio_after(100.0, levels, 1) for levels in (1, 2))
    yield f"100:1 becomes {one:.1f}:1, and {two:.1f}:1 after two"


def coding_rate_attention(page):
    sigma = np.sqrt(2)
    true, first = page.moved(np.array([sigma]), 0.1)
    before = np.log1p(2) / 2
    yield f"raises the rate by {short(np.log1p(first[0] ** 2) / 2 - before, 3)}"
    yield f"lowers it by {short(before - np.log1p(true[0] ** 2) / 2, 3)}"


def commuting_recurrences(page):
    shares = (page.ceiling("A5", length) / 2**length for length in (4, 12, 32))
    yield "{} right at length 4, {} at 12 and {} at 32".format(*map(percent, shares))
    yield f"{percent(page.stored_successes('A5', 12, 8) / 2**12)} remain at length 12"
    assert page.stored_successes("A5", 12, 20) == 2**12


def confounding_bounds(page):
    ends = page.interval(np.array([0, 1, 2, 5.0]), np.array([0.1, 0.4, 0.3, 0.2]), 0.5, 2.0)
    yield f"[{ends[0]:.3f}, {ends[1]:.2f}]"


def cumulant_ratios(page):
    centre, scale = page.limit_of_the_ratio(np.array([[2, -1.5], [-1.5, 3.25]]))
    yield f"[{centre - scale:.2f}, {centre + scale:.2f}]"


def deep_kernel_limit(page):
    yield f"from 1 to {page.learned_gram(1.0, 0.3, 4.0, 2.0):.3f}"
    yield f"reads {page.posterior(1.0, 0.3, 4.0, 2.0, 10)[0]:.3f}"
    few, many = (page.layer_grams(0.01, 1.0, 10.0, np.full(n, 2.0))[-1] for n in (6, 8))
    yield f"near {few:.3f} in 6 layers and jumps to {many:.2f} in 8"


def document_sketches(page):
    def least(near, far, between):
        # Steps up, down and none of the walk, as in `chance_of_nearer`, whose ties count half.
        up = (far + between - near) / (2 * np.pi)
        down = (near + between - far) / (2 * np.pi)
        laws = ((k, polypow([down, 1 - up - down, up], k)) for k in range(1, 1000))
        return next(k for k, law in laws if law[k + 1 :].sum() >= 0.9)

    yield f"takes {least(0.3, 0.6, 0.3)} hyperplanes"
    yield f"and {least(0.3, 0.6, 0.9)} if they lie"
    yield f"takes {least(0.3, 0.4, 0.1)} and {least(0.3, 0.4, 0.7)}"


def equiangular_vectors(page):
    yield f"{short(page.welch(3, 6), 3)} for five and for six"
    yield short(page.orthoplex(3, 7), 3)
    yield f"{page.mean_close_pairs(64, 1000, 0.3):.0f} pairs"
    yield short(page.welch(64, 1000), 3)


def explained_variance_without_fit(page):
    yield short(page.null_law(20, 19).mean(), 2)


def factored_meanings(page):
    assert page.chance_law((2, 2, 1), 3, True).mean() == pytest.approx(2 / 3)
    yield percent(page.chance_law((5, 7, 1), 3, True).mean())


def fast_repulsion(page):
    yield f"errs by {short(page.corner_error(1.0, 2), 2)}"
    yield f"wider than {brentq(page.rate, 3, 5):.4f}"
    yield f"a factor of {np.exp(-page.rate(5.0)):.2f} a node"


def flag_of_principal_subspaces(page):
    extra = []
    for seed in range(300):
        frames = np.linalg.qr(np.random.default_rng(seed).normal(size=(7, 5, 2)))[0]
        greedy, turned = page.greedy_flag(frames)[1]
        extra.append(greedy / turned - 1)
    yield f"up to {percent(np.max(extra))}"
    yield f"the median is {percent(np.median(extra), 1)}"


def growing_simplex(page):
    pairs = page.distances(np.random.default_rng(0), 20_000, 5, 4.0, 40.0, -0.2)
    yield f"probability {short(np.mean(pairs[:, 1] <= pairs[:, 0]), 2)}"
    yield f"cosine of {short(page.kept_law(5, 5), 2)}"


def heat_and_distance(page):
    assert 1 - page.lattice_square(1 / 3)[0] < 0.01 < 1 - page.lattice_square(1 / 2.8)[0]
    yield "from t = 1.5 d h on"
    yield percent(abs(2 * 0.1 * np.log(4 * np.pi * 0.1)) / 1.3**2)


def hippo_normal_plus_low_rank(page):
    worst = {n: float(max(page.condition(n, j) for j in range(n))) for n in (4, 8, 16, 32)}
    yield f"{worst[4]:.0f} at N = 4"
    yield f"{worst[8] / 1e4:.0f}·10⁴ at 8"
    yield f"{worst[16] / 1e10:.1f}·10¹⁰ at 16"
    yield f"{worst[32] / 1e22:.1f}·10²² at 32"


def hulls_of_codes(page):
    binary = page.limit_law(2)
    yield f"is 0 with probability {short(binary[0], 3)} and has"
    yield f"dimension 1 with probability {short(binary[1], 3)};"
    yield f"ternary code is 0 with probability {short(page.limit_law(3)[0], 3)}"
    yield f"draws {1 / binary[0]:.1f} on average"


def information_through_layers(page):
    mean = 0.5 * np.eye(6)[0]
    weights = mean + np.random.default_rng(0).normal(size=(4000, 6)) / np.sqrt(8)

    def bound(maps_of):
        kl = [page.layer_information(maps_of(w), w - mean, 8, 1.0)[0, 0] for w in weights]
        return short(np.mean(np.sqrt(np.array(kl) / 2)), 2)

    yield f"gap is {short(np.mean(page.error_gaps(weights, mean, 8)), 2)} on average"
    yield f"{bound(lambda w: [w[None]])} (last layer)"
    yield f"{bound(lambda w: [np.eye(6)])} (first)"


def lda_rank(page):
    variances = np.append(np.ones(4), np.zeros(60))
    reads = [page.limit_rank(variances, q) for q in (10, 100, 1000)]
    yield "{:.1f} at q = 10, {:.1f} at q = 100 and {:.1f} at q = 1000".format(*reads)
    signals = page.encoder_signals(page.encoded_views(np.random.default_rng(0), 0, 64, 0.3))
    yield f"about {page.limit_rank(signals, 2):.0f} at q = 2"
    yield f"{page.limit_rank(signals, np.inf):.0f} in the limit"


def least_volume(page):
    least = [page.least_volume(np.array([4, 1, 0.25]), 3, slope, 0.1) for slope in (2, 10, 100)]
    yield f"{short(least[0], 3)} at slope 2, {short(least[1], 3)} at 10 and {short(least[2], 4)}"


def local_intrinsic_dimension(page):
    yield f"{np.exp(page.log_shift(5)):.2f} at k = 5 and {np.exp(page.log_shift(10)):.2f} at k = 10"
    features = page.encoder(16, 0)(page.digits())
    three, ten = (page.mean_dimension(features, k, 1) for k in (3, 10))
    yield f"{three:.0f} at k = 3 and {ten:.1f} at k = 10"
    yield f"it is {three / 3:.1f} and {ten * 0.8:.1f}"


def magnitude_in_linear_attention(page):
    scores = np.array([1.5, 1, 0.75, 0.5])
    yield f"magnitude of {short(page.negative_from(scores), 3)}"
    yield f"from {short(page.negative_from(scores, 4), 3)} on"


def maximal_coding_rate(page):
    yield f"ε = 0{short(page.precision_at(page.sharp_constant(3, 0.5), 3, 0.5, 6), 3)}"
    yield f"ε = {page.precision_at(1.0, 3, 0.5, 6):.2f}"


def memory_bank_covariance(page):
    sigma = page.two_rows(1.0)[2]
    decays = np.linspace(0.5, 0.999, 2000)
    for turn in (0.1, 1.0):
        errors = [page.moving_error(sigma, 8, 10**5, b, np.radians(turn)) for b in decays]
        yield short(decays[np.argmin(errors)], 2)


def mixed_precision_subspace(page):
    values = page.activations(64)[1]
    first, last = (
        {r: page.token_error(order, r, 5, 4) / values.sum() for r in (8, 32, 62)}
        for order in (values, values[::-1])
    )
    yield f"{short(100 * first[8], 2)} %"
    yield f"{short(100 * first[32], 2)} %"
    assert first[62] > last[62]


def mixup_as_perturbation(page):
    assert page.moments(1.0)[0] == pytest.approx(3 / 4)
    yield "three quarters"


def nearest_neighbour_averaging(page):
    yield f"at most {1 + np.sqrt(17):.2f} honest machines"
    assert page.worst_ratio(5.12, 1) > 1 > page.worst_ratio(5.13, 1)
    assert page.simple_bound(8, 1) == 1


def neurons_kept(page):
    measured, true = page.price_of_examples(512, 256)
    assert measured == 0.5
    assert round(true, 1) == 2
    yield "half of the least possible one, and the true error is twice the least"
    yield f"{['one', 'two', 'three', 'four'][round(true / measured) - 1]} times what is measured"


def one_run_one_feature(page):
    three, ten = (short(page.chance_of_weaker_at_zero(0.5, layers), 2) for layers in (3, 10))
    yield f"wins {three} of the runs with three layers, and {ten} with ten"


def online_kalman(page):
    gain = 1 / (1 + 0.5 / page.steady_variance(0.9, 1.0, 0.5))
    yield f"{1 / (1 - 0.9 * (1 - gain)):.1f} for 10"
    errors = [page.one_step_error(0.9, gamma, 1.0, 0.5) for gamma in (0.9, 0.999, 0.5)]
    yield f"error {short(errors[0], 3)} becomes {errors[1]:.2f} at γ = .999"
    yield f"{errors[2]:.2f} at γ = .5"


def parallel_newton_scan(page):
    generator = np.random.default_rng(0)
    weights = generator.normal(size=(16, 16)) / 4
    inputs = generator.normal(size=(256, 16))

    def sweeps(gain, length):
        step = page.recurrent(gain * weights, inputs[:length])
        states = page.truth(step, np.zeros(16), length)
        guess = np.zeros((length, 16))
        count = 0
        while np.abs(guess - states).max() > 1e-10:
            guess = page.sweep(step, np.zeros(16), guess)
            guess[~np.isfinite(guess)] = 0
            count += 1
        return count

    assert sweeps(0.5, 32) == sweeps(0.5, 256) == 4
    yield f"they take {sweeps(4.0, 32)} and {sweeps(4.0, 256)}"


def path_signatures(page):
    yield f"below {short(np.ceil(1e3 * page.tail(1.5, 4)) / 1e3, 3)}"
    yield percent(2 * np.pi**2 / (3 * 10**2), 1)
    assert 1 - page.polygon_area(np.array([10])).item() / np.pi == pytest.approx(0.066, abs=0.002)


def polynomial_losses(page):
    yield f"first {page.terms_predicted(100)} terms"
    yield f"{page.terms_predicted(1000)} for 1000"
    yield percent(1 - (1 - 1 / 1000) ** 2, 1)
    features, labels = page.two_components()
    generator = np.random.default_rng(0)
    rows = []
    for _ in range(7):
        order = generator.permutation(len(labels))
        train = order[:900]
        test = order[900:]
        fit = page.fitted(features[train], labels[train], 2.0)
        q = page.softmax(features[test] @ fit)
        fair = [page.corrected(row, 2.0).max() for row in q]
        rows.append(
            [np.mean(q.argmax(axis=1) == labels[test]), q.max(axis=1).mean(), np.mean(fair)]
        )
    right, confident, corrected = map(percent, np.mean(rows, axis=0))
    yield f"its confidence is {confident} and its accuracy {right}"
    yield f"reduces the confidence to {corrected}"


def positions_without_encoding(page):
    yield f"first {page.first_pair(8)} positions"
    yield f"first {page.first_pair(11)} in fp16"


def random_features_for_softmax(page):
    def variances(radius, u):
        return page.variances(*page.pair(radius, radius, np.arccos(u / radius**2)))[:2]

    for radius, text in ((3.0, ".84"), (0.3, ".94")):
        grid = np.linspace(-(radius**2), 0, 4001)[1:-1]
        worse = [np.subtract(*variances(radius, u)) > 0 for u in grid]
        assert short(np.exp(grid[np.argmax(worse)]), 2) == text
        yield text
    assert page.chance_above(4.0) == pytest.approx(1 / 6, abs=0.01)


def rectifier_initialisation(page):
    yield short(np.exp(50 * page.typical_logarithm(100)), 2)
    assert 1 - page.alive((2, 2)) == 1 / 4


def regions_of_a_random_layer(page):
    pairs = 200 * 199 / 2
    yield f"{pairs * page.chance_of_one_code(20, 3):.0f} pairs"
    yield f"leave {short(pairs / 2**20, 2)}"
    yield f"{short(pairs * page.chance_of_one_code(20, 50), 2)} pairs"


def relative_representations(page):
    yield short(page.largest_move(2.0), 2)
    pairs = np.random.default_rng(0).normal(size=(2, 100_000, 16))
    mean = np.mean(page.move(*pairs, 5.0 ** np.linspace(0, 1, 16)))
    yield f"{page.largest_move(5.0):.2f} ({short(mean, 2)} in the mean"


def representer_points(page):
    correlations = []
    for seed in range(5):
        generator = np.random.default_rng(seed)
        features, labels = page.training_set(generator, 40, 5, 4)
        lam = 0.3 * page.least_vanishing_penalty(features, labels, "entries")
        theta = page.minimiser(features, labels, lam, "entries")[0]
        x = generator.normal(size=(5, 4))
        parts = page.coefficients(features, labels, theta, lam)
        own = parts * np.tensordot(features, page.weighted(theta, x, "entries"))
        changes = page.leave_one_out(features, labels, lam, "entries", x)
        correlations.append(np.corrcoef(own, changes)[0, 1])
    yield f"{short(min(correlations), 2)} to {short(max(correlations), 2)}"


def rotating_scores(page):
    signs = np.stack(np.meshgrid(*8 * [[-1.0, 1.0]]), axis=-1).reshape(-1, 8)
    noise = []
    for seed in range(20):
        generator = np.random.default_rng(seed)
        symmetric = page.stiffness_matrix(generator, 8)
        jacobian = symmetric + 0.01 * page.skew(generator, 8)
        for values in (page.probe_values(jacobian), signs @ (jacobian - jacobian.T)):
            squares = values if values.ndim == 1 else np.sum(values**2, axis=1)
            noise.append(np.std(squares) / np.mean(squares))
    probe, plain = noise[::2], noise[1::2]
    yield f"is {min(probe):.0f} to {max(probe):.0f}"
    yield f"{short(min(plain), 1)} to {short(max(plain), 1)}"


def sensitivity_sampling(page):
    generator = np.random.default_rng(0)
    centre_losses = np.resize(generator.uniform(0.2, 2, 5), 200)
    reach = 0.1 * centre_losses * generator.uniform(0, 1, 200)
    losses = centre_losses + reach * generator.uniform(-1, 1, 200)
    ceilings = centre_losses + reach
    total = losses.sum()
    chances = (ceilings / ceilings.sum(), np.full(200, 1 / 200))
    spreads = [np.sqrt(page.mean_and_variance(losses, p, 40)[1]) / total for p in chances]
    yield f"deviation of {percent(spreads[0], 1)} of it"
    yield f"with {percent(spreads[1])}"
    yield f"± {percent(ceilings.sum() / total * np.sqrt(np.log(2 / 0.05) / 80))}"


def sparse_projections(page):
    vanishes = (1 - 1 / 30) ** 64
    assert vanishes == pytest.approx(1 / 9, abs=0.005)
    yield "one case of nine"


def spectral_modulation(page):
    yield percent(page.floor(2048, 4) / 2048, 1)
    yield f"(256: {percent(page.floor(256, 4) / 256)})"
    yield f"more than {np.log(0.99 / 1e-3) / np.log(2.25):.1f} for"
    steps = next(t for t in range(99) if page.modulated(np.array([1e-3]), t)[0] >= 0.99)
    yield f"takes {steps}"


def state_space_layers(page):
    yield f"by {short(page.largest_gap()[1], 2)} at most"


def target_surrogates(page):
    yield f"it is {2 * 8 / np.tanh(4):.0f} instead of 4"

    def steps(rate):
        z = 0.0
        count = 0
        while np.log1p(np.exp(-z)) > 1e-3:
            z += rate(z) / (1 + np.exp(z))
            count += 1
        return count

    largest = steps(lambda z: 1 / page.least_curvature(z))
    yield f"{largest} steps lead from 0 to a loss of .001, instead of {steps(lambda z: 4.0)}"


def taylor_attention(page):
    operations, entries = page.crossovers(64)
    yield f"from {np.ceil(operations):.0f} tokens"
    yield f"less memory from {np.ceil(entries):.0f} on"
    yield percent(page.focus(1023, 5.0), 1)
    yield percent(1 / (1 + 1023 * np.exp(-10)))


def zero_shot_game(page):
    generator = np.random.default_rng(0)
    rows = []
    for _ in range(30):
        laws, table = page.digit_laws(generator, 10, 6)
        value, best = page.best_guarantee(table)
        trusting = page.by_independence(table)[1]
        actual = [page.actual_error(laws, answers) for answers in (best, trusting)]
        rows.append([value, *actual, page.worst_error(table, trusting)])
    value, best, trusting, worst = (short(mean, 2) for mean in np.mean(rows, axis=0))
    yield f"below {value} in the mean"
    yield f"errs on {best} of the digits"
    yield f"errs on {trusting} and could have erred on {worst}"


PAGES = {
    name: function
    for name, function in list(globals().items())
    if inspect.isgeneratorfunction(function)
}


@pytest.mark.parametrize("name", PAGES)
def test_the_numbers_are_the_page_s_own(name):
    page = importlib.import_module(f"paper_checks.briefs.test_{name}")
    paragraphs = inspect.getdoc(page).split("\n\n")
    take_away = next(p for p in paragraphs if p.startswith("Take away:")).replace("\n", " ")
    take_away = plain(take_away)
    for text in PAGES[name](page):
        assert text in take_away
