"""A measurement that does not draw from its stream is not judged, nor are draws that share
something.
"""

import functools
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import signal, stats

from theory_on_trial.base.mapping import map_cells, quick_jit
from theory_on_trial.decide.decision import Prediction
from theory_on_trial.decide.sampling import Independence, _proxy, wanting
from theory_on_trial.decide.tracing import check_measurement
from theory_on_trial.laws import (
    Asymptotic,
    Bernoulli,
    Bounded,
    BoundedMoment,
    Enclosure,
    Normal,
    NormalVariance,
    RatioOfMeans,
    SubGaussian,
    Symmetric,
)
from theory_on_trial.trial.decisions import Trial
from theory_on_trial.trial.plain import NotVerified, PlainTrial

RNG = np.random.default_rng()  # of no seed: what a measurement must not use
KEY = jax.random.key(0)
DESIGN = RNG.normal(size=25)


def decide(measure, predict=0.0, law=None, seed=0, **options):
    trial = Trial("toy.claim", seed)
    options = {
        "margin": 0.3,
        "controls": {"wrong": np.asarray(predict) + 0.7},
        "most": 20_000,
        **options,
    }
    trial.mean(measure, predict, law=law or Normal(), **options)
    return trial.findings[0]


def sampled(sampler, predict=0.0, law=None, seed=0, **options):
    return decide(None, predict, law, seed, sampler=sampler, **options)


def normal(generator, n):
    return generator.normal(size=n)


@jax.jit
def shifted_by_numpy(x):
    return x + RNG.normal()


@jax.custom_jvp
def identity(x):
    return x


identity.defjvp(lambda primals, tangents: (primals[0], tangents[0]))


def scanned(key, noise):
    """Sum ten numbers in a scan, of which the key makes use only in the last step, if at all."""
    keys = jax.random.split(key, 10)
    return jax.lax.scan(lambda total, one: (total + noise(one), None), 0.0, keys)[0]


def called_back(key):
    return jax.pure_callback(
        lambda _: np.float32(RNG.normal()), jax.ShapeDtypeStruct((), jnp.float32), key[None]
    )


REFUSED = {
    "does not depend on its key: draw with that key": {
        "a draw by NumPy": lambda key: jnp.asarray(RNG.normal()),
        "a coin of NumPy's": lambda key: jnp.where(RNG.random() < 0.5, 1.0, 0.0),
        "a key of its own": lambda key: jax.random.normal(jax.random.key(3)),
        "a key from outside": lambda key: jax.random.normal(KEY),
        "a jitted one": jax.jit(lambda key: jax.random.normal(jax.random.key(3))),
        "an unused draw": lambda key: (jax.random.normal(key), jnp.ones(()))[1],
        "a scan that ignores it": lambda key: scanned(
            key, lambda one: jax.random.normal(jax.random.key(3))
        ),
        "a map that ignores it": lambda key: jnp.mean(
            jax.lax.map(lambda one: 2.0, jax.random.split(key, 4))
        ),
        "vmap": lambda key: jax.vmap(lambda k: jax.random.normal(jax.random.key(3)))(
            jax.random.split(key, 2)
        ).sum(),
    },
    "does in part not depend on its key": {
        "stack": lambda key: jnp.stack([jax.random.normal(key), jax.random.normal(KEY)]),
        "concatenate": lambda key: jnp.concatenate(
            [jax.random.normal(key, (2,)), jnp.full(2, RNG.normal())]
        ),
        "a list": lambda key: jnp.array([jax.random.normal(key), 1.5]),
        "a jitted stack": jax.jit(
            lambda key: jnp.array([jax.random.normal(key), 1.5]).reshape(2, 1)
        ),
    },
    "holds other constants when it is traced again": {
        "a shift": lambda key: jax.random.normal(key) + RNG.normal(),
        "noise": lambda key: jnp.sum(jax.random.normal(key, (5,)) * RNG.normal(size=5)),
        "in a jitted function": lambda key: shifted_by_numpy(jax.random.normal(key)),
        "a jitted measurement": jax.jit(lambda key: jax.random.normal(key) + RNG.normal()),
        "in a loop": lambda key: jax.lax.fori_loop(
            0, 3, lambda _, x: x + RNG.normal(), jax.random.normal(key)
        ),
        "a power": lambda key: jax.random.normal(key) ** int(RNG.integers(2, 1000)),
    },
    "makes a key of its own inside": {
        "beside a little": lambda key: (
            1e-3 * jax.random.normal(key) + jax.random.normal(jax.random.key(3))
        ),
        "jitted": jax.jit(
            lambda key: jax.random.normal(key) + jax.jit(jax.random.normal)(jax.random.PRNGKey(3))
        ),
    },
    "draws random bits with a key that does not depend on its own": {
        "from outside": lambda key: jax.random.normal(key) * jax.random.rademacher(KEY, ()),
        "from an array": lambda key: (
            jax.random.normal(key)
            + jax.random.normal(jax.random.wrap_key_data(jnp.arange(2, dtype="uint32")))
        ),
        "from a number in an array": lambda key: (
            jax.random.normal(key) + jax.random.normal(jax.random.key(jnp.arange(5)[2]))
        ),
        "folded": lambda key: (
            jax.random.normal(key) + jax.random.normal(jax.random.fold_in(KEY, 7))
        ),
        "in a scan": lambda key: scanned(
            key, lambda one: jax.random.normal(one) + jax.random.normal(KEY)
        ),
    },
    "gives other numbers for the same keys": {
        "callback": lambda key: 1e-3 * jax.random.normal(key) + called_back(key)
    },
    "draws from NumPy's or Python's own generator while": {
        "the old one": lambda key: 0.1 * jax.random.normal(key) + np.random.randint(2),  # noqa: NPY002
    },
}
SOUND = {
    "normal": jax.random.normal,
    "jitted": jax.jit(jax.random.normal),
    "partial": functools.partial(jax.random.normal, shape=()),
    "split": lambda key: jax.random.normal(jax.random.split(key)[1]),
    "scan": lambda key: scanned(key, jax.random.normal) / np.sqrt(10),
    "carry": lambda key: jax.lax.scan(
        lambda c, _: ((c[1], c[1]), None), (0.0, jax.random.normal(key)), length=3
    )[0][0],
    "while": lambda key: jax.lax.while_loop(
        lambda x: jnp.abs(x) > 9, lambda x: x / 2, jax.random.normal(key)
    ),
    "cond": lambda key: jax.lax.cond(
        jax.random.normal(key) > 9, lambda k: 0.0, jax.random.normal, key
    ),
    "a custom derivative": lambda key: identity(jax.random.normal(key)),
    "a design drawn once": lambda key: (
        jnp.mean(jax.random.normal(key, (25,)) * np.sign(DESIGN)) * 5
    ),
    "a design drawn from a seed": lambda key: (
        jax.random.normal(key) + 0 * np.random.default_rng(3).normal()
    ),
    "half precision": lambda key: jax.random.normal(key, dtype=jnp.bfloat16),
}


