"""What the records of the papers rest on: a verdict on its own paper and the engine's rules, and on
nothing else.
"""

import ast

import pytest

from audits.scaling import samples
from theory_on_trial import repository
from theory_on_trial.audits.platforms import ledger_name
from theory_on_trial.figures.drawing import figures
from theory_on_trial.page.compare import compare
from theory_on_trial.repository import outline, records
from theory_on_trial.repository.digest import imported
from theory_on_trial.trial.sides import marked

RULES = {
    "contract",
    "laws",
    "ledger.rows",
    "trial.registry",
    "trial.decisions",
    "decide.evidence",
    "decide.trends",
}
ELSEWHERE = {
    f"theory_on_trial.{name}"
    for name in ("page", "plugin", "command", "figures", "audits", "testing")
}
SHARED = {"on_cpu", "wishart"}  # for simulators of several papers


@pytest.mark.parametrize(
    "file", outline.files(), ids=lambda file: f"{file.parent.name}-{file.stem}"
)
def test_the_source_of_a_claim_is_its_paper_and_the_rules_of_the_engine(file):
    paper = repository.paper_of(file)
    modules = imported(file)
    one_page = bool(marked(file))
    assert modules >= {f"theory_on_trial.{name}" for name in RULES}
    met = ELSEWHERE & {".".join(name.split(".")[:2]) for name in modules}
    assert met == (
        {"theory_on_trial.figures"} if one_page else set()
    )  # on one page a figure stands beside the claims
    rooms = {name.split(".")[0] for name in modules} - {"theory_on_trial"}
    assert rooms <= {"theory", "sims", "paper_checks", f"test_{paper}", file.stem}
    papers = {name.split(".")[1] for name in modules if name.startswith(("theory.", "sims."))}
    assert papers - SHARED == (set() if one_page else {paper})


LEDGERS = sorted((repository.records_folder() / "ledgers").glob("*.json"))


def test_there_are_ledgers_of_several_platforms():
    facts = [records.read(path)["platform"] for path in LEDGERS]
    assert len({one["jax"] for one in facts}) > 1
    assert {one["devices"] for one in facts} >= {1, 4}


@pytest.mark.parametrize("path", LEDGERS, ids=lambda path: path.stem)
def test_a_ledger_is_that_of_its_platform_and_says_what_the_first_says(path):
    ledger = records.read(path)
    assert ledger_name(ledger["platform"]) == path.name
    assert all(row["verdict"] == row["expected"] for row in ledger["claims"])
    assert compare(LEDGERS[0], path).identical
    assert (
        ledger["source"] in records.read(repository.records_folder() / "platforms.json")["sources"]
    )


@pytest.mark.parametrize(
    "name", sorted(path.name for path in repository.records_folder().glob("*.json"))
)
def test_a_table_says_by_which_command_and_at_which_commit_it_was_made(name):
    table = records.read(repository.records_folder() / name)
    assert {"title", "command", "columns", "rows", "commit"} <= set(table)
    assert {len(row) for row in table["rows"]} == {len(table["columns"])}
    assert len(table.get("sources", table["rows"])) == len(table["rows"])


def test_the_table_of_faults_names_tests_that_exist():
    tests = [row[-1] for row in records.read(repository.records_folder() / "faults.json")["rows"]]
    for test in tests:
        file, _, name = test.partition("::")
        assert name in written_in(file), test
    assert {
        f"engine/tests/test_faults.py::{name}" for name in written_in("engine/tests/test_faults.py")
    } <= set(tests)


def written_in(file):
    tree = ast.parse((repository.root() / file).read_text(encoding="utf-8"))
    return {
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def test_the_figures_that_are_scaled_are_there():
    assert samples()
    for name, sample in samples().items():
        (figure,) = figures(name)
        assert set(sample["settings"]) <= set(figure.settings(quick=False)), name
        assert 0 < sample["share"] <= 1
