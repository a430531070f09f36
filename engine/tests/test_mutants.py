"""Mutants go by what stands in the file, and one that is drawn can be made again from its name."""

import ast
import random

import pytest

from theory_on_trial.audits import mutants


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "sims").mkdir()
    monkeypatch.setattr(mutants, "ROOT", tmp_path)
    return tmp_path / "sims"


def test_lines_go_by_their_function(folder):
    (folder / "shape.py").write_text(
        "TWO = 2\n\n\nclass Square:\n    sides = 4\n\n    def area(self, side):\n        return side**2\n"
    )
    assert mutants.places("sims/shape.py") == [
        "sims/shape.py: TWO = 2",
        "sims/shape.py: ",
        "sims/shape.py: ",
        "sims/shape.py::Square: class Square:",
        "sims/shape.py::Square: sides = 4",
        "sims/shape.py::Square: ",
        "sims/shape.py::Square.area: def area(self, side):",
        "sims/shape.py::Square.area: return side**2",
    ]


def test_a_name_stands_for_every_site_that_it_describes(folder):
    (folder / "sums.py").write_text("def both(x):\n    return (x + 1) * (1 - x) < 2.0\n")
    name = "sims/sums.py::both: return (x + 1) * (1 - x) < 2.0", "1 -> 0"
    assert [mutant.code.splitlines()[1].strip() for mutant in mutants.named(name)] == [
        "return (x + 0) * (1 - x) < 2.0",
        "return (x + 1) * (0 - x) < 2.0",
    ]
    assert len(mutants.draw("sims", mutants.FOUNDATION, 5, 0)) == 5
    every = mutants.draw("sims", mutants.FOUNDATION, 20, 0)  # there are no twenty
    assert {change for _, change in every} == {
        "(x + 1) * (1 - x) < 2.0 -> (x + 1) * (1 - x) <= 2.0",
        "(x + 1) * (1 - x) -> (x + 1) / (1 - x)",
        "x + 1 -> x - 1",
        "1 - x -> 1 + x",
        "1 -> 0",
        "1 -> 2",
        "2.0 -> 1.8",
        "2.0 -> 2.2",
    }


def test_refusals_and_annotations_are_left_alone(folder):
    source = "def half(x: 'Float[2]') -> 'Float[3]':\n    if x < 4:\n        raise ValueError(5)\n    return -x\n"
    assert [ast.unparse(site) for site in mutants.sites(ast.parse(source))] == ["-x"]


@pytest.mark.parametrize("paper", ["random_walk_pca", "mixup", mutants.FOUNDATION])
def test_what_is_drawn_can_be_made_from_its_name(paper):
    for seed in range(5):
        name = mutants.drawn("sims", paper, random.Random(seed))
        for mutant in mutants.named(name):
            source = (mutants.ROOT / mutant.file).read_text(encoding="utf-8")
            assert mutant.name == name
            assert mutant.code != ast.unparse(ast.parse(source))
            assert name[0].endswith(source.splitlines()[mutant.lines[0] - 1].strip()) or len(mutant.lines) > 1


def test_results_count_as_long_as_their_line_stands(folder, monkeypatch):
    (folder / "sums.py").write_text("def twice(x):\n    return 2 * x\n")
    trust = folder.parent / "trust"
    monkeypatch.setattr(mutants, "TRUST", trust)
    (trust / "mutants").mkdir(parents=True)
    stands, gone = "sims/sums.py::twice: return 2 * x", "sims/sums.py::twice: return x * 2"
    (trust / "mutants" / "sims.foundation.jsonl").write_text(
        "".join(
            f'{{"place": "{place}", "change": "2 -> 3", "noticed_by": "{who}"}}\n'
            for place, who in ((stands, "nobody"), (gone, "a test"), (stands, "another test"))
        )
    )
    assert mutants.results_on_file("sims", mutants.FOUNDATION) == {(stands, "2 -> 3"): "another test"}
