"""Proofs by enclosure: what is proved is true, what is false is refuted where it is false."""

import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theory_on_trial import Trial, balls
from theory_on_trial.decide.prover import prove, prove_identity
from theory_on_trial.polynomials import Polynomial
from theory_on_trial.trial.hints import explain
from theory_on_trial.trial.plain import failure, passed

FUNCTIONS = ("exp", "expm1", "sin", "cos", "tan", "sinh", "cosh", "tanh", "asinh", "atan", "erf")
POSITIVE = ("log", "log1p", "sqrt", "lgamma")


@pytest.mark.parametrize("name", [*FUNCTIONS, *POSITIVE, "asin", "acos", "erfc"])
@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_balls_contain_values_and_taylor_coefficients(name, data):
    lowest, highest = {"asin": (-0.9, 0.9), "acos": (-0.9, 0.9)}.get(name, (-3, 3))
    if name in POSITIVE:
        lowest = 0.3
        highest = 4
    low = data.draw(st.floats(lowest, highest))
    high = data.draw(st.floats(low, min(low + 0.3, highest)))
    x = data.draw(st.floats(low, high))
    if name == "tan" and math.floor(low / math.pi + 0.5) != math.floor(high / math.pi + 0.5):
        return
    ball = balls.Ball.of([balls.enclosed(low).union(balls.enclosed(high)), 1], 3)
    found = getattr(balls, name)(ball)
    function = {"lgamma": mpmath.loggamma}.get(name) or getattr(mpmath, name)
    with mpmath.workdps(40):
        wanted = mpmath.taylor(function, mpmath.mpf(x), 3)
    for k in range(4):
        coefficient = found.coefficient(k)
        if coefficient.is_finite():
            rounding = 1e-12 * max(1.0, abs(float(wanted[k])))  # of mpmath's derivative
            assert float(coefficient.lower()) <= float(wanted[k]) + rounding
            assert float(coefficient.upper()) >= float(wanted[k]) - rounding


@given(
    st.lists(st.floats(-3, 3), min_size=1, max_size=4),
    st.floats(-2, 2),
    st.floats(1e-3, 2),
    st.integers(-4, 5),
)
@settings(max_examples=100, deadline=None)
def test_arithmetic_of_balls(coefficients, low, width, power):
    def formula(x):
        return sum(c * x**k for k, c in enumerate(coefficients)) / (1 + x * x) - abs(x) * 2

    high = low + width
    x = low + width / 3
    ball = balls.Ball.of([balls.enclosed(low).union(balls.enclosed(high)), 1], 2)
    found = formula(ball).value
    rounding = 1e-9 * (1 + sum(map(abs, coefficients)))
    assert float(found.lower()) - rounding <= formula(x) <= float(found.upper()) + rounding
    if low > 1e-3 or power >= 0:
        raised = (ball**power).value
        rounding = 1e-12 * max(1.0, abs(x**power))
        assert float(raised.lower()) - rounding <= x**power <= float(raised.upper()) + rounding


@pytest.mark.parametrize(
    ("lhs", "rhs", "box"),
    [
        (lambda x: 1 - balls.exp(-x), lambda x: x, {"x": (0, 50)}),
        (lambda x: balls.tanh(x), lambda x: x, {"x": (0, 50)}),
        (lambda x: balls.log1p(x), lambda x: x / balls.sqrt(1 + x), {"x": (0, 1000)}),
        (lambda x: 0.0, lambda x: 1e-3 + (x - 0.37) ** 2, {"x": (0, 1)}),
        (lambda x, n: 1 + n * x, lambda x, n: (1 + x) ** n, {"x": (0, 10), "n": range(2, 9)}),
        (lambda x: x, lambda x: x / 2 + Fraction(1, 4), {"x": (0, 0.5)}),
        (lambda x: balls.cos(x), lambda x: 1.0, {"x": (0, 6)}),
    ],
)
def test_true_inequalities_are_proved_also_where_the_sides_touch(lhs, rhs, box):
    proof = prove(lhs, rhs, box)
    assert proof.outcome == "VERIFIED"
    assert proof.where is None
    assert proof.used


