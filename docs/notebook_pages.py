"""Notebooks on the site: each as a page with its outputs, and a list of all with their addresses.

The address of the repository stands in CITATION.cff and nowhere else. Without one there are no
buttons, because Colab and Binder fetch a notebook by it.
"""

import base64
import re
from functools import cache
from html import unescape
from pathlib import Path
from typing import Any

import nbformat
from catalogue import ROOT
from formulas import InLine

from theory_on_trial.page.typeset import mathml

FOLDER = ROOT / "notebooks"
NAMES = sorted(path.stem for path in FOLDER.glob("*.ipynb"))
NAMES.insert(0, NAMES.pop(NAMES.index("start_here")))


def repository() -> str:
    """Return the address of the repository, "" as long as it has none."""
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    found = re.search(r"^repository-code: (\S+)$", text, re.MULTILINE)
    return found[1].rstrip("/") if found else ""


def buttons(name: str, home: str) -> str:
    """Return the links that open a notebook in Colab and in Binder, as Markdown.

    Args:
        name: of the notebook, without its suffix.
        home: address of a repository on GitHub; "" gives no links.
    """
    place = home.removeprefix("https://github.com/")
    if not home or place == home:
        return ""
    file = f"notebooks/{name}.ipynb"
    colab = f"https://colab.research.google.com/github/{place}/blob/main/{file}"
    binder = f"https://mybinder.org/v2/gh/{place}/main?labpath={file}"
    return f"[Open in Colab]({colab}) · [Open in Binder]({binder})"


@cache
def read(name: str) -> Any:
    """Return a notebook as nbformat reads it."""
    return nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)


def title(name: str) -> str:
    """Return the title of a notebook: its first heading."""
    return str(read(name).cells[0].source).partition("\n")[0].removeprefix("# ")


def table() -> str:
    """Return the list of all notebooks as Markdown."""
    lines = [
        f"- [{title(name)}](notebooks/{name}.md) {buttons(name, repository())}" for name in NAMES
    ]
    return "\n".join(map(str.rstrip, lines))


def stubs() -> dict[Path, str]:
    """Return the pages of the notebooks, which include what `rendered` gives."""
    head = "---\nsearch: {exclude: true}\n---\n"
    return {
        ROOT
        / "docs"
        / "notebooks"
        / f"{name}.md": f'{head}--8<-- "build/pages/notebooks/{name}.md"\n'
        for name in NAMES
    }


def rendered() -> dict[str, str]:
    """Return each notebook as Markdown with its code and its outputs, by file name."""
    return {f"notebooks/{name}.md": page(name) for name in NAMES}


def page(name: str) -> str:
    """Return a notebook as Markdown; sliders are left out, as they need a running kernel."""
    parts = []
    for cell in read(name).cells:
        if cell.cell_type == "markdown":
            parts.append(cell.source)
            continue
        parts.append(f"```python\n{cell.source}\n```")
        parts += [shown for output in cell.outputs if (shown := _shown(output))]
    place = f"The notebook is `notebooks/{name}.ipynb`. {buttons(name, repository())}".strip()
    return "\n\n".join([parts[0], place, *parts[1:]]) + "\n"


def _shown(output: Any) -> str:
    data = output.get("data", {})
    if "application/vnd.jupyter.widget-view+json" in data:
        return ""
    if "image/png" in data:
        picture = data["image/png"].replace("\n", "")
        # Width and height stand in the first bytes of a PNG
        header = base64.b64decode(picture[:64])
        width, height = (int.from_bytes(header[at : at + 4], "big") for at in (16, 20))
        size = f'width="{width}" height="{height}" loading="lazy"'
        return f'<p><img src="data:image/png;base64,{picture}" alt="the output" {size}></p>'
    if "text/html" in data:
        # Markdown leaves HTML as it is, so the formulas in it are set here.
        html = re.sub(InLine.MARKS, lambda m: mathml(unescape(m[1])), data["text/html"])
        return re.sub(r"\n\s*\n", "\n", f'<div class="output">{html}</div>')
    text = data.get("text/plain", output.get("text", ""))
    return f"```text\n{text.rstrip()}\n```" if text.strip() else ""
