"""The commit of the repository at which a run was made."""

import subprocess
from pathlib import Path


def commit_of(folder: Path) -> str | None:
    """Return the commit of a folder's repository, with `+` where files that git tracks, or Python
    files that it does not, differ from it; None without a repository.
    """
    head = _git(folder, "rev-parse", "HEAD")
    if not head:
        return None
    changes = _git(folder, "status", "--porcelain", "--untracked-files=all")
    differs = [line for line in changes.splitlines() if line[:2] != "??" or line.endswith(".py")]
    return f"{head}{'+' * bool(differs)}"


def _git(folder: Path, *command: str) -> str:
    try:
        process = subprocess.run(
            ["git", "-C", str(folder), *command], capture_output=True, text=True, check=False
        )
    except OSError:  # there is no git
        return ""
    return process.stdout.strip() if process.returncode == 0 else ""
