"""All statements of this repository as an appendix in LaTeX: none is lost, and it compiles."""

import shutil
import subprocess

import pytest
from test_docs import ROOT

from theory_on_trial import claims
from theory_on_trial.ledger import Ledger, Row
from theory_on_trial.page.formats import table_of
from theory_on_trial.repository import outline


def book():
    """A row for each claim and published form, as a run would make it, but for the numbers."""
    rows = []
    for one in claims():
        about = {"paper": one.paper, "kind": one.kind, "tier": one.tier}
        rows.append(
            Row(
                one.id,
                statement=one.statement,
                source=str(one.source),
                expected="VERIFIED",
                verdict="VERIFIED",
                **about,
            )
        )
    return Ledger(rows)


def titles():
    return {paper: outline.title(paper, ROOT) for paper in outline.papers(ROOT)}


def test_every_sign_of_every_statement_is_printed():
    made = table_of(book(), "tex", titles())
    assert "[U+" not in made["tex"]
    assert "[U+" not in made["bib"]


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no TeX on this machine")
def test_all_statements_compile(tmp_path):
    for suffix, text in table_of(book(), "tex", titles()).items():
        (tmp_path / f"table.{suffix}").write_text(text, "utf-8")
    packages = r"\usepackage[T1]{fontenc}\usepackage{booktabs,longtable}"
    (tmp_path / "all.tex").write_text(
        rf"\documentclass{{article}}{packages}\begin{{document}}\input{{table}}\end{{document}}"
    )
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:]
