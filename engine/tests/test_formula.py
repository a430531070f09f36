"""Formulas between marks: how they are set, what is refused, and that nothing else is possible."""

import csv
import re
import shutil
import subprocess
from dataclasses import replace
from html import unescape
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from theory_on_trial import claim, code, derived, paper, published
from theory_on_trial.decide.growth import ANY_POWER, GROWTH_LAWS
from theory_on_trial.figures.drawing import figure
from theory_on_trial.formula.marks import fault, is_marked, parts, plain
from theory_on_trial.formula.numerals import is_law, numerals
from theory_on_trial.formula.reader import tex
from theory_on_trial.formula.signs import ACCENTS, COMMANDS
from theory_on_trial.ledger import Ledger, Row, brief
from theory_on_trial.page.formats import table_of
from theory_on_trial.page.tex import statement
from theory_on_trial.page.typeset import typeset


@pytest.mark.parametrize(
    ("formula", "set_as"),
    [
        ("λ_1 <= σ^2", r"\lambda_{1} \leq \sigma^{2}"),
        ("Σ_b = sum_i a_i Σ_i", r"\Sigma_{b} = \sum_{i} a_{i} \Sigma_{i}"),
        ("∑_{i=1}^n x_i", r"\sum_{i = 1}^{n} x_{i}"),
        ("prod_{k < n} x_k + Π", r"\prod_{k < n} x_{k} + \Pi"),
        ("m n + πt", r"m n + \pi t"),
        ("∫ dw / w'", r"\int d w / w^{\prime}"),
        ("x_{i j}^2 of x_ij", r"x_{i j}^{2}\, \mathrm{of}\, x_{\mathrm{ij}}"),
        ("2x0 + K2_j < log2(v12)", r"2 x_{0} + {K_{2}}_{j} < \mathrm{log}_{2} (v_{12})"),
        ("atan2(y, x)", r"\mathrm{atan2} (y, x)"),
        ("rank A = tr(B)", r"\mathrm{rank}\, A = \mathrm{tr} (B)"),
        ("a", "a"),
        ("n × n", r"n \times n"),
        ("E[U^2] = w . x_1", r"\mathrm{E} [U^{2}] = w \cdot x_{1}"),
        ("1-1/n - 5e-4 T^-3", r"1 - 1 / n - 5 \times 10^{-4} T^{-3}"),
        ("x_(k+1)^{-1/2}", "x_{k + 1}^{- 1 / 2}"),
        ("sqrt(2 / d) √n", r"\sqrt{2 / d} \sqrt{n}"),
        ("ŷ⁴ w-bar Rᵀ ½", r"\hat{y}^{4} \bar{w} R^{T} \frac{1}{2}"),
        ("|x|_∞ < ‖y‖", r"\vert x \vert_{\infty} < \Vert y \Vert"),
        ("E <x, y> = 1 < n", r"E \langle x, y\rangle = 1 < n"),
        ("inf_x f(x) < inf", r"\mathrm{inf}_{x}\, f (x) < \infty"),
        ("n* < K! in f(x+)", r"n^{*} < K!\, \mathrm{in}\, f (x^{+})"),
        ("₂F₁(a; b) = w*_N u^-¼", r"{}_{2} F_{1} (a; b) = w_{N}^{*} u^{- \frac{1}{4}}"),
        ("0 < x <= 5 %", r"0 < x \leq 5\,\%"),
        (r"\frac{σ^2}{n_{i j}} \leq |x|", r"\frac{\sigma ^{2}}{n_{i j}} \leq \vert x \vert"),
        (r"\left( x_i' \right)^{12}", r"\left( x_{i}^{\prime} \right)^{12}"),
        (r"\mathrm{rank} A", r"\mathrm{rank} A"),
    ],
)
def test_a_formula_is_set_as_it_is_written(formula, set_as):
    assert tex(formula).replace(" ", "") == set_as.replace(" ", "")
    assert typeset(f"${formula}$").startswith("<math>")


