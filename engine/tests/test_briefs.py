"""A paper on one page: its sides stand apart, its settings have domains, what a row writes by hand
is derived.
"""

import re
import subprocess
import sys

import pytest

from theory_on_trial import claim, observed, predicted
from theory_on_trial.explore.attempt import attempt
from theory_on_trial.explore.draw import domains, ends, spread
from theory_on_trial.papers import lay_down, steps
from theory_on_trial.papers.row import Paper
from theory_on_trial.repository import outline, paper_of
from theory_on_trial.trial.sides import Crossing, crossings, marked

PAGE = '''
"""Squares."""
from typing import Annotated, Literal
import numpy as np
from theory_on_trial import claim, observed, derived, predicted
from theory_on_trial.contract import Interval
from helpers import twice
N = Annotated[int, Interval(1, 9, why="nine are enough")]
X = Annotated[float, Interval(0, 1, "(]")]
def setting(n): return np.arange(n + 1)
@predicted
def closed_form(n): return n * (n + 1) // 2
@observed
def summed(n): return setting(n).sum()
@observed
def handed(n, route): return route(n)
@claim(derived("Gauss"), kind="identity", cases=[3, 4])
def test_sum(trial, n: N):
    """The sum of 1 to n is n (n + 1) / 2."""
    trial.identity(int(summed(n)), closed_form(n), ops=0, controls={"n^2 / 2 + 1": n * n // 2 + 9})
@claim(derived("each is at most the last"), kind="bound", cases=[(2, 0.5, "up", (1, 2))])
def test_most(trial, n: N, x: X, way: Literal["up", "down"], sizes: tuple[N, ...]):
    """x times the sum stays below the sum."""
    value = closed_form(n) * np.linspace(0, x, 5 + len(way) + len(sizes))
    trial.bound(value, summed(n), instances="grid", ops=4, controls={"x times less": 0.5 * x * summed(n)})
'''
CONFIGURED = "testpaths = ['tests']\npythonpath = ['.', 'tests']\n"


@pytest.fixture
def page(repository):
    files = {"tests/test_squares.py": PAGE, "tests/helpers.py": "def twice(n): return 2 * n\n"}
    return repository(files, CONFIGURED) / "tests" / "test_squares.py"


def test_a_parameter_is_no_call_of_the_function_that_bears_its_name(page):
    page.write_text(
        PAGE.replace(
            "def summed(n): return setting(n).sum()", "def summed(closed_form): return closed_form"
        )
    )
    assert crossings(page) == []


def test_marks_are_read_without_running_the_file(page):
    assert marked(page) == {"closed_form": "predicted", "summed": "observed", "handed": "observed"}
    assert crossings(page) == []


MEETING = [  # what is replaced on the page, by what, and what is said of it
    (
        "return setting(n).sum()",
        "return closed_form(n)",
        r"summed \(observed\) reaches closed_form \(predicted\)",
    ),
    (
        "def setting(n): return",
        "def setting(n): return closed_form(n) *",
        r"summed \(observed\) reaches closed_form",
    ),
    ("int(summed(n))", "1", "test_sum reaches no function under @observed"),
    ("setting(n).sum()", "twice(n)", r"summed \(observed\) reaches closed_form \(predicted\)"),
    ("n: N, x: X", "n, x: X", "test_most: the setting n has no domain: annotate it"),
    ("n: N, x: X", "n: N, x: object", "test_most: the domain of x admits 'text'"),
]


def test_a_page_whose_sides_meet_is_an_error_at_collection_that_names_both(page):
    page.unlink()
    for number, (old, new, _) in enumerate(MEETING):
        assert old in PAGE
        text = PAGE.replace(old, new).replace("from helpers", f"from helpers_{number}")
        page.with_name(f"test_page_{number}.py").write_text(text)
        helper = "def twice(n): return 2 * n\n"
        if "twice" in new:  # through a module that it imports
            helper = (
                "def twice(n):\n"
                f"    from test_page_{number} import closed_form as f\n"
                "    return f(n)\n"
            )
        page.with_name(f"helpers_{number}.py").write_text(helper)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    assert process.returncode == 2, process.stdout
    parts = re.split(r"ERROR collecting tests/test_page_(\d)\.py", process.stdout)
    said = dict(zip(parts[1::2], parts[2::2], strict=True))
    assert sorted(said) == [str(number) for number in range(len(MEETING))], process.stdout
    for number, (_, _, sentence) in enumerate(MEETING):
        assert re.search(sentence, said[str(number)]), process.stdout


