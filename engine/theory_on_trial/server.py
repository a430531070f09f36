"""The server of `theory-on-trial mcp`: the command's own subcommands as tools of the Model Context
Protocol.

A tool runs the command in the folder in which the server was started, in a process of its own. So
a client can run whatever code the claims of that folder run, and reads no file outside it.
"""

import json
import subprocess
import sys
from pathlib import Path

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError

from theory_on_trial.ledger import brief, brief_interval
from theory_on_trial.ledger.files import read_json
from theory_on_trial.ledger.words import chance

_NOTICE = (
    "The tools run the claims of {folder}: they execute the code of that folder, with the rights "
    "of the user who started this server. A claim is a test of a mathematical statement. Its "
    "verdict is VERIFIED, REFUTED or INCONCLUSIVE, with a bound on the probability that it is "
    "wrong."
)


def server(folder: Path) -> MCPServer:
    """Return a server for the claims of a repository.

    Args:
        folder: the root of the repository. The tools execute its code.
    """
    tools = MCPServer("theory-on-trial", instructions=_NOTICE.format(folder=folder))

    def command(*arguments: str) -> str:
        return _said([*arguments, "--root", str(folder)], folder)

    @tools.tool(name="list")
    def list_claims(paper: str = "") -> str:
        """List the claims of the folder, or of one paper: id, kind, tier, statement, source.

        It imports the tests of the folder, and so executes their code.
        """
        return command("list", *[paper] * bool(paper))

    @tools.tool()
    def show(claim: str) -> str:
        """Show a claim by its id: statement, source, settings and their defaults.

        It imports the tests of the folder, and so executes their code.
        """
        return command("show", claim)

    @tools.tool()
    def run(claim: str, settings: dict[str, str] | None = None, seed: int = 0) -> str:
        """Run a claim by its id and return its row: verdict, interval, controls.

        `settings` are other values for its settings, such as {"n": "50"}. It executes the code of
        the folder.
        """
        values = [f"{name}={value}" for name, value in (settings or {}).items()]
        chosen = ["--set", *values] if values else []
        return command("run", claim, *chosen, "--seed", str(seed))

    @tools.tool()
    def search(claim: str, seconds: float = 60.0, outside: bool = False, seed: int = 0) -> str:
        """Look for a setting in the domain of a claim at which it fails, and reduce it.

        With `outside` the search goes beyond the domain. It executes the code of the folder.
        """
        options = ["--seconds", str(seconds), "--seed", str(seed), *["--outside"] * outside]
        return command("search", claim, *options)

    @tools.tool()
    def ledger(path: str) -> str:
        """Read a ledger of `pytest --trial-ledger`, a file below the folder: a line for each row.

        It runs nothing.
        """
        file = (folder / path).resolve()
        if not file.is_relative_to(folder.resolve()):
            raise ToolError(f"path must lie below {folder}, got {path}")
        try:
            contents = read_json(file)
        except ValueError as error:
            raise ToolError(str(error)) from None
        head = {name: contents.get(name) for name in ("seed", "tier", "commit", "not_run")}
        lines = [
            f"{row['id']}: {row['verdict']}, predicted {brief(row['predicted'])}, measured "
            f"{brief(row['measured'])} in {brief_interval(row['interval'])}, P(error) "
            f"{chance(row['error_probability'], row['guarantee'])}"
            for row in contents["claims"]
        ]
        return "\n".join([json.dumps(head), *lines])

    return tools


def _said(arguments: list[str], folder: Path) -> str:
    """Return what the command prints; raise ToolError with its message if it refuses."""
    done = subprocess.run(
        [sys.executable, "-m", "theory_on_trial", *arguments],
        cwd=folder,
        stdin=subprocess.DEVNULL,  # the server's own standard input is the client's
        capture_output=True,
        text=True,
        check=False,
    )
    # 1 says that a claim fails, which is an answer.
    if done.returncode not in (0, 1) or not done.stdout:
        raise ToolError(done.stderr.strip() or f"the command ended with {done.returncode}")
    return done.stdout
