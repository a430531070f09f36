"""The ledger in a paper: tables that show malicious statements as they are, references, a badge."""

import csv
import re
import shutil
import subprocess
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from markdown_it import MarkdownIt

from theory_on_trial.command import main
from theory_on_trial.ledger import Ledger, Row, write_json
from theory_on_trial.page.formats import badge, markdown, methods, references, table_of
from theory_on_trial.page.tex import latex, statement

MALICIOUS = r"""\input{/etc/passwd} 100 % of a_b^2 & "c" #1 ${x}$ ~ <script>|x| `y` *z* [u](v)
 λ ≤ 3 → ∞, Rényi, 中 =1+1"""
GOOD = Row(
    "toys.a_b",
    "toys",
    "Theorem 1 & 2",
    MALICIOUS,
    "bound",
    "fast",
    "VERIFIED",
    "VERIFIED",
    predicted=0.5,
    measured=0.49,
    interval=[0.4, 0.55],
    error_probability=5e-7,
    controls=[{"name": "wrong", "predicted": 1.0, "verdict": "REFUTED"}],
    settings=[{"n": 3, "way": "a_b"}, {"n": 4, "way": "c"}],
)
BAD = replace(GOOD, id="toys.c", verdict="REFUTED", statement="=HYPERLINK(1)", settings=[])
TITLES = {
    "toys": "Éluard, d'Arc & Li 2024, \"What 100 % of {toys} do & don't\", ICLR, arXiv 2401.00001."
}


def test_latex_escapes_whatever_stands_in_a_statement():
    text = table_of(Ledger([GOOD, BAD]), "tex", TITLES)["tex"]
    row = next(
        line
        for line in text.splitlines()
        if line.startswith(r"toys.\allowbreak{}a\_\allowbreak{}b")
    )
    assert len(re.findall(r"(?<!\\)&", row)) == 7
    assert r"\textbackslash{}input\{" in row
    assert r"100\,\% of a\_b\textasciicircum{}2 \& " in row
    assert r"\#1 $\{x\}$ " in row
    assert r"\textless{}script\textgreater{}\textbar{}x\textbar{} " in row
    assert r"$\lambda$ $\leq$ 3 $\to$ $\infty$, " in row
    assert "[U+4E2D]" in row
    commands = set(re.findall(r"\\([a-zA-Z]+)", latex(MALICIOUS)))
    assert commands <= {  # and none of the statement's
        *("textbackslash", "textasciicircum", "textasciitilde", "textless", "textgreater"),
        *("textquotedbl", "textbar", "lambda", "leq", "to", "infty"),
    }
    assert "\n" not in latex(MALICIOUS)


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no TeX on this machine")
def test_latex_compiles(tmp_path):
    texts = table_of(Ledger([GOOD, BAD] * 40), "tex", TITLES)
    (tmp_path / "table.tex").write_text(texts["tex"])
    (tmp_path / "table.bib").write_text(texts["bib"])
    head = r"\documentclass{article}\usepackage[T1]{fontenc}\usepackage{booktabs,longtable}\begin{document}"
    (tmp_path / "all.tex").write_text(
        rf"{head}\input{{table}}\bibliography{{table}}\end{{document}}"
    )
    subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all"], cwd=tmp_path, check=True
    )


def test_markdown_and_csv_show_a_statement_as_it_is():
    lines = table_of(Ledger([GOOD, BAD]), "md", TITLES)["md"].splitlines()
    row = next(line for line in lines if line.startswith(r"| toys.a\_b"))
    assert len(re.findall(r"(?<!\\)\|", row)) == 9
    assert "&lt;script&gt;" in row
    assert not re.search(r"(?<!\\)[*`\[\]$#~]", markdown(MALICIOUS))
    table = list(
        csv.DictReader(
            table_of(Ledger([GOOD, BAD]), "csv", TITLES)["csv"].splitlines(keepends=True)
        )
    )
    assert table[0]["statement"] == " ".join(MALICIOUS.split()).replace("$", "")  # the marks
    assert [float(table[0][name]) for name in ("predicted", "low", "high")] == [0.5, 0.4, 0.55]
    assert table[1]["statement"] == "'=HYPERLINK(1)"  # which a spreadsheet would follow
    assert [one["verdict"] for one in table] == ["VERIFIED", "REFUTED"]


def test_the_methods_paragraph_has_this_runs_numbers():
    paragraph = methods(Ledger([GOOD, BAD], seed=7, tier="full", repository="toys", commit="abc"))
    for part in (
        "(toys, commit abc, 20",
        "seed 7, tier full",
        "The verdicts on 2 statements are 1 VERIFIED, 1 REFUTED. By whose statement it is: VERIFIED: ",
        "2 of 2 were refuted",
        "1e-6.",
    ):
        assert part in paragraph


