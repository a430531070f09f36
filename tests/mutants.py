"""Break a paper's theory at random and see whether anything notices: `python tests/mutants.py random_walk_pca`.

A mutant changes one number or one arithmetic operator in `theory/<paper>`, in a copy of the workbench, and runs the
paper's tests and then its claims. A mutant that both let pass is printed: it is a hole in the checks, or an equivalent
program (say which, and why, where the survivors are reported).
"""

import argparse
import ast
import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGES = ("theory", "sims", "paper_checks", "figures", "tools")
OPERATORS = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult}


def copy_workbench(folder: Path) -> None:
    """Copy the packages, the tests and the settings to `folder`."""
    for package in (*PACKAGES, "tests"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__", "out"))
    shutil.copy(ROOT / "pyproject.toml", folder)


def run_in(folder: Path, *command: str) -> subprocess.CompletedProcess:
    """Run `python -m command` in a copy of the workbench, which hides the installed one; stop it after 20 minutes."""
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=1200,
    )


def passes(folder: Path, *command: str) -> bool:
    """Tell whether a command succeeds; one that does not end (a mutant may loop for ever) has failed."""
    try:
        return run_in(folder, *command).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def sites(tree: ast.Module) -> list[ast.expr]:
    """Return the numbers and arithmetic operations of a module, outside annotations and refusals of bad input."""
    found: list[ast.expr] = []

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.Raise | ast.If) and any(isinstance(child, ast.Raise) for child in ast.walk(node)):
            return
        number = isinstance(node, ast.Constant) and type(node.value) in (int, float)
        if number or (isinstance(node, ast.BinOp) and type(node.op) in OPERATORS):
            found.append(node)  # type: ignore[arg-type]
        for field, value in ast.iter_fields(node):
            if field not in ("annotation", "returns"):
                for child in value if isinstance(value, list) else [value]:
                    if isinstance(child, ast.AST):
                        visit(child)

    visit(tree)
    return found


def mutate(path: Path, rng: random.Random) -> str:
    """Change one site of the file in place and return what was changed, in one line."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    site = rng.choice(sites(tree))
    before = ast.unparse(site)
    if isinstance(site, ast.BinOp):
        site.op = OPERATORS[type(site.op)]()
    elif isinstance(site, ast.Constant) and isinstance(site.value, int):
        site.value += rng.choice((-1, 1))
    elif isinstance(site, ast.Constant) and isinstance(site.value, float):
        site.value *= rng.choice((0.9, 1.1))
    path.write_text(ast.unparse(tree), encoding="utf-8")
    return f"{path.name}:{site.lineno}: {before} -> {ast.unparse(site)}"


def main() -> int:
    """Run the mutants; return 1 if one survived."""
    parser = argparse.ArgumentParser(prog="python tests/mutants.py", description=__doc__.split("\n")[0])
    parser.add_argument("paper")
    parser.add_argument("--count", type=int, default=30, help="number of mutants (default 30)")
    parser.add_argument("--seed", type=int, default=0, help="decides which (default 0)")
    options = parser.parse_args()
    survivors = 0
    for number in range(options.count):
        rng = random.Random(f"{options.seed}/{number}")
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            copy_workbench(folder)
            theory = folder / "theory" / options.paper
            files = sorted(theory.glob("*.py")) if theory.is_dir() else [theory.with_suffix(".py")]
            files = [path for path in files if sites(ast.parse(path.read_text(encoding="utf-8")))]
            # A file's chance is its share of the sites.
            weights = [len(sites(ast.parse(path.read_text(encoding="utf-8")))) for path in files]
            change = mutate(rng.choices(files, weights)[0], rng)
            tests = sorted(folder.glob(f"tests/{options.paper}/test_theory*.py")) or [
                folder / "tests" / f"test_{options.paper}.py"
            ]
            checks = next(folder.glob(f"paper_checks/test_{options.paper}*"))
            for noticed, targets in (("tests", tests), ("claims", [checks])):
                if not passes(folder, "pytest", "-x", "-q", "-p", "no:cacheprovider", *map(str, targets)):
                    print(f"{number:3d} noticed by its {noticed}: {change}", flush=True)
                    break
            else:
                survivors += 1
                print(f"{number:3d} SURVIVED: {change}", flush=True)
    print(f"{options.count - survivors} of {options.count} mutants noticed")
    return int(survivors > 0)


if __name__ == "__main__":
    sys.exit(main())
