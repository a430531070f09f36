"""The site: how its pages read once they are made."""

import html
import json
import os
import re
import runpy
import subprocess
import sys
from dataclasses import replace

import markdown
import pytest
import yaml
from test_docs import PAGES, ROOT

from theory_on_trial import claims
from theory_on_trial.figures.drawing import figures
from theory_on_trial.ledger import read, write_json
from theory_on_trial.page.typeset import typeset
from theory_on_trial.testing.layout import lay_out

SITE = runpy.run_path(str(ROOT / "docs" / "write_pages.py"))
RENDERED = runpy.run_path(str(ROOT / "docs" / "rendered.py"))
NOTEBOOKS = SITE["notebook_pages"]
Formulas = runpy.run_path(str(ROOT / "docs" / "formulas.py"))["Formulas"]
PAPERS = {entry.name for entry in SITE["catalogue"]()}
SHORT = [entry for entry in SITE["catalogue"]() if entry.name.startswith(SITE["BRIEFS"])]


@pytest.fixture(scope="module", autouse=True)
def _made():
    """What nobody keeps is there, and new."""
    SITE["write"](SITE["made"]())


def rendered(text):
    """Return a page as the site makes it, but for the theme."""
    said = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["markdown_extensions"]
    names = [next(iter(entry)) if isinstance(entry, dict) else entry for entry in said]
    options = {
        name: value for entry in said if isinstance(entry, dict) for name, value in entry.items()
    }
    if "pymdownx.snippets" in options:
        options["pymdownx.snippets"] = {"base_path": [str(ROOT)], "check_paths": True}
    return markdown.markdown(text, extensions=[*names, Formulas()], extension_configs=options)


def file(name):
    return rendered((ROOT / "docs" / name).read_text(encoding="utf-8"))


def words(text):
    return " ".join(html.unescape(re.sub(r"<[^>]*>", "", text)).split())


