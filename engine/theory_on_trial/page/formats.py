"""A ledger for use in a paper: an appendix table in LaTeX, Markdown or CSV, BibTeX, and a badge.

Statements are escaped: no character in them acts as a command of the format.
"""

import csv
import io
import itertools
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from theory_on_trial.base.files import write_text
from theory_on_trial.formula.marks import is_marked, plain
from theory_on_trial.ledger import Ledger, Row, brief, brief_interval
from theory_on_trial.ledger.words import chance, whose
from theory_on_trial.page.tex import latex, statement

COLUMNS = ("claim", "statement", "settings", "predicted", "interval", "verdict", "error", "source")


def table_of(ledger: Ledger, form: str, titles: Mapping[str, str]) -> dict[str, str]:
    """Return a ledger as texts by suffix: the table in `form` ("tex", "md" or "csv"), and for LaTeX
    also its `bib`.

    The table has a line for each claim; that of CSV has one for each coordinate of each decision,
    as `Ledger.lines`. `titles` holds what each paper says of itself, by its name (`outline.title`).
    """
    if form == "csv":
        return {"csv": _csv(ledger.lines())}
    rows = ledger.claims
    cells = [_cells(row) for row in rows]
    words = methods(ledger)
    if form == "md":
        lines = [
            COLUMNS,
            ["---"] * len(COLUMNS),
            *([markdown(plain(cell)) for cell in row] for row in cells),
        ]
        papers = [f"- {markdown(title)}" for title in titles.values() if title]
        table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
        return {"md": "\n\n".join(filter(None, [markdown(words), table, "\n".join(papers)])) + "\n"}
    cited = references(titles)
    keys = sorted(cited)
    broken = [
        [
            re.sub(r"(\\_|\.)(?=\w)", r"\1\\allowbreak{}", latex(row[0])),
            statement(row[1]),
            *map(latex, row[2:-1]),
            statement(row[-1]) if is_marked(row[-1]) else latex(row[-1]),
        ]
        for row in cells
    ]
    body = "\n".join(f"{' & '.join(row)} " + r"\\" for row in broken)
    text = _LATEX.format(
        words=latex(words),
        cite=f"~\\cite{{{','.join(keys)}}}" if keys else "",
        head=" & ".join(COLUMNS),
        body=body,
    )
    return {
        "tex": text,
        "bib": "\n".join(cited.values()),
    }


_LATEX = r"""%% \input this into a document with booktabs and longtable.
%% What is cited is in the .bib beside it.
{words}
The papers are those of the references{cite}.

{{\footnotesize\sloppy\setlength{{\tabcolsep}}{{2pt}}
\begin{{longtable}}{{p{{.12\textwidth}}p{{.19\textwidth}}p{{.1\textwidth}}p{{.07\textwidth}}p{{.1\textwidth}}lp{{.05\textwidth}}p{{.1\textwidth}}}}
\toprule
{head} \\
\midrule
\endhead
{body}
\bottomrule
\end{{longtable}}}}
""".replace("%%", "%")


def methods(ledger: Ledger) -> str:
    """Return the paragraph that explains the verdicts, with the counts of a run."""
    rows = ledger.claims
    verdicts = Counter(row.verdict for row in rows)
    errata = sum(row.expected == row.verdict == "REFUTED" for row in rows)
    controls = [
        control["verdict"] for row in rows if row.expected == "VERIFIED" for control in row.controls
    ]
    holding = [row for row in rows if row.expected == "VERIFIED"]
    asymptotic = [row for row in holding if "asymptotic" in (row.guarantee or "")]
    chances = [row.error_probability or 0.0 for row in holding if row not in asymptotic]
    rest = f"; {len(asymptotic)} asymptotic verdicts have no such bound" if asymptotic else ""
    counts = ", ".join(f"{number} {verdict}" for verdict, number in verdicts.items())
    clause = f", {errata} of them on published statements that the table corrects" * (errata > 0)
    return (
        f"{f'theory-on-trial {ledger.engine}'.strip()} compared the prediction of each statement "
        f"with a measurement by an independent route ({_run(ledger)}). VERIFIED: the "
        "whole interval for the true value lies within the stated margin of the prediction. "
        "REFUTED: the interval lies outside the margin. INCONCLUSIVE: neither. The verdicts on "
        f"{len(rows)} statements are {counts}{clause}. By whose statement it is: {whose(rows)}. "
        "Each statement has controls, which are wrong theories or processes that the same data "
        f"must refute: {controls.count('REFUTED')} of {len(controls)} were refuted. The stated "
        "probabilities, over the seed, that a verdict is wrong add up to "
        f"{brief(sum(chances), 2)}{rest}."
    )


def _run(ledger: Ledger) -> str:
    """What the run is known by: repository, commit, date, seed and tier."""
    commit = f"commit {ledger.commit[:12]}" if ledger.commit else ""
    about = (ledger.repository, commit, ledger.date[:10])
    known = [*filter(None, about), f"seed {ledger.seed}"]
    return f"{', '.join(known)}, tier {ledger.tier}"


