"""Mutants go by what stands in the file, are judged by the paper's tests and claims, and are judged
once.
"""

import ast
import json
import random

import pytest

from audits import mutants
from theory_on_trial.repository import outline, records
from theory_on_trial.testing.layout import lay_out

FILES = {
    "pyproject.toml": "[tool.pytest.ini_options]\ntestpaths = ['paper_checks']\npythonpath = "
    "['shared']\n",
    "theory/__init__.py": "",
    "theory/rolls.py": (
        '"""Rolls."""\n\n\ndef mean(sides: int) -> float:\n    return (sides + 1) / 2\n\n\n'
        "def unused(x: float) -> float:\n    return 3 * x\n"
    ),
    "sims/__init__.py": "",
    "sims/rolls/__init__.py": "",
    "sims/rolls/walls.py": "def walls(x):\n    return x\n",
    "tests/test_rolls.py": "from theory.rolls import mean\ndef test_two():\n    assert mean(2) == "
    "1.5\n",
    "paper_checks/test_rolls.py": (
        '"""Rolls."""\n'
        "from theory import rolls\n"
        "from theory_on_trial import claim, paper\n\n\n"
        '@claim(paper("1"), kind="identity")\n'
        "def test_mean(trial):\n"
        '    """The mean of six sides is 3.5."""\n'
        '    trial.identity(3.5, rolls.mean(6), ops=4, controls={"three": 3.0})\n'
    ),
    "shared/tools/__init__.py": "",
    "shared/tools/sums.py": "def both(x):\n    return (x + 1) * (1 - x) < 2.0\n",
    "shared/tests/test_sums.py": "from tools.sums import both\ndef test_it():\n    assert "
    "both(0)\n",
    "shared/tests/test_else.py": "def test_it():\n    pass\n",
}
REACHED = ("theory/rolls.py::mean: return (sides + 1) / 2", "2 -> 3")
HOLE = ("theory/rolls.py::unused: return 3 * x", "3 * x -> 3 / x")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    lay_out(tmp_path, FILES)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def kept(folder, *lines):
    path = folder / "records" / "mutants" / "theory.rolls.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    fields = ("place", "change", "noticed_by", "source")
    path.write_text(
        "".join(json.dumps(dict(zip(fields, line, strict=True))) + "\n" for line in lines)
    )