@pytest.mark.parametrize(
    ("sentence", "name"), [(sentence, name) for sentence, rows in REFUSED.items() for name in rows]
)
def test_a_measurement_that_does_not_draw_with_its_key_is_refused(sentence, name):
    measure = REFUSED[sentence][name]
    with pytest.raises(ValueError, match=f"the measurement {sentence}"):
        decide(measure, np.zeros(jax.eval_shape(measure, KEY).shape), Asymptotic())


@pytest.mark.parametrize("name", SOUND)
def test_a_measurement_that_uses_its_key_is_judged(name):
    finding = decide(SOUND[name])
    assert (finding.outcome, finding.controls[0].outcome) == ("VERIFIED", "REFUTED")
    assert decide(SOUND[name], 0.7).outcome == "REFUTED"


def test_a_wrong_process_must_draw_too():
    for process, sentence in (
        (lambda key: 3.0, "the wrong process 'frozen' does not depend on its key"),
        (
            lambda key: 0 * jax.random.normal(key),
            r"equal, 0: a constant is no process \(the wrong process 'frozen'",
        ),
    ):
        with pytest.raises(ValueError, match=sentence):
            decide(jax.random.normal, control_processes={"frozen": process})


def test_a_coin_thrown_by_numpy_while_a_measurement_is_traced_is_found():
    """It falls alike in all four traces of one in eight."""
    refusals = 0
    rng = np.random.default_rng(5)
    for _ in range(40):
        throw = functools.partial(lambda rng, key: jax.random.normal(key) + rng.integers(2), rng)
        try:
            check_measurement(jax.jit(throw), jax.random.key(0), "it")
        except ValueError as error:
            refusals += "holds other constants" in str(error)
    assert stats.binom.sf(refusals - 1, 40, 0.5) < 1e-3


def test_the_measurement_is_traced_a_few_times_and_compiled_once():
    traces = []

    def measure(key):
        traces.append(key)
        return jax.random.normal(key)

    compiled = []

    def listen(event, *_, **__):
        compiled.extend([event] * event.endswith("jaxpr_to_mlir_module_duration"))

    decide(jax.random.normal)
    jax.monitoring.register_event_duration_secs_listener(listen)
    decide(measure)
    jax.monitoring.unregister_event_duration_listener(listen)
    assert len(traces) == 4
    assert len(compiled) == 1


def test_a_program_compiled_quickly_draws_the_same_numbers_but_for_rounding():
    def draw(key, start):
        return map_cells(
            lambda i: jax.random.exponential(jax.random.fold_in(key, i), (50,)),
            start + jnp.arange(64),
        )

    with jax.enable_x64(True):
        np.testing.assert_allclose(quick_jit(draw)(KEY, 7), jax.jit(draw)(KEY, 7), rtol=1e-13)


@pytest.mark.parametrize(
    ("measure", "predict", "sentence"),
    [
        (
            lambda key: (jax.random.normal(key), jax.random.normal(key)),
            [0, 0],
            "must be one array, got a tuple of 2",
        ),
        (lambda key: {"x": jax.random.normal(key)}, 0, "must be one array, got a dict of 1"),
        (lambda key: None, 0, "must be one array, got a NoneType of 0"),
        (
            lambda key: jax.random.normal(key, (0,)),
            0,
            r"must have a coordinate, got an array of shape \(0,\)",
        ),
        (lambda key: jax.random.normal(key, dtype=complex), 0, "must be real numbers, got complex"),
        (jax.random.split, [0, 0], "must be real numbers, got key<fry>"),
        (
            lambda key: jax.random.normal(key, (3,)),
            [0, 0],
            r"has shape \(3,\), the prediction \(2,\)",
        ),
        (
            lambda key: jnp.log(jax.random.normal(key)),
            0,
            "of 64 sampled values are not finite, first nan in sample",
        ),
    ],
)
def test_what_is_no_sample_gets_one_sentence(measure, predict, sentence):
    with pytest.raises(ValueError, match=sentence):
        decide(measure, predict)


@pytest.mark.parametrize(
    "law", [Normal(), NormalVariance(), Bounded(-1, 1), SubGaussian(1), Symmetric(), Asymptotic()]
)
def test_equal_samples_are_no_sample(law):
    with pytest.raises(
        ValueError, match=r"all 64 samples are equal, 0: a constant is no process \(the measurement"
    ):
        # Depends on the key, and is 0 for all
        decide(lambda key: jnp.floor(jax.random.uniform(key) * 0.999), 0.0, law)


def stuck(key):
    return jnp.floor(jax.random.uniform(key) * 0.999)  # depends on the key, and is 0 for all


@pytest.mark.parametrize("law", [Bounded(-1, 1), SubGaussian(1), BoundedMoment(1)])
@pytest.mark.parametrize("side", ["two", "at least"])
def test_a_sampler_that_is_stuck_beyond_the_margin_is_refuted(law, side):
    size = {"margin": 0.3} if side == "two" else {"margin": None, "slack": 0.3}
    finding = decide(stuck, 0.7, law, side=side, **size)
    assert finding.outcome == "REFUTED"
    assert "samples are equal, 0" in finding.note
    with pytest.raises(ValueError, match="a constant is no process"):
        decide(stuck, 0.2, law, side=side, **size)


