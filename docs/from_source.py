"""Hook of the site: what its pages say about claims and figures comes from the sources.

A page says `<!-- abstract -->`, `<!-- claims -->`, `<!-- errata -->`, `<!-- figures -->`, `<!-- gallery -->`,
`<!-- table -->`, `<!-- sums -->` or `<!-- guide -->` where the text belongs, and
`<!-- include PATH -->` where a file of the repository does. The pages of `docs/papers` enter the
navigation by themselves, and those of papers on one page are made here, so that a new paper touches
no file of the site. Measured numbers are those of `build/ledger.json`, where
`pytest paper_checks/ --ledger build/ledger.json` has written one, or else of the ledger that is
published with the code.
"""

import json
import re
import sys
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
import ledger_page
from catalogue import (
    BRIEFS,
    ONLY_ABSTRACT,
    ROOT,
    Entry,
    by_topic,
    catalogue,
    gallery,
    in_html,
    sums,
    table,
    verdicts,
)
from formulas import Formulas
from PIL import Image

from theory_on_trial import Claim, claims
from theory_on_trial.figures.drawing import figures
from theory_on_trial.ledger import brief, proved_for
from theory_on_trial.page.typeset import typeset
from theory_on_trial.repository import abstract, outline

LEDGERS = [ROOT / "build" / "ledger.json", *sorted((ROOT / "records" / "ledgers").glob("*h200*"))]
PAGES = sorted((ROOT / "docs" / "papers").glob("*.md"))


