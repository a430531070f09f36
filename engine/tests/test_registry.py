"""Claims as Python objects: finding, listing, running under other settings, and what registration
refuses.
"""

import importlib

import jax
import numpy as np
import pytest

from theory_on_trial import Trial, claim, claims, paper, published
from theory_on_trial.laws import Normal
from theory_on_trial.ledger import brief_interval
from theory_on_trial.trial.registry import facts


@claim(
    paper("Section 1"),
    kind="distribution",
    low_power="few samples",
    as_published=published(
        place=paper("Section 1"),
        quoted="The mean is 3.",
        within="no condition stands there",
        reach="theorem",
        effect="nothing published",
        ran="the formula",
    ),
)
def test_shift(trial, shift=1.0, count=2):
    """The mean of a shifted normal is the shift.

    More text that is not the statement.
    """
    trial.mean(
        lambda key: shift + jax.random.normal(key, (count,)),
        np.full(count, shift),
        law=Normal(),
        margin=0.5,
        controls={"no shift": np.zeros(count)},
        as_published=np.full(count, 3.0),
    )


def test_a_claim_is_instances_any_spelling():
    assert claim("registry.shift") is claim("Registry.shift")
    assert claim("registry.shift-as-published") is claim("registry.shift_as_published")
    assert claim("registry.shift").statement == "The mean of a shifted normal is the shift."
    assert claim("registry.shift-as-published").expected == "REFUTED"
    assert {c.id for c in claims("registry")} == {"registry.shift", "registry.shift-as-published"}


def test_a_claim_runs_under_other_settings():
    found = claim("registry.shift")
    row = found.run(seed=3, shift=2.0, count=3)
    assert row.verdict == "VERIFIED"
    assert row.predicted == [2.0, 2.0, 2.0]
    assert row.command == 'claim("registry.shift").run(seed=3, shift=2.0, count=3)'
    assert "VERIFIED" in str(row)
    assert "<table>" in row._repr_html_()
    printed = claim("registry.shift-as-published").run(seed=3)
    assert (printed.verdict, printed.as_expected, printed.predicted) == (
        "REFUTED",
        True,
        3.0,  # of the coordinate that refutes it most
    )


def test_the_seed_decides_every_number_and_only_the_seed():
    first, again, other = (claim("registry.shift").run(seed=seed) for seed in (1, 1, 2))
    assert first.measured == again.measured
    assert first.measured != other.measured


def test_claims_do_not_share_random_numbers():
    keys = {name: jax.random.key_data(Trial(name, 0).key("x")).tolist() for name in ("a.b", "a.c")}
    assert keys["a.b"] != keys["a.c"]
    assert jax.random.key_data(Trial("a.b", 0).key("y")).tolist() != keys["a.b"]


def test_a_claim_runs_in_float64_whatever_the_process_has_set():
    dtypes = []

    @claim(paper("Section 2"), kind="identity")
    def test_precision(trial):
        """Arrays are float64."""
        dtypes.append(jax.numpy.zeros(1).dtype)
        trial.identity(1, 1, ops=0, controls={"two": 2})

    with jax.enable_x64(False):
        claim("registry.precision").run()
        assert jax.numpy.zeros(1).dtype == np.float32
    assert dtypes == [np.float64]


def test_sampling_reports_its_progress():
    reports = []
    trial = Trial("registry.shift", progress=lambda drawn, most: reports.append((drawn, most)))
    test_shift(trial)
    assert [count for count, _ in reports] == sorted({count for count, _ in reports})
    assert reports[-1][0] == trial.findings[0].interval.n
    assert all(count <= most for count, most in reports)


def test_what_registration_refuses():
    def no_docstring(trial):
        pass

    def no_trial():
        """A statement."""

    def nameless(trial, n, /):
        """A statement."""

    wrong = (
        (no_docstring, "needs a docstring"),
        (no_trial, "first parameter of a claim is `trial`"),
        (nameless, "each can be given by name"),
    )
    for function, message in wrong:
        with pytest.raises(ValueError, match=message):
            claim(paper("Section 1"), kind="identity")(function)
    with pytest.raises(TypeError, match="has no setting 'speed'; its settings are shift, count"):
        claim("registry.shift").run(speed=1)


@pytest.mark.parametrize("nesting", [0, 1, 2])
def test_an_interval_is_shown_by_its_first_coordinate(nesting):
    low = 1.0
    high = 2.0
    for _ in range(nesting):
        low = [low, 7.0]
        high = [high, 9.0]
    assert brief_interval([low, high]) == "[1, 2]"


