"""The pages of the site: names in code exist, examples print what they say, tables miss no claim."""

import contextlib
import functools
import importlib
import inspect
import io
import re
import runpy
from pathlib import Path

import pytest
from outputs import differences

from theory_on_trial import claims
from theory_on_trial.ledger import verdict
from theory_on_trial.trial import registry

ROOT = Path(__file__).parent.parent
MADE = {ROOT / "docs" / "papers" / "briefs", ROOT / "docs" / "notebooks"}
PAGES = sorted(path for path in (ROOT / "docs").rglob("*.md") if path.parent not in MADE)
PAPERS = sorted((ROOT / "docs" / "papers").glob("*.md"))
EXAMPLE = re.compile(
    r"^```python\n(?!--8<--)(.*?)^```\n(?:\n^```text\n(.*?)^```)?", re.MULTILINE | re.DOTALL
)
REFERENCE = re.compile(r"(?:((?:`\w+`, )*`\w+`) of )?\[`([\w.]+)`\]\([./]*api/\w+\.md#([\w.]+)\)")


def resolve(name):
    """Return what a dotted name stands for; where a function and its module share a name, the
    function.
    """
    package, *parts = name.split(".")
    member = importlib.import_module(package)
    path = package
    for part in parts:
        path = f"{path}.{part}"
        member = getattr(member, part) if hasattr(member, part) else importlib.import_module(path)
    return member


def defined(place):
    """Return what is defined at a place: a module, or a name in one."""
    parts = place.split(".")
    for cut in range(len(parts), 0, -1):
        with contextlib.suppress(ModuleNotFoundError):
            module = importlib.import_module(".".join(parts[:cut]))
            return functools.reduce(getattr, parts[cut:], module)
    raise AssertionError(f"nothing is at {place}")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_name_in_code_exists(page):
    for arguments, name, place in REFERENCE.findall(page.read_text(encoding="utf-8")):
        found = defined(place)
        assert "." not in name or resolve(name) is found
        for argument in re.findall(r"`(\w+)`", arguments):
            assert argument in inspect.signature(found).parameters, f"{argument} of {name}"


@pytest.mark.parametrize(
    "page", [page for page in PAGES if EXAMPLE.search(page.read_text())], ids=lambda page: page.stem
)
def test_examples_print_what_the_page_says(page, monkeypatch):
    monkeypatch.setattr(verdict, "LEAST_DRAWN", 30)  # as for a reader, who has not our settings
    if "from PEPit" in page.read_text(encoding="utf-8"):
        pytest.importorskip("PEPit", reason="the page needs PEPit, the extra `worst`")
    for code, written in EXAMPLE.findall(page.read_text(encoding="utf-8")):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, str(page), "exec"), {"__name__": "__main__"})
        assert differences(written, printed.getvalue()) == []
    for key in [key for key, claim in registry._REGISTERED.items() if claim.paper == "__main__"]:
        del registry._REGISTERED[key]  # claims of a page are nobody else's


@pytest.mark.parametrize("page", PAPERS, ids=lambda page: page.stem)
def test_a_page_says_at_its_top_what_was_read(page):
    top = page.read_text(encoding="utf-8").partition("\n## ")[0]
    assert re.search(r"^> \*\*.*\bread\b", top, flags=re.MULTILINE)


def test_the_tables_of_a_page_hold_every_claim():
    paper = "naive_bayes_vs_logistic"
    script = runpy.run_path(str(ROOT / "docs" / "write_pages.py"))
    own = [claim for claim in claims(paper) if not claim.published_form]
    table = script["claims_table"](paper)
    errata = script["errata_table"](paper)
    assert [claim.id for claim in own if script["reference"](claim) not in table] == []
    assert table.count("\n|") == len(own) + 2
    rows = {row.id for row in script["ledger_page"].published().claims}
    assert table.count("| VERIFIED |") == sum(claim.id in rows for claim in own)
    refuted = [claim for claim in own if claim.as_published is not None]
    assert refuted
    for claim in refuted:
        assert script["reference"](claim) in errata
        assert script["in_markdown"](claim.as_published.statement) in errata
        assert script["in_markdown"](claim.as_published.facts) in errata
        assert script["in_markdown"](str(claim.as_published)) in errata  # where it is printed
    assert errata.count("\n|") == len(refuted) + 2


def test_examples_of_docstrings_are_code():
    extract = runpy.run_path(str(ROOT / "docs" / "docstring_examples.py"))["fenced"]
    text = "Rates.\n\n>>> a = 1\n>>> [a, 2]\n[1, 2]\n\nMore.\n\n    >>> b\n    3"
    blocks = [
        "Rates.",
        "```pycon\n>>> a = 1\n>>> [a, 2]\n[1, 2]\n```",
        "More.",
        "    ```pycon\n    >>> b\n    3\n    ```",
    ]
    assert extract(text) == "\n\n".join(blocks)
    assert extract("No example of x > 3.") == "No example of x > 3."