def test_touching_to_third_order_is_proved_to_rounding():
    """Pinsker's inequality for a coin: t²/2 <= ((1 + t) log(1 + t) + (1 - t) log(1 - t)) / 2."""

    def divergence(t):
        return ((1 + t) * balls.log(1 + t) + (1 - t) * balls.log(1 - t)) / 2

    proof = prove(lambda t: t**2 / 2, divergence, {"t": (-0.99, 0.99)}, tolerance=1e-15)
    assert proof.outcome == "VERIFIED"
    sharper = prove(lambda t: 0.505 * t**2, divergence, {"t": (-0.99, 0.99)}, tolerance=1e-15)
    assert sharper.outcome == "REFUTED"
    low, high = sharper.where["t"]
    middle = (low + high) / 2
    assert divergence(middle) < 0.505 * middle**2


def test_touching_inside_the_box_needs_a_tolerance_and_says_so():
    def lhs(x, y):
        return x * y

    def rhs(x, y):
        return (x**2 + y**2) / 2

    box = {"x": (-1, 1), "y": (-1, 1)}
    proof = prove(lhs, rhs, box, most_boxes=300)
    assert proof.outcome == "INCONCLUSIVE"
    assert "tolerance" in proof.why
    assert prove(lhs, rhs, box, tolerance=1e-2).outcome == "VERIFIED"


def test_a_thousand_random_inequalities_whose_truth_is_known():
    """p + c >= 0 on [-1, 1] is true iff c >= -min p; the minimum is from the roots of p'."""
    generator = np.random.default_rng(7)
    wrong = proved = refuted = 0
    for _ in range(1000):
        coefficients = generator.normal(size=generator.integers(2, 7))
        polynomial = np.polynomial.Polynomial(coefficients)
        roots = polynomial.deriv().roots()
        candidates = [-1.0, 1.0, *(r.real for r in roots if abs(r.imag) < 1e-9 and abs(r) < 1)]
        least = min(polynomial(x) for x in candidates)
        truth = bool(generator.integers(2))
        gap = float(10.0 ** generator.uniform(-8, 0))
        shift = -least + (gap if truth else -gap)

        def formula(x, coefficients=coefficients, shift=shift):
            total = Fraction(shift) + 0 * x
            for k, c in enumerate(coefficients):
                total = total + Fraction(c) * x**k
            return total

        proof = prove(lambda x: 0.0, formula, {"x": (-1, 1)}, most_boxes=3000)
        proved += proof.outcome == "VERIFIED"
        refuted += proof.outcome == "REFUTED"
        wrong += proof.outcome == ("REFUTED" if truth else "VERIFIED")
    assert wrong == 0
    assert proved > 400
    assert refuted > 400


UNARY = (*FUNCTIONS, *POSITIVE, "asin", "acos", "erfc", "absolute")


def random_formula(generator, depth, names):
    """A formula of the parameters, from every function and operator that balls have."""
    if depth == 0 or generator.random() < 0.15:
        name = str(generator.choice(names))
        constant = float(generator.normal() * 2)
        exact = Fraction(constant)
        return (lambda v: v[name]) if generator.random() < 0.7 else (lambda v: exact)
    a = random_formula(generator, depth - 1, names)
    b = random_formula(generator, depth - 1, names)
    function = getattr(balls, str(generator.choice(UNARY)))
    power = int(generator.integers(-2, 4))
    made = [
        lambda v: function(a(v)),
        lambda v: function(a(v)),
        lambda v: function(a(v)),
        lambda v: a(v) + b(v),
        lambda v: a(v) - b(v),
        lambda v: a(v) * b(v),
        lambda v: a(v) / b(v),
        lambda v: balls.maximum(a(v), b(v)),
        lambda v: balls.minimum(a(v), b(v)),
        lambda v: a(v) ** power,
    ]
    return made[generator.integers(len(made))]


def outcome_of_a_false_one(formula, more, box):
    """What becomes of f >= more, which is false at one point; its box is one where it is false."""
    proof = prove(lambda **v: Fraction(more), lambda **v: formula(v), box, most_boxes=20)
    if proof.outcome == "REFUTED":
        middle = {name: (low + high) / 2 for name, (low, high) in proof.where.items()}
        assert float(formula(middle)) < more + 1e-9 * max(1.0, abs(more))
    return proof.outcome