def test_the_decision_implies_the_kind_where_it_can():
    def test_implied(trial):
        """A mean is a distribution."""
        trial.mean(lambda key: key, 0.0, law=None)

    def test_of_an_array(trial):
        """An array's mean is no decision."""
        trial.identity(np.ones(2).mean(), 1.0, ops=1)

    def test_open(trial):
        """A value may be anything."""
        trial.value(1.0, 1.0, error=0.1)

    def test_none(trial):
        """An assertion is no decision."""
        assert trial

    def test_one_sided(trial):
        """A mean on one side is a bound."""
        trial.mean(lambda key: key, 0.0, law=None, side="at most")

    assert claim(paper("Section 1"))(test_implied).claim.kind == "distribution"
    assert claim(paper("Section 1"))(test_of_an_array).claim.kind == "identity"
    assert claim(paper("Section 1"))(test_one_sided).claim.kind == "bound"
    with pytest.raises(
        ValueError, match=r"test_open calls trial.value, or .*: say what kind of claim it is"
    ):
        claim(paper("Section 1"))(test_open)
    with pytest.raises(ValueError, match="test_none calls no decision of trial: say what kind"):
        claim(paper("Section 1"))(test_none)


def test_a_claim_in_single_precision_says_so(repository):
    repository(
        {
            "test_single.py": """
import jax.numpy as jnp
from theory_on_trial import claim, paper, published

@claim(paper("Section 1"), kind="identity", precision="single")
def test_half(trial):
    'An entry of an array has four bytes.'
    trial.identity(jnp.zeros(1).dtype.itemsize, 4, ops=0, controls={"double": 8})

@claim(paper("Section 1"), kind="identity")
def test_whole(trial):
    'An entry of an array has eight bytes.'
    trial.identity(jnp.zeros(1).dtype.itemsize, 8, ops=0, controls={"single": 4})
"""
        }
    )
    for name, precision in {"half": "single", "whole": "double"}.items():
        row = claim(f"single.{name}").run()
        assert (row.verdict, row.precision) == ("VERIFIED", precision)
        assert f"precision  {precision}" in str(row)
    with pytest.raises(ValueError, match="precision must be 'double' or 'single', got 'half'"):
        claim(paper("Section 1"), precision="half")


def test_the_error_of_a_claim_is_chosen(repository):
    repository(
        {
            "test_coin.py": """
from theory_on_trial import claim, paper, published

@claim(paper("Section 1"), error=1e-3, low_power="few throws")
def test_half(trial):
    'A coin is fair.'
    for _ in range(2):
        trial.probability(lambda rng: rng.uniform() < 0.5, 0.5, margin=0.1, controls={"none": 0.0})
"""
        }
    )
    row = claim("coin.half").run()
    assert (row.verdict, 1e-6 < row.error_probability <= 1e-3) == ("VERIFIED", True)
    with pytest.raises(ValueError, match="error= is the chance of a wrong verdict"):
        claim(paper("Section 1"), error=1.0)


def test_settings_that_are_functions_stand_without_a_place_in_memory(repository):
    repository(
        {
            "test_shapes.py": """
import functools
import math
from theory_on_trial import claim, paper, published

def square(x):
    return x * x

class Shape:
    pass

@claim(paper("Section 1"), kind="identity", cases=[square, functools.partial(square), math.fabs, Shape()])
def test_even(trial, shape):
    'Even functions.'
    value = 4 if isinstance(shape, Shape) else shape(-2)
    trial.identity(value, value, ops=0, controls={"odd": -value})
    trial.settings[-1]["drawn"] = float(trial.generator("x").uniform())
"""
        }
    )
    row = claim("shapes.even").run()
    shapes = [settings["shape"] for settings in row.settings]
    assert shapes[0] == "test_shapes.square"
    assert not [text for text in shapes if " at 0x" in text]
    assert len({settings["drawn"] for settings in row.settings}) == 4
    assert " at 0x" not in str(facts(claim("shapes.even"), "node"))


def test_the_order_of_claims_is_that_of_their_files(repository, monkeypatch):
    text = """
from theory_on_trial import claim, derived

@claim(derived("made up"), kind="identity")
def test_{name}(trial):
    'Two is two.'
    trial.identity(2, 2, ops=0, controls={{"three": 3}})
"""
    root = repository(
        {
            "test_coin/__init__.py": '"""A coin."""\n',
            **{f"test_coin/test_{name}.py": text.format(name=name) for name in "abc"},
        }
    )
    monkeypatch.syspath_prepend(root)
    importlib.import_module("test_coin.test_c")
    assert [each.id for each in claims("coin")] == ["coin.a", "coin.b", "coin.c"]
