"""The ledger as one self-contained HTML page: filter by paper, kind and verdict; open a claim for its numbers."""

import base64
from collections.abc import Sequence
from html import escape
from pathlib import Path

from paper_checks.ledger import Row, brief, brief_interval, platform_facts

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Theory on Trial: {verdicts}</title>
<style>
body {{ font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem; color: #222; }}
table {{ border-collapse: collapse; width: 100%; }}
th, td {{ text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #ddd; vertical-align: top; }}
td.number {{ font-variant-numeric: tabular-nums; white-space: nowrap; }}
.VERIFIED {{ color: #00694e; }} .REFUTED {{ color: #8f3a00; }} .INCONCLUSIVE {{ color: #6b6b6b; }}
tr.unexpected {{ background: #fff0ee; }}
summary {{ cursor: pointer; }} code {{ background: #f3f3f3; padding: 0 .25rem; }}
figure {{ margin: 1.5rem 0; }} figure img {{ max-width: 100%; }} figcaption {{ color: #555; white-space: pre-line; }}
</style></head><body>
<h1>Theory on Trial</h1>
<p>{verdicts}. Seed {seed}, tier {tier}; {platform}.</p>
<p>{filters}</p>
<table id="ledger"><thead><tr><th>claim</th><th>verdict</th><th>predicted</th><th>measured</th><th>interval</th>
<th>margin</th><th>chance of error</th></tr></thead><tbody>
{rows}
</tbody></table>
{not_run}
{figures}
<script>
const filters = [...document.querySelectorAll("select")];
function apply() {{
  for (const row of document.querySelectorAll("#ledger tbody tr"))
    row.hidden = filters.some(f => f.value && row.dataset[f.name] !== f.value);
}}
filters.forEach(f => f.addEventListener("change", apply));
</script></body></html>
"""


def write_html(
    path: Path,
    rows: Sequence[Row],
    not_run: Sequence[dict[str, str]],
    seed: int,
    tier: str,
    pictures: Path = Path("figures/out"),
) -> None:
    """Write the page. Figures already drawn under `pictures/<paper>/*.png` are embedded, with their captions."""
    expected = sum(row.as_expected for row in rows)
    path.write_text(
        _PAGE.format(
            verdicts=f"{expected} of {len(rows)} verdicts as expected",
            seed=seed,
            tier=tier,
            platform=escape(", ".join(f"{name} {value}" for name, value in platform_facts().items())),
            filters=" ".join(
                _filter(name, sorted({getattr(row, name) for row in rows})) for name in ("paper", "kind", "verdict")
            ),
            rows="\n".join(map(_row, rows)),
            not_run=_not_run(not_run),
            figures="\n".join(_figures(pictures / paper) for paper in dict.fromkeys(row.paper for row in rows)),
        ),
        encoding="utf-8",
    )


def _filter(name: str, values: Sequence[str]) -> str:
    options = "".join(f"<option>{escape(value)}</option>" for value in values)
    return f'<label>{name} <select name="{name}"><option value="">all</option>{options}</select></label>'


def _row(row: Row) -> str:
    controls = "".join(
        f"<li>{escape(c['name'])} (predicts {escape(brief(c['predicted']))}): "
        f'<span class="{c["verdict"]}">{c["verdict"]}</span></li>'
        for c in row.controls
    )
    parts = "".join(
        f"<li>{escape(brief(part['predicted']))} predicted, {escape(brief(part['measured']))} measured in "
        f"{escape(brief_interval(part['interval']))}, margin {escape(brief(part['margin']))}</li>"
        for part in row.parts
    )
    facts = [
        f"{escape(row.source)}; {row.kind}, tier {row.tier}, expected {row.expected}",
        f"slack {escape(brief(row.slack))}; guarantee: {escape(row.guarantee or 'none')}"
        + ("" if row.tightness is None else f"; tightness {brief(row.tightness, 3)}"),
        f"{row.samples} samples in {row.looks} looks, {row.seconds:.2f} s",
        escape(row.note),
        f"<code>{escape(row.command)}</code>",
    ]
    details = "".join(f"<div>{fact}</div>" for fact in facts if fact)
    cells = [
        brief(row.predicted),
        brief(row.measured),
        brief_interval(row.interval),
        brief(row.margin, 2),
        brief(row.error_probability, 2),
    ]
    numbers = "".join(f'<td class="number">{escape(cell)}</td>' for cell in cells)
    return (
        f'<tr data-paper="{escape(row.paper)}" data-kind="{row.kind}" data-verdict="{row.verdict}"'
        f"{'' if row.as_expected else ' class=unexpected'}>"
        f"<td><details><summary><b>{escape(row.id)}</b><br>{escape(row.statement)}</summary>{details}"
        f"{f'<div>Decisions:</div><ul>{parts}</ul>' if parts else ''}"
        f"<div>Controls:</div><ul>{controls}</ul></details></td>"
        f'<td class="{row.verdict}"><b>{row.verdict}</b></td>{numbers}</tr>'
    )


def _not_run(not_run: Sequence[dict[str, str]]) -> str:
    if not not_run:
        return ""
    items = "".join(f"<li>{escape(entry['id'])}: {escape(entry['reason'])}</li>" for entry in not_run)
    return f"<h2>Not run</h2><ul>{items}</ul>"


def _figures(folder: Path) -> str:
    shown = []
    for picture in sorted(folder.glob("*.png")):
        caption = picture.with_suffix(".txt")
        text = escape(caption.read_text(encoding="utf-8")) if caption.exists() else ""
        data = base64.b64encode(picture.read_bytes()).decode()
        shown.append(
            f'<figure><img alt="{escape(picture.stem)}" src="data:image/png;base64,{data}">'
            f"<figcaption>{text}</figcaption></figure>"
        )
    return f"<h2>{escape(folder.name)}: figures</h2>{''.join(shown)}" if shown else ""
