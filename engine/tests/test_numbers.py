"""Numbers of a document that are tied to rows of a ledger: what agrees, what differs, what is
refused.
"""

import json
import subprocess
import sys
from decimal import ROUND_HALF_EVEN, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from theory_on_trial.command import main
from theory_on_trial.page.numbers import _agrees, marked

CLAIM = '''
from theory_on_trial import claim, paper


@claim(paper("Section 1"), kind="identity")
def test_thirds(trial, n=3):
    """One over n."""
    trial.identity(1 / n, 1 / 3, ops=1, controls={"a half": 0.5})
'''
ROW = {
    "id": "sums.thirds",
    "kind": "identity",
    "verdict": "VERIFIED",
    "predicted": 1 / 3,
    "measured": 0.66698,
    "interval": [0.66599, 0.66797],
    "margin": 0.01,
    "error_probability": 6.7e-7,
    "note": "",
    "samples": 45824,
}


@pytest.fixture
def ledger(tmp_path):
    path = tmp_path / "ledger.json"
    facts = {"schema": "theory-on-trial/ledger/1", "seed": 0, "tier": "fast", "platform": {}}
    path.write_text(json.dumps({**facts, "claims": [ROW]}))
    return path


def compared(tmp_path, capsys, ledger, text, name="paper.md"):
    file = tmp_path / name
    file.write_text(text)
    status = main(["numbers", str(file), "--ledger", str(ledger)])
    assert file.read_text() == text
    return status, capsys.readouterr().out


def in_markdown(field, text, claim="sums.thirds"):
    return f"The mean is <!-- trial: {claim} {field} -->{text}<!-- /trial --> here.\n"


def in_tex(field, text):
    text = text if "\\" in text else text.replace("%", r"\%")
    return rf"The mean is \trial{{sums.thirds}}{{{field}}}{{{text}}} here." + "\n"


AGREE = [
    ("measured", "0.667"),
    ("measured", "0.66698"),
    ("measured", "66.7 %"),
    ("measured", "1"),
    ("predicted", "0.3333"),
    ("interval[0]", "0.666"),
    ("interval[1]", "0.668"),
    ("error_probability", "6.7e-7"),
    ("samples", "45,824"),
    ("verdict", "VERIFIED"),
]
DIFFER = [
    ("measured", "0.666"),
    ("measured", "0.6671"),
    ("measured", "66.6 %"),
    ("measured", "66.7"),
    ("measured", "-0.667"),
    ("interval[0]", "0.667"),
    ("error_probability", "6.8e-7"),
    ("samples", "45,800"),
    ("samples", "45824.5"),
    ("verdict", "REFUTED"),
    ("measured", "two thirds"),
]


@pytest.mark.parametrize(("field", "text"), AGREE)
def test_what_agrees_passes(tmp_path, capsys, ledger, field, text):
    for document, name in ((in_markdown(field, text), "a.md"), (in_tex(field, text), "a.tex")):
        status, said = compared(tmp_path, capsys, ledger, document, name)
        assert (status, said) == (0, "1 of 1 marked numbers agree with the ledger\n")


@pytest.mark.parametrize(("field", "text"), DIFFER)
def test_what_differs_fails_with_line_text_and_value(tmp_path, capsys, ledger, field, text):
    for form, name in ((in_markdown, "a.md"), (in_tex, "a.tex")):
        document = "A line.\n\n" + form(field, text) + form("verdict", "VERIFIED")
        status, said = compared(tmp_path, capsys, ledger, document, name)
        first, last = said.splitlines()
        value = ROW[field] if "[" not in field else ROW["interval"][0]
        assert status == 1
        printed = text if form is in_markdown else text.replace("%", r"\%")
        assert first.startswith(f'{tmp_path / name}:3: "{printed}", but {field} of sums.thirds')
        assert str(value) in first
        assert last == "1 of 2 marked numbers agree with the ledger"


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("error_probability", r"$6.7 \cdot 10^{-7}$"),
        ("error_probability", r"6.7 \times 10^{-7}"),
        ("measured", r"66.7\,\%"),
        ("samples", "45{,}824"),
        ("samples", "45,824"),
    ],
)
def test_numbers_as_tex_writes_them(tmp_path, capsys, ledger, field, text):
    document = r"\newcommand{\trial}[3]{#3}" + "\n" + in_tex(field, text) + "% \\trial{a\n"
    assert compared(tmp_path, capsys, ledger, document, "paper.tex")[0] == 0


