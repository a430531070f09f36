"""Two ledgers compared: what counts as a difference, what does not, and what is refused."""

import copy
import json
import re
from pathlib import Path

import pytest

from theory_on_trial.command import main
from theory_on_trial.ledger import read
from theory_on_trial.page.compare import compare

ROW = {
    "id": "paper.mean",
    "kind": "distribution",
    "verdict": "VERIFIED",
    "predicted": 0.5,
    "measured": 0.51,
    "interval": [0.49, 0.53],
    "margin": 0.05,
    "error_probability": 1e-7,
    "note": "",
    "resolution": 0.04,
    "detects": "4 %",
    "guarantee": "finite-n",
    "controls": [{"name": "one third"}],
}
VECTOR = {
    **ROW,
    "id": "paper.vector",
    "predicted": [1.0, 2.0],
    "measured": [1.0, 2.1],
    "interval": [[0.9, 2.0], [1.1, 2.2]],
}
GROWTH = {
    **ROW,
    "id": "paper.growth",
    "kind": "rate",
    "predicted": "log n",
    "measured": "log n",
    "interval": [[1.0, "-inf"], [2.0, "inf"]],
    "margin": 0.0,
}
IDENTITY = {
    **ROW,
    "id": "paper.identity",
    "kind": "identity",
    "predicted": 2e-17,
    "measured": 1e-17,
    "interval": [-1e-16, 1e-16],
    "margin": 2e-16,
    "error_probability": 0.0,
}
LEDGER = {
    "schema": "theory-on-trial/ledger/1",
    "seed": 0,
    "tier": "fast",
    "platform": {"jax": "0.10.2", "backend": "cpu"},
    "claims": [ROW, VECTOR, GROWTH, IDENTITY],
    "not_run": [],
}


@pytest.fixture
def compared(tmp_path):
    def run(changes=None, **facts):
        other = copy.deepcopy(LEDGER) | facts
        for row in other["claims"]:
            row.update((changes or {}).get(row["id"].split(".")[1], {}))
        for name, ledger in (("a", LEDGER), ("b", other)):
            (tmp_path / f"{name}.json").write_text(json.dumps(ledger))
        return compare(tmp_path / "a.json", tmp_path / "b.json")

    return run


@pytest.mark.parametrize(
    "change", [{"claims": None}, {"claims": [{}]}, {"platform": None}, {"claims": [ROW, 3]}]
)
def test_a_ledger_that_is_not_whole_is_refused(tmp_path, change):
    for name, ledger in (("a", LEDGER), ("b", LEDGER | change)):
        (tmp_path / f"{name}.json").write_text(json.dumps(ledger))
    with pytest.raises(
        ValueError, match=r"b.json must be a whole ledger: its platform, or a field of a claim"
    ):
        compare(tmp_path / "a.json", tmp_path / "b.json")


def test_a_ledger_is_identical_to_itself(compared):
    found = compared()
    assert found.identical
    assert str(found) == "4 claims in both ledgers: no difference"


def test_another_verdict_is_a_difference(compared):
    found = compared({"mean": {"verdict": "INCONCLUSIVE"}})
    assert found.verdicts == [("paper.mean", "VERIFIED", "INCONCLUSIVE")]
    assert str(found).splitlines() == [
        "4 claims in both ledgers: they differ",
        "changed, another verdict:",
        "  paper.mean: VERIFIED → INCONCLUSIVE",
    ]


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("mean", {"predicted": 0.5001}),
        ("vector", {"predicted": [1.0, 2.001]}),
        ("vector", {"predicted": [1.0, 2.0, 3.0]}),
        ("growth", {"predicted": "n"}),
        ("identity", {"predicted": 5e-16}),
    ],
)
def test_another_prediction_is_a_difference_at_the_same_seed_only(compared, name, change):
    found = compared({name: change})
    assert [entry[0] for entry in found.predicted] == [f"paper.{name}"]
    assert not found.identical
    assert compared({name: change}, seed=1).identical


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("mean", {"predicted": 0.5 * (1 + 1e-12)}),
        ("mean", {"measured": 0.5, "interval": [0.47, 0.52]}),
        ("identity", {"predicted": -3e-17}),
        ("growth", {"interval": [["-inf", 2.5], [1.5, "inf"]]}),
    ],
)
def test_rounding_and_another_sample_are_no_difference(compared, name, change):
    assert compared({name: change}).identical


@pytest.mark.parametrize(
    ("name", "interval"),
    [
        ("mean", [0.54, 0.6]),
        ("mean", [0.3, 0.48]),
        ("mean", None),
        ("vector", [[0.9, 2.21], [1.1, 2.3]]),
        ("growth", [[2.5, 1.0], [3.0, "inf"]]),
    ],
)
def test_disjoint_intervals_are_a_difference_under_every_seed(compared, name, interval):
    for seed in (0, 1):
        found = compared({name: {"interval": interval}}, seed=seed)
        assert [entry[0] for entry in found.apart] == [f"paper.{name}"]
        assert not found.identical


def test_an_exact_measurement_may_move_with_the_seed_that_drew_its_instance(compared):
    change = {"identity": {"interval": [1e-15, 2e-15]}}
    assert [entry[0] for entry in compared(change).apart] == ["paper.identity"]
    assert compared(change, seed=1).identical


def test_the_last_digits_of_an_exact_measurement_are_the_platforms(compared):
    exact = {
        "kind": "limit",
        "interval": [0.53 * (1 + 1e-14), 0.53 * (1 + 1e-14)],
        "error_probability": 0.0,
    }
    assert compared({"mean": exact}).identical
    exact["interval"] = [0.53 * (1 + 1e-6)] * 2
    assert [change[0] for change in compared({"mean": exact}).apart] == ["paper.mean"]