def test_references_are_read_from_what_a_paper_says_of_itself():
    entries = references({"toys": TITLES["toys"]})
    assert list(entries) == ["eluard2024"]
    titled = r"title = {{What 100 \% of \{toys\} do \& don't}}"
    for field in (
        "author = {Éluard and d'Arc and Li}",
        titled,
        "year = {2024}",
        "eprint = {2401.00001}",
        "{ICLR}",
    ):
        assert field in entries["eluard2024"]
    two = references(
        {"two": 'A et al. 2016, "One", arXiv 1602.02215; A & B 2016, "Two", arXiv 1909.13021.'}
    )
    assert list(two) == ["a2016", "a2016b"]
    assert "author = {A and others}" in two["a2016"]
    assert references({"toys.sums": "Sums: a toy."}) == {
        "toyssums": "@misc{toyssums,\n  key = {toys.sums},\n  note = {Sums: a toy.},\n}\n"
    }
    assert references({"none": ""}) == {}


def test_no_two_references_of_a_run_have_one_key():
    titles = {f"p{number}": f'A 2016, "Title {number}".' for number in range(30)}
    same = {"q": 'A 2016, "Title 3".'}
    keys = list(references(titles | same))
    assert len(keys) == len(set(keys)) == 30
    assert keys[:3] == ["a2016", "a2016b", "a2016c"]


@pytest.mark.parametrize(
    ("rows", "said", "colour"),
    [
        ([GOOD] * 12, "12 of 12", "#2a7f3f"),
        ([GOOD, BAD], "1 of 2", "#b3341f"),
        ([], "0 of 0", "#b3341f"),
    ],
)
def test_a_badge_says_how_many_are_as_expected(rows, said, colour):
    drawn = ElementTree.fromstring(badge(rows))
    assert [text.text for text in drawn.iter("{http://www.w3.org/2000/svg}text")] == [
        "claims",
        said,
    ]
    assert drawn.find("{http://www.w3.org/2000/svg}path").get("fill") == colour


def test_the_commands_write_them_from_a_ledger(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    other = replace(GOOD, id="else.x", paper="else")
    write_json(tmp_path / "ledger.json", Ledger([GOOD, other], seed=3))
    assert main(["badge", "ledger.json", "badge.svg"]) == 0
    assert "2 of 2" in (tmp_path / "badge.svg").read_text()
    for form in ("html", "tex", "md", "csv"):
        assert main(["report", f"table.{form}", "toys", "--ledger", "ledger.json"]) == 0
        text = (tmp_path / f"table.{form}").read_text()
        assert "toys" in text
        assert "else" not in re.sub("<script>.*</script>", "", text, flags=re.DOTALL)
    assert (tmp_path / "table.bib").exists()
    for arguments, sentence in (
        (["report", "table.pdf", "--ledger", "ledger.json"], "must end in .html, .tex, .md, .csv"),
        (["report", "no/table.md", "--ledger", "ledger.json"], "in a folder that exists"),
        (["report", "a.md", "third", "--ledger", "ledger.json"], "ledger.json has no row of third"),
        (["badge", "ledger.json", "no/badge.svg"], "in a folder that exists"),
    ):
        with pytest.raises(SystemExit, match="2"):
            main(arguments)
        assert sentence in capsys.readouterr().err


def test_statements_have_real_indices_powers_and_roots_in_latex():
    made = {
        "$x_(k+1)^{-1/2}$": "$x_{k + 1}^{- 1 / 2}$",
        "$sqrt(2 / d) -> inf$": r"$\sqrt{2 / d} \to \infty$",
        "$w-bar$ of $x\N{COMBINING CIRCUMFLEX ACCENT}$": r"$\bar{w}$ of $\hat{x}$",
        "$4N²d Σ$": r"$4 N^{2} d \Sigma$",
        "$½$ of `n_points`": r"$\frac{1}{2}$ of \texttt{n\_points}",
    }
    for text, tex in made.items():
        assert statement(text) == tex


def test_a_formula_of_a_spreadsheet_and_control_characters_stay_text():
    malicious = ["=1+1", "+1", "-cmd|' /C calc'!A0", "@SUM(A1)", " =1", "＝1", "a\x00b", "\t=1"]
    rows = [replace(GOOD, statement=text) for text in malicious]
    written = table_of(Ledger(rows), "csv", TITLES)["csv"]
    read = [one["statement"] for one in csv.DictReader(written.splitlines())]
    assert read == ["'=1+1", "'+1", "'-cmd|' /C calc'!A0", "'@SUM(A1)", "'=1", "'＝1", "ab", "'=1"]
    assert "\x00" not in table_of(Ledger(rows), "md", TITLES)["md"]
    assert "\x00" not in table_of(Ledger(rows), "tex", TITLES)["tex"]


def test_markdown_makes_no_link_and_no_element_of_a_statement():
    malicious = "<script>x</script> [a](javascript:alert(1)) <javascript:alert(1)> | ![b](c) `d`"
    html = (
        MarkdownIt("commonmark", {"html": True})
        .enable("table")
        .render(table_of(Ledger([replace(GOOD, statement=malicious)]), "md", TITLES)["md"])
    )
    assert not re.search("<(script|a|img|code)", html)
    assert malicious.replace("<", "&lt;").replace(">", "&gt;") in html