@pytest.mark.parametrize(
    ("text", "markdown"),
    [
        ("a walk of $a$ steps", "a walk of $a$ steps"),
        ("As Definition C.2 says, p = 1/8 and n x n: $p′$", "As Definition C.2 says, p = 1/8 and n x n: $p^{\\prime}$"),
        ("it's 44 % in 3-5 of `a$b`: $x$", "it’s 44\u202f% in 3–5 of `a$b`: $x$"),
        (r"\$5 for $n$", "$5 for $n$"),
        ("the walks' 'noise' of $x$", "the walks’ ‘noise’ of $x$"),
        ("$a$$b$", "$a b$"),
        ("$x_$ and $y$", "$x_$ and $y$"),
        ("-2 -> … of $x$", "−2 → … of $x$"),
    ],
)  # fmt: skip
def test_what_is_not_marked_is_prose(text, markdown):
    set_as = {"formula": "${}$", "code": "`{}`", "text": "{}"}
    assert "".join(set_as[kind].format(part) for kind, part in parts(text)) == markdown


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("of $x and y", "the mark of a formula in “$x and y” does not close"),
        ("costs $5 or `$6`", "the mark of a formula in “$5 or `$6`” does not close"),
        ("$$x$$", "the formula $$ is empty"),
        ("$x_$", "has '_' before nothing that could be an index"),
        ("$^2$", "has '^' after nothing that could bear it"),
        ("$x_(a$", "has a bracket '(' that does not close"),
        ("$x_()$", "has empty brackets"),
        ("$a & b$", "has the sign '&', which no formula can hold"),
        ("$中$", "has the sign '中', which no formula can hold"),
        (r"$\input{x}$", r"has the command '\\input', which no formula can hold"),
        (r"$\frac{a}$", r"has '\\frac' without what belongs to it"),
        (r"$\alpha}$", "has '}' without its partner"),
        (r"$\left( x$", r"lacks '\\right'"),
        (r"$\alpha^2^3$", "has '^' after another power or index"),
        (f"$x{'_{x' * 20}{'}' * 20}$", "has more than 12 brackets in each other"),
        (f"$x{'^2' * 20}$", "has more than 12 brackets in each other"),
    ],
)
def test_what_cannot_be_set_is_one_sentence(text, sentence):
    assert sentence in fault(text)

    def test_toy(trial):
        trial.identity(1, 1)

    test_toy.__doc__ = text
    with pytest.raises(ValueError, match=re.escape(f"test_toy: in the docstring, {fault(text)}")):
        claim(derived("counted"))(test_toy)
    test_toy.__doc__ = "A statement."
    with pytest.raises(ValueError, match="test_toy: in the source, the"):
        claim(derived(text))(test_toy)
    with pytest.raises(ValueError, match="test_toy: in low_power=, the"):
        claim(derived("counted"), low_power=f"as in {text}")(test_toy)
    form = published(
        place=paper("Lemma 2"),
        quoted=text,
        within="no condition stands there",
        reach="slip",
        effect="nothing published",
        ran="the formula",
    )
    with pytest.raises(ValueError, match="test_toy: in as_published=, the"):
        claim(derived("counted"), as_published=form)(test_toy)
    with pytest.raises(ValueError, match="figure F1: in its caption, the"):
        figure("F1")(drawing_with(text))


def drawing_with(text):
    def draw():
        raise NotImplementedError

    draw.__doc__ = text
    return draw


def test_terminal_table_and_sources_have_no_marks():
    row = row_of("The mean of $x_i$ is `a$b`.", source="by $σ^2$")
    assert plain(r"\$5 of $x_i$ in `a$b`") == "$5 of x_i in `a$b`"
    assert "The mean of x_i is `a$b`" in row.failure()
    assert "  The mean of x_i is `a$b`." in str(row)
    assert "  by σ^2" in str(row)
    written = table_of(Ledger([row]), "csv", {})["csv"]
    assert next(csv.DictReader(written.splitlines()))["statement"] == "The mean of x_i is `a$b`."
    assert r"x\_i" in table_of(Ledger([row]), "md", {})["md"]
    html = row._repr_html_()
    assert "The mean of $x_{i}$ is <code>a$b</code>." in html
    assert r"by $\sigma^{2}$" in html
    made = table_of(Ledger([row]), "tex", {})["tex"]
    assert r"The mean of $x_{i}$ is \texttt{a\$b}." in made
    assert r"by $\sigma^{2}$" in made