def on_config(config: Any) -> Any:
    """Put the pages of the papers into the navigation, and formulas into Markdown."""
    config.markdown_extensions.append(Formulas())
    address = re.search(
        r"^repository-code: (\S+)$",
        (ROOT / "CITATION.cff").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    if address is not None:
        config.repo_url = address[1]
        config.repo_name = "/".join(address[1].split("/")[-2:])
    papers = next(
        entry["Papers"] for entry in config.nav if isinstance(entry, dict) and "Papers" in entry
    )
    papers += [{"In full": [f"papers/{page.name}" for page in PAGES]}]
    for topic, entries in by_topic().items():
        short = [entry.page for entry in entries if entry.name.startswith(BRIEFS)]
        papers += [{topic.capitalize(): short}] * bool(short)
    return config


def on_post_template(output: str, template_name: str, config: Any, **_: Any) -> str:
    """Leave out the page of what is not there: its links are right only where the address of the
    site is known.
    """
    return "" if template_name == "404.html" and not config.site_url else output


def on_files(files: Any, config: Any) -> Any:
    """Add the pages of the papers on one page."""
    from mkdocs.structure.files import File

    for entry in (entry for entry in catalogue() if entry.name.startswith(BRIEFS)):
        files.append(File.generated(config, entry.page, content=brief_page(entry)))
    return files


def brief_page(entry: Entry) -> str:
    """Return the page of a paper on one page: what was read of it, its docstring, claims, errata and
    figure, and the module itself.
    """
    (module,) = outline.files(entry.name, ROOT)
    errata = ["## Errata", "<!-- errata -->"] * any(
        c.as_published is not None for c in claims(entry.name)
    )
    only = f"<b>{ONLY_ABSTRACT}.</b> " * entry.only_abstract
    parts = [
        f"# {entry.title}",
        plain(entry.reference),
        f"<blockquote><p>{only}{typeset(entry.read)}</p></blockquote>" * bool(entry.read),
        "<!-- abstract -->",
        *(f"<p>{typeset(paragraph)}</p>" for paragraph in (entry.sentence, *entry.about)),
        "## Claims",
        "<!-- claims -->",
        *errata,
        "## Figure",
        "<!-- figures -->",
        "## The module",
        f"<!-- include {module.relative_to(ROOT)} -->",
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def on_page_content(html: str, **_: Any) -> str:
    """Leave the sources of functions out of the search: names and docstrings are found."""
    return html.replace(
        '<details class="mkdocstrings-source">',
        '<details class="mkdocstrings-source" data-search-exclude>',
    )


def on_post_page(output: str, **_: Any) -> str:
    """Leave out the blank lines of the theme's templates, a quarter of a page; those of code
    stay.
    """
    parts = re.split(r"(<pre.*?</pre>)", output, flags=re.DOTALL)
    return "".join(
        part if part.startswith("<pre") else re.sub(r"\n\s*\n", "\n", part) for part in parts
    )


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Replace the markers of a page."""
    paper = f"{BRIEFS * page.file.src_uri.startswith('papers/briefs/')}{page.file.name}"
    makers = {
        "abstract": lambda: abstract_list(paper),
        "claims": lambda: claims_table(paper),
        "errata": lambda: errata_table(paper),
        "figures": lambda: figures_list(paper),
        "gallery": gallery,
        "table": table,
        "sums": sums,
        "guide": guide,
        "first": lambda: first_figure(paper),
        "ledger": ledger_page.ledger,
        "published": ledger_page.errata,
        "fields": ledger_page.fields,
        "changelog": lambda: ledger_page.read_text("CHANGELOG.md"),
    }
    if page.file.src_uri.startswith("api/"):  # papers and guides come first, checks not at all
        checks = page.file.src_uri.startswith("api/paper_checks")
        page.meta["search"] = {"exclude": True} if checks else {"boost": 0.5}
    if page.file.src_uri in {f"papers/{one.name}" for one in PAGES}:
        markdown = ordered(markdown)
    markdown = re.sub(r"<!-- (\w+) -->", lambda marker: makers[marker[1]](), markdown)
    return re.sub(r"<!-- include (\S+) -->", lambda marker: included(marker[1]), markdown)


def on_post_build(config: Any, **_: Any) -> None:
    """Let the search find each claim by its id, as a place of the ledger's page."""
    path = Path(config.site_dir) / "search" / "search_index.json"
    index = json.loads(path.read_text(encoding="utf-8"))
    index["docs"] += ledger_page.search_entries()
    path.write_text(json.dumps(index, separators=(",", ":")), encoding="utf-8")


def included(path: str) -> str:
    """Return a file of the repository as a block of code, its path as the title."""
    return (
        f'```{Path(path).suffix[1:]} title="{path}"\n{(ROOT / path).read_text(encoding="utf-8")}```'
    )


def abstract_list(paper: str) -> str:
    """Return the statements of a paper's abstract with their answers and claims; "" without any."""
    told = abstract.sentences(paper, ROOT)
    if not told:
        return ""
    known = {claim.id: claim for claim in claims(paper)}
    lines = []
    for each in told:
        behind = ", ".join(reference(known[claim]) for claim in each.claims if claim in known)
        more = f" {typeset(each.more)}" * bool(each.more)
        place = " · ".join(filter(None, [escape(each.place), behind]))
        lines.append(
            f"<li><strong>{each.answer.capitalize()}</strong>: {typeset(each.words)}{more} "
            f"<small>{place}</small></li>"
        )
    return (
        f"## The abstract, statement by statement\n\n<p>{abstract.summed([paper], ROOT)}</p>\n"
        f"<ul>{''.join(lines)}</ul>\n"
    )


def claims_table(paper: str) -> str:
    """Return the claims of a paper, those of the authors first, each with a link to its check, and
    with the numbers of the ledger where a run has written one.
    """
    (entry,) = (entry for entry in catalogue() if entry.name == paper)
    about, rows = measured()
    own = sorted(
        (claim for claim in claims(paper) if not claim.published_form),
        key=lambda claim: claim.source.provenance == "derived",
    )
    columns = ("whose", "statement", "verdict", "predicted", "measured", "detects")
    heads = "".join(f"<th>{head}</th>" for head in columns)
    body = "".join(claim_row(claim, rows.get(claim.id)) for claim in own)
    return (
        f"{verdicts(entry)}. {about}\n\n"
        f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>\n"
    )


def claim_row(claim: Claim, row: dict[str, Any] | None) -> str:
    """Return a claim as a row of HTML; `row` is what the ledger says of it, None for a claim that
    is new or that the run left out.
    """
    provenance = claim.source.provenance
    source = "" if provenance == "abstract" else str(claim.source).removeprefix(f"{provenance}: ")
    place = typeset(source) if provenance == "derived" else escape(source)
    about = " · ".join(filter(None, [reference(claim), claim.kind, place]))
    proof = proved_for(row["note"]) if row else ""
    proof = f" <em>{escape(proof)}</em>" if proof else ""
    cells = [provenance, f"{typeset(claim.statement)}{proof}<br><small>{about}</small>"]
    if row is None:
        why = "new" if claim.tier == "fast" else f"tier {claim.tier}"
        cells += [f"<small>{why}</small>", "", "", ""]
    else:
        cells += [row["verdict"], typeset(brief(row["predicted"])), typeset(brief(row["measured"]))]
        cells += [typeset(row.get("detects", "").split(",")[0])]
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


@cache
def measured() -> tuple[str, dict[str, dict[str, Any]]]:
    """Return a sentence on the ledger whose numbers the tables show, and its rows by id."""
    path = next((path for path in LEDGERS if path.exists()), None)
    if path is None:
        return "There is no ledger of measured numbers.", {}
    ledger = json.loads(path.read_text(encoding="utf-8"))
    commit = f", commit {ledger['commit'][:8]}" if "commit" in ledger else ""
    device = ledger["platform"]["device"]
    about = f"The numbers are those of {path.relative_to(ROOT)} (tier {ledger['tier']}, {device}{commit})."
    return about, {row["id"]: row for row in ledger["claims"]}


def errata_table(paper: str) -> str:
    """Return what was published, where, and what is true instead; or the sentence that there is
    nothing of the kind.
    """
    rows = [
        f"<tr><td>{typeset(c.as_published.published)}<br><small>{escape(str(c.as_published))}</small></td>"
        f"<td>{typeset(c.statement)}<br><small>{reference(c)}</small></td></tr>"
        for c in claims(paper)
        if c.as_published is not None and not c.published_form
    ]
    if not rows:
        return "No published statement of this paper is refuted here."
    heads = "<tr><th>as published: REFUTED</th><th>what is true: VERIFIED</th></tr>"
    return f"<table><thead>{heads}</thead><tbody>{''.join(rows)}</tbody></table>\n"


def figures_list(paper: str) -> str:
    """Return the figures of a paper as in the gallery, with the command that draws them."""
    shown = figures(paper) if paper.startswith(BRIEFS) else figures(paper)[1:]
    lines = [f"`python -m figures {paper}` draws them in full size.", ""]
    return "\n".join([*lines, *(line for figure in shown for line in drawn(paper, figure))])


def first_figure(paper: str) -> str:
    """Return the first figure of a paper, which its page shows before the text; "" without any."""
    return "\n".join(line for figure in figures(paper)[:1] for line in drawn(paper, figure))


def drawn(paper: str, figure: Any) -> list[str]:
    """Return a figure as lines of Markdown: its title, and its picture, which leads to itself."""
    picture = f"{paper.split('.')[-1]}/{figure.file_name}.webp"  # beside the page
    lines = [f"**{figure.name}.** {in_html(figure.title)}", ""]
    path = ROOT / "docs" / "papers" / "/".join(paper.split(".")[:-1]) / picture
    if not path.exists():
        return lines
    with Image.open(path) as image:
        width, height = image.size
    title = escape(f"{figure.name}. {figure.title}".replace("\n", " "))
    image_tag = f'<img src="{picture}" alt="{plain(title)}" loading="lazy" width="{width}" height="{height}">'
    return [*lines, f'<a href="{picture}">{image_tag}</a>', ""]


ORDER = ("What this means for you", "The setting", "On your own data", "Write your own program")
ORDER += ("Claims", "Errata", "Figures, notebook, benchmark", "Notation")


def ordered(markdown: str) -> str:
    """Return the page of a paper in full with what most readers want first: the abstract and the
    first figure, what it means, the tool; the notation is folded, at the end.
    """
    head, *parts = re.split(r"^## ", markdown, flags=re.MULTILINE)
    titles = [part.partition("\n")[0] for part in parts]
    known = [title for title in ORDER if title in titles]
    places = {title: known.index(title) for title in known}
    # A section with a name of its own stays behind the one before it.
    last = -1.0
    keys = []
    for title in titles:
        last = float(places[title]) if title in places else last + 1e-3
        keys.append(last)
    sorted_parts = [
        part for _, part in sorted(zip(keys, parts, strict=True), key=lambda one: one[0])
    ]
    folded = [
        f'<details markdown="1"><summary>Notation</summary>\n\n{part.partition(chr(10))[2]}\n</details>\n'
        if part.startswith("Notation\n")
        else f"## {part.rstrip()}\n\n"
        for part in sorted_parts
    ]
    return f"{head}\n<!-- first -->\n\n{''.join(folded)}"


def guide() -> str:
    """Return CONTRIBUTING.md."""
    return (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").replace("](docs/", "](")


def reference(claim: Claim) -> str:
    """Return a claim's name as a link to the documentation of its check, whose page shows the
    source.

    That of a paper on one page stands below, on the same page.
    """
    if claim.paper.startswith(BRIEFS):
        return f'<a href="#the-module"><code>{claim.id.rpartition(".")[2]}</code></a>'
    place = f"{claim.function.__module__}.{claim.function.__name__}"
    return f'<autoref identifier="{place}"><code>{claim.id.rpartition(".")[2]}</code></autoref>'


def plain(text: str) -> str:
    """Return text that Markdown leaves as it is: its special characters as entities."""
    return re.sub(r"[\\`*_{}\[\]<>#|$&~^]", lambda found: f"&#{ord(found[0])};", text)