def outcome_of_a_true_one(formula, value, more, box):
    """What becomes of (f - value)^2 >= value - more, which is below 0."""

    def square(**v):
        return (formula(v) - Fraction(value)) ** 2 + 0 * next(iter(v.values()))

    return prove(lambda **v: Fraction(value - more), square, box, most_boxes=20).outcome


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_random_formulas_of_several_parameters_whose_truth_is_known():
    """f >= f(x) + e is false at x, and (f - f(x))^2 >= -e is true: with poles, corners, cuts."""
    generator = np.random.default_rng(78)
    false: list[str] = []
    true: list[str] = []
    while len(false) < 1000:
        names = ["x", "y", "z"][: generator.integers(1, 4)]
        formula = random_formula(generator, int(generator.integers(1, 5)), names)
        low = generator.uniform(-2, 2, len(names))
        high = low + 10.0 ** generator.uniform(-3, 0.6, len(names))
        point = dict(zip(names, map(float, generator.uniform(low, high)), strict=True))
        try:
            value = float(formula(point))
        except ZeroDivisionError:
            continue
        if not abs(value) < 1e8:  # no value there, or one that floats do not know to 1e-6
            continue
        box = dict(zip(names, zip(map(float, low), map(float, high), strict=True), strict=True))
        more = value + 10.0 ** generator.uniform(-6, -1) * max(1.0, abs(value))
        false.append(outcome_of_a_false_one(formula, more, box))
        true.append(outcome_of_a_true_one(formula, value, more, box))
    assert "VERIFIED" not in false
    assert "REFUTED" not in true
    assert false.count("REFUTED") > 800
    assert true.count("VERIFIED") > 700


@pytest.mark.parametrize(
    "formula",
    [
        lambda n: n * (1 / n),
        lambda n: (n + 1) / n - 1 / n,
        lambda n: (n * 0.1 - n * Fraction(0.1)) + 1,
        lambda n: n**0.5 * n**-0.5,
        lambda n: 2**-n * 2**n,
    ],
)
def test_integers_are_not_rounded_in_quotients_and_products_with_floats(formula):
    """All of these are 1; on floats 49 * (1 / 49) is less, so that a true statement was refuted."""
    for lhs, rhs in [(formula, lambda n: 1), (lambda n: 1, formula)]:
        box = {"n": [3, 7, 10, 49]}
        assert prove(lhs, rhs, box).outcome != "REFUTED"
        assert prove(lhs, rhs, box, tolerance=1e-25).outcome == "VERIFIED"