def _csv(lines: Sequence[Mapping[str, Any]]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(lines[0].keys() if lines else [])
    writer.writerows(
        [_text(cell) if isinstance(cell, str) else cell for cell in line.values()] for line in lines
    )
    return buffer.getvalue()


def _cells(row: Row) -> list[str]:
    cases = [
        ", ".join(f"{name} = {value}" for name, value in setting.items())
        for setting in row.settings
    ]
    more = f" and {len(cases) - 1} more" if len(cases) > 1 else ""
    numbers = (brief(row.predicted), brief_interval(row.interval))
    error = "0" if row.error_probability == 0 else chance(row.error_probability, row.guarantee, 2)
    return [
        row.id,
        row.statement,
        f"{cases[0]}{more}" if cases else "",
        *numbers,
        row.verdict,
        error,
        row.source,
    ]


def _text(cell: str) -> str:
    """A cell of text that no spreadsheet takes for a formula, without control characters."""
    cell = _shown(cell)
    return f"'{cell}" if re.match(r"\s*[=+\-@＝＋－＠]", cell) and cell != "-inf" else cell


def _shown(text: str) -> str:
    """Return a text in one line, without characters that nobody sees and a program may obey."""
    plain = " ".join(text.split())
    return "".join(one for one in plain if unicodedata.category(one) not in ("Cc", "Cf", "Cs"))


def markdown(text: str) -> str:
    """Return text as Markdown that shows it as it is, in one line."""
    plain = escape(_shown(text), quote=False)
    return re.sub(r"([\\`*_{}\[\]#|!~$])", r"\\\1", plain)


_CITED = re.compile(
    r'(?:^|; ?)(?P<authors>[^";]+?),? (?P<year>(?:19|20)\d\d)[a-z]?, '
    r'"(?P<title>[^"]+)"(?P<rest>[^";]*)'
)


def references(titles: Mapping[str, str]) -> dict[str, str]:
    """Return BibTeX entries by key, as far as the titles of papers name them: `Authors 2024,
    "Title", arXiv …`. What two papers cite alike is one entry; other entries of the same authors
    and year have a letter.
    """
    entries: dict[str, str] = {}
    for paper, title in titles.items():
        for key, fields in _cited(paper, title):
            for suffix in _suffixes():
                name = f"{key}{suffix}"
                if entries.setdefault(name, entry := _entry(name, fields)) == entry:
                    break
    return entries


def _suffixes() -> Iterator[str]:
    """Yield nothing, b to z, then numbers."""
    yield ""
    yield from "bcdefghijklmnopqrstuvwxyz"
    yield from map(str, itertools.count(27))


def _cited(paper: str, title: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the key and the fields of each reference in the title of a paper."""
    matches = list(_CITED.finditer(title))
    if title and not matches:
        yield re.sub("[^a-z0-9]", "", paper.lower()), {"key": latex(paper), "note": latex(title)}
    for match in matches:
        authors = re.split(r", | & | and ", match["authors"].replace(" et al.", ", others"))
        fields = {
            "author": " and ".join(map(latex, authors)),
            "title": f"{{{latex(match['title'])}}}",
        }
        fields["year"] = match["year"]
        rest = match["rest"].strip(" .,")
        if number := re.search(r"arXiv:? ?(\d{4}\.\d{4,5}|[a-z-]+/\d{7})", rest):
            fields |= {"eprint": number[1], "archiveprefix": "arXiv"}
            rest = rest.replace(number[0], "").strip(" .,")
        fields |= {"note": latex(rest)} if rest else {}
        ascii_ = unicodedata.normalize("NFKD", authors[0]).encode("ascii", "ignore").decode()
        yield f"{re.sub('[^a-z]', '', ascii_.lower()) or 'paper'}{match['year']}", fields


def _entry(key: str, fields: dict[str, str]) -> str:
    return (
        f"@misc{{{key},\n"
        + "".join(f"  {name} = {{{value}}},\n" for name, value in fields.items())
        + "}\n"
    )


def badge(rows: Sequence[Row]) -> str:
    """Return an SVG that says how many claims of a ledger had the expected verdict; it is green if
    all had.
    """
    count = sum(row.as_expected for row in rows)
    text = f"{count} of {len(rows)}"
    colour = "#2a7f3f" if rows and count == len(rows) else "#b3341f"
    left = 50
    right = 7 * len(text) + 14
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="20" role="img" '
        f'aria-label="claims: {text}"><title>claims: {text} as expected</title>'
        f'<rect width="{left + right}" height="20" rx="3" fill="#444"/>'
        f'<path d="M{left} 0h{right - 3}a3 3 0 0 1 3 3v14a3 3 0 0 1-3 3h-{right - 3}z" '
        f'fill="{colour}"/>'
        f'<g fill="#fff" font-family="Verdana,sans-serif" font-size="11" text-anchor="middle">'
        f'<text x="{left / 2:g}" y="14">claims</text><text x="{left + right / 2:g}" '
        f'y="14">{text}</text></g></svg>\n'
    )


def write(path: Path, texts: Mapping[str, str]) -> None:
    """Write texts by suffix: the first to `path`, the others beside it."""
    for number, (suffix, text) in enumerate(texts.items()):
        write_text(path if not number else path.with_suffix(f".{suffix}"), text)