def test_different_coordinates_of_a_long_vector_are_not_compared(compared):
    note = "coordinate [3] of 524, the worst"
    assert compared({"mean": {"predicted": 9.0, "interval": [8.0, 9.5], "note": note}}).identical


def test_claims_come_and_go(compared):
    found = compared(claims=[ROW, {**VECTOR, "id": "paper.new"}, GROWTH, IDENTITY])
    assert (found.added, found.gone) == (["paper.new"], ["paper.vector"])
    assert (found.agree, found.identical) == (True, False)
    assert str(found).splitlines()[0].endswith(": no difference")
    assert str(found).endswith(
        "in the first ledger only: paper.vector\nin the second ledger only: paper.new"
    )


def test_the_command_ends_with_0_where_the_shared_claims_agree(tmp_path, capsys):
    fewer = LEDGER | {"claims": LEDGER["claims"][:1]}
    other = LEDGER | {"claims": [{**LEDGER["claims"][0], "verdict": "REFUTED"}]}
    for name, ledger in (("whole", LEDGER), ("fewer", fewer), ("other", other)):
        (tmp_path / f"{name}.json").write_text(json.dumps(ledger))
    paths = {name: str(tmp_path / f"{name}.json") for name in ("whole", "fewer", "other")}
    assert main(["compare", paths["whole"], paths["fewer"]]) == 0
    assert "in the first ledger only: " in capsys.readouterr().out
    assert main(["compare", paths["whole"], paths["other"]]) == 1


def test_circumstances_are_told_and_do_not_count(compared):
    found = compared(tier="full", platform={"jax": "0.11.0", "backend": "gpu"})
    assert found.identical
    assert found.circumstances == [
        ("tier", "fast", "full"),
        ("jax", "0.10.2", "0.11.0"),
        ("backend", "cpu", "gpu"),
    ]
    assert "  jax: 0.10.2 → 0.11.0" in str(found)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (None, "must be a ledger that can be read .No such file or directory."),
        ("{", "must be a ledger in JSON, got something else"),
        (
            "[]",
            "must be a ledger written by --trial-ledger, of schema 'theory-on-trial/ledger/2', got None",
        ),
        ('{"schema": "other"}', "got 'other'"),
        ("[" * 100_000, r"must be a ledger in JSON, got something else .it is nested too deeply."),
        (
            json.dumps(LEDGER)[:-1] + ', "deep": ' + "[" * 200 + "]" * 200 + "}",
            r"must be a ledger in JSON, got something else .it is nested too deeply.",
        ),
    ],
    ids=["gone", "brace", "list", "other", "deeper than Python goes", "deeper than rows do"],
)
def test_what_is_no_ledger_gets_one_sentence(tmp_path, text, sentence):
    bad = tmp_path / "bad.json"
    good = tmp_path / "good.json"
    good.write_text(json.dumps(LEDGER))
    if text is not None:
        bad.write_text(text)
    for pair in ((bad, good), (good, bad)):
        with pytest.raises(
            ValueError, match=f"bad.json {sentence}" if sentence.startswith("must") else sentence
        ):
            compare(*pair)


def test_rounding_beside_larger_entries_is_no_difference(tmp_path):
    def ledger(entry):
        row = VECTOR | {"predicted": [0.0, 2.0], "interval": [[entry, 1.9], [entry, 2.1]]}
        path = tmp_path / f"{entry}.json"
        path.write_text(json.dumps(LEDGER | {"claims": [row]}))
        return path

    assert compare(ledger(0.0), ledger(2e-15)).identical
    assert not compare(ledger(0.0), ledger(1e-6)).identical


def test_a_claim_that_rests_on_less_is_a_difference(compared):
    found = compared(
        {
            "mean": {
                "resolution": None,
                "detects": "unknown",
                "guarantee": "asymptotic",
                "controls": [],
            }
        }
    )
    assert not found.identical
    assert found.weaker == [
        ("paper.mean", "detects 4 %", "detects unknown"),
        ("paper.mean", "finite-n", "asymptotic"),
        ("paper.mean", "control one third", "none"),
    ]
    assert compared({"mean": {"resolution": 0.06}}).identical
    assert compared({"mean": {"resolution": 0.01, "guarantee": "exact"}}).identical
    assert compared({"mean": {"resolution": 0.4}}, seed=1).weaker == []


def test_a_ledger_with_the_names_of_earlier_versions_is_read(tmp_path):
    former = copy.deepcopy(LEDGER)
    for row in former["claims"]:
        row["notices"] = row.pop("detects")
        row["why_coarse"] = ""
    former["claims"][0]["id"] = "paper.mean-as-printed"
    (tmp_path / "former.json").write_text(json.dumps(former))
    present = copy.deepcopy(LEDGER)
    present["claims"][0]["id"] = "paper.mean-as-published"
    (tmp_path / "present.json").write_text(json.dumps(present))
    assert read(tmp_path / "former.json").claims[1].detects == "4 %"
    assert compare(tmp_path / "former.json", tmp_path / "present.json").identical


def test_the_published_ledger_names_its_commit_and_can_be_compared():
    (path,) = (Path(__file__).parents[2] / "records" / "ledgers").glob("*.json")
    assert re.fullmatch("[0-9a-f]{40}", read(path).commit)
    assert compare(path, path).identical
