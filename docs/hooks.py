"""What the site needs beyond Markdown, in the generator's own terms.

Two things cannot be written into Markdown. Formulas are converted by an extension that must be read
before Markdown takes backslashes away. The search must lead to rows of the ledger's table, and
MkDocs finds headings only. The theme's search has a fault that our words with digits meet.
"""

import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
import ledger_page
import notebook_pages
from formulas import Formulas

# How lunr, the theme's search, spells the edges of a node to tell nodes apart: label, number, …
EDGES = "e=e+s+o.id}"
APART = 'e=e+s+o.id+" "}'


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
    """Let the search find each claim by its id, as a place of the ledger's page.

    lunr 2.3.9 takes two nodes of its tree of words for one where a label is a digit: "a" to node 12
    and "3" to node 4 reads as "a" to node 1234. Words get lost, and a search that meets a word that
    was never there ends in an error (lunr.js, issue 503). With a space after each number they
    differ.
    """
    for worker in Path(config.site_dir).glob("assets/javascripts/workers/search.*.js"):
        program = worker.read_text(encoding="utf-8")
        worker.write_text(program.replace(EDGES, APART), encoding="utf-8")
    path = Path(config.site_dir) / "search" / "search_index.json"
    index = json.loads(path.read_text(encoding="utf-8"))
    index["docs"] += ledger_page.search_entries()
    path.write_text(json.dumps(index, separators=(",", ":")), encoding="utf-8")
