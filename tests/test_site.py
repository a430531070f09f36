"""The site: how its pages read once they are made."""

import html
import re
import runpy
from types import SimpleNamespace

import markdown
import pytest
import yaml
from test_docs import PAGES, ROOT

from theory_on_trial import claims

SITE = runpy.run_path(str(ROOT / "docs" / "from_source.py"))
RENDERED = runpy.run_path(str(ROOT / "docs" / "rendered.py"))
PAPERS = {entry.name for entry in SITE["catalogue"]()}
SHORT = [entry for entry in SITE["catalogue"]() if entry.name.startswith(SITE["BRIEFS"])]


def rendered(text, place):
    """Return a page as the site makes it, but for the theme."""
    said = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["markdown_extensions"]
    names = [next(iter(entry)) if isinstance(entry, dict) else entry for entry in said]
    options = {
        name: value for entry in said if isinstance(entry, dict) for name, value in entry.items()
    }
    page = SimpleNamespace(
        meta={},
        file=SimpleNamespace(src_uri=place, name=place.rpartition("/")[2].removesuffix(".md")),
    )
    extensions = [*names, SITE["Formulas"]()]
    return markdown.markdown(
        SITE["on_page_markdown"](text, page), extensions=extensions, extension_configs=options
    )


def words(text):
    return " ".join(html.unescape(re.sub(r"<[^>]*>", "", text)).split())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_formula_of_a_page_is_made(page):
    place = page.relative_to(ROOT / "docs").as_posix()
    assert RENDERED["faults"](rendered(page.read_text(encoding="utf-8"), place)) == []


@pytest.mark.parametrize("entry", SHORT, ids=lambda entry: entry.name)
def test_a_paper_on_one_page_reads_as_it_is_written(entry):
    page = rendered(SITE["brief_page"](entry), entry.page)
    assert RENDERED["faults"](page) == []
    text = words(page)
    for paragraph in filter(None, (entry.read, entry.sentence, *entry.about)):
        assert words(SITE["typeset"](paragraph)) in text
    assert entry.reference in text
    assert page.count("<h1") == 1
    assert ("Only the abstract was read." in text) == entry.only_abstract


def test_the_abstract_stands_before_the_claims_with_links_to_them():
    page = rendered("<!-- abstract -->\n\n## Claims\n", "papers/naive_bayes_vs_logistic.md")
    assert "<strong>Not on trial</strong>: on pre-trained vision models" in page
    assert '<autoref identifier="paper_checks.test_naive_bayes' in page
    assert "<code>psi_conjugate</code>" in page
    assert rendered("<!-- abstract -->", "papers/briefs/nothing.md").strip() == ""


def test_the_gallery_has_a_card_for_each_paper_with_its_counts():
    page = rendered("<!-- gallery -->", "gallery.md")
    read = words(page)
    for entry in SITE["catalogue"]():
        assert words(SITE["verdicts"](entry)) in read
        assert f'href="{entry.page.removesuffix(".md")}.html"' in page
    assert [
        entry.name for entry in SHORT if words(SITE["typeset"](entry.sentence)) not in read
    ] == []
    assert RENDERED["faults"](page) == []


def test_the_counts_of_a_paper_are_those_of_its_sources():
    counts = SITE["gallery"].__globals__["counts"]
    for entry in SITE["catalogue"]()[:10]:
        own = claims(entry.name)
        published = [one for one in own if one.id.endswith("-as-published")]
        derived = [one for one in own if str(one.source).startswith("derived: ")]
        theirs = len(own) - len(published) - len(derived)
        assert counts([entry]) == (theirs, len(derived), len(published))


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
    assert SITE["gallery"].__globals__["only_abstract"](read) == only


def test_characters_of_markdown_and_tex_are_text_in_a_docstring():
    hard = 'x_a * y_b, $5 | `k` <b> [T](u) a^* # ~ \\{0\\} & "q" it\'s _so_'
    in_html = SITE["gallery"].__globals__["in_html"]
    assert words(markdown.markdown(in_html(hard), extensions=[SITE["Formulas"]()])) == words(
        SITE["typeset"](hard)
    )
    row = markdown.markdown(f"| a | b |\n|---|---|\n| {in_html(hard)} | c |", extensions=["tables"])
    assert words(row) == f"a b {words(SITE['typeset'](hard))} c"


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
        r"In $\{0, 1\}$, $\|x\|^2$, `$HOME$` and \$5 or \$6.", extensions=[SITE["Formulas"]()]
    )
    assert words(made).replace(" ", "") == "In{0,1},‖x‖2,$HOME$and$5or$6."


def test_a_page_that_is_too_wide_or_lacks_a_picture_is_seen(tmp_path):
    if RENDERED["chromium_of_the_tests"]() is None:
        pytest.skip("no Chromium on this machine")
    (tmp_path / "a.html").write_text('<p style="width: 600px">a</p><p>b</p>', "utf-8")
    (tmp_path / "b.html").write_text("<p>b</p><img src='data:image/png;base64,no'>", "utf-8")
    assert RENDERED["seen_faults"](tmp_path) == [
        "a.html at 390 pixels: wider than the screen",
        "b.html at 390 pixels: no picture data:image/png;base64,no",
        "b.html at 1280 pixels: no picture data:image/png;base64,no",
    ]


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
    page = rendered((ROOT / "docs" / "ledger.md").read_text(encoding="utf-8"), "ledger.md")
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
    for choice in ("topic", "whose", "tier", "verdict"):
        assert f'<select name="{choice}">' in page
    assert "REFUTED" in re.search(r'<select name="verdict">.*?</select>', page)[0]


def test_the_page_of_refuted_statements_names_place_and_truth():
    page = rendered((ROOT / "docs" / "published.md").read_text(encoding="utf-8"), "published.md")
    assert RENDERED["faults"](page) == []
    read = words(page)
    ours = [claim for claim in claims() if claim.paper in PAPERS]
    refuted = [c for c in ours if c.as_published is not None and not c.published_form]
    assert len(refuted) > 10
    for claim in refuted:
        for text in (claim.as_published.published, claim.statement):
            assert words(SITE["typeset"](text)) in read
        assert f'href="ledger.html#{claim.id}-as-published"' in page


def test_a_papers_page_begins_with_what_most_readers_want():
    page = "# T\n\n<!-- abstract -->\n\n## The setting\n\na\n\n## Notation\n\nb\n\n"
    page += "## What this means for you\n\nc\n\n## Claims\n\nd\n\n## Own\n\ne\n"
    made = SITE["ordered"](page)
    heads = re.findall(r"^## (.*)|<summary>(.*)</summary>", made, re.MULTILINE)
    assert ["".join(head) for head in heads] == [
        *("What this means for you", "The setting", "Claims", "Own", "Notation"),
    ]
    assert made.index("<!-- abstract -->") < made.index("<!-- first -->") < made.index("## What")
    assert sorted(re.findall(r"^[a-e]$", made, re.MULTILINE)) == list("abcde")
