"""Certificates of proofs: the checker, which shares no code with the prover, proves them again."""

import ast
import hashlib
import json
import math
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from theory_on_trial import balls, checker
from theory_on_trial.checker import Interval, Refused, check
from theory_on_trial.decide.certificates import NoCertificate, certificate
from theory_on_trial.decide.prover import prove

pytest_plugins = ["pytester"]

ROOT = (lambda t: balls.sqrt(1 + t), lambda t: 1 + t / 2, {"t": (0, 1)})
PROVED = {
    "touching roots": ROOT,
    "a rational function": (lambda x: x / (1 + x), lambda x: x, {"x": (0, 5)}),
    "two parameters": (
        lambda x, y: 2 * x * y,
        lambda x, y: x**2 + y**2 + 1,
        {"x": (-1, 1), "y": (-1, 1)},
    ),
    "exp": (lambda x: 1 + x, lambda x: balls.exp(x), {"x": (0, 1)}),
    "log": (lambda x: balls.log(1 + x), lambda x: x, {"x": (0, 1)}),
}


def written(lhs, rhs, box, tolerance=0.0):
    proof = prove(lhs, rhs, box, tolerance=tolerance)
    assert proof.outcome == "VERIFIED"
    return certificate("a test", lhs, rhs, box, tolerance, proof)


@pytest.fixture(scope="module")
def of_root():
    return written(*ROOT)


def forged(text, **changes):
    """A certificate with other fields, and the digest that fits them."""
    whole = {**json.loads(text), **changes}
    del whole["sha256"]
    plain = json.dumps(whole, sort_keys=True)
    whole["sha256"] = hashlib.sha256(plain.encode()).hexdigest()
    return json.dumps(whole, sort_keys=True) + "\n"


@pytest.mark.parametrize("name", PROVED)
def test_what_is_proved_checks(name):
    assert check(written(*PROVED[name])).startswith("a test: lhs <= rhs for all ")


@given(st.data())
def test_a_changed_byte_is_refused(of_root, data):
    place = data.draw(st.integers(0, len(of_root) - 1))
    other = data.draw(st.characters(max_codepoint=127).filter(lambda c: c != of_root[place]))
    with pytest.raises(Refused):
        check(of_root[:place] + other + of_root[place + 1 :])


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"sha256": 1}'])
def test_what_is_no_certificate(text):
    with pytest.raises(Refused):
        check(text)


def test_a_forged_certificate_of_something_false(of_root):
    steps = json.loads(of_root)["steps"]
    lower = [["number", "3/2"] if step == ["number", "2"] else step for step in steps]
    assert check(forged(of_root, steps=lower))  # 1 + 2 t / 3 is above the root, too
    higher = [["number", "3"] if step == ["number", "2"] else step for step in steps]
    assert higher != steps
    with pytest.raises(Refused, match="is not shown"):
        check(forged(of_root, steps=higher, pieces="shown"))


@pytest.mark.parametrize(
    "changes",
    [
        {"pieces": ["t", "2", "shown", "shown"]},
        {"pieces": ["t", "1/2", "shown"]},
        {"pieces": ["s", "1/2", "shown", "shown"]},
        {"pieces": "believed"},
        {"steps": []},
        {"steps": [["parameter", "t"], ["^", 0, -1]]},
        {"steps": [["parameter", "t"], ["gamma", 0]]},
        {"box": {}},
        {"box": {"t": ["1", "0"]}},
        {"box": {"t": ["0", "inf"]}},
    ],
)
def test_a_forged_certificate_that_is_none(of_root, changes):
    assert check(forged(of_root)) == check(of_root)
    with pytest.raises(Refused):
        check(forged(of_root, **changes))


NUMBER = st.fractions(Fraction(1, 1000), 50, max_denominator=1000)


@given(NUMBER)
def test_functions_are_enclosed(q):
    from flint import arb, ctx, fmpq

    ctx.prec = 300
    for name in ("exp", "log", "sqrt"):
        true = getattr(arb(fmpq(q.numerator, q.denominator)), name)()
        found = getattr(checker, name)(q)
        low, high = (arb(fmpq(end.numerator, end.denominator)) for end in (found.low, found.high))
        assert not low > true
        assert not high < true
        assert float(found.high - found.low) <= 1e-25 * (1 + abs(float(true)))


@given(st.fractions(), st.fractions(), st.fractions(), st.fractions())
def test_arithmetic_encloses(a, b, c, d):
    one = Interval(min(a, b), max(a, b))
    other = Interval(min(c, d), max(c, d))
    for x in (a, b, (a + b) / 2):
        for y in (c, d):
            for found, true in ((one + other, x + y), (one * other, x * y)):
                assert found.low <= true <= found.high
        assert one.power(2).low <= x**2 <= one.power(2).high
        assert one.power(3).low <= x**3 <= one.power(3).high


@pytest.mark.parametrize(
    ("lhs", "box"),
    [
        (lambda x: balls.sin(x) - 2, {"x": (0, 1)}),
        (lambda x: balls.sqrt(2) * x - 2, {"x": (0, 1)}),
        (lambda x: balls.pi(x) * x - 4, {"x": (0, 1)}),
        (lambda x: balls.exp(-50) * x - 4, {"x": (0, 1)}),
        (lambda x: balls.total(lambda k: 1 / k, 1, 5) * x - 4, {"x": (0, 1)}),
        (lambda x: balls.total(lambda k: 1 / k, 1, 5) - 4, {"x": (0, 1)}),
        (lambda x: x - 4, {"x": range(3)}),
    ],
)
def test_formulas_without_a_certificate(lhs, box):
    def rhs(x):
        return x**2

    proof = prove(lhs, rhs, box)
    assert proof.outcome == "VERIFIED"
    with pytest.raises(NoCertificate):
        certificate("a test", lhs, rhs, box, 0.0, proof)


def test_the_checker_is_a_short_file_of_its_own():
    text = Path(checker.__file__).read_text(encoding="utf-8")
    assert sum(bool(line.strip()) for line in text.splitlines()) <= 200
    imported = {
        name
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in [getattr(node, "module", None) or node.names[0].name]
    }
    assert imported == {"fractions", "hashlib", "json", "math", "sys", "typing"}
    assert math.isfinite(checker.BITS)


def test_a_run_writes_what_the_command_checks(pytester):
    pytester.makepyfile(
        """
        from theory_on_trial import balls


        def test_root(trial):
            trial.prove(lambda t: balls.sqrt(1 + t), lambda t: 1 + t / 2, {"t": (0, 1)})
        """
    )
    pytester.runpytest("--trial-proofs", "proofs").assert_outcomes(passed=1)
    (file,) = (pytester.path / "proofs").iterdir()
    command = [sys.executable, "-m", "theory_on_trial.checker", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "lhs <= rhs for all t in [0, 1]" in done.stdout
    file.write_text(file.read_text().replace("1/2", "1/4"))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "changed" in done.stderr
