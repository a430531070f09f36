"""Draw a ledger as an SVG picture: `python docs/ledger_picture.py ledger.json docs/ledger.svg`."""

import json
import sys
from html import escape
from pathlib import Path

from theory_on_trial.ledger import Row
from theory_on_trial.ledger.terminal import table

NO_BREAK = "\u00a0"
COLOURS = {"VERIFIED": "#00694e", "REFUTED": "#8f3a00", "INCONCLUSIVE": "#6b6b6b"}


def main(ledger: str, picture: str) -> None:
    """Write the picture of the ledger's terminal table."""
    book = json.loads(Path(ledger).read_text(encoding="utf-8"))
    lines = table([Row(**row) for row in book["claims"]])
    if book["not_run"]:
        lines.append(f"not run: {len(book['not_run'])} claims above tier {book['tier']} (see --tier)")
    height = 18 * len(lines) + 24
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1000 {height}" width="1000" height="{height}">',
        f'<rect width="1000" height="{height}" rx="6" fill="#fbfbf8" stroke="#ddd"/>',
        '<g font-family="ui-monospace, Menlo, Consolas, monospace" font-size="13" fill="#222">',
    ]
    for number, line in enumerate(lines):
        text = escape(line).replace(" ", NO_BREAK)  # other spaces collapse
        for verdict, colour in COLOURS.items():
            bold = f'{NO_BREAK}<tspan fill="{colour}" font-weight="bold">{verdict}</tspan>{NO_BREAK}'
            text = text.replace(f"{NO_BREAK}{verdict}{NO_BREAK}", bold, 1)
        drawn.append(f'<text x="16" y="{18 * number + 24}" textLength="{8 * len(line)}">{text}</text>')
    Path(picture).write_text("\n".join([*drawn, "</g></svg>"]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
