"""The pages of the site about all claims: the ledger, what was published and is not so, the fields of
a ledger's file.

Statements come from the sources, numbers from the ledger that is published with the code.
"""

import inspect
import json
import re
from functools import cache
from html import escape
from pathlib import Path

from catalogue import BRIEFS, ROOT, catalogue, in_markdown
from catalogue import ledger as published

from theory_on_trial import Claim, claims
from theory_on_trial.formula.marks import is_marked, plain
from theory_on_trial.formula.numerals import numerals
from theory_on_trial.formula.signs import GREEK_NAMES
from theory_on_trial.ledger import Ledger, Row, brief, brief_interval, proved_for
from theory_on_trial.page.tex import latex
from theory_on_trial.page.typeset import typeset
from theory_on_trial.trial.provenance import REACHES
from theory_on_trial.trial.registry import TIERS

FILTERS = ("topic", "whose", "tier", "verdict")
SCHEMA = ROOT / "engine" / "theory_on_trial" / "ledger" / "schema.json"


def own_claims() -> list[Claim]:
    """Return the claims of the catalogue's papers in its order, and none declared elsewhere."""
    places = {entry.name: place for place, entry in enumerate(catalogue())}
    own = [claim for claim in claims() if claim.paper in places]
    return sorted(own, key=lambda claim: (places[claim.paper], claim.id))


def entries() -> list[tuple[Claim, str, Row | None]]:
    """Return each claim with the id of each of its rows and the row, None for one that has none."""
    rows: dict[str, list[Row]] = {}
    for row in published().claims:
        # x[a]-as-published and x[a] are rows of the claims x-as-published and x
        rows.setdefault(re.sub(r"\[.*\]", "", row.id), []).append(row)
    found: list[tuple[Claim, str, Row | None]] = []
    for claim in own_claims():
        own = rows.get(claim.id, [])
        found += [(claim, row.id, row) for row in own] or [(claim, claim.id, None)]
    return found


@cache
def anchors() -> dict[str, str]:
    """Return the place of each claim on the page of the ledger: the id of its first row."""
    places: dict[str, str] = {}
    for claim, name, _ in entries():
        places.setdefault(claim.id, name)
    return places


def ledger() -> str:
    """Return the whole ledger as HTML: filters, and a table whose rows bear the ids of the claims."""
    topics = {entry.name: entry.topic for entry in catalogue()}
    titles = {entry.name: entry.title for entry in catalogue()}
    body = []
    choices: dict[str, set[str]] = {name: set() for name in FILTERS}
    paper = ""
    for claim, name, row in sorted(entries(), key=lambda entry: (topics[entry[0].paper], entry[1])):
        facts = {
            "topic": topics[claim.paper],
            "whose": claim.source.provenance,
            "tier": claim.tier,
            "verdict": "not run yet" if row is None else row.verdict,
        }
        for filter_name, value in facts.items():
            choices[filter_name].add(value)
        if claim.paper != paper:
            paper = claim.paper
            body.append(
                f'<tr class="paper"><th colspan="3" scope="rowgroup">'
                f'<a href="{address(paper)}">{escape(titles[paper])}</a></th></tr>'
            )
        body.append(_line(claim, name, row, facts))
    selects = "".join(
        f'<label>{name} <select name="{name}"><option value="">all</option>'
        + "".join(f"<option>{escape(value)}</option>" for value in sorted(values))
        + "</select></label>"
        for name, values in choices.items()
    )
    about = published()
    cited = {
        "version": about.engine or _version(),
        "commit": (about.commit or "")[:12],
        "seed": about.seed,
        "year": _year(about),
    }
    return (
        f"{said_of(about)}\n\n"
        f'<form id="filters" data-cite="{escape(json.dumps(cited))}">{selects}'
        '<label>id or words <input type="search" name="text"></label> <output></output></form>\n'
        '<table class="ledger" data-search-exclude><thead><tr><th>verdict</th><th>statement</th>'
        f"<th>numbers</th></tr></thead><tbody>{''.join(body)}</tbody></table>\n"
        '<script src="ledger.js"></script>\n'
    )


def tiers_up_to(tier: str) -> tuple[str, ...]:
    """Return the tiers that a run of this one includes."""
    return TIERS[: TIERS.index(tier) + 1]


def said_of(about: Ledger) -> str:
    """Return a sentence on the run whose numbers are shown."""
    included = tiers_up_to(about.tier)
    of_tiers = f"tier{'s' * (len(included) > 1)} {' and '.join(included)}"
    commit = f", commit {about.commit[:12]}" if about.commit else ""
    date = f", {about.date[:10]}" if about.date else ""
    processor = about.platform.get("processor", "")
    device = about.platform.get("device", "")
    machine = processor if device in ("cpu", "none", "") and processor else device
    return (
        f"The numbers are those of a run of {of_tiers}, seed {about.seed}, on {machine}"
        f"{commit}{date}."
    )


def measured(row: Row) -> str:
    """Return what a row measured, as text; of trained models, how many runs agree."""
    runs = re.search(r"\bexact, (\d+) runs\b", row.guarantee)
    if runs and isinstance(row.measured, float):
        return f"{round(row.measured * int(runs[1]))} of {runs[1]} runs"
    return brief(row.measured)