def test_what_the_script_writes_is_in_the_repository():
    stale = [
        str(path.relative_to(ROOT))
        for path, text in SITE["kept"]().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    assert stale == [], "python docs/write_pages.py writes them"


def test_no_page_of_another_paper_is_left():
    pages = {path.relative_to(ROOT / "docs").as_posix() for path in PAGES}
    known = {entry.page for entry in SITE["catalogue"]()}
    known -= {entry.page for entry in SHORT}
    assert {page for page in pages if page.startswith("papers/")} == known


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="a copy without git")
def test_a_page_that_is_made_is_not_kept():
    paths = [path.relative_to(ROOT).as_posix() for path in SITE["made"]()]

    def told(*command):
        run = subprocess.run(
            ["git", *command, *paths], cwd=ROOT, capture_output=True, text=True, check=False
        )
        return run.stdout.splitlines()

    assert told("ls-files", "--") == []
    assert told("check-ignore", "--") == paths


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_formula_of_a_page_is_made(page):
    assert RENDERED["faults"](rendered(page.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("entry", SHORT, ids=lambda entry: entry.name)
def test_a_paper_on_one_page_reads_as_it_is_written(entry):
    page = rendered(SITE["brief_page"](entry))
    assert RENDERED["faults"](page) == []
    text = words(page)
    for paragraph in filter(None, (entry.read, entry.sentence, *entry.about)):
        assert words(typeset(paragraph)) in text
    assert entry.reference in text
    assert page.count("<h1") == 1
    assert ("Only the abstract was read." in text) == entry.only_abstract


def test_the_abstract_stands_before_the_claims_with_links_to_them():
    page = rendered(SITE["abstract_list"]("naive_bayes_vs_logistic"))
    assert "<strong>Not on trial</strong>: on pre-trained vision models" in page
    assert 'href="../ledger.md#naive_bayes_vs_logistic.small_samples' in page
    assert "<code>small_samples</code>" in page
    assert SITE["abstract_list"]("briefs.nothing") == ""
    for path in SITE["PAGES"]:
        places = [path.read_text().find(f"<!-- {name} -->") for name in ("abstract", "first")]
        places += [
            path.read_text().find(f"\n## {name}\n")
            for name in ("What this means for you", "Claims")
        ]
        assert places == sorted(places), path.name


def test_the_gallery_has_a_card_for_each_paper_with_its_counts():
    page = file("gallery.md")
    read = words(page)
    for entry in SITE["catalogue"]():
        assert words(SITE["verdicts"](entry)) in read
        assert f'href="{entry.page.removesuffix(".md")}.html"' in page
    assert [entry.name for entry in SHORT if words(typeset(entry.sentence)) not in read] == []
    assert RENDERED["faults"](page) == []


def test_the_gallery_of_figures_has_each_with_picture_claims_and_script():
    page = file("figures.md")
    assert RENDERED["faults"](page) == []
    read = words(page)
    for figure in figures():
        picture = f"papers/{figure.paper.replace('.', '/')}/{figure.file_name}.webp"
        assert f'<a href="{picture}"><img src="{picture}"' in page
        assert words(typeset(figure.title)) in read
        for name in figure.claims:
            assert f'href="ledger.html#{figure.paper}.{name}' in page
        assert SITE["figure_pages"].script(figure) in read
    assert len(figures()) > 100


def test_every_notebook_is_a_page_with_its_outputs_and_its_addresses():
    for name in NOTEBOOKS.NAMES:
        page = rendered(NOTEBOOKS.page(name))
        assert RENDERED["faults"](page) == []
        assert f"notebooks/{name}.ipynb" in page
        assert page.count("data:image/png") >= 1 or name in {"own_table"}
    assert NOTEBOOKS.buttons("mixup", "") == ""
    buttons = NOTEBOOKS.buttons("mixup", "https://github.com/some/where")
    assert "colab.research.google.com/github/some/where/blob/main/notebooks/mixup.ipynb" in buttons
    assert "mybinder.org/v2/gh/some/where/main?labpath=notebooks/mixup.ipynb" in buttons


def test_counts_are_rows_of_the_published_ledger_and_new_claims_are_not_verified(
    tmp_path, monkeypatch
):
    catalogue = sys.modules["catalogue"]
    entry = next(one for one in SITE["catalogue"]() if one.name == "mixup")
    own = claims("mixup")
    rows = [row for row in catalogue.ledger().claims if row.paper == "mixup"]
    held = [one for one in own if one.id in {row.id for row in rows}]
    lost, wrong, *others = held
    kept = [row for row in rows if row.id != lost.id]
    kept = [replace(row, verdict="INCONCLUSIVE") if row.id == wrong.id else row for row in kept]
    ledger = replace(catalogue.ledger(), claims=kept)
    monkeypatch.setattr(catalogue, "ledger", lambda: ledger)
    catalogue._counted.cache_clear()
    try:
        counts = catalogue.counts([entry])
        said = catalogue.verdicts(entry)
    finally:
        catalogue._counted.cache_clear()
    new = len(own) - len(held) + 1
    assert (counts["not run yet"], counts["unexpected"]) == (new, 1)
    derived = sum(one.source.provenance == "derived" and not one.published_form for one in others)
    assert counts["derived"] == derived
    assert f"{derived} derived here" in said
    assert f"1 with an unexpected verdict; not run yet: {new}" in said


@pytest.mark.parametrize(
    ("read", "only"),
    [
        ('Read: the abstract ("at most 1/4"). Recalled: Theorem 1.', True),
        ("Read: the abstracts of both. Derived here: all.", True),
        ("Read: the abstract, which counts linear codes.", True),
        ("Read: the abstract, and the authors' code.", False),
        ("Read: equations 67 and 68, and the abstract.", False),
    ],
)
def test_only_the_abstract_was_read(read, only):
    assert sys.modules["catalogue"].only_abstract(read) == only


def test_characters_of_markdown_and_tex_are_text_in_a_docstring():
    hard = 'x_a * y_b, $5 | `k` <b> [T](u) a^* # ~ \\{0\\} & "q" it\'s _so_'
    in_markdown = SITE["in_markdown"]
    assert words(markdown.markdown(in_markdown(hard), extensions=[Formulas()])) == words(
        typeset(hard)
    )
    row = markdown.markdown(
        f"| a | b |\n|---|---|\n| {in_markdown(hard)} | c |", extensions=["tables", Formulas()]
    )
    assert words(row) == f"a b {words(typeset(hard))} c"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("<p>klzzwxh:0002</p>", "a lost formula"),
        ("<p>costs $a_b$ more</p>", "TeX as it was written"),
        (r"<p>in \{0, 1\}</p>", "TeX as it was written"),
        (r"<math><mi>\foo</mi></math>", "a command that is not known"),
    ],
)
def test_a_broken_formula_is_a_fault(text, fault):
    assert any(sentence.startswith(fault) for sentence in RENDERED["faults"](text))
    assert RENDERED["faults"](f"<pre><code>$a_b$ \\foo</code></pre>{'<p>$5</p>'}") == []


