"""Hook of the site: what its pages say about claims and figures comes from the registries, the
guide from its file.

A page says `<!-- claims -->`, `<!-- errata -->`, `<!-- figures -->`, `<!-- papers -->`,
`<!-- sums -->` or `<!-- guide -->` where the text belongs, and
`<!-- include PATH -->` where a file of the repository does; the pages of `docs/papers` enter the
navigation by themselves, and those of papers on one page are made here: a new paper touches no file
of the site.
"""

import re
import sys
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from catalogue import BRIEFS, LEDGER, ROOT, Entry, catalogue, in_html, sums
from catalogue import table as catalogue_table
from formulas import Formulas

from theory_on_trial import Claim, claims
from theory_on_trial.figures.drawing import figures
from theory_on_trial.ledger import brief
from theory_on_trial.page.compare import read
from theory_on_trial.page.typeset import typeset
from theory_on_trial.repository import outline

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
        config.repo_url, config.repo_name = address[1], "/".join(address[1].split("/")[-2:])
    papers = next(
        entry["Papers"] for entry in config.nav if isinstance(entry, dict) and "Papers" in entry
    )
    papers += [{"In full": [f"papers/{page.name}" for page in PAGES]}]
    short = [entry for entry in catalogue() if entry.name.startswith(BRIEFS)]
    for topic in dict.fromkeys(entry.topic for entry in short):
        papers += [{topic.capitalize(): [entry.page for entry in short if entry.topic == topic]}]
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
    """Return the page of a paper on one page: its docstring, claims, errata and figures, and the
    module itself.
    """
    (module,) = outline.files(entry.name, ROOT)
    errata = ["## Errata", "<!-- errata -->"] * any(
        c.as_published is not None for c in claims(entry.name)
    )
    paragraphs = [f"<p>{typeset(paragraph)}</p>" for paragraph in (entry.sentence, *entry.about)]
    gallery = ["## Figure", "<!-- figures -->"]
    parts = [
        f"# {entry.title}",
        plain(entry.reference),
        *paragraphs,
        "## Claims",
        "<!-- claims -->",
        *errata,
        *gallery,
    ]
    return (
        "\n\n".join([*parts, "## The module", f"<!-- include {module.relative_to(ROOT)} -->"])
        + "\n"
    )


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
        "claims": lambda: claims_table(paper),
        "errata": lambda: errata_table(paper),
        "figures": lambda: figures_list(paper),
        "papers": catalogue_table,
        "sums": sums,
        "guide": guide,
    }
    markdown = re.sub(r"<!-- (\w+) -->", lambda marker: makers[marker[1]](), markdown)
    return re.sub(r"<!-- include (\S+) -->", lambda marker: included(marker[1]), markdown)


def included(path: str) -> str:
    """Return a file of the repository as a block of code, its path as the title."""
    return (
        f'```{Path(path).suffix[1:]} title="{path}"\n{(ROOT / path).read_text(encoding="utf-8")}```'
    )


def claims_table(paper: str) -> str:
    """Return the claims of a paper, each with its verdict in the published ledger and a link to its
    check.
    """
    verdicts = published()
    rows = [claim_row(c, verdicts.get(c.id)) for c in claims(paper) if not c.published_form]
    heads = "".join(
        f"<th>{head}</th>" for head in ("verdict", "statement", "predicted", "measured", "detects")
    )
    about = (
        f"Verdicts of the fast tier as measured at commit {read(LEDGER)['commit'][:8]}, from "
        f"`{LEDGER.relative_to(ROOT)}`; `pytest` makes them again."
    )
    return (
        f"{about}\n\n<table><thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table>\n"
    )


def claim_row(claim: Claim, row: dict[str, Any] | None) -> str:
    """Return a claim as a row of HTML; `row` is what the published ledger says of it, None for the
    other tiers.
    """
    source = "abstract" if claim.source.provenance == "abstract" else str(claim.source)
    whence = typeset(source) if claim.source.provenance == "derived" else escape(source)
    about = f"{reference(claim)} · {claim.kind} · {whence}"
    statement = f"{typeset(claim.statement)}<br><small>{about}</small>"
    if row is None:
        why = "new" if claim.tier == "fast" else f"tier {claim.tier}"
        return f'<tr><td><small>{why}</small></td><td>{statement}</td><td colspan="3"></td></tr>'
    numbers = (
        typeset(brief(row["predicted"])),
        typeset(brief(row["measured"])),
        typeset(row["detects"].split(",")[0]),
    )
    return f"<tr><td>{row['verdict']}</td><td>{statement}</td>{''.join(f'<td>{n}</td>' for n in numbers)}</tr>"


@cache
def published() -> dict[str, dict[str, Any]]:
    """Return the rows of the ledger that is published with the code, by their ids."""
    return {row["id"]: row for row in read(LEDGER)["claims"]}


def errata_table(paper: str) -> str:
    """Return what is printed, where, and what is true instead, or the sentence that nothing was
    found.
    """
    rows = [
        f"<tr><td>{typeset(c.as_published.says)}<br><small>{escape(str(c.as_published))}</small></td>"
        f"<td>{typeset(c.statement)}<br><small>{reference(c)}</small></td></tr>"
        for c in claims(paper)
        if c.as_published is not None and not c.published_form
    ]
    if not rows:
        return "No claim of this paper has a published form that differs from what is true."
    heads = "<tr><th>as published: REFUTED</th><th>what is true: VERIFIED</th></tr>"
    return f"<table><thead>{heads}</thead><tbody>{''.join(rows)}</tbody></table>\n"


def figures_list(paper: str) -> str:
    """Return the figures of a paper as in the gallery, with the command that draws them."""
    lines = [f"`python -m figures {paper}` draws them in full size.", ""]
    for figure in figures(paper):
        picture = f"{paper.split('.')[-1]}/{figure.file_name}.webp"  # beside the page
        lines += [f"**{figure.name}.** {in_html(figure.title)}", ""]
        if (ROOT / "docs" / "papers" / "/".join(paper.split(".")[:-1]) / picture).exists():
            lines += [f"![{figure.name}]({picture}){{ loading=lazy }}", ""]
    return "\n".join(lines)


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
