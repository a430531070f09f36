"""What the site needs beyond Markdown, in the generator's own terms.

Two things cannot be written into Markdown. Formulas are converted by an extension that must be read
before Markdown takes backslashes away. The search must lead to rows of the ledger's table, and
MkDocs finds headings only.
"""

import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
import ledger_page
import notebook_pages
from formulas import Formulas


def on_config(config: Any) -> Any:
    """Put formulas into Markdown, and the address of the repository, once it has one, on all pages."""
    config.markdown_extensions.append(Formulas())
    if home := notebook_pages.repository():
        config.repo_url = home
        config.repo_name = "/".join(home.split("/")[-2:])
    return config


def on_post_template(output: str, template_name: str, config: Any, **_: Any) -> str:
    """Leave out the page of what is not there: its links are right only where the address of the
    site is known.
    """
    return "" if template_name == "404.html" and not config.site_url else output


def on_post_build(config: Any, **_: Any) -> None:
    """Let the search find each claim by its id, as a place of the ledger's page."""
    path = Path(config.site_dir) / "search" / "search_index.json"
    index = json.loads(path.read_text(encoding="utf-8"))
    index["docs"] += ledger_page.search_entries()
    path.write_text(json.dumps(index, separators=(",", ":")), encoding="utf-8")