def test_integers_still_count_and_may_be_larger_than_floats():
    box = {"n": range(60)}
    assert prove(lambda n: math.comb(2 * n, n), lambda n: 4**n, box).outcome == "VERIFIED"
    assert prove(lambda n: sum(range(n)), lambda n: n * (n - 1) // 2, box).outcome == "VERIFIED"
    assert prove(lambda n: 2**n, lambda n: 3**n, {"n": [0, 5000]}).outcome == "VERIFIED"


@pytest.mark.parametrize(
    "formula", [lambda x: math.nan * x, lambda x: math.nan, lambda x: math.inf - math.inf * (x + 1)]
)
def test_what_is_no_number_is_never_proved_nor_refuted(formula):
    with pytest.raises(TypeError, match=r"a proof does not round, and the float (nan|inf)"):
        prove(lambda x: 0.0, formula, {"x": (0, 1)}, most_boxes=50)


@pytest.mark.parametrize(
    ("formula", "box"),
    [
        (lambda x: balls.log(x) + 100, (-1, 1)),
        (lambda x: balls.asin(x) + 10, (0, 1.5)),
        (lambda x: balls.lgamma(x) + 10, (-1.5, 1)),
        (lambda x: 1 / balls.tan(x) + 1e300, (0, 3)),
        (lambda x: x * balls.log(x) + 1, (0, 1)),  # no value at 0, though a limit
        (lambda x: balls.absolute(x) ** -1, (-1, 1)),
    ],
)
def test_beyond_a_branch_point_or_at_a_pole_nothing_is_proved(formula, box):
    proof = prove(lambda x: 0.0, formula, {"x": box}, most_boxes=3000)
    assert proof.outcome != "VERIFIED"
    assert proof.outcome == "REFUTED" or "no finite" in proof.why


@pytest.mark.parametrize(
    "side", [lambda x: x**2.0, lambda x: x**0.5, lambda x: x**-1.0, lambda x: x ** Fraction(1, 3)]
)
def test_powers_that_are_floats_are_those_of_floats(side):
    assert prove(lambda x: 0.02, side, {"x": (0.31, 1)}).outcome == "VERIFIED"


COMPUTED = math.exp(-50) + 1
"""It is 1, although 1 + e^-50 is more."""


@pytest.mark.parametrize(
    ("lhs", "rhs", "box"),
    [
        # 1 + e^-n <= 1, 1 + 1/n! <= 1 and (10^16 + n/2) - 10^16 <= 0 are false for all n >= 1.
        (lambda n: 1 + np.exp(-n), lambda n: 1, {"n": [40, 50]}),
        (lambda n: 1 + math.exp(-n), lambda n: 1, {"n": [40, 800]}),
        (lambda n: 1 + math.exp(-int(n)), lambda n: 1, {"n": [50]}),
        (lambda n: 1 + math.e**-n, lambda n: 1, {"n": [50]}),
        (lambda n: 1 + 1 / math.factorial(n), lambda n: 1, {"n": [20]}),
        (lambda n: 1 + 1 / math.factorial(n), lambda n: 1, {"n": [200]}),
        (lambda n: 1 + 0 * n + 1 / math.factorial(int(n)), lambda n: 1, {"n": [30]}),
        (lambda n: (1e16 + int(n) / 2) - 1e16, lambda n: 0, {"n": [1]}),
        (lambda n: 1 + sum(1 / k**40 for k in range(3, n + 1)), lambda n: 1, {"n": [5]}),
        (lambda n: np.float64(1) + np.float64(0.5) ** int(n), lambda n: 1, {"n": [60]}),
        (lambda n: n * np.int64(2) ** 62, lambda n: 0, {"n": [2]}),
        (lambda n: 1 / 3 * n, lambda n: Fraction(1, 3) * n, {"n": [3]}),
        (lambda n: COMPUTED, lambda n: 1, {"n": [3]}),
        (lambda x: x + 1 + math.exp(-50), lambda x: x + 1, {"x": (0, 1)}),
        (lambda x: x * 0 + float(np.pi), lambda x: balls.pi(x), {"x": (0, 1)}),
        (lambda x: x * 0.1234567890123, lambda x: x, {"x": (0, 1)}),
    ],
)
def test_a_rounded_number_is_refused_with_the_exact_form(lhs, rhs, box):
    with pytest.raises(TypeError, match=r"(Fraction\(1, 3\)|Fraction\(\d+, \d+\)|balls\.exp)"):
        prove(lhs, rhs, box)


@pytest.mark.parametrize(
    ("lhs", "rhs", "n"),
    [
        (lambda n: 1 + balls.exp(-n), lambda n: 1, [40, 50]),
        (lambda n: 1 + Fraction(1, math.factorial(n)), lambda n: 1, [20, 200]),
        (lambda n: 1 + 0.3**n, lambda n: 1, [60, 100]),
        (lambda n: (1e16 + n / 2) - 1e16, lambda n: 0, [1]),
        (lambda n: (1e16 + 0.5 * n) - 1e16, lambda n: 0, [1]),
        (lambda n: 1 + balls.total(lambda k: 1 / k**40, 3, n), lambda n: 1, [5]),
    ],
)
def test_false_statements_about_tiny_terms_are_refuted(lhs, rhs, n):
    assert prove(lhs, rhs, {"n": n}, bits=2000).outcome == "REFUTED"
    assert prove(rhs, lhs, {"n": n}, bits=2000).outcome == "VERIFIED"


def test_sums_over_whole_numbers_are_exact():
    """1 + 1/2 + … + 1/n > log n + Euler's constant, which mpmath knows to fifty digits."""
    with mpmath.workdps(50):
        gamma = Fraction(int(mpmath.euler * 10**40), 10**40)

    def harmonic(n):
        return balls.total(lambda k: 1 / k, 1, n)

    box = {"n": range(1, 60)}
    assert prove(lambda n: balls.log(n) + gamma, harmonic, box).outcome == "VERIFIED"
    assert prove(harmonic, lambda n: balls.log(n) + gamma, box).outcome == "REFUTED"
    assert harmonic(4) == pytest.approx(25 / 12)
    assert balls.total(lambda k: k, 3, 2) == 0


def test_integer_parameters_count_choose_and_compare():
    def entries(n):
        pascal = [1, 3, 3, 1]
        assert isinstance(math.comb(3, n), int)
        assert (n == int(n), n < 4, hash(n) == hash(int(n)), -n <= 0, abs(-n) == n) == (True,) * 5
        return pascal[n] + (n if n > 1 else 0) + {0: 0, 1: 1}.get(n, 0) - n

    box = {"n": range(4)}
    assert prove(entries, lambda n: math.comb(3, n), box).outcome == "VERIFIED"
    assert prove(lambda n: math.comb(3, n), entries, box).outcome == "VERIFIED"
    assert prove(lambda n: n % 3 + n // 3, lambda n: Fraction(n, 1), box).outcome == "VERIFIED"


def test_a_function_of_numpy_is_told_with_what_serves():
    with pytest.raises(TypeError, match=r"such as balls\.exp, and none of NumPy"):
        prove(lambda x: 0.0, lambda x: np.exp(x), {"x": (0, 1)})


@pytest.mark.parametrize(
    ("name", "formula", "box"),
    [
        ("a spike 1e-6 wide", lambda x: (x - 0.37) ** 2 + 1e-3 - 2e-3 * balls.exp(-1e12 * (x - 0.37) ** 2), (0, 1)),
        ("a pole", lambda x: 1 / x, (-1, 1)),
        ("cancellation", lambda x: (1 + x) - 1 - x - 1e-25, (1e-20, 1e-19)),
        ("far end", lambda x: 1e6 - x, (0, 1000001)),
        ("a corner", lambda x: balls.absolute(x - 0.5) - 1e-6, (0, 1)),
    ],
)  # fmt: skip
def test_false_inequalities_are_refuted_on_a_box_where_they_are_false(name, formula, box):
    proof = prove(lambda x: 0.0, formula, {"x": box})
    assert proof.outcome == "REFUTED", name
    low, high = proof.where["x"]
    assert box[0] <= low <= high <= box[1]
    with mpmath.workdps(60):
        middle = mpmath.mpf(low) / 2 + mpmath.mpf(high) / 2
        exact = {
            "a spike 1e-6 wide": lambda x: (
                (x - mpmath.mpf(0.37)) ** 2
                + mpmath.mpf(1e-3)
                - mpmath.mpf(2e-3) * mpmath.exp(-mpmath.mpf(1e12) * (x - mpmath.mpf(0.37)) ** 2)
            ),
            "a pole": lambda x: 1 / x,
            "cancellation": lambda x: -mpmath.mpf(1e-25),
            "far end": lambda x: 1e6 - x,
            "a corner": lambda x: abs(x - 0.5) - mpmath.mpf(1e-6),
        }[name]
        assert exact(middle) < 0


@pytest.mark.parametrize(
    "formula",
    [
        lambda x: balls.log(x - 1e-3),  # no value on a part of the box
        lambda x: balls.sqrt(x - 0.5) + 1,
        lambda x: 1 / (x - 0.25) ** 2 + 1,  # a pole that is positive on either side
    ],
)
def test_where_the_formula_has_no_value_nothing_is_proved(formula):
    proof = prove(lambda x: -100.0, formula, {"x": (0, 1)}, most_boxes=500)
    assert proof.outcome != "VERIFIED"


@pytest.mark.parametrize("n", [2, 3, 5, 6, 7, 8, 10])
def test_functions_of_plain_numbers_are_enclosed_and_not_rounded(n):
    """On floats one of sqrt(n)² <= n and n <= sqrt(n)² is false by a rounding, and 3.14159… is no π."""
    for lhs, rhs in [
        (lambda k: balls.sqrt(k) ** 2, lambda k: k),
        (lambda k: k, lambda k: balls.sqrt(k) ** 2),
        (lambda k: balls.sin(balls.pi(k)), lambda k: 0),
        (lambda k: 0, lambda k: balls.sin(balls.pi(k))),
    ]:
        assert prove(lhs, rhs, {"k": [n]}).outcome == "INCONCLUSIVE"
        assert prove(lhs, rhs, {"k": [n]}, tolerance=1e-25).outcome == "VERIFIED"


def test_a_formula_that_branches_is_refused():
    with pytest.raises(TypeError, match="must not compare"):
        prove(lambda x: 0.0, lambda x: x if x > 0 else -x, {"x": (-1, 1)})


@pytest.mark.parametrize(
    ("box", "options", "sentence"),
    [
        ({}, {}, "box names no parameter"),
        ({"x": (0, math.inf)}, {}, "box x must be finite"),
        ({"x": (1, 0)}, {}, "box x must have low <= high"),
        ({"x": [0.5]}, {}, "box x must list integers"),
        ({"x": 3}, {}, r"box x must be \(low, high\)"),
        ({"x": (0, 1)}, {"tolerance": -1}, "tolerance must be a finite number >= 0"),
        ({"x": (0, 1)}, {"bits": 10}, "bits must be at least 64"),
    ],
)
def test_bad_input_is_one_sentence(box, options, sentence):
    with pytest.raises(ValueError, match=sentence):
        prove(lambda x: 0.0, lambda x: x, box, **options)


def sum_of_cubes(n):
    return balls.total(lambda k: k**3, 1, n)


def test_polynomial_identities_are_proved_and_false_ones_refuted():
    def squared(n):
        return (n * (n + 1) / 2) ** 2

    assert prove_identity(sum_of_cubes, squared, {"n": 4}).outcome == "VERIFIED"

    def nearly(n):  # agrees at 1, 2, 3 and 4
        return squared(n) + (n - 1) * (n - 2) * (n - 3) * (n - 4)

    proof = prove_identity(sum_of_cubes, nearly, {"n": 4})
    assert proof.outcome == "REFUTED"
    assert proof.where == {"n": (5.0, 5.0)}


def test_a_degree_that_is_too_low_is_found():
    def nearly(n):
        return n**2 + (n - 1) * (n - 2) * (n - 3)

    with pytest.raises(ValueError, match="no polynomial of degree 2 in n"):
        prove_identity(lambda n: n**2, nearly, {"n": 2})


@pytest.mark.parametrize("side", [lambda n: n * 0.5, lambda n: n**0.5, lambda n: np.float64(2) * n])
def test_floats_are_no_exact_arithmetic(side):
    with pytest.raises(ValueError, match="fractions and integers alone"):
        prove_identity(side, lambda n: n / 2, {"n": 1})


@pytest.mark.parametrize(
    "side",
    [
        lambda n: abs(100 - n),
        lambda n: 100 - n % 1000,
        lambda n: 100 - min(n, 50),
        lambda n: 100 - n if n < 50 else 0,
        lambda n: 100 - int(n),
        lambda n: sum(1 for _ in range(100 - n)),
        lambda n: 100 - n // 1,
        lambda n: {1: 99, 2: 98}[n],
    ],
)
def test_sides_that_branch_are_no_polynomials(side):
    """All are 100 - n at the small whole numbers that a grid has, and not beyond."""
    with pytest.raises((ValueError, TypeError)):
        prove_identity(side, lambda n: 100 - n, {"n": 1})


def test_the_degree_is_counted():
    """x + (x - 1) … (x - 40) is x at 40 whole numbers, whatever is stated of its degree."""

    def agrees(x):
        return x + math.prod(x - k for k in range(1, 41))

    for degree in (1, 5, 38):
        with pytest.raises(ValueError, match=f"no polynomial of degree {degree} in x"):
            prove_identity(agrees, lambda x: x, {"x": degree})
    proof = prove_identity(agrees, lambda x: x, {"x": 40})
    assert (proof.outcome, proof.where) == ("REFUTED", {"x": (41.0, 41.0)})


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (lambda x, y: (x + y) ** 3, lambda x, y: x**3 + 3 * x * y * (x + y) + y**3),
        (lambda x, y: (x - y) * (x + y) / 3, lambda x, y: Fraction(1, 3) * (x**2 - y**2)),
        (lambda x, y: 2 - x + y - 2, lambda x, y: y - x),
    ],
)
def test_products_that_cancel_are_equal(left, right):
    degrees = {"x": 3, "y": 3}
    assert prove_identity(left, right, degrees).outcome == "VERIFIED"
    off = prove_identity(left, lambda x, y: right(x, y) + 1, degrees)
    assert off.outcome == "REFUTED"