def test_the_name_of_a_control_is_marked_as_a_statement_is():
    control = {"name": "$σ$ for $σ^2$", "predicted": 2.0, "verdict": "INCONCLUSIVE"}
    row = replace(row_of("$σ^2$ is one."), controls=[control])
    assert "control 'σ for σ^2': INCONCLUSIVE" in row.failure()
    assert "  σ for σ^2: INCONCLUSIVE (predicts 2)" in str(row)
    assert r"$\sigma$ for $\sigma^{2}$: 2 → INCONCLUSIVE" in row._repr_html_()


@pytest.mark.parametrize(
    ("printed", "markdown"),
    [
        ("5.3e-13 of its scale", r"$5.3 \times 10^{-13}$ of its scale"),
        ("[1e-5, inf]", r"[$10^{-5}$, $\infty$]"),
        ("-2.5e+10", r"$- 2.5 \times 10^{10}$"),
        ("sqrt n log n", r"$\sqrt{n}\, \mathrm{log}\, n$"),
        (
            "n; 0.97 <= a <= 1.03 in n^a",
            r"$n$; $0.97 \leq a \leq 1.03$ in $n^{a}$",
        ),
        ("log n; any a in (log n)^a", r"$\mathrm{log}\, n$; any $a$ in $(\mathrm{log}\, n)^{a}$"),
        ("4 of 5 runs", "4 of 5 runs"),
        ("nan", "nan"),
        ("any error, in one coordinate 1.2 %", "any error, in one coordinate 1.2\u202f%"),
        ("$3 k$ of 1e6", "$3 k$ of 1e6"),
    ],
)
def test_numbers_of_this_program_are_set_by_marks_of_its_own(printed, markdown):
    found = parts(numerals(printed))
    assert "".join(f"${part}$" if kind == "formula" else part for kind, part in found) == markdown


@given(st.floats(allow_nan=False), st.integers(1, 8))
def test_no_number_is_cut(value, digits):
    (kind, _), *others = parts(numerals(brief(value, digits)))
    assert not others
    assert (kind == "formula") == ("e" in brief(value, digits) or "inf" in brief(value, digits))


@pytest.mark.parametrize("law", [*GROWTH_LAWS, ANY_POWER, "n^1.5", "n^(2/3)", "n log^2 n"])
def test_every_law_of_growth_is_one_formula(law):
    assert law == "const" or is_law(law)
    assert numerals(law) == (law if law == "const" else f"${law}$")


def test_code_of_a_publication_keeps_its_dollars():
    form = published(
        place=code("owner/name", "a.sh", "1a2b3c4"),
        quoted="echo $HOME",
        within="no condition stands there",
        reach="slip",
        effect="nothing published",
        ran="the formula",
    )
    assert fault(form.statement) == ""
    assert plain(form.statement) == "“`echo $HOME`”"


def row_of(text, source="Theorem 1"):
    about = {"kind": "bound", "tier": "fast", "expected": "VERIFIED", "verdict": "VERIFIED"}
    return Row("toys.a", "toys", source, text, **about)


SHORTHAND = "abxKdλΣ∞∑∏01289._^'-+−/*=<>≤()[]{}|‖,;:!?&%#~\" ²⁻₁ᵀ½√…\u0302é中sumprod"
COMMAND = st.sampled_from(
    (
        *(r"\frac", r"\left", r"\right", r"\sqrt", r"\mathrm", r"\alpha", r"\{", r"\}", r"\%"),
        *(r"\input", r"\def", r"\write", r"\catcode", r"\begin", "\\\\", r"\'", r"\sum", "\\"),
    )
)
BETWEEN = st.text(st.sampled_from(SHORTHAND), max_size=30) | st.lists(
    COMMAND | st.sampled_from(SHORTHAND), max_size=20
).map("".join)