def test_the_macro_prints_its_third_argument(tmp_path):
    """TeX itself says that the underscore of an id does no harm."""
    import shutil

    if shutil.which("pdflatex") is None:
        pytest.skip("needs pdflatex")
    body = r"\trial{sums.two_thirds[3]}{error_probability}{0.667}"
    source = rf"\documentclass{{article}}\newcommand{{\trial}}[3]{{#3}}\begin{{document}}{body}"
    (tmp_path / "a.tex").write_text(source + r"\end{document}")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "a.tex"]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True).returncode == 0


def test_a_marker_in_fenced_code_is_no_marker(tmp_path, capsys, ledger):
    document = "```\n" + in_markdown("measured", "9") + "```\n" + in_markdown("measured", "0.667")
    status, said = compared(tmp_path, capsys, ledger, document)
    assert (status, said[:6]) == (0, "1 of 1")


@pytest.mark.parametrize(
    ("field", "claim", "expected"),
    [
        ("measured", "sums.halves", "the ledger has no such row"),
        ("mean", "sums.thirds", "sums.thirds has no mean; its fields are id, kind"),
        ("interval[2]", "sums.thirds", "has no interval[2]"),
        ("measured[0]", "sums.thirds", "has no measured[0]"),
        ("interval[-1]", "sums.thirds", "has no interval[-1]"),
    ],
)
def test_what_the_ledger_lacks_fails(tmp_path, capsys, ledger, field, claim, expected):
    status, said = compared(tmp_path, capsys, ledger, in_markdown(field, "1", claim))
    assert status == 1
    assert expected in said


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("no marker", "a.md", "has no marked number, so there is nothing to compare"),
        ("\n<!-- trial: sums.thirds measured -->0.6", "a.md", "a.md:2: a marker must be complete"),
        ("<!-- trial: sums.thirds -->0.6<!-- /trial -->", "a.md", "must be complete"),
        (r"\trial{sums.thirds}{0.667}", "a.tex", r"\trial{CLAIM}{FIELD}{NUMBER}"),
    ],
)
def test_a_file_that_could_not_fail_is_refused(tmp_path, capsys, ledger, text, name, expected):
    (tmp_path / name).write_text(text)
    with pytest.raises(SystemExit) as end:
        main(["numbers", str(tmp_path / name), "--ledger", str(ledger)])
    assert end.value.code == 2
    assert expected in capsys.readouterr().err


def test_a_file_that_is_missing_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"gone\.md must be a text file that can be read"):
        marked(tmp_path / "gone.md")


@given(st.floats(-1e6, 1e6), st.integers(0, 9))
def test_a_number_agrees_with_its_own_rounding_and_not_with_the_next(value, digits):
    unit = Decimal(1).scaleb(-digits)
    rounded = Decimal(value).quantize(unit, rounding=ROUND_HALF_EVEN)
    assert _agrees(f"{rounded:f}", value)
    assert not _agrees(f"{rounded + 2 * unit:f}", value)
    assert not _agrees(f"{rounded - 2 * unit:f}", value)


def test_without_a_ledger_the_named_claims_are_run(tmp_path):
    (tmp_path / "pytest.ini").touch()
    (tmp_path / "test_sums.py").write_text(CLAIM)
    (tmp_path / "README.md").write_text(in_markdown("predicted", "0.34"))
    command = [sys.executable, "-m", "theory_on_trial", "numbers", "README.md"]
    wrong = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert wrong.returncode == 1, wrong.stderr
    assert wrong.stdout.startswith('README.md:1: "0.34", but predicted of sums.thirds is 0.3333')
    (tmp_path / "README.md").write_text(in_markdown("predicted", "0.33"))
    right = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert right.returncode == 0, right.stderr
