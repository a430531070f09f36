"""Write what the pages of the site take from the sources: statements, verdicts, figures, files.

`python docs/write_pages.py` writes it before the site is built, as plain Markdown and HTML that any
generator reads. Two kinds of files are written:

- Files that are kept in the repository: in a page it is what stands between `<!-- NAME -->` and
  `<!-- /NAME -->`, and in mkdocs.yml the list of papers. `tests/test_site.py` fails where a file is
  not what this script would write.
- Files that nobody keeps: the pages of papers on one page and of notebooks, whole, and in
  `build/pages` what pages include by `--8<--`, the ledger and the galleries among it.

Measured numbers are those of the ledger and of the audits that are published with the code.
"""

import os
import re
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from urllib.parse import quote

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parent))
import audit_page
import figure_pages
import ledger_page
import notebook_pages
from catalogue import (
    BRIEFS,
    ONLY_ABSTRACT,
    ROOT,
    Entry,
    as_written,
    by_topic,
    catalogue,
    gallery,
    in_markdown,
    sums,
    table,
    verdicts,
)

from theory_on_trial import Claim, claims
from theory_on_trial.base.files import write_text
from theory_on_trial.formula.numerals import numerals
from theory_on_trial.ledger import Row, brief, proved_for
from theory_on_trial.ledger.words import WHOSE
from theory_on_trial.repository import abstract, outline

DOCS = ROOT / "docs"
PAGES = sorted((DOCS / "papers").glob("*.md"))
MADE = DOCS / "papers" / "briefs"
BLOCK = re.compile(r"<!-- (\w+)( \S+)? -->\n(?:.*?\n)??<!-- /\1 -->", re.DOTALL)


def main() -> None:
    """Write all files whose text is not yet what it should be, and say which of the kept ones.

    Exits with one sentence, and has written nothing, where a picture is missing.
    """
    try:
        files, others = kept(), made()
    except ValueError as error:
        sys.exit(f"write_pages: {error}")
    for path in write(files):
        print(path.relative_to(ROOT))
    write(others)
    for gone in set(MADE.glob("*.md")) - set(others):
        gone.unlink()  # of a paper that has gone


def write(files: dict[Path, str]) -> list[Path]:
    """Write the files whose text is not yet what it should be; return their paths."""
    written = []
    for path, text in files.items():
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, text)  # whole: another process may read the page, or write it, too
        written.append(path)
    return written


def kept() -> dict[Path, str]:
    """Return the files of the repository that this script writes, each with its text."""
    files = {
        path: filled(path.read_text(encoding="utf-8"), path.stem)
        for path in [ROOT / "README.md", *sorted(DOCS.glob("*.md")), *PAGES]
    }
    settings = ROOT / "mkdocs.yml"
    return files | {settings: navigation(settings.read_text(encoding="utf-8"))}


def made() -> dict[Path, str]:
    """Return the files that nobody keeps, each with its text."""
    pages = {
        DOCS / entry.page: brief_page(entry)
        for entry in catalogue()
        if entry.name.startswith(BRIEFS)
    }
    return pages | notebook_pages.stubs() | included()