@pytest.mark.parametrize("law", [Bounded(0, 1), SubGaussian(1), BoundedMoment(1)])
def test_a_mean_of_equal_numbers_is_rounded_and_they_are_a_constant_yet(law):
    def stuck_at_a_decimal(generator, n):
        return 0 * generator.random(n) + 0.9

    finding = sampled(stuck_at_a_decimal, 0.5, law, margin=0.1, controls={"w": 0.6})
    assert finding.outcome == "REFUTED"
    assert "samples are equal, 0.9" in finding.note


def test_of_many_coordinates_one_that_is_stuck_beyond_the_margin_refutes():
    def measure(key):
        return jnp.array([jax.random.uniform(key), 0.0]) + stuck(key)

    finding = decide(measure, [0.5, 0.7], Bounded(0, 1))
    assert finding.outcome == "REFUTED"
    assert "samples of coordinate [1] are equal, 0" in finding.note
    with pytest.raises(ValueError, match=r"samples of coordinate \[1\] are equal, 0: a constant"):
        decide(measure, [0.5, 0.2], Bounded(0, 1))
    # Whatever another coordinate would have said.
    assert decide(lambda key: stuck(key) + jnp.zeros(2), [0.1, 0.7], Bounded(0, 1)).outcome == (
        "REFUTED"
    )


@pytest.mark.parametrize(
    ("cdf", "options"),
    [
        (lambda x: np.clip(x, 0, 1), {}),
        ({0: 0.5, 1: 0.5}, {}),
        (lambda x: np.clip(x, 0, 1), {"tail": 0.25}),
    ],
)
def test_a_law_that_is_stuck_is_refuted(cdf, options):
    trial = PlainTrial("a::b")
    with pytest.raises(NotVerified, match=r"^REFUTED: (.|\n)*samples are equal, 0"):
        trial.distribution(stuck_of_numpy, cdf, margin=0.2, **options)
    with pytest.raises(ValueError, match="a constant is no process"):
        trial.distribution(stuck_of_numpy, {0: 0.9, 1: 0.1}, margin=0.2)


def stuck_of_numpy(rng, n):
    return 0 * rng.random(n)


def test_a_rare_number_is_no_constant():
    """Of 64 numbers all are 0 in most streams."""

    def rare(generator, n):
        return 50.0 * (generator.random(n) < 1e-3)

    finding = sampled(rare, 0.05, Bounded(0, 50), margin=0.04, controls={"w": 1.0}, most=10**6)
    assert (finding.outcome, finding.constant) == ("VERIFIED", "")


def test_a_sampler_with_one_number_a_stream_is_no_constant():
    """Its one draw of a law is no evidence on its mean."""
    streams = {}

    def once(generator, n):
        drawn, _ = streams.setdefault(id(generator), (generator.random(), generator))
        generator.random()
        return np.full(n, drawn)

    for seed in range(20):
        with pytest.raises(ValueError, match=r"they are (copies|one sample)"):
            sampled(once, 0.5, Bounded(0, 1), seed, margin=0.1)


def test_one_prediction_serves_all_coordinates_of_a_mean():
    def draws(generator, n):
        return generator.random((n, 2, 3)) + np.array([0.0, 0.0, 0.1])

    options = {"law": Bounded(0, 1.1), "controls": {"wrong": 0.9}}
    finding = sampled(lambda g, n: g.random((n, 2, 3)), 0.5, margin=0.1, **options)
    assert finding.outcome == "VERIFIED"
    assert finding.interval.estimate.shape == finding.prediction.value.shape == (2, 3)
    assert "one prediction for all 2 x 3 coordinates" in finding.note
    # Of a claim that is right in some coordinates only the others refute it.
    assert sampled(draws, 0.5, margin=0.05, **options).outcome == "REFUTED"
    ratios = sampled(lambda g, n: 3 + g.normal(size=(n, 4, 2)), 1.0, RatioOfMeans(), margin=0.1)
    assert (ratios.outcome, ratios.interval.estimate.shape) == ("VERIFIED", (4,))


def test_one_prediction_for_all_coordinates_has_one_level():
    """True predictions of twenty coordinates are refuted in a share alpha of the runs at most."""
    alpha = 0.1
    runs = 100
    refuted = 0
    for seed in range(runs):
        trial = Trial("toy.level", seed, error=alpha)
        trial.mean(
            sampler=lambda g, n: g.normal(size=(n, 20)),
            predict=0.0,
            law=Normal(),
            margin=0.001,
            most=200,
        )
        refuted += trial.findings[0].outcome == "REFUTED"
    assert refuted <= stats.binom.isf(1e-4, runs, alpha)


def test_a_law_of_vectors_is_refused_as_such():
    trial = Trial("toy.vectors")
    with pytest.raises(ValueError, match=r"of one number a sample, the measurement has shape \(3,"):
        trial.distribution(sampler=lambda g, n: g.random((n, 3)), cdf=lambda x: x, margin=0.1)


@pytest.mark.parametrize("most", [None, 1000])
def test_a_verdict_at_the_last_look_says_so(most):
    """Normal samples of a fixed number: the margin is one that their interval just meets."""
    options = {"first": 1000, "most": most} if most else {}
    finding = sampled(normal, 0.0, Normal(), margin=0.3, **options)
    assert finding.outcome == "VERIFIED"
    assert ("decided at the last look" in finding.note) == (most is not None)


def test_events_that_are_all_alike_say_what_is_not_known():
    trial = Trial("toy.alike")
    trial.probability(
        sampler=lambda g, n: g.random(n) < 2, predict=1.0, margin=0.02, controls={"half": 0.5}
    )
    (finding,) = trial.findings
    assert finding.outcome == "VERIFIED"
    assert "events are equal: nothing shows that they depend on the random" in finding.note


def test_one_coordinate_of_equal_samples_is_named_unless_it_is_known():
    def measure(key):
        return jax.random.uniform(key, (2, 2), minval=-1.0).at[1, 0].set(0.25)

    known = np.array([[0.0, 0.0], [0.25, 0.0]])
    # Student's interval says nothing of a coordinate that does not vary.
    for law, predict in (
        (Normal(), np.zeros((2, 2))),
        (Bounded(-1, 1), np.zeros((2, 2))),
        (Asymptotic(), known),
    ):
        with pytest.raises(
            ValueError, match=r"all 64 samples of coordinate \[1, 0\] are equal, 0.25"
        ):
            decide(measure, predict, law)
    assert decide(measure, known, Bounded(-1, 1)).outcome == "VERIFIED"


