"""The report: typesetting, content, figures beside their claims, and the page in a browser."""

import base64
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from browser import chromium, find

from theory_on_trial import claim, paper, published
from theory_on_trial.figures.command import main as draw
from theory_on_trial.figures.drawing import Figure
from theory_on_trial.ledger import Ledger, Row, brief, proved_for
from theory_on_trial.ledger.words import whose
from theory_on_trial.page.plot import interval_plot
from theory_on_trial.page.report import drawn_in, drawn_of, write_gallery, write_html
from theory_on_trial.page.typeset import typeset
from theory_on_trial.page.written import write_report


@pytest.mark.parametrize(
    ("text", "html"),
    [
        (
            "$λ_1 <= σ^2$",
            "<math><mrow><msub><mi>λ</mi><mn>1</mn></msub><mo>≤</mo>"
            "<msup><mi>σ</mi><mn>2</mn></msup></mrow></math>",
        ),
        (  # a long formula may break after a relation
            "$x_1 + x_2 + x_3 = y$",
            "<math><mrow><msub><mi>x</mi><mn>1</mn></msub><mo>+</mo><msub><mi>x</mi><mn>2</mn></msub>"
            "<mo>+</mo></mrow></math><wbr><math><mrow><msub><mi>x</mi><mn>3</mn></msub><mo>=</mo>"
            "<mi>y</mi></mrow></math>",
        ),
        (
            "$sqrt(2 / d)$ of `n_points` & 5 %",
            "<math><mrow><msqrt><mrow><mn>2</mn><mo>/</mo><mi>d</mi></mrow></msqrt></mrow></math>"
            " of <code>n_points</code> &amp; 5\u202f%",
        ),
        (
            "$MSE^trig$, $x\N{COMBINING CIRCUMFLEX ACCENT}$",
            "<math><mrow><msup><mi>MSE</mi><mrow><mi>trig</mi></mrow></msup></mrow></math>, "
            '<math><mrow><mover accent="true"><mi>x</mi><mo>ˆ</mo></mover></mrow></math>',
        ),
        ("$<b>$", "<math><mrow><mo>&lt;</mo><mi>b</mi><mo>&gt;</mo></mrow></math>"),
        ("λ_1 <= σ^2 of n_points, <b>", "λ_1 &lt;= σ^2 of n_points, &lt;b&gt;"),  # as it is typed
        ("0.6667 in [0.65, 0.68], 1 -> 2", "0.6667 in [0.65, 0.68], 1 → 2"),
    ],
)
def test_marked_formulas_are_mathml_and_all_else_is_as_typed(text, html):
    assert typeset(text) == html


@claim(
    paper("Theorem 1"),
    kind="identity",
    as_published=published(
        place=paper("Theorem 1"),
        quoted="The sum of $x_k^2$ is $n^2 / 3$.",
        within="no condition stands there",
        reach="theorem",
        effect="nothing published",
        ran="the formula",
    ),
)
def test_squares(trial, n=12):
    """The sum of the squares $x_k^2$, $k <= n$, is $n (n + 1)(2n + 1) / 6$."""
    total = sum(k * k for k in range(n + 1))
    wrong = {"$x_k^3$": 6084.0}
    trial.identity(
        total, n * (n + 1) * (2 * n + 1) / 6, ops=0, controls=wrong, as_published=n * n / 3
    )
    trial.value(
        [2.0, 3.0],
        [2.0, 3.0],
        error=[1e-9, 1e-6],
        margin=[0.1, 0.2],
        controls={"other": [1.0, 9.0]},
    )


def ledger():
    """Two papers: real rows, one that stopped with an error, a growth law, and a malicious
    statement.
    """
    rows = [claim(f"report.squares{printed}").run() for printed in ("", "-as-published")]
    about = {"source": "Section 2", "tier": "fast", "expected": "VERIFIED", "command": "pytest"}
    broken = Row(
        "other.broken",
        "other",
        statement="A <script>alert(1)</script> of a_" + "b" * 80,
        kind="rate",
        verdict="INCONCLUSIVE",
        note="RuntimeError: broken simulator",
        **about,
    )
    growth = Row(
        "other.growth",
        "other",
        statement="m grows like log n.",
        kind="rate",
        verdict="VERIFIED",
        predicted="log n",
        measured="log n",
        interval=[[1.0, "-inf", 3.0], [2.0, 3.0, "inf"]],
        slack=0.7,
        error_probability=1e-7,
        guarantee="finite-n (union)",
        samples=10,
        looks=1,
        controls=[{"name": "n", "predicted": "n", "verdict": "REFUTED"}],
        **about,
    )
    left_out = [
        {"id": "other.costly", "tier": "full", "reason": "tier full is above this run's tier fast"}
    ]
    return Ledger([*rows, broken, growth], not_run=left_out, repository="toys", commit="c0ffee")