@pytest.mark.parametrize("power", range(7))
def test_sums_of_powers_have_the_values_of_the_sums(power):
    found = balls.total(lambda k: k**power, 1, Polynomial.parameter("n"))
    for n in range(9):
        assert found.at({"n": n}) == sum(Fraction(k) ** power for k in range(1, n + 1))


def test_sums_whose_terms_and_ends_hold_parameters():
    n, m = (Polynomial.parameter(name) for name in "nm")
    found = balls.total(lambda i: balls.total(lambda j: i * j + m, i, n), 2, n + 1)
    for a, b in [(2, 5), (3, 0), (7, -2)]:
        # The outer sum ends where the inner one is empty.
        wanted = sum(i * j + b for i in range(2, a + 2) for j in range(i, a + 1))
        assert found.at({"n": a, "m": b}) == wanted


@pytest.mark.parametrize("values", [(math.nan, 1.0), (1.0, math.nan), (math.nan, math.nan)])
def test_a_twin_that_is_no_number_is_told(values):
    twin = iter(values * 100)
    with pytest.raises(ValueError, match=r"another one: .*nan"):
        Trial("prover.nan").prove(
            lambda x: x * 0 + next(twin) if isinstance(x, float) else x,
            lambda x: x + 1,
            {"x": (0, 1)},
            same_as=(lambda x: next(twin), None),
        )


