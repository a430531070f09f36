"""What the records of the papers rest on: a verdict on its own paper and the engine's rules, and on nothing else."""

import pytest

from theory_on_trial import digest, outline, repository

RULES = {
    f"theory_on_trial.{name}" for name in ("registry", "ledger", "trial", "decision", "evidence", "laws", "trends")
}
ELSEWHERE = {
    f"theory_on_trial.{name}" for name in ("report", "compare", "plugin", "command", "typeset", "figures", "audits")
}


def modules_under(file):
    """The modules whose source is in the digest of a file."""
    name = repository.dotted_name(file)
    return set(digest._closure({name: file}, repository.import_base(name, file)))


@pytest.mark.parametrize("file", outline.files(), ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_the_source_of_a_claim_is_its_paper_and_the_rules_of_the_engine(file):
    paper, found = repository.paper_of(file), modules_under(file)
    assert found >= RULES
    assert not ELSEWHERE & {".".join(name.split(".")[:2]) for name in found}
    rooms = {name.split(".")[0] for name in found} - {"theory_on_trial"}
    assert rooms <= {"theory", "sims", "paper_checks", f"test_{paper}", file.stem}
    papers = {name.split(".")[1] for name in found if name.startswith(("theory.", "sims."))}
    assert papers == {paper}


def test_the_contract_of_arguments_is_in_the_source_of_every_paper():
    for paper in outline.papers():
        found = set().union(*map(modules_under, outline.files(paper)))
        assert "theory_on_trial.contract" in found, paper