def test_lines_go_by_their_function(folder):
    (folder / "sims" / "shape.py").write_text(
        "TWO = 2\n\n\nclass Square:\n    sides = 4\n\n    def area(self, side):\n        return "
        "side**2\n"
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
    name = "shared/tools/sums.py::both: return (x + 1) * (1 - x) < 2.0", "1 -> 0"
    assert [mutant.code.splitlines()[1].strip() for mutant in mutants.named(name)] == [
        "return (x + 0) * (1 - x) < 2.0",
        "return (x + 1) * (0 - x) < 2.0",
    ]
    assert len(mutants.draw("tools", "sums", 5, 0)) == 5
    every = mutants.draw("tools", "sums", 20, 0)  # there are no twenty
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


def test_refusals_and_annotations_are_left_alone():
    source = (
        "def half(x: 'Float[2]') -> 'Float[3]':\n    if x < 4:\n        raise "
        "ValueError(5)\n    return -x\n"
    )
    source += (
        "Share = Annotated[float, Interval(0, 1)]\nrequire(size <= 6, f'size must be below "
        "{6 + 1}')\n"
    )
    assert [ast.unparse(site) for site in mutants.sites(ast.parse(source))] == ["-x"]


def test_what_is_drawn_can_be_made_from_its_name(folder):
    for seed in range(10):
        name = mutants.drawn(["theory/rolls.py"], random.Random(seed))
        (mutant,) = mutants.named(name)
        source = (folder / mutant.file).read_text()
        assert mutant.name == name
        assert mutant.code != ast.unparse(ast.parse(source))
        assert name[0].endswith(source.splitlines()[mutant.lines[0] - 1].strip())


def test_a_paper_is_judged_by_its_tests_and_claims_and_a_shared_module_by_the_tests_beside_it(
    folder,
):
    assert mutants.judges("theory", "rolls") == [
        "tests/test_rolls.py",
        "paper_checks/test_rolls.py",
    ]
    assert mutants.judges("sims", "rolls") == ["paper_checks/test_rolls.py"]  # no test imports that
    assert mutants.judges("tools", "sums") == ["shared/tests/test_sums.py"]
    assert mutants.sources("tools", "sums") == ["shared/tools/sums.py"]
    assert mutants.sources("sims", "rolls") == []  # nothing in it could be changed
    with pytest.raises(ValueError, match="no package 'nothing' in "):
        mutants.sources("nothing", "rolls")


def test_the_source_of_a_result_is_who_noticed_or_all_judges(folder):
    before = mutants.source_of("theory", "rolls")
    assert before["of"] == ["paper_checks/test_rolls.py", "tests/test_rolls.py", "theory/rolls.py"]
    (folder / "sims" / "rolls" / "walls.py").write_text("def walls(x):\n    return 2 * x\n")
    assert mutants.source_of("theory", "rolls") == before
    of_claim = mutants.source_of("theory", "rolls", "paper_checks/test_rolls.py::test_mean")
    (folder / "tests" / "test_rolls.py").write_text("def test_two():\n    pass\n")
    assert (
        mutants.source_of("theory", "rolls", "nobody") != before
    )  # while who noticed stands as it did
    assert mutants.source_of("theory", "rolls", "paper_checks/test_rolls.py::test_mean") == of_claim


def test_results_count_as_long_as_their_line_stands(folder):
    stands = REACHED[0]
    gone = "theory/rolls.py::mean: return sides / 2"
    kept(
        folder,
        (stands, "2 -> 3", "nobody", "a"),
        (gone, "2 -> 3", "a test", "a"),
        (stands, "2 -> 3", "b test", "b"),
    )
    found = mutants.results_on_file("theory", "rolls")
    assert {name: result["noticed_by"] for name, result in found.items()} == {
        (stands, "2 -> 3"): "b test"
    }
    path = mutants.path_of("theory", "rolls")
    path.write_text(path.read_text()[:-9])  # a kill cuts the last line short
    (result,) = mutants.results_on_file("theory", "rolls").values()
    assert result["noticed_by"] == "nobody"


def test_mutants_are_made_in_a_copy_judged_and_recorded(folder, capsys):
    """Two that are on record for an earlier source, otherwise than they are: they are judged again,
    and only once.
    """
    before = {path: path.read_text() for path in folder.rglob("*.py")}
    kept(folder, (*REACHED, "nobody", "of old"), (*HOLE, "a test", "of old"))
    assert mutants.main(["rolls", "--package", "theory", "--count", "2"]) == 1
    results = mutants.results_on_file("theory", "rolls")
    assert {name: result["noticed_by"] for name, result in results.items()} == {
        REACHED: "paper_checks/test_rolls.py::test_mean",  # a test notices it too
        HOLE: "nobody",
    }
    assert {path: path.read_text() for path in folder.rglob("*.py")} == before
    assert f"SURVIVED: {': '.join(HOLE)}" in capsys.readouterr().out
    table = records.read(folder / "records" / "mutants.json")
    assert table["rows"] == [["theory", "rolls", 2, 1, 1, "50 %", 0, ": ".join(HOLE), ""]]
    assert records.stale(table, folder) == [False]
    (folder / "paper_checks" / "survivors_rolls.json").write_text(
        json.dumps({": ".join(HOLE): "nobody calls it"})
    )
    assert mutants.main(["rolls", "--package", "theory", "--count", "2"]) == 0
    assert "2 of 2" not in capsys.readouterr().out
    table = records.read(folder / "records" / "mutants.json")
    assert table["rows"] == [
        ["theory", "rolls", 2, 1, 1, "100 %", 1, "", f"{': '.join(HOLE)} (nobody calls it)"]
    ]
    present = mutants.source_of("theory", "rolls")["digest"]
    kept(folder, (*REACHED, "a test", present), (*HOLE, "nobody", "of old"))
    mutants.TABLE.write(mutants.lines())
    assert records.stale(records.read(mutants.TABLE.path), folder) == [True]


def test_a_check_of_one_paper_takes_what_is_on_record_and_records_nothing(folder):
    chosen = mutants.draw("theory", "rolls", 3, 0)
    source = mutants.source_of("theory", "rolls")["digest"]
    kept(folder, *((*name, "nobody", source) for name in chosen))
    recorded = mutants.path_of("theory", "rolls").read_text()
    told = "nothing notices {}; a claim shall, or a reason stands in the file of survivors"
    assert mutants.run("rolls", 3) == [told.format(": ".join(name)) for name in chosen]
    assert mutants.path_of("theory", "rolls").read_text() == recorded
    assert mutants.run("rolls", 3, package="sims") == [
        "sims holds nothing of rolls that could be changed"
    ]


def test_a_test_whose_name_a_mutant_changes_is_run_all_the_same(folder, tmp_path):
    """The parameters in its name come from the code; a folder of the copy has settings of its
    own.
    """
    (folder / "shared" / "pyproject.toml").write_text(
        "[tool.pytest.ini_options]\npythonpath = ['.']\n"
    )
    (folder / "shared" / "tests" / "test_sums.py").write_text(
        "import pytest\nfrom tools.sums import both\n"
        "@pytest.mark.parametrize('one', [f'{both(0)}'])\ndef test_it(one):\n    assert one in "
        "('True', 'False')\n"
    )
    copy = tmp_path / "copy"
    mutants.copy_workbench(copy)
    found = mutants.run_judges(copy, ["shared/tests/test_sums.py::test_it[True]"], 60)
    assert (found["failed"], list(found["seconds"])) == (
        "",
        ["shared/tests/test_sums.py::test_it[True]"],
    )
    assert (
        mutants.run_judges(copy, ["shared/tests/test_sums.py::test_it[Else]"], 60)["failed"] == ""
    )
    with pytest.raises(
        RuntimeError, match=r"^pytest finds no tests in shared/tests/test_gone\.py$"
    ):
        mutants.run_judges(copy, ["shared/tests/test_gone.py"], 60)


def test_a_judge_that_fails_on_sound_code_stops_it(folder):
    (folder / "tests" / "test_rolls.py").write_text(
        FILES["tests/test_rolls.py"].replace("1.5", "1.6")
    )
    with pytest.raises(
        RuntimeError, match=r"^tests/test_rolls\.py::test_two fails in a sound copy: nothing can be"
    ):
        mutants.run("rolls", 1)
    assert not (folder / "records").exists()


def test_a_copy_hides_what_is_installed(folder):
    (folder / "theory" / "rolls.py").write_text(
        "def mean(sides: int) -> float:\n    return 4 / 2\n"
    )
    copy = folder.parent / "copy"
    mutants.copy_workbench(copy)
    done = mutants.run_in(
        copy, "timeit", "-n1", "-r1", "import theory.rolls; print(theory.rolls.__file__)"
    )
    assert str(copy / "theory" / "rolls.py") in done.stdout, done.stderr
    assert outline.papers() == ["rolls"]