def test_a_trial_records_a_proof_with_its_control():
    trial = Trial("prover.tanh")
    trial.prove(
        lambda x: balls.tanh(x),
        lambda x: x,
        {"x": (0, 20)},
        controls={"slope 0.99": lambda x: 0.99 * x},
        same_as=(np.tanh, None),
    )
    (finding,) = trial.findings
    assert finding.outcome == "VERIFIED"
    assert finding.interval.guarantee == "proved"
    assert finding.note.startswith("proved for all `x` in [0, 20]")
    assert [control.outcome for control in finding.controls] == ["REFUTED"]


def test_a_formula_that_has_drifted_from_its_theory_is_told():
    with pytest.raises(ValueError, match="the formula that is proved for lhs is another one"):
        Trial("prover.drift").prove(
            lambda x: balls.tanh(x), lambda x: x, {"x": (0, 2)}, same_as=(np.sin, None), controls={}
        )


def test_a_trial_records_an_identity_with_its_control():
    trial = Trial("prover.cubes")
    trial.prove_identity(
        sum_of_cubes,
        lambda n: (n * (n + 1) / 2) ** 2,
        {"n": 4},
        controls={"n (n + 1) / 2": lambda n: n * (n + 1) / 2},
    )
    (finding,) = trial.findings
    assert finding.outcome == "VERIFIED"
    assert finding.note == "proved for all `n`: 3 coefficients that agree"
    assert [control.outcome for control in finding.controls] == ["REFUTED"]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (range(2, 21), "`n` in {2, …, 20}"),
        ([2, 3, 5, 10, 100], "`n` in {2, 3, 5, 10, 100}"),
        ([7], "`n` in {7}"),
    ],
)
def test_the_note_does_not_claim_integers_that_were_left_out(values, words):
    trial = Trial("prover.integers")
    trial.prove(lambda n: n, lambda n: n + 1, {"n": values}, controls={"n - 1": lambda n: n - 1})
    (finding,) = trial.findings
    assert finding.note.startswith(f"proved for all {words}: ")