@given((BETWEEN | st.text(max_size=30)).filter(lambda text: not set(text) & set("$`")))
def test_whatever_stands_between_marks_is_set_whole_or_refused_in_a_sentence(formula):
    html = typeset(f"${formula}$")
    if sentence := fault(f"${formula}$"):
        assert re.search(r"\$ (is|has|lacks) |does not close", sentence)
        assert "\\" in formula or "<math>" not in html  # a dollar after it is no mark
        return
    made = tex(formula)
    balanced = re.sub(r"\\[{}]", "", made)
    assert balanced.count("{") == balanced.count("}")
    assert set(re.findall(r"\\[A-Za-z]+", made)) <= SAFE
    page = ElementTree.fromstring(f"<p>{html.replace('<wbr>', '<wbr/>')}</p>")
    read = "".join(page.itertext())
    if "\\" in formula:
        return
    for sign in "01289xKλ+":  # none is lost, but for those of 1e6
        assert re.search(r"\de", formula) or read.count(sign) >= formula.count(sign)


SAFE = {command.partition("{")[0] for command in (*COMMANDS.values(), *ACCENTS.values())} | {
    *(r"\mathrm", r"\sqrt", r"\frac", r"\prime", r"\ldots", r"\left", r"\right", r"\sum", r"\prod")
}


@given(st.text(st.sampled_from(SHORTHAND + "$`\\<"), max_size=60) | st.text(max_size=60))
def test_a_text_with_any_marks_stays_harmless(text):
    kinds = [kind for kind, _ in parts(text)]
    assert ("formula", "formula") not in pairwise(kinds)
    assert (fault(text) == "") or "$" in text
    html = typeset(text)
    assert set(re.findall(r"<\/?([a-z]+)", html)) <= {
        *("code", "wbr", "math", "mrow", "mi", "mn", "mo", "msub", "msup", "msubsup", "msqrt"),
        *("mfrac", "mover", "munder", "munderover", "mtext", "mspace", "mstyle"),
    }
    made = statement(text)
    assert len(re.findall(r"(?<!\\)\$", re.sub(r"\\\\", "", made))) % 2 == 0
    assert not re.search(r"\\(input|def|write|catcode|begin)\b", made)
    visible = re.sub(r"[\s`$\\]", "", text)
    assert len(re.sub(r"[\s`$\\]", "", plain(text))) == len(visible)


MALICIOUS = (
    r"$<script>x</script>$ $\input{/etc/passwd}$ $x$ [a](javascript:b) =1+1 | *z* $\write18{a}$"
)


def test_malicious_formulas_are_text_in_every_format(tmp_path):
    assert "<script" not in typeset(MALICIOUS)
    made = table_of(Ledger([row_of(MALICIOUS)]), "md", {})["md"]
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(made)
    assert not re.search("<(script|a|em|img)", html)
    texts = table_of(Ledger([row_of(MALICIOUS)]), "tex", {})
    assert not re.search(r"\\(input|write)\b(?!\{table)", texts["tex"].partition("\\endhead")[2])
    written = table_of(Ledger([row_of("$=1+1$")]), "csv", {})["csv"]
    assert next(csv.DictReader(written.splitlines()))["statement"] == "'=1+1"


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no TeX on this machine")
def test_every_command_that_is_allowed_compiles(tmp_path):
    from theory_on_trial.formula import plain_tex

    lines = [rf"${tex(chr(92) + name + ' x')}$" for name in sorted(plain_tex._WORDS)]
    body = "\n\n".join(lines)
    (tmp_path / "all.tex").write_text(
        rf"\documentclass{{article}}\begin{{document}}{body}\end{{document}}"
    )
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]


def test_every_command_that_is_allowed_is_known_to_the_pages():
    from theory_on_trial.formula import plain_tex

    for name in sorted(plain_tex._WORDS):
        assert f"\\{name}" not in typeset(rf"$\{name} x$"), name
    for name, count in plain_tex._ARGUMENTS.items():
        assert f"\\{name}" not in typeset(rf"$\{name}{'{x}' * count}$"), name


@given(st.text(st.sampled_from(SHORTHAND.replace("x", "") + "\\"), max_size=40))
def test_a_text_without_marks_prints_as_it_is_typed(text):
    """But for what print has in place of a typewriter's hyphens, quotes and arrows."""
    assert not is_marked(text)
    assert plain(text) == text
    printed = re.sub(r"[-−–>→'’‘.…\s]", "", unescape(typeset(text)))
    assert printed == re.sub(r"[-−–>→'’‘.…\s]", "", text)