def test_formulas_keep_their_backslashes():
    made = markdown.markdown(
        r"In $\{0, 1\}$, $\|x\|^2$, `$HOME$` and \$5 or \$6.", extensions=[Formulas()]
    )
    assert words(made).replace(" ", "") == "In{0,1},‖x‖2,$HOME$and$5or$6."


def test_a_page_that_is_too_wide_or_lacks_a_picture_is_seen(tmp_path):
    if RENDERED["chromium_of_the_tests"]() is None:
        pytest.skip("no Chromium on this machine")
    (tmp_path / "a.html").write_text('<p style="width: 600px">a</p><p>b</p>', "utf-8")
    (tmp_path / "b.html").write_text("<p>b</p><img src='data:image/png;base64,no'>", "utf-8")
    assert sorted(RENDERED["seen_faults"](tmp_path)) == sorted(
        [
            *["a.html at 390 pixels: wider than the screen"] * 2,  # in light, and in dark
            *[
                f"b.html at {width} pixels: no picture data:image/png;base64,no"
                for width in (390, 1280, 390, 1280)
            ],
        ]
    )


def test_a_link_that_leads_nowhere_is_a_fault(tmp_path):
    (tmp_path / "a.html").write_text(
        '<p id="here"><a href="b.html#there">b</a> <a href="#here">a</a></p>', "utf-8"
    )
    assert RENDERED["site_faults"](tmp_path) == ["a.html: nothing stands at b.html#there"]
    (tmp_path / "b.html").write_text("<p>b</p>", "utf-8")
    assert RENDERED["site_faults"](tmp_path) == ["a.html: nothing stands at b.html#there"]
    (tmp_path / "b.html").write_text('<p id="there">b</p>', "utf-8")
    assert RENDERED["site_faults"](tmp_path) == []


def test_every_claim_has_an_anchor_in_the_ledger_and_an_entry_in_the_search():
    page = file("ledger.md")
    assert RENDERED["faults"](page) == []
    anchors = [html.unescape(name) for name in re.findall(r'<tr id="([^"]*)"', page)]
    assert len(anchors) == len(set(anchors))
    ids = {re.sub(r"\[.*\]", "", name) for name in anchors}
    assert {claim.id for claim in claims() if claim.paper in PAPERS} <= ids
    search = SITE["ledger_page"].search_entries()
    assert [entry["title"] for entry in search] == [
        name for _, name, _ in SITE["ledger_page"].entries()
    ]
    assert {entry["location"] for entry in search} == {f"ledger.html#{name}" for name in anchors}
    places = set(re.findall(r"<code>([^<]*\.py):\d+</code>", page))
    assert len(places) > 100
    assert [one for one in places if not one.startswith("paper_checks/")] == []
    for choice in ("topic", "whose", "tier", "verdict"):
        assert f'<select name="{choice}">' in page
    assert "REFUTED" in re.search(r'<select name="verdict">.*?</select>', page)[0]


def test_a_ledger_of_both_tiers_shows_what_the_full_tier_measured(tmp_path, monkeypatch):
    """The row of a claim of the full tier, as a run of five seeds would write it."""
    page = SITE["ledger_page"]
    subject = next(claim for claim in claims("in_context_learning") if claim.tier == "full")
    row = replace(
        page.published().claims[0],
        **{"id": subject.id, "paper": subject.paper, "tier": "full", "kind": subject.kind},
        **{"predicted": 0.5, "measured": 0.8, "interval": [0.28, 0.99]},
        guarantee="exact, 5 runs",
    )
    path = tmp_path / "ledger.json"
    facts = {"tier": "full", "date": "2026-11-30T10:00:00Z", "commit": "0123456789abcdef"}
    others = [claim for claim in page.published().claims if claim.id != subject.id]
    write_json(path, replace(page.published(), claims=[*others, row], **facts))
    monkeypatch.setattr(page, "published", lambda: read(path))
    said = page.ledger()
    place = said.index(f'<tr id="{subject.id}"')
    line = words(said[place : said.index("</tr>", place)])
    assert "measured 4 of 5 runs [0.28, 0.99]" in line
    assert "not run yet" not in line
    top = words(said[: said.index("<form")])
    assert (
        "a run of tiers fast and full, seed 0, on AMD EPYC, commit 0123456789ab, 2026-11-30." in top
    )
    table = SITE["claims_table"]("in_context_learning")
    assert "| VERIFIED | 0.5 | 4 of 5 runs |" in table