def test_events_and_one_of_two_means_may_be_known():
    rare = Trial("toy.rare")
    rare.probability(
        lambda key: jax.random.bernoulli(key, 1e-4), 0.0, margin=0.01, controls={"half": 0.5}
    )
    # Of 64 events of chance 1e-3 all are 0 in most streams.
    rare.probability(
        sampler=lambda g, n: g.random(n) < 1e-3, predict=1e-3, margin=5e-3, controls={"more": 0.01}
    )
    assert [finding.outcome for finding in rare.findings] == ["VERIFIED"] * 2
    ratio = decide(
        lambda key: jnp.ones(2).at[0].set(1 + jax.random.normal(key)), 1.0, RatioOfMeans()
    )
    assert ratio.outcome == "VERIFIED"
    with pytest.raises(ValueError, match=r"all 64 samples of coordinate \[0\] are equal, 2"):
        decide(lambda key: 2 + 0 * jax.random.normal(key, (2,)), 1.0, RatioOfMeans())


def about(note):
    return int(re.search(r"about (\d+) samples would decide", note).group(1))


@pytest.mark.parametrize("law", [Normal(), Symmetric()])
def test_an_undecided_trial_says_of_which_coordinate_how_many_samples_would_decide(law):
    """It can only be estimated while the estimate itself moves: three times as many do."""

    def trial(most):
        options = {"margin": [1, 0.02, 1], "controls": {"wrong": [6, 1, 4]}, "most": most}
        return sampled(
            lambda generator, n: generator.normal([5, 0, 3], size=(n, 3)), [5, 0, 3], law, **options
        )

    finding = trial(20_000)
    assert finding.outcome == "INCONCLUSIVE"
    where = (
        r"after 2\d{4} samples the interval of coordinate \[1\] reaches .* to a border 0.0\d+ away"
    )
    assert re.search(where, finding.note)
    many = about(finding.note)
    assert many > 40_000
    assert trial(3 * many).outcome == "VERIFIED"


@pytest.mark.parametrize(
    ("side", "predict", "samples"),
    [
        ("at most", [0.05, 9], 400),  # 0.1 above the estimate, 0.05 away: half as wide is enough
        ("at most", [-0.05, 9], 1600),  # 0.2 below it
        ("at least", [0.05, -9], 400),
        ("at least", [-0.05, -9], 1600),
    ],
)
def test_of_a_bound_the_end_that_crosses_it_counts(side, predict, samples):
    interval = Enclosure(np.zeros(2), np.full(2, -0.2), np.full(2, 0.1), 1e-6, "finite-n", 100)
    said = wanting(interval, Prediction(predict, 0.0, 0.0, side))
    assert "the interval of coordinate [0] reaches" in said
    assert about(said) == samples
    # A wrong bound need be refuted in one coordinate only: here in the nearer one.
    assert about(wanting(interval, Prediction(predict, 0.0, 0.0, side), wrong=True)) < samples


def test_an_unbounded_interval_and_one_on_its_bound_have_no_number_of_samples():
    few = sampled(
        lambda generator, n: generator.standard_exponential(n), 1.0, Asymptotic(), most=64
    )
    said = "the interval is unbounded still: these are too few for the law (the heavier the tails, the more it needs), or do not vary"
    assert few.note == f"after 64 samples {said}"
    on_it = Enclosure(np.array(0.5), np.array(0.4), np.array(0.6), 1e-6, "finite-n", 100)
    assert wanting(on_it, Prediction(0.5, side="at most")).endswith(
        "the interval lies on the bound"
    )


def test_an_undecided_control_published_form_or_wrong_process_says_so_too():
    options = {"side": "at most", "margin": None, "most": 500}
    control = sampled(normal, 1.0, controls={"nearly": 0.001, "half": -0.5}, **options)
    assert (control.outcome, [c.outcome for c in control.controls]) == (
        "VERIFIED",
        ["INCONCLUSIVE", "REFUTED"],
    )
    assert re.fullmatch(
        r"control 'nearly': after \d+ samples .*; about \d+ samples would decide \(.*\)",
        control.note,
    )
    printed = sampled(normal, 1.0, controls={"half": -0.5}, as_published=0.001, **options)
    assert printed.note.startswith("as published: after")
    trial = Trial("toy.law")
    shifted = {"shifted": functools.partial(stats.norm.cdf, loc=0.12)}
    trial.distribution(sampler=normal, cdf=stats.norm.cdf, margin=0.1, controls=shifted, most=2000)
    assert about(trial.findings[0].note) > 2000
    near, far = (
        lambda generator, n, shift=shift: generator.normal(shift, size=n) for shift in (0.12, 1)
    )
    wrong = sampled(normal, control_processes={"near": near, "far": far}, margin=0.1, most=12_000)
    assert [c.outcome for c in wrong.controls] == ["REFUTED", "INCONCLUSIVE", "REFUTED"]
    assert re.fullmatch(
        r"the wrong process 'near': (the truth lies .*; )?after \d+ samples .* about \d+ samples would .*",
        wrong.note,
    )


def test_draws_by_numpy_are_judged_and_are_those_of_the_seed():
    def pairs(generator, n):
        return generator.normal(size=(n, 2))

    first, same, other = (sampled(pairs, np.zeros(2), seed=seed) for seed in (1, 1, 2))
    assert (first.outcome, first.controls[0].outcome) == ("VERIFIED", "REFUTED")
    np.testing.assert_array_equal(first.interval.estimate, same.interval.estimate)
    assert not np.array_equal(first.interval.estimate, other.interval.estimate)
    assert sampled(pairs, np.full(2, 0.7)).outcome == "REFUTED"