def included() -> dict[Path, str]:
    """Return the files that pages include, each with its text."""
    guide = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").replace("](docs/", "](")
    texts = {
        "contributing.md": guide,
        "ledger.html": ledger_page.ledger(),
        "papers.html": gallery(),
        "figures.html": figure_pages.gallery(),
        **notebook_pages.rendered(),
    }
    return {ROOT / "build" / "pages" / name: text for name, text in texts.items()}


def filled(markdown: str, paper: str) -> str:
    """Return a page with its blocks filled.

    Args:
        markdown: the page, with blocks between `<!-- NAME -->` and `<!-- /NAME -->`.
        paper: the name of the paper that the page is about, or of the page.
    """
    makers: dict[str, Callable[..., str]] = {
        "abstract": partial(abstract_list, paper),
        "claims": partial(claims_table, paper),
        "errata": partial(errata_table, paper),
        "first": partial(figure_pages.first, paper),
        "figures": partial(figure_pages.others, paper),
        "table": table,
        "sums": sums,
        "audited": audit_page.audited,
        "published": ledger_page.errata,
        "fields": ledger_page.fields,
        "notebooks": notebook_pages.table,
        "include": included_file,
    }

    def block(found: re.Match[str]) -> str:
        name = found[1]
        argument = found[2] or ""
        if name not in makers:
            return found[0]
        text = makers[name](*filter(None, [argument.strip()])).strip()
        return f"<!-- {name}{argument} -->\n\n{text}\n\n<!-- /{name} -->"

    return BLOCK.sub(block, markdown)


def brief_page(entry: Entry) -> str:
    """Return the page of a paper on one page: its docstring, what was read of it, its first figure,
    claims, errata, other figures, and the module itself.
    """
    (module,) = outline.files(entry.name, ROOT)
    place = module.relative_to(ROOT)
    erring = any(claim.as_published is not None for claim in claims(entry.name))
    only = f"**{ONLY_ABSTRACT}.** " * entry.only_abstract
    more = figure_pages.others(entry.name)
    parts = [
        f"# {entry.title}",
        f"<!-- docs/write_pages.py writes this page from {place}. -->",
        as_written(entry.reference),  # in a title A is no matrix
        f"> {only}{in_markdown(entry.read)}" * bool(entry.read),
        in_markdown(entry.sentence),
        abstract_list(entry.name).strip(),
        figure_pages.first(entry.name),
        *map(in_markdown, entry.about),
        "## Claims",
        claims_table(entry.name),
        *(["## Errata", errata_table(entry.name)] * erring),
        *(["## Other figures", more] * bool(more)),
        "## The module",
        f"`{place}`:",
        unsearched(f'```python\n--8<-- "{place}"\n```'),
    ]
    return "\n\n".join(filter(None, map(str.strip, parts))) + "\n"


def included_file(path: str) -> str:
    """Return a file of the repository as a block of code, its path as the title."""
    text = (ROOT / path).read_text(encoding="utf-8")
    return f'```{Path(path).suffix[1:]} title="{path}"\n{text}```'


def abstract_list(paper: str) -> str:
    """Return the statements of a paper's abstract with their answers and claims; "" without any."""
    told = abstract.sentences(paper, ROOT)
    if not told:
        return ""
    known = {claim.id: claim for claim in claims(paper)}
    lines = []
    for each in told:
        behind = ", ".join(reference(known[claim]) for claim in each.claims if claim in known)
        more = f" {in_markdown(each.more)}" * bool(each.more)
        place = " · ".join(filter(None, [in_markdown(each.place), behind]))
        lines.append(
            f"- **{each.answer.capitalize()}**: {in_markdown(each.words)}{more} <small>{place}</small>"
        )
    said = abstract.summed([paper], ROOT)
    return f"## The abstract, statement by statement\n\n{said}\n\n" + "\n".join(lines)


def claims_table(paper: str) -> str:
    """Return the claims of a paper, those of the paper first, each with a link to its row of the
    ledger and with the numbers of the published ledger.
    """
    (entry,) = (entry for entry in catalogue() if entry.name == paper)
    rows = {row.id: row for row in ledger_page.published().claims}
    own = sorted(
        (claim for claim in claims(paper) if not claim.published_form),
        key=lambda claim: list(WHOSE).index(claim.source.provenance),
    )
    columns = ("whose", "statement", "verdict", "predicted", "measured", "detects")
    lines = [claim_cells(claim, rows.get(claim.id)) for claim in own]
    said = f"{verdicts(entry)}. {ledger_page.said_of(ledger_page.published())}"
    return f"{said}\n\n{unsearched(in_rows(columns, lines))}"


def unsearched(markdown: str) -> str:
    """Return Markdown that the search leaves out: it leads to the rows of the ledger instead."""
    return f'<div class="unsearched" data-search-exclude markdown="1">\n\n{markdown}\n\n</div>'


def claim_cells(claim: Claim, row: Row | None) -> list[str]:
    """Return a claim as the cells of a row; `row` is what the ledger says of it, None for a claim
    that the published run did not see.
    """
    provenance = claim.source.provenance
    source = str(claim.source).removeprefix(f"{provenance}: ")
    about = " · ".join(filter(None, [reference(claim), claim.kind, in_markdown(source)]))
    proof = f" *{in_markdown(proved_for(row.note))}*" if row and proved_for(row.note) else ""
    cells = [provenance, f"{in_markdown(claim.statement)}{proof}<br><small>{about}</small>"]
    if row is None:
        return [*cells, "not run yet", "", "", ""]
    numbers = (brief(row.predicted), ledger_page.measured(row), row.detects.split(",")[0])
    return [*cells, row.verdict, *(in_markdown(numerals(number)) for number in numbers)]


def errata_table(paper: str) -> str:
    """Return what was published, where, and what is true instead; or the sentence that there is
    nothing of the kind.
    """
    lines = [
        [
            f"{in_markdown(claim.as_published.statement)}<br>"
            f"<small>{in_markdown(str(claim.as_published))}; "
            f"{in_markdown(claim.as_published.facts)}</small>",
            f"{in_markdown(claim.statement)}<br><small>{reference(claim)}</small>",
        ]
        for claim in claims(paper)
        if claim.as_published is not None and not claim.published_form
    ]
    if not lines:
        return "No published statement of this paper is refuted here."
    table = in_rows(("as published: REFUTED", "what is true: VERIFIED"), lines)
    return f'<div class="published" markdown="1">\n\n{table}\n\n</div>'


def in_rows(heads: tuple[str, ...], lines: list[list[str]]) -> str:
    """Return a table of Markdown."""
    body = [" | ".join(" ".join(cell.split()) for cell in line) for line in lines]
    return "\n".join(
        f"| {line} |" for line in [" | ".join(heads), "|".join("---" for _ in heads), *body]
    )


def reference(claim: Claim) -> str:
    """Return a claim's name as a link to its row in the ledger, from the page of its paper."""
    up = "../../" if claim.paper.startswith(BRIEFS) else "../"
    name = claim.id.rpartition(".")[2]
    return f"[`{name}`]({up}ledger.md#{quote(ledger_page.anchors()[claim.id], safe='')})"


def navigation(settings: str) -> str:
    """Return mkdocs.yml with the pages of all papers in its navigation, by topic."""
    lines = ["      - In full:", *(f"          - papers/{page.name}" for page in PAGES)]
    for topic, entries in by_topic().items():
        short = [entry.page for entry in entries if entry.name.startswith(BRIEFS)]
        lines += [f"      - {topic.capitalize()}:"] * bool(short)
        lines += [f"          - {page}" for page in short]
    lines += ["  - Notebooks:", "      - notebooks.md"]
    lines += [f"      - notebooks/{name}.md" for name in notebook_pages.NAMES]
    begin = "      # written by docs/write_pages.py\n"
    end = "  # end\n"
    head, _, rest = settings.partition(begin)
    tail = rest.partition(end)[2]
    return f"{head}{begin}{chr(10).join(lines)}\n{end}{tail}"


if __name__ == "__main__":
    main()