def test_a_refuted_control_shows_how_tight_the_bound_is():
    """The sides touch at 0, which no middle of a box comes near; the control is refuted near it."""
    trial = Trial("prover.tight")
    trial.prove(
        lambda x: x * (3 - x) ** 2 / 4,
        lambda x: 2.25 * x,
        {"x": (0, 1)},
        controls={"1 % less": lambda x: 0.99 * 2.25 * x},
    )
    (finding,) = trial.findings
    assert finding.tightness > 0.99
    assert finding.resolution.size < 0.01


def test_a_control_of_other_parameters_is_told():
    with explain(), pytest.raises(TypeError, match="unexpected keyword argument"):
        Trial("prover.names").prove(
            lambda x: x, lambda x: x + 1, {"x": (0, 1)}, controls={"other": lambda y: y}
        )
    with pytest.raises(TypeError, match="control 'a number' must be a function of the parameters"):  # noqa: SIM117
        with explain():
            Trial("prover.number").prove(
                lambda x: x, lambda x: x + 1, {"x": (0, 1)}, controls={"a number": 0.5}
            )


def test_a_plain_test_says_where_an_inequality_is_false_open_or_proved():
    def found(lhs, rhs, **options):
        trial = Trial("prover.plain")
        trial.prove(lhs, rhs, {"x": (0, 20)}, **options)
        return trial.findings[0]

    tanh = balls.tanh
    assert passed(found(tanh, lambda x: x)).startswith("prove: proved for all `x` in [0, 20]: ")
    assert "(false at x in [" in failure(found(lambda x: x, tanh))
    touching = found(lambda x: x, lambda x: x * x / 4 + 1, most_boxes=40)
    assert "(not proved at x in [" in failure(touching)
    assert "40 boxes" in failure(touching)