def test_looks_continue_the_stream_and_streams_have_names():
    trial = Trial("toy.claim", 5)
    streams = {}

    def recording(name):
        def draws(generator, n):
            drawn = generator.normal(size=n)
            streams.setdefault(name, []).append(drawn)
            return drawn + 0.5 * (name == "shifted")

        return draws

    trial.mean(
        sampler=recording("true"),
        predict=0.0,
        law=Normal(),
        margin=0.1,
        controls={"wrong": 0.5},
        control_processes={"shifted": recording("shifted")},
    )
    finding = trial.findings[0]
    assert (finding.outcome, [control.outcome for control in finding.controls]) == (
        "VERIFIED",
        ["REFUTED"] * 2,
    )
    calls = streams["true"]
    # The first call is drawn twice, and the first three from another stream as well. In the end the
    # first and the last are drawn again, and two large ones from a third stream.
    looks = [calls[0], calls[3], calls[5], *calls[7:-4]]
    np.testing.assert_array_equal(calls[-4], calls[0])
    np.testing.assert_array_equal(calls[-3], looks[-1])
    assert [len(call) for call in calls[-2:]] == [256, 256]
    assert len(looks) > finding.looks > 1
    assert finding.interval.n == sum(map(len, calls))  # whatever was drawn is counted
    whole = Trial("toy.claim", 5).generator("0/").normal(size=sum(map(len, looks)))
    np.testing.assert_array_equal(np.concatenate(looks), whole)
    assert finding.interval.estimate == pytest.approx(np.mean(whole))
    assert not np.array_equal(streams["shifted"][0], looks[0])


def test_events_and_laws_by_numpy():
    trial = Trial("toy.claim")
    trial.probability(
        sampler=lambda generator, n: generator.random(n) < 0.3,
        predict=0.3,
        margin=0.05,
        controls={"half": 0.5},
    )
    trial.distribution(
        sampler=lambda generator, n: generator.standard_exponential(n),
        cdf=stats.expon.cdf,
        margin=0.1,
        controls={"half the rate": stats.expon(scale=2).cdf},
        control_processes={"lomax": lambda generator, n: generator.pareto(1.0, n)},
    )
    trial.distribution(sampler=lambda generator, n: generator.normal(size=(n, 2)), margin=0.1)
    assert [finding.outcome for finding in trial.findings] == ["VERIFIED"] * 3
    assert [c.outcome for finding in trial.findings for c in finding.controls] == ["REFUTED"] * 3


def of_one_seed(generator, n):
    return np.random.default_rng(3).normal(size=n)