def test_the_page_of_refuted_statements_names_place_and_truth():
    page = file("published.md")
    assert RENDERED["faults"](page) == []
    read = words(page)
    ours = [claim for claim in claims() if claim.paper in PAPERS]
    refuted = [c for c in ours if c.as_published is not None and not c.published_form]
    assert len(refuted) > 10
    for claim in refuted:
        for text in (claim.as_published.statement, claim.as_published.facts, claim.statement):
            assert words(typeset(text)) in read
        assert f'href="ledger.html#{claim.id}-as-published"' in page
    slips = page.index("Slips, and code that no released command reaches")
    for claim in refuted:
        far = claim.as_published.reach in ("theorem", "default path", "released command")
        assert (page.index(f"ledger.html#{claim.id}-as-published") < slips) == far


HALF_TRUE = '''
"""Sums."""

from theory_on_trial import claim, derived


@claim(derived("counted"), kind="identity")
def test_lucky(trial):
    """Holds under the seed 0 alone."""
    trial.identity(int(trial.seed == 0), 1, ops=0, controls={"two": 2})


@claim(derived("counted"), kind="identity")
def test_sum(trial):
    """One is | one."""
    trial.identity(1 + 0, 1, ops=0, controls={"two": 2})


@claim(derived("counted"), kind="identity", tier="full")
def test_long(trial):
    """Two is two."""
    trial.identity(2, 2, ops=0, controls={"three": 3})
'''
AUDITS = SITE["audit_page"]


@pytest.fixture(scope="module")
def audits(tmp_path_factory):
    """Return the reports of two short audits of a small repository."""
    folder = tmp_path_factory.mktemp("audited")
    settings = "[tool.pytest.ini_options]\ntestpaths = ['checks']\n"
    lay_out(folder, {"pyproject.toml": settings, "checks/test_sums.py": HALF_TRUE})
    command = [sys.executable, "-m", "theory_on_trial.command", "audit", "--runs", "8"]
    command += ["--check", "seeds,mutants", "--workers", "2"]
    for seed in ("3", "4"):
        done = subprocess.run(
            [*command, "--seed", seed, "--out", seed],
            cwd=folder,
            env={**os.environ, "THEORY_ON_TRIAL_CACHE": str(folder / "cache")},
            capture_output=True,
            text=True,
            timeout=200,
        )
        assert "wrong: sums.lucky, seeds" in done.stdout, done.stdout + done.stderr
    return [folder / seed / "audit.json" for seed in ("3", "4")]


def test_the_page_of_the_audits_has_their_sums_and_each_failure_with_its_command(audits, tmp_path):
    AUDITS.collect(audits, tmp_path / "audit.json")
    found = AUDITS.published(tmp_path / "audit.json")
    runs = [run for path in audits for run in json.loads(path.read_text())["runs"]]
    assert found["runs"] == runs
    wrong = [run for run in runs if run["outcome"] == "wrong"]
    page = rendered(AUDITS.page(found))
    assert RENDERED["faults"](page) == []
    read = words(page)
    assert f"2 audits of tier fast ({runs and found['audits'][0]['date'][:10]}" in read
    assert f"tried verdicts {len(runs)} times" in read
    assert f"and found {len(wrong)} wrong verdicts" in read
    assert len(wrong) > 1
    for run in wrong:
        assert words(html.escape(run["why"])) in read
        assert run["again"] in read
    bound = SITE["audit_page"].pooled([json.loads(path.read_text()) for path in audits])["checks"][
        0
    ]
    assert f"{len(runs)} {len(wrong)} {100 * bound['bound']:.2g} %" in read
    for seed in ("3", "4"):
        assert re.search(rf"\b{seed} 20\d\d-\d\d-\d\d .*? UTC .*? 8 2 ", read)
    assert "seeds tried 2 claims." in read
    assert "0 of the 2 claims were never drawn." in read
    full = sum(claim.tier == "full" for claim in claims() if not claim.published_form)
    assert f"Claims of tier full, {full} at present, were not drawn." in read


def test_audits_that_cannot_be_pooled_are_refused(audits, tmp_path):
    with pytest.raises(ValueError, match="differ in their seeds"):
        AUDITS.collect([audits[0], audits[0]], tmp_path / "audit.json")
    assert not (tmp_path / "audit.json").exists()


def test_without_an_audit_the_page_says_so(tmp_path):
    assert AUDITS.published(tmp_path / "audit.json") is None
    if not AUDITS.AUDIT.exists():
        assert AUDITS.NONE.strip() in file("audited.md")