def _line(claim: Claim, name: str, row: Row | None, facts: dict[str, str]) -> str:
    statement = claim.statement
    words = plain(f"{name} {statement} {claim.source} {claim.kind}").lower()
    words = "".join(GREEK_NAMES.get(letter, letter) for letter in words)
    data = "".join(f' data-{key}="{escape(value)}"' for key, value in facts.items())
    proof = f" <em>{typeset(proved_for(row.note))}</em>" if row and proved_for(row.note) else ""
    numbers = ""
    if row is not None:
        interval = brief_interval(row.interval)
        numbers = (
            f"predicted {typeset(numerals(brief(row.predicted)))}<br>measured "
            f"{typeset(numerals(measured(row)))} {typeset(numerals(interval))}"
        )
        detects = row.detects.split(",")[0]
        numbers += f"<br>detects {typeset(numerals(detects))}" * bool(detects)
    written = inspect.unwrap(claim.function).__code__
    file = Path(written.co_filename)
    place = file.relative_to(ROOT).as_posix() if file.is_relative_to(ROOT) else file.name
    place = f"{place}:{written.co_firstlineno}"
    source = str(claim.source)
    source = typeset(source) if is_marked(source) else escape(source)
    about = " · ".join((claim.kind, claim.tier, source, f"<code>{place}</code>"))
    links = (
        f'<a href="#{escape(name)}"><code>{escape(name)}</code></a> · '
        f'<a class="cite" href="#{escape(name)}">cite this claim</a>'
    )
    return (
        f'<tr id="{escape(name)}"{data} data-text="{escape(words)}">'
        f'<td class="{facts["verdict"].split()[0]}">{facts["verdict"]}</td>'
        f"<td>{typeset(statement)}{proof}<br><small>{about}<br>{links}</small></td>"
        f"<td>{numbers}</td></tr>"
    )


FAR = ("theorem", "default path", "released command")
"""The reaches of accusations that a reader or user of the publication meets."""


def errata() -> str:
    """Return every published statement that is refuted, as two tables of Markdown, the farthest
    reach first: place, what was published, what is true.
    """
    accusing = [
        claim
        for claim in own_claims()
        if claim.as_published is not None and not claim.published_form
    ]
    accusing.sort(key=lambda claim: REACHES.index(claim.as_published.reach))
    far = [claim for claim in accusing if claim.as_published.reach in FAR]
    near = [claim for claim in accusing if claim not in far]
    return (
        f"{_accusations(far)}\n\n## Slips, and code that no released command reaches\n\n"
        f"Nothing that was published rests on these, as far as we know.\n\n{_accusations(near)}"
    )


def _accusations(accusing: list[Claim]) -> str:
    titles = {entry.name: entry.title for entry in catalogue()}
    lines = ['<div class="published" markdown="1">\n']
    lines += ["| where | as published | what is true |", "|---|---|---|"]
    for claim in accusing:
        settings = ", ".join(
            f"`{name} = {value}`"
            for name, value in claim.settings.items()
            if str(value) != "by case"
        )
        at = f"<br><small>tried at {in_markdown(settings)}</small>" * bool(settings)
        row = f"ledger.html#{escape(claim.id)}"
        accused = claim.as_published
        whose = in_markdown(str(claim.source))
        cells = (
            f'<a href="{address(claim.paper)}">{escape(titles[claim.paper])}</a><br>'
            f"<small>{in_markdown(str(accused))}</small>",
            f"{in_markdown(accused.statement)}<br>"
            f'<small><a href="{row}-as-published">REFUTED</a> · {in_markdown(accused.facts)}</small>',
            f'{in_markdown(claim.statement)}<br><small><a href="{row}">VERIFIED</a> · {whose}</small>{at}',
        )
        lines.append(f"| {' | '.join(' '.join(cell.split()) for cell in cells)} |")
    return "\n".join((*lines, "\n</div>"))


def fields() -> str:
    """Return the fields of a ledger's file, and of its rows, as two tables of Markdown."""
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    tables = []
    for head, part in (("The file", schema), ("A row", schema["$defs"]["Row"])):
        lines = [
            f"| `{name}` | {_markdown(one['description'])} |"
            for name, one in part["properties"].items()
        ]
        tables.append(
            "\n".join([f"## {head}", "", "| field | what it holds |", "|---|---|", *lines])
        )
    return "\n\n".join(tables) + "\n"


def search_entries() -> list[dict[str, str | float]]:
    """Return an entry of the search for each row of the ledger, which leads to its anchor."""
    return [
        {
            "location": f"ledger.html#{name}",
            "title": name,
            "text": escape(plain(f"{claim.statement} ({claim.source})")),
            "boost": 4,  # before pages that mention the claim
        }
        for claim, name, _ in entries()
    ]


def address(paper: str) -> str:
    """Return the page of a paper, from the root of the site."""
    return f"papers/{paper.replace('.', '/') if paper.startswith(BRIEFS) else paper}.html"


def _markdown(text: str) -> str:
    return re.sub(r"(?<!`)([*_<>|])(?!`)", r"\\\1", text) if "`" not in text else text


def _version() -> str:
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    return latex(text.partition("\nversion: ")[2].partition("\n")[0])


def _year(about: Ledger) -> str:
    return about.date[:4]