@pytest.mark.parametrize(
    ("twin", "lacking"), [("closed_form", ()), ("None", ("predicted", "observed"))]
)
def test_a_claim_that_is_proved_needs_one_side_and_not_none(page, twin, lacking):
    proof = """

@claim(derived("boxes"))
def test_grows(trial):
    trial.prove(lambda n: n, lambda n: n + 1, {"n": (0, 9)}, same_as=(TWIN, None))
"""
    page.write_text(PAGE + proof.replace("TWIN", twin))
    sentences = [f"test_grows reaches no function under @{side}" for side in lacking]
    assert crossings(page) == sentences


def test_a_side_that_another_module_marks_is_an_error_at_collection_too(page):
    helpers = (
        "from theory_on_trial import observed, predicted\n@observed\ndef twice(n): return 2 * n\n"
    )
    (page.parent / "helpers.py").write_text(helpers + "@predicted\ndef law(n): return n\n")
    page.write_text(
        PAGE.replace("def closed_form(n): return n", "def closed_form(n): return twice(n) // 2")
    )
    process = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", page], capture_output=True, text=True, check=False
    )
    assert "closed_form (predicted) reaches tests.helpers.twice (observed)" in process.stdout
    assert process.returncode == 2


def test_a_side_that_is_called_through_a_variable_is_seen_when_it_runs():
    theory = predicted(lambda n: n)
    simulation = observed(lambda n, route: route(n))
    assert simulation(3, lambda n: n + 1) == 4
    assert theory(3) == 3
    with pytest.raises(Crossing, match=r"\(observed\) reaches .* \(predicted\)"):
        simulation(3, theory)
    assert theory(3) == 3, "the mark of the call that failed is taken back"


def test_settings_are_tried_at_both_ends_in_ties_and_jointly(page):
    subject = claim("squares.most")
    assert list(domains(subject)) == ["n", "x", "way", "sizes"]
    smallest = 5e-324
    assert ends(subject) == [
        *({"n": 1}, {"n": 9}, {"x": smallest}, {"x": 1.0}, {"way": "up"}, {"way": "down"}),
        *({"sizes": (1, 1)}, {"sizes": (9, 9)}),
    ]
    draws = [chosen for chosen, _ in zip(spread(subject), range(300), strict=False)]
    assert draws == [chosen for chosen, _ in zip(spread(subject), range(300), strict=False)]
    assert {1, 9} <= {chosen["n"] for chosen in draws if "n" in chosen} <= set(range(1, 10))
    assert any(len(chosen) == 4 for chosen in draws)
    assert any(chosen.get("n") == chosen.get("x") == 1 for chosen in draws), "ties"
    assert any(chosen.get("n") == 3 for chosen in draws), "the neighbour of what the case gives"


def test_a_claim_that_fails_at_an_end_alone_is_found_there(page):
    page.write_text(PAGE.replace("return n * (n + 1) // 2", "return n * (n + 1) // 2 + (n == 9)"))
    subject = claim("squares.sum")
    outcomes = {str(chosen): attempt(subject, chosen).outcome for chosen in ends(subject)}
    assert outcomes == {"{'n': 1}": "as expected", "{'n': 9}": "wrong"}


def test_what_is_laid_down_passes_and_is_still_called_a_toy(repository):
    linted = "[tool.ruff]\nline-length = 100\nlint.select = ['E', 'F', 'I']\n"
    tmp_path = repository({"tests/conftest.py": ""}, CONFIGURED + linted)
    assert lay_down("uniform", tmp_path) == [laid := tmp_path / "tests" / "test_uniform.py"]
    assert paper_of(laid) == "uniform"
    with pytest.raises(ValueError, match=r"NAME must be new, and tests/test_uniform.py exists"):
        lay_down("uniform", tmp_path)
    paper = Paper("uniform", tmp_path)
    assert steps.on_one_page(paper)
    passing = [step for title, step in steps.ON_ONE_PAGE.items() if title != "no toy"]
    assert [sentence for step in passing for sentence in step(paper) or []] == []
    (sentence,) = steps.toy(paper)
    assert sentence.startswith(
        'tests/test_uniform.py still holds the toy: \'"""A toy: here stand the authors'
    )


def test_a_page_that_lacks_a_figure_or_a_paragraph_is_named(page):
    outline.by_paper.cache_clear()
    sentences = steps.form(Paper("squares", page.parents[1]))
    assert "test_squares.py has 0 figures, a page has 1 to 2" in sentences
    assert "the docstring of test_squares.py has no 'Derived here:'" in sentences