def parabola(width: int = 3):
    """A parabola of width `n_points`. Its second sentence, with $x^2 <= 4$."""
    import matplotlib.pyplot as plt

    drawn, axes = plt.subplots(figsize=(9, 3))
    axes.plot(range(width), [x**2 for x in range(width)])
    return drawn


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A report of the ledger above with one figure; its path."""
    folder = tmp_path_factory.mktemp("report")
    Figure("report", "F1", parabola, {}, ("squares",)).save(folder / "figures" / "out", quick=False)
    (folder / "figures" / "other.py").touch()
    write_html(folder / "report.html", ledger(), folder)
    return folder / "report.html"


def test_the_page_is_self_contained_and_escapes_what_it_is_given(page):
    html = page.read_text(encoding="utf-8")
    links = re.findall(r"""(?:src|href)="([^"]*)|url\(([^)]*)""", html)
    # Anchors and data: only
    outside = {"".join(link) for link in links if "".join(link)[:1] not in ("#", "d")}
    assert outside == set()
    assert "<script>alert" not in html
    assert html.count("data:image/png;base64") == 1


def test_the_page_says_what_holds_and_what_does_not(page):
    html = re.sub(
        r"</?(?:m[a-z]+|wbr|span)\b[^>]*>", "", page.read_text(encoding="utf-8").split("<main>")[1]
    )
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", html))
    assert "1 statement holds: 1 identity" in text
    assert "VERIFIED: 1 of the paper; REFUTED as published: 1." in text
    assert (
        "Refuted as published ✗ REFUTED “The sum of xk2 is n2/3.” 48 published, 650 measured ✓ "
        "VERIFIED The sum of" in text
    )
    assert "Not as expected ? INCONCLUSIVE" in text
    assert "expected VERIFIED: RuntimeError: broken simulator" in text
    assert "Claims that did not run: 1 other.costly: tier full is above" in text
    # The second coordinate of the second decision
    assert "exact [1] 2 2 ±10−9 0.1 0 [2] 3 3 ±10−6 0.2 0" in text
    assert re.search(r"other 1, 9 \S+ ✗ REFUTED", text)  # a control, and its distance
    assert "detects" in text
    assert (
        "The figures of this paper are not drawn yet. theory-on-trial figures other draws them"
        in text
    )
    assert text.count("not drawn yet") == 1


def test_a_row_is_drawn_as_prediction_measurement_and_controls():
    controls = [
        {"name": str(value), "predicted": value, "verdict": "REFUTED"} for value in (1.5, 90.0)
    ]
    row = replace(
        claim("report.squares").run(),
        predicted=2.0,
        measured=2.1,
        interval=[2.05, 2.15],
        margin=0.2,
    )
    row = replace(row, controls=controls, parts=[])
    for other in (
        {"parts": [{}, {}]},
        {"note": "coordinate [3] of 9, the worst"},
    ):  # whose are the controls?
        assert "control" not in interval_plot(replace(row, **other))
    picture = interval_plot(row)
    # The axis reaches 1.25 times as far as the nearest control, .5 away, and is 158 wide between
    # its edges of 5.
    assert re.findall(r'class="prediction" d="M([\d.]+)', picture) == ["84.0"]
    assert [float(x) for x in re.findall(r'cx="([\d.]+)', picture)] == [
        pytest.approx(84 + 79 * 0.1 / 0.625, abs=0.06)
    ]
    near, far = re.findall(r'class="control" d="M([\d.]+)', picture)
    assert float(near) == pytest.approx(84 - 79 * 0.5 / 0.625, abs=0.06)
    assert float(far) > 160  # an arrow at the end
    assert "controls at 1.5, 90" in picture
    assert interval_plot(replace(row, predicted="log n", measured="log n")) == ""
    assert interval_plot(replace(row, interval=None)) == ""
    assert interval_plot(
        replace(row, predicted=[2.0, 7.0], measured=[2.1, 7.0], interval=[[2.05, 7.0], [2.15, 7.0]])
    )


def test_figures_of_the_gallery_stand_in_where_none_is_drawn(tmp_path):
    gallery = tmp_path / "docs" / "papers"
    Figure("report", "F1", parabola, {}, ("squares",)).save(gallery, quick=False, small=True)
    (kept,) = drawn_of("report", tmp_path)
    assert (kept.id, kept.format) == ("report.F1", "webp")
    write_html(tmp_path / "report.html", ledger(), tmp_path)
    assert "data:image/webp;base64" in (tmp_path / "report.html").read_text(encoding="utf-8")
    Figure("report", "F2", parabola, {}, ("squares",)).save(
        tmp_path / "figures" / "out", quick=False
    )
    assert [picture.id for picture in drawn_of("report", tmp_path)] == ["report.F2"]


def test_numbers_in_words():
    assert brief([[0.265781, 1.0], [2.0, 3.0]]) == "0.26578…"


def test_the_header_names_repository_commit_and_date(tmp_path):
    book = replace(ledger(), dirty=True, date="2026-11-29T08:00:00Z", interrupted=True)
    write_html(tmp_path / "report.html", book, tmp_path)
    head = " ".join((tmp_path / "report.html").read_text("utf-8").partition("<nav>")[0].split())
    assert "toys at commit c0ffee, with changes" in head
    assert '<time datetime="2026-11-29T08:00:00Z">2026-11-29</time>' in head
    assert "The run was ended before all claims were tried." in head


MALICIOUS_TEXTS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[a](javascript:alert(1))",
    '"><svg/onload=alert(1)>',
    "</details></section><script>alert(1)</script>",
    "\\write18{touch owned} \\input{/etc/passwd}",
    "a | b\x00c",
    "{{ 7 * 7 }} {% raw %}",
]


@pytest.mark.parametrize("text", MALICIOUS_TEXTS)
def test_a_malicious_statement_is_text(tmp_path, text):
    row = replace(ledger().claims[0], statement=text, source=text, note=text, why_low_power=text)
    row = replace(row, controls=[{"name": text, "predicted": 1.0, "verdict": "REFUTED"}])
    for name, rows in (("malicious", [row]), ("plain", [replace(row, statement="x", source="x")])):
        write_html(tmp_path / f"{name}.html", Ledger(rows, repository=text), tmp_path)
    seen = Elements()
    seen.feed((tmp_path / "malicious.html").read_text("utf-8"))
    assert seen.scripts == 1  # the page's own
    assert not {"img", "svg/onload"} & seen.tags
    assert [name for name in seen.attributes if name.startswith("on")] == []
    assert [link for link in seen.links if "javascript" in link.lower()] == []
    assert "49" not in seen.words.partition("seed 0")[0]


class Elements(HTMLParser):
    """What a browser would make of a page: its elements, attributes, links and words."""

    def __init__(self):
        super().__init__()
        self.scripts = 0
        self.tags = set()
        self.attributes = []
        self.links = []
        self.words = ""

    def handle_starttag(self, tag, attrs):
        self.scripts += tag == "script"
        self.tags.add(tag)
        self.attributes += [name for name, _ in attrs]
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]

    def handle_data(self, data):
        self.words += data


def test_the_domain_of_a_proof_stands_beside_the_statement(tmp_path):
    rows = ledger().claims
    note = "proved for all `x` in [0, 20]: 29 boxes, depth 11, 106 bits, enclosures"
    proved = replace(rows[0], note=note, guarantee="proved")
    write_html(tmp_path / "report.html", Ledger([proved]), tmp_path)
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert html.count("<em>proved for all <code>x</code> in [0, 20]</em>") == 1
    assert proved_for(f"a remark; {note}") == "proved for all `x` in [0, 20]"
    assert proved_for("not proved at x = 3: more boxes would do") == ""


SOURCE = '''
from theory_on_trial import claim, paper


@claim(paper("Theorem 1"))
def test_mean(trial):
    """The mean of $x_i$
    is $μ$.

    More.
    """
'''


@pytest.mark.parametrize(
    ("statement", "shown"),
    [
        ("The mean of x_i is μ.", "The mean of $x_{i}$ is $\\mu$."),
        ("The mean of $x_i$ is $ν$.", "The mean of $x_{i}$ is $\\nu$."),
        (
            "The mean of x_i was μ.",
            "The mean of x\\_i was $\\mu$.",
        ),  # other words, as they are typed
    ],
)
def test_an_old_row_gets_the_marks_of_its_source_if_it_has_its_words(tmp_path, statement, shown):
    (tmp_path / "test_toys.py").write_text(SOURCE, encoding="utf-8")
    row = replace(ledger().claims[0], id="toys.mean", paper="toys", statement=statement)
    write_report(tmp_path / "table.tex", Ledger([row]), tmp_path)
    assert shown in (tmp_path / "table.tex").read_text(encoding="utf-8")


def test_counts_are_split_by_whose_statement_it_is():
    rows = ledger().claims
    others = [replace(rows[0], provenance=name) for name in ("derived", "derived", "code")]
    # The claim that stopped with an error does not count
    assert whose([*rows, *others]) == (
        "VERIFIED: 1 of the paper, 1 of released code, 2 derived here, 1 without a source; "
        "REFUTED as published: 1"
    )


def test_drawn_figures_are_found_in_the_order_of_their_numbers(tmp_path):
    for name in ("F10", "F2"):
        Figure("report", name, parabola, {}, ("squares",)).save(tmp_path, quick=False)
    second, tenth = drawn_in(tmp_path / "report")
    assert (second.id, tenth.id) == ("report.F2", "report.F10")
    assert (second.title, second.settings) == ("A parabola of width `n_points`.", "width = 3.")
    assert (second.claims, second.command) == (["report.squares"], "python -m figures report.F2")
    write_gallery(tmp_path / "gallery.html", [tenth.path, second.path])
    html = (tmp_path / "gallery.html").read_text(encoding="utf-8")
    assert html.count("data:image/png;base64") == 2
    assert "A parabola of width <code>n_points</code>." in html


def test_the_gallery_needs_a_folder_that_exists(capsys, tmp_path):
    with pytest.raises(SystemExit):
        draw(["--gallery", str(tmp_path / "no" / "page.html")])
    assert "--gallery must name a file in a folder that exists, got " in capsys.readouterr().err


in_browser = pytest.mark.skipif(find() is None, reason="no Chromium on this machine")


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("profile")) as tab:
        yield tab


@pytest.fixture
def tab(browser, page):
    browser.view(1280)
    browser.open(page.as_uri())
    yield browser
    assert browser.errors == []


SHOWN = "[...document.querySelectorAll('.claim')].filter(c => c.checkVisibility()).map(c => c.id)"
ALL = ["other.broken", "other.growth", "report.squares", "report.squares-as-published"]


def choose(tab, name, value):
    tab.run(f"document.querySelector('[name={name}]').value = '{value}'")
    tab.run(
        f"document.querySelector('[name={name}]').dispatchEvent(new Event('input', {{bubbles: "
        f"true}}))"
    )
    return sorted(tab.run(SHOWN))


@in_browser
def test_filters_show_what_was_asked_for_and_the_address_keeps_them(tab, page):
    assert sorted(tab.run(SHOWN)) == ALL
    assert choose(tab, "paper", "report") == ["report.squares", "report.squares-as-published"]
    assert choose(tab, "verdict", "REFUTED") == ["report.squares-as-published"]
    assert tab.run("location.hash") == "#paper=report&verdict=REFUTED"
    assert tab.run("document.querySelector('output').value") == "1 of 4"
    tab.open(page.as_uri() + "#kind=rate&verdict=VERIFIED")
    assert tab.run(SHOWN) == ["other.growth"]
    assert tab.run("document.querySelector('[name=kind]').value") == "rate"
    choose(tab, "kind", "")
    choose(tab, "verdict", "")
    tab.run("document.querySelector('[name=text]').focus()")
    tab.call("Input.insertText", text="Grows like LOG")
    assert tab.run(SHOWN) == ["other.growth"]
    tab.run("document.querySelector('[href*=\"kind=identity\"]').click()")
    tab.run("new Promise(requestAnimationFrame)")
    assert tab.run(SHOWN) == ["report.squares"]


@in_browser
def test_a_permalink_opens_its_claim_whatever_was_filtered(tab, page):
    tab.open(page.as_uri() + "#report.squares-as-published")
    assert tab.run("document.getElementById('report.squares-as-published').open")
    assert tab.run("document.getElementById('report.squares').open") is False
    choose(tab, "paper", "other")
    tab.run("location.hash = '#report.squares'")
    tab.run("new Promise(requestAnimationFrame)")
    assert tab.run("document.getElementById('report.squares').open")
    assert sorted(tab.run(SHOWN)) == ALL
    assert (
        0 <= tab.run("document.getElementById('report.squares').getBoundingClientRect().top") < 900
    )
    link = "document.querySelector('[id=\"report.squares\"] .permalink').href"
    assert tab.run(link) == page.as_uri() + "#report.squares"


@in_browser
def test_an_opened_claim_shows_its_figure_small(tab, page):
    tab.open(page.as_uri() + "#report.squares")
    tab.run("new Promise(done => setTimeout(done, 50))")
    sizes = (
        "[...document.querySelectorAll('[id=\"report.squares\"] img')].map(image => "
        "image.naturalWidth > 0)"
    )
    assert tab.run(sizes) == [True]
    assert tab.run(
        "performance.getEntriesByType('resource').every(e => e.name.startsWith('data:'))"
    )


@in_browser
def test_a_search_takes_several_words_of_any_field_and_greek_letters(tab):
    for text, ids in (
        ("section rate LOG", ["other.growth"]),
        ("squares paper", ["report.squares", "report.squares-as-published"]),
        ("broken simulator", ["other.broken"]),
        ("m log zzz", []),
    ):
        assert choose(tab, "text", text) == ids
    tab.run("claims[0].dataset.text += ' lambda_1'")
    assert len(choose(tab, "text", "λ_1")) == 1


@in_browser
def test_a_link_that_leads_nowhere_says_so(tab, page):
    tab.open(page.as_uri() + "#other.gone")
    assert tab.run("document.querySelector('output').value") == "nothing here is called other.gone"
    assert sorted(tab.run(SHOWN)) == ALL


@in_browser
def test_claims_are_one_stop_of_the_tabulator_and_arrow_keys_lead_on(tab):
    assert tab.run("document.querySelectorAll('.claim > summary[tabindex=\"0\"]').length") == 1
    tab.call("Emulation.setFocusEmulationEnabled", enabled=True)
    tab.run("heads[0].focus()")
    press = (
        "document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {key: '%s', "
        "bubbles: true}))"
    )
    focus = "document.activeElement.closest('.claim').id"
    first = tab.run(focus)
    tab.run(press % "ArrowDown")
    second = tab.run(focus)
    tab.run(press % "ArrowUp")
    assert (tab.run(focus), second) == (first, "other.growth")
    assert tab.run("document.querySelectorAll('.claim > summary[tabindex=\"0\"]').length") == 1
    tab.run("document.querySelector('.skip').focus()")
    assert tab.run("document.querySelector('.skip').getBoundingClientRect().left") >= 0


@in_browser
@pytest.mark.parametrize(
    ("width", "dark"), [(390, False), (390, True), (900, False), (1280, False)]
)
def test_nothing_is_wider_than_the_window(tab, width, dark):
    tab.view(width, dark=dark)
    tab.run("document.querySelectorAll('details').forEach(details => details.open = true)")
    assert tab.run("document.documentElement.scrollWidth") <= width
    background = tab.run("getComputedStyle(document.body).backgroundColor")
    assert (max(map(int, re.findall(r"\d+", background))) < 80) is dark


@in_browser
def test_print_leaves_the_filters_out_and_the_details_closed(tab):
    tab.call("Emulation.setEmulatedMedia", media="print")
    assert tab.run("document.querySelector('#filters').checkVisibility()") is False
    assert tab.run("document.querySelectorAll('.claim[open]').length") == 0


@in_browser
def test_a_ledger_of_330_claims_prints_on_25_pages(browser, tmp_path):
    rows = [row for row in ledger().claims if row.as_expected]
    many = [
        replace(
            row,
            id=f"p{n % 11}.{row.id}{n}{row.id[-11:]}",
            paper=f"p{n % 11}",
            statement=row.statement * 3,
        )
        for n in range(110)
        for row in rows
    ]
    assert len(many) == 330
    write_html(tmp_path / "page.html", Ledger(many), tmp_path)
    browser.open((tmp_path / "page.html").as_uri())
    pdf = base64.b64decode(
        browser.call("Page.printToPDF", paperWidth=8.27, paperHeight=11.69)["data"]
    )
    assert 5 <= len(re.findall(rb"/Type\s*/Page\b", pdf)) <= 25