@pytest.mark.parametrize(
    ("sampler", "predict", "sentence"),
    [
        (of_one_seed, 0, "the measurement does not draw from the generator that it is given"),
        (
            lambda g, n: (g.random(), of_one_seed(g, n))[1],
            0,
            "the measurement gives the same 64 samples for other gen|they are copies",
        ),
        (
            lambda g, n: np.full(n, g.random() < 0.5) * 1.0,
            0,
            "equal samples within each call, and other ones each time: they are one sample",
        ),
        (
            lambda g, n: g.normal(size=n // 2),
            0,
            r"2 samples must lie along the first axis, got .* shape \(1,",
        ),
        (
            lambda g, n: g.normal(),
            0,
            r"2 samples must lie along the first axis, got an array of shape \(\)",
        ),
        (
            lambda g, n: g.normal(size=(n, 0)),
            0,
            r"a sample must have a coordinate, got an array of shape \(2, 0\)",
        ),
        (lambda g, n: g.normal(size=n) + 1j, 0, "samples must be real numbers, got complex128"),
        (
            lambda g, n: g.normal(size=n).astype(object),
            0,
            "samples must be real numbers, got object",
        ),
        (
            lambda g, n: [str(x) for x in g.normal(size=n)],
            0,
            "samples must be real numbers, got <U",
        ),
        (
            lambda g, n: g.normal(size=(n, 3)),
            [0, 0],
            r"measurement has shape \(3,\), the "
            r"prediction \(2,\)",
        ),
        (
            lambda g, n: np.log(g.random(n)) / (np.arange(n) != 1),
            0,
            "1 of 2 sampled values .* first -inf in sample 1",
        ),
        (
            lambda g, n: np.where(np.arange(2 * n) == 3, np.nan, g.random(2 * n)).reshape(n, 2),
            [1, 1],
            r"first nan in sample 1, coordinate \[1",
        ),
        (
            lambda g, n: 0 * g.random((n, 2)),
            [1, 1],
            r"all 1\d\d samples of coordinate \[0\] are equal, 0",
        ),
        (lambda g, n: np.ma.masked_less(g.normal(size=n), 0), 0, "masked entries"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_draws_that_are_no_samples_get_one_sentence(sampler, predict, sentence):
    with pytest.raises(ValueError, match=sentence):
        sampled(sampler, predict)
    if np.ndim(predict) == 0:
        with pytest.raises(
            ValueError, match=r"\(the wrong process 'wrong'\)|^the wrong process 'wrong' "
        ):
            sampled(normal, margin=1, controls={"far": 2}, control_processes={"wrong": sampler})


@pytest.mark.parametrize("size", [1e-120, 1.0, 1e130])
def test_samples_are_asked_whether_they_are_normal_at_any_scale(size):
    samples = size * np.random.default_rng(0).lognormal(size=2000)
    with pytest.raises(ValueError, match="the 2000 samples are not normal"):
        Normal().interval([samples], 1e-6, np.asarray(0.1 * size))


def autoregressive(phi):
    """Normal samples of which each is phi times the one before and something new."""
    return lambda g, n: signal.lfilter([1], [1, -phi], g.standard_normal(n) * np.sqrt(1 - phi**2))


def one_model(share):
    """Normal samples that share a number in each call, which is `share` of their variance."""
    return lambda g, n: np.sqrt(share) * g.normal() + np.sqrt(1 - share) * g.normal(size=n)


def noise_of_each_call(spread):
    """Normal samples whose standard deviation is drawn again in each call."""
    return lambda g, n: np.exp(spread * g.normal()) * g.normal(size=n)


def mini_batches(share, size=8):
    """Samples in groups that share a number, which is `share` of their variance, permuted."""

    def draws(g, n):
        groups = -(-n // size)
        shared = np.sqrt(share) * g.normal(size=(groups, 1))
        own = np.sqrt(1 - share) * g.normal(size=(groups, size))
        return g.permutation((shared + own).ravel()[:n])

    return draws


def rotations(g, n):
    """One coordinate of sixteen rotations of one normal point, and of the next."""
    x, y = g.normal(size=(2, -(-n // 16), 1))
    angles = 2 * np.pi * np.arange(16) / 16
    return (x * np.cos(angles) - y * np.sin(angles)).ravel()[:n]


def permuted(g, n):
    return g.permutation(of_one_seed(g, n))


class Repeating:
    """Draws 64 samples once for each generator and gives them again at each call, in the same order
    or another.
    """

    def __init__(self, law, ordered, noise=0.0):
        self.law = law
        self.ordered = ordered
        self.noise = noise
        self.known = {}

    def __call__(self, g, n):
        again, _ = self.known.setdefault(id(g), (self.law(g, 64), g))
        g.random()
        drawn = np.resize(again if self.ordered else g.permutation(again), n)
        return drawn + self.noise * g.normal(size=n) if self.noise else drawn


class RepeatingTheCallBefore:
    """Every second call gives what the one before gave, in another order and with a little noise."""

    def __init__(self, noise):
        self.noise = noise
        self.known = {}

    def __call__(self, g, n):
        calls, _ = self.known.setdefault(id(g), ([], g))
        again = calls and len(calls) % 2 and len(calls[-1]) >= n
        calls.append(g.permutation(calls[-1])[:n] if again else g.normal(size=n))
        return calls[-1] + self.noise * g.normal(size=n)


def coin(g, n):
    return g.random(n) < 0.5


AT_A_LAG = "correlated at a lag of"
SHARED = "samples of one call share something"
ONE = "are one sample"
OF_A_SIZE = "depends on (how many|their place)"
COPIES = "they are copies"
STATE = "keeps a state beside its generator"


@pytest.mark.parametrize(
    ("draws", "sentence", "predict"),
    [
        (lambda g, n: np.repeat(g.random(n) < 0.5, 4)[:n], f"{AT_A_LAG}|{SHARED}|{ONE}", 0.5),
        (lambda g, n: np.repeat(g.standard_normal(n), 2)[:n], AT_A_LAG, 0.0),
        (lambda g, n: np.tile(g.standard_normal(32), n)[:n], AT_A_LAG, 0.0),
        (
            lambda g, n: np.cumsum(g.standard_normal((n, 2)), axis=0) / np.sqrt(n),
            f"{AT_A_LAG}|{SHARED}",
            np.zeros(2),
        ),
        (autoregressive(0.1), AT_A_LAG, 0.0),
        (autoregressive(0.9), f"{AT_A_LAG}|{SHARED}", 0.0),
        (one_model(0.3), SHARED, 0.0),
        (lambda g, n: g.random(n) < 0.8 + 0.1 * np.clip(g.normal(), -2, 2), SHARED, 0.8),
        (permuted, COPIES, 0.0),
        (lambda g, n: np.append(permuted(g, n - 1), g.normal()), COPIES, 0.0),
        (Repeating(normal, ordered=True), f"{COPIES}|{AT_A_LAG}|call before", 0.0),
        (Repeating(normal, ordered=False), f"{COPIES}|{AT_A_LAG}", 0.0),
        (Repeating(coin, ordered=True), f"{AT_A_LAG}|{COPIES}|same standard", 0.5),
        (
            lambda g, n: g.permutation(np.arange(n) % 2),
            f"calls: {COPIES}|all its calls have the same mean",
            0.5,
        ),
        (lambda g, n: g.permutation(np.arange(n) % 2 == 0), f"{COPIES}|the same mean", 1 / 2),
        (noise_of_each_call(0.4), SHARED, 0.0),
        (rotations, f"{AT_A_LAG}|{SHARED}", 0.0),
        (mini_batches(0.3), SHARED, 0.0),
        (lambda g, n: g.permutation(autoregressive(0.6)(g, n)), f"{AT_A_LAG}|{SHARED}", 0.0),
        (lambda g, n: (x := g.standard_normal(n)) - x.mean(), "calls have the same mean", 0.0),
        (lambda g, n: 1 + (x := g.standard_normal(n)) / x.std(), "same standard dev", 1.0),
        (lambda g, n: g.standard_normal(n) * (1 + n / 4), f"{OF_A_SIZE}|{SHARED}", 0.0),
        (lambda g, n: g.standard_normal(n) + 0.3 * np.log(n), f"{OF_A_SIZE}|{SHARED}", 0.6),
        (Repeating(normal, ordered=False, noise=1e-6), COPIES, 0.0),
        (Repeating(normal, ordered=True, noise=1e-6), f"{COPIES}|{AT_A_LAG}", 0.0),
        (RepeatingTheCallBefore(noise=1e-9), COPIES, 0.0),
        (RepeatingTheCallBefore(noise=1e-3), COPIES, 0.0),
        (
            lambda g, n: g.random(n) + np.random.default_rng().random(n),
            "other samples for the same generator",
            1.0,
        ),
    ],
)
def test_samples_that_go_together_are_refused(draws, sentence, predict):
    with pytest.raises(ValueError, match=sentence):
        sampled(draws, predict, Asymptotic(), margin=0.02, first=64)


def sorted_of(many):
    """The n smallest of `many` uniform numbers."""
    return lambda g, n: np.sort(g.random(max(n, many)))[:n]


def spectra(g, n):
    """The next n eigenvalues of random matrices, each matrix's in order."""
    of_each = [np.linalg.eigvalsh((x := g.normal(size=(50, 100))) @ x.T / 100) for _ in range(n)]
    return np.concatenate(of_each)[:n]


def from_a_start(g, n):
    """A chain that starts at 3 in each call, and forgets that in a few steps."""
    return signal.lfilter([1], [1, -0.6], np.append(3.0, 0.8 * g.standard_normal(n - 1)))


@pytest.mark.parametrize(
    ("draws", "predict", "margin"),
    [
        (sorted_of(64), 0.5, 0.3),
        (sorted_of(1000), 0.5, 0.3),
        (lambda g, n: np.sort(g.random(2 * n))[:n], 0.5, 0.2),
        (spectra, 1.0, 0.5),
        (from_a_start, 0.0, 0.3),
        (lambda g, n: g.normal(size=n) * (np.arange(n) > 0), 0.0, 0.3),
        (lambda g, n: g.normal(size=n) + 1.0 * (n > 100), 0.0, 0.5),
        (lambda g, n: g.normal(size=n) * (1 + (np.arange(n) >= 20)), 0.0, 0.5),
    ],
)
@pytest.mark.parametrize("seed", range(3))
def test_no_verdict_falls_before_large_calls_were_seen(draws, predict, margin, seed):
    """Each is decided after 116 samples, from calls of two to four, if nobody looks further."""
    with pytest.raises(ValueError, match=f"{OF_A_SIZE}|{AT_A_LAG}|{SHARED}"):
        sampled(draws, predict, Asymptotic(), seed, margin=margin, controls={"w": predict + 9})


def test_a_large_first_look_is_compared_with_small_calls():
    few = lambda g, n: g.normal(size=n) + 1.0 * (n < 100)  # noqa: E731
    with pytest.raises(ValueError, match=OF_A_SIZE):
        sampled(few, 0.0, Asymptotic(), first=16_384)


class Environment:
    """An environment that is new after each thousand calls. What it then draws is 2 % of the
    variance.
    """

    def __init__(self):
        self.calls = 0
        self.level = 0.0

    def __call__(self, rng):
        self.calls += 1
        if self.calls % 1000 == 0:
            self.level = np.sqrt(0.02) * rng.normal()
        return self.level + np.sqrt(0.98) * rng.normal()


class Environments:
    """The same, with an environment for each generator that it is given."""

    def __init__(self):
        self.known = {}

    def __call__(self, rng):
        environment, _ = self.known.setdefault(id(rng), (Environment(), rng))
        return environment(rng)


@pytest.mark.parametrize("kind", [Environment, Environments])
@pytest.mark.parametrize("seed", range(8))
def test_a_state_beside_the_stream_is_refused(kind, seed):
    trial = Trial("toy.claim", seed)
    with pytest.raises(ValueError, match=f"{STATE}|{SHARED}"):
        trial.mean(kind(), 0.0, law=Asymptotic(), margin=0.06, controls={"w": 1.0})


def test_what_a_sampler_changes_in_place_is_a_copy():
    margin = np.array([0.2, 0.2])
    slack = np.array([0.01, 0.01])
    wrong = np.array([5.0, 5.0])

    def draws(g, n):
        for array in (margin, slack, wrong):
            array[:] = 100.0
        return g.normal(size=(n, 2))

    finding = sampled(draws, np.zeros(2), margin=margin, slack=slack, controls={"far": wrong})
    np.testing.assert_array_equal(finding.prediction.margin, [0.2, 0.2])
    np.testing.assert_array_equal(finding.prediction.slack, [0.01, 0.01])
    assert finding.controls[0].distance == 5.0


@pytest.mark.parametrize(
    ("draws", "law", "truth"),
    [
        (one_model(0.01), Asymptotic(), 0.0),
        (mini_batches(0.05), Asymptotic(), 0.0),
        (lambda g, n: g.permutation(autoregressive(0.2)(g, n)), Asymptotic(), 0.0),
        (noise_of_each_call(0.05), NormalVariance(), np.exp(2 * 0.05**2)),
        (lambda g, n: g.random(n) < 0.5 + 0.1 * g.uniform(-1, 1), Bernoulli(), 0.5),
        (
            lambda g, n: np.exp(0.01 * g.normal()) * (3 + g.normal(size=(n, 2))),
            RatioOfMeans(),
            1.0,
        ),
    ],
)
@pytest.mark.parametrize("off", [0.97, 1.03])
def test_what_calls_share_leaves_the_level_as_it_is(draws, law, truth, off, monkeypatch):
    """At the margin's border on either side the verdict is wrong in at most a share alpha."""
    alpha = 0.05
    monkeypatch.setattr("theory_on_trial.trial.decisions.ALPHA", 2 * alpha)
    margin = 0.1
    wrong = "REFUTED" if off < 1 else "VERIFIED"
    runs = 60
    most = 12_000 if isinstance(law, NormalVariance) else 2000
    options = {"margin": margin, "controls": {"w": truth + 5}, "most": most}

    def answer(seed):
        try:
            return sampled(draws, truth + off * margin, law, seed, **options).outcome
        except ValueError as refusal:
            if SHARED not in str(refusal):
                raise
            return "refused"  # they may go together so much that it shows

    answers = [answer(seed) for seed in range(runs)]
    assert answers.count("refused") <= runs // 4  # else nothing is said of the level
    assert answers.count(wrong) <= stats.binom.isf(1e-4, runs, alpha)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize(
    ("draws", "law", "predict"),
    [
        (lambda g, n: np.concatenate([one.normal(size=1) for one in g.spawn(n)]), Normal(), 0.0),
        (lambda g, n: 1e-6 * g.standard_t(3, size=n), Symmetric(), 0.0),
        (lambda g, n: 1e-200 * g.normal(size=n), Normal(), 0.0),
        (lambda g, n: 1e-200 * g.normal(size=n).clip(-4, 4), SubGaussian(2e-200), 0.0),
        (lambda g, n: (g.random(n) < 0.97) * 1.0, Bernoulli(), 0.97),
        (lambda g, n: g.normal(size=n).astype("float32"), Normal(), 0.0),
    ],
)
def test_honest_samplers_are_judged(draws, law, predict, seed):
    size = np.max(np.abs(draws(np.random.default_rng(0), 100) - predict)) / 3
    options = {"margin": 0.25 * size, "controls": {"wrong": predict - 0.6 * size}}
    assert sampled(draws, predict, law, seed, **options).outcome == "VERIFIED"
    if isinstance(law, Normal):  # a model a sample
        assert sampled(draws, predict, law, seed, first=1, **options).outcome == "VERIFIED"


def test_the_unit_of_a_numerator_and_its_denominator_does_not_matter():
    drawn = [
        sampled(lambda g, n, k=k: k * (3 + g.normal(size=(n, 2))), 1.0, RatioOfMeans(), margin=0.1)
        for k in (1.0, 2.0**-660)
    ]
    assert drawn[0].interval == drawn[1].interval


@pytest.mark.parametrize(
    "draws",
    [
        lambda g, n: g.standard_cauchy((n, 200)),
        lambda g, n: g.random((n, 200)) < 0.01,
        lambda g, n: g.lognormal(sigma=4, size=(n, 200)),
        lambda g, n: g.integers(2, size=(n, 200)),
        lambda g, n: -(g.standard_exponential((n, 200)) ** 3),
        lambda g, n: g.integers(10**6, size=n),
        lambda g, n: g.random(n) < 0.01,
    ],
)
def test_independent_samples_of_any_law_are_not_refused(draws):
    independence = Independence("these")
    generator = np.random.default_rng(3)
    for sizes in ([2, 2, 4] * 20, [3] * 50, [64] * 20, [200] * 10, [1000] * 3, [2] * 200):
        independence.ask(draws(generator, sum(sizes)), sizes)
    # Every lag up to half of the largest look was asked, of places and of scales.
    assert {2**k for k in range(11)} <= {lag for _, lag in independence.sums}
    assert {kind for kind, _ in independence.sums} == {0, 1}


@pytest.mark.parametrize(
    "draws",
    [
        lambda g, shape: g.standard_normal(shape),
        lambda g, shape: g.random(shape) < 0.02,
        lambda g, shape: g.random(shape) < 0.3,
        lambda g, shape: np.where(g.random(shape) < 0.7, 0.0, g.standard_exponential(shape)),
        lambda g, shape: g.integers(3, size=shape) ** 2,
    ],
)
def test_calls_of_independent_samples_differ_no_more_than_the_bound_says(draws):
    """The Chernoff bound behind `_between`, from the sums it keeps, at 1e-2 and 1e-3 where it can
    be counted.
    """
    level = np.array([[1e-2], [1e-3]])
    evidence = ([], [])
    sizes = [16] * 6 + [16, 24, 32, 60, 100]
    for seed in range(2):
        independence = Independence("these")
        generator = np.random.default_rng([36, seed])
        independence.ask(draws(generator, (sum(sizes), 5000)), sizes)
        many = np.array(sizes, float)[:, None]
        freedom = len(sizes) - 1
        for kind in (0, 1):
            sums = np.concatenate(independence.calls[kind])
            mean = sums.sum(axis=0) / many.sum()
            variance = independence.squares[kind] / many.sum() - mean**2
            variance = np.where(
                independence.atom > many.sum() / 2, _proxy(mean, *independence.ends[kind]), variance
            )
            between = np.sum((sums - many * mean) ** 2 / many, axis=0)
            ratio = np.maximum(between / np.maximum(variance, 1e-300) / freedom, 1)
            evidence[kind].append(freedom / 2 * (ratio - 1 - np.log(ratio)))
    for kind in (0, 1):
        exceeded = np.sum(np.concatenate(evidence[kind]) > -np.log(level), axis=1)
        assert np.all(exceeded <= stats.binom.isf(1e-6, 10_000, level[:, 0]))


def chain(phi, generator, n):
    """A chain in its law from its start on."""
    new = generator.standard_normal(n)
    new[1:] *= np.sqrt(1 - phi**2)
    return signal.lfilter([1], [1, -phi], new)


@pytest.mark.parametrize("seed", range(20))
def test_a_chain_in_each_call_is_refused(seed):
    with pytest.raises(ValueError, match=f"{AT_A_LAG}|{SHARED}"):
        sampled(lambda g, n: chain(0.6, g, n), 0.0, Asymptotic(), seed, margin=0.5)


def test_a_chain_of_existing_samples_is_refused_or_the_row_says_what_was_not_seen():
    def answer(n, seed):
        trial = Trial("toy.claim", seed)
        samples = chain(0.6, np.random.default_rng(seed), n)
        try:
            trial.mean(samples=samples, predict=0.0, law=Asymptotic(), margin=2, controls={"w": 9})
        except ValueError as refusal:
            return str(refusal)
        return trial.findings[0].note

    assert all("correlated at a lag" in answer(300, seed) for seed in range(20))
    few = [answer(70, seed) for seed in range(20)]
    told = "of 70 samples a correlation of neighbours below 0.8 may not show"
    assert all("correlated at a lag" in said or told in said for said in few)


@pytest.mark.parametrize(
    "law",
    [
        lambda g: g.normal(size=(100, 1)),
        lambda g: g.standard_cauchy((100, 1)),
        lambda g: g.random((100, 1)) < 0.3,
        lambda g: g.normal(size=(100, 3)),
    ],
)
def test_independent_numbers_are_correlated_no_more_often_than_the_bound_says(law):
    """At z = 3, where it can be counted: exp(-z^2 / 2) for each of six lags and two scores."""
    refused = 0
    for seed in range(300):
        try:
            Independence("these", 3.0).ask(law(np.random.default_rng([37, seed])), [1] * 100)
        except ValueError:
            refused += 1
    assert refused <= stats.binom.isf(1e-4, 300, 12 * np.exp(-4.5))


def test_runs_of_a_chain_are_refused_and_others_say_what_is_taken_on_trust():
    trial = Trial("toy.claim")
    runs = 1 + 0.3 * chain(0.9, np.random.default_rng(1), 200)
    with pytest.raises(ValueError, match="the outcome of a run: its samples are correlated"):
        trial.runs(runs, alpha=0.01, controls={"w": -np.ones(20)})
    trial.runs(
        1 + 0.3 * np.random.default_rng(1).normal(size=200),
        alpha=0.01,
        controls={"w": -np.ones(20)},
    )
    assert "independent of each other: that is taken on trust" in trial.findings[0].note


def test_sums_in_another_order_are_no_state():
    """As on an accelerator, whose single precision leaves other numbers near 0 each time."""
    noise = np.random.default_rng()

    def draws(g, n):
        return g.normal(size=n) * (g.random(n) < 0.9) + 1e-8 * noise.normal(size=n)

    assert sampled(draws, 0.0, Asymptotic(), margin=0.3).outcome == "VERIFIED"
