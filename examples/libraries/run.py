"""Try each package in an environment of its own, and write the table docs/libraries.md.

`python run.py` makes the environments in build/libraries, once, and runs the file of each package
there; `python run.py mapie networkx` only those two, and leaves the other rows of the table.
Packages that this environment has (jax, numpy, scipy, scikit-learn) are tried here, too.
"""

import json
import subprocess
import sys
import venv
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PLACE = ROOT / "build" / "libraries"
TABLE = ROOT / "docs" / "libraries.md"
OLD = ["numpy<2", "scipy<1.13"]
OLDER = [*OLD, "scikit-learn<1.4"]
INSTALLED = ["jax", "numpy", "scipy", "scikit-learn"]
OTHERS = {  # what pip installs, by package and version
    ("diffprivlib", "0.6.6"): ["scikit-learn<1.6"],
    ("fairpipe", "0.11.0"): [],
    ("fairpipe", "0.12.0"): [],
    ("geomstats", "2.8.0"): OLDER,
    ("mapie", "0.8.3"): OLDER,
    ("mapie", "0.8.6"): OLDER,
    ("networkx", "2.6.3"): OLD,
    ("networkx", "3.6.1"): ["numpy"],
    ("phitter", "0.7.2"): [],
    ("phitter", "1.0.4"): [],
    ("pints", "0.3.0"): OLD,
    ("pints", "0.6.1"): [],
    ("powerlaw", "1.5"): [*OLD, "setuptools<70"],
    ("powerlaw", "2.0.0"): [],
    ("rustworkx", "0.13.0"): OLD,
    ("rustworkx", "0.18.1"): [],
    ("scipy", "1.11.2"): ["numpy<2"],
    ("sktime", "0.28.0"): ["numpy<2"],
    ("sktime", "0.28.1"): ["numpy<2"],
}


def interpreter(package, number, others):
    """Return the interpreter of an environment that has a package, making it if it is missing."""
    folder = PLACE / f"{package}-{number}"
    python = folder / "bin" / "python"
    done = folder / "installed"
    if not done.exists():
        venv.create(folder, with_pip=True)
        wanted = [f"{package}=={number}", *others]
        subprocess.run([python, "-m", "pip", "install", "-q", *wanted], check=True)
        done.touch()
    return python


def rows(package, number, python):
    """Run the file of a package and return the rows of the table."""
    file = HERE / f"test_{package.replace('-', '_')}.py"
    ledger = PLACE / f"{package}-{number}.json"
    ledger.parent.mkdir(parents=True, exist_ok=True)
    ledger.unlink(missing_ok=True)
    flags = ["-q", "--python", python, "--trial-ledger", ledger, "-p", "no:cacheprovider"]
    subprocess.run([sys.executable, "-m", "pytest", *flags, file], cwd=HERE, check=False)
    return [_row(package, number, claim) for claim in json.loads(ledger.read_text())["claims"]]


def _row(package, number, claim):
    exact = claim["kind"] == "identity" or claim["samples"] is None
    samples = "" if exact else f"{claim['samples']:,}"
    cells = [package, number, claim["statement"], claim["verdict"], samples]
    digits = ".2g" if claim["seconds"] < 99.5 else ".0f"
    return f"| {' | '.join(cells)} | {claim['seconds']:{digits}} |"


def main(asked):
    """Try the packages that are asked for, or all; the table is written after each version."""
    rule = "|---|---|---|---|---|---|\n"
    head, _, table = TABLE.read_text(encoding="utf-8").partition(rule)
    kept = table.splitlines()
    here = {(package, version(package)): None for package in INSTALLED}
    for (package, number), others in (here | OTHERS).items():
        if not asked or package in asked:
            own = others is None
            python = sys.executable if own else interpreter(package, number, others)
            kept = [line for line in kept if not line.startswith(f"| {package} | {number} |")]
            kept += rows(package, number, python)
            text = head + rule + "\n".join(sorted(kept)) + "\n"
            TABLE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
