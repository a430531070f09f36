"""Draw rows of the published ledger as an SVG picture, `python docs/ledger_picture.py`:
docs/ledger.svg.

Its letters are wide enough for a phone, and its colours follow the reader's scheme.
"""

import re
from html import escape
from typing import Any

from catalogue import LEDGER, ROOT

from theory_on_trial.ledger import brief, paper_in
from theory_on_trial.page.compare import read

PAPER = "random_walk_pca"
ROWS = 14
HEADS = ("claim", "verdict", "predicted", "measured", "detects")
PLACES = (12, 272, 454, 558, 648)  # of claim and verdict the left end, of the others the right end
WIDTH = 660
LINE = 25
STYLE = """
text { font: 15px ui-monospace, Menlo, Consolas, monospace; fill: #1f2328; }
rect { fill: #fbfbf8; stroke: #d0d7de; } .head, .about { fill: #59636e; } .right { text-anchor: end; }
.VERIFIED { fill: #00694e; font-weight: bold; } .REFUTED { fill: #8f3a00; font-weight: bold; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; } rect { fill: #161b22; stroke: #3d444d; } .head, .about { fill: #9aa4ae; }
  .VERIFIED { fill: #4ec9a0; } .REFUTED { fill: #ffa267; }
}"""


def picture() -> str:
    """Return the picture: the first rows of one paper, and how many the ledger has."""
    rows = read(LEDGER)["claims"]
    own = [row for row in rows if paper_in(row["id"]) == PAPER]
    lines = [line(HEADS, ["head"] * 5), *(line(*cells(row)) for row in own[:ROWS])]
    held, false = (
        sum(row["verdict"] == verdict for row in rows) for verdict in ("VERIFIED", "REFUTED")
    )
    about = f"{PAPER}, {ROWS} of {len(own)} rows; of all, {held} VERIFIED, {false} REFUTED"
    lines.append(f'<text class="about" x="{PLACES[0]}">{escape(about)}</text>')
    groups = [
        f'<g transform="translate(0 {LINE * (n + 1)})">{text}</g>' for n, text in enumerate(lines)
    ]
    height = LINE * (len(lines) + 1) - 8
    size = f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
    frame = f'<rect x=".5" y=".5" width="{WIDTH - 1}" height="{height - 1}" rx="6"/>'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size}>',
            f"<style>{STYLE}\n</style>",
            frame,
            *groups,
            "</svg>",
            "",
        ]
    )


def cells(row: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Return the entries of a row, and the classes of those that have one."""
    name = row["id"].removeprefix(f"{PAPER}.")
    name = name if len(name) <= 28 else f"{name[:12]}…{name[-15:]}"
    notice = re.split(",| tighter| of| in ", row["detects"])[0]
    numbers = [brief(row["predicted"], 5), brief(row["measured"], 5), notice]
    return [name, row["verdict"], *numbers], ["", row["verdict"], "", "", ""]


def line(entries: Any, classes: list[str]) -> str:
    """Return the entries of one line as texts, numbers flush right."""
    texts = zip(entries, classes, PLACES, ("", "", "right", "right", "right"), strict=True)
    return "".join(
        f'<text class="{(c + " " + side).strip()}" x="{x}">{escape(text)}</text>'
        for text, c, x, side in texts
    )


if __name__ == "__main__":
    (ROOT / "docs" / "ledger.svg").write_text(picture(), encoding="utf-8")
