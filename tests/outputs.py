"""Outputs that are written down: compared with fresh ones here, and renewed by
`python tests/outputs.py NOTEBOOK …`.
"""

import asyncio
import math
import os
import re
import sys
from contextlib import nullcontext
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from unittest.mock import patch

import nbformat
import zmq
from nbclient import NotebookClient

# Imported once for all kernels, which are forks of one process. Nothing of the repository is, nor
# what looks for the kernel when it is imported: ipywidgets, pandas and what imports pandas.
PRELOADED = [
    "jax",
    "matplotlib.pyplot",
    "scipy.optimize",
    "scipy.stats",
    "diffrax",
    "optax",
    "optimistix",
    "cvxpy",
]
PRELOADED += ["ipykernel.kernelapp", "nbclient", "pytest"]
LAUNCHER = "jupyter_client.provisioning.local_provisioner.launch_kernel"
INLINE = "module://matplotlib_inline.backend_inline"

NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
# Of an array, whose columns are as wide as their longest number
PADDING = re.compile(r"(?<=[\[(]) | (?=[\])])")
WIDGET = "application/vnd.jupyter.widget"
# HiGHS prints it once a process, and so into whichever cell runs when it is read.
BANNER = re.compile(r"Running HiGHS .*\n(?:Includes third-party .*\n)?")
TIME = re.compile(r"seconds=[\d.e-]+|[\d.]+ s(?=<)")  # in a row of the ledger, as text and as HTML


def differences(written: str, fresh: str) -> list[str]:
    """Return a sentence for the first difference in words, or one for each number that differs.

    Whitespace does not count, as a digit more may shift a table, nor do seconds. Numbers may differ
    by 1 in 1000, or by 1e-9: the last digits depend on the machine's linear algebra.
    """
    written, fresh = (TIME.sub("seconds", text) for text in (written, fresh))
    words = [
        PADDING.sub("", re.sub(r"\s+", " ", NUMBER.sub("#", text))).strip()
        for text in (written, fresh)
    ]
    if words[0] != words[1]:
        return [f"written {words[0]!r}, now {words[1]!r}"]
    pairs = zip(NUMBER.findall(written), NUMBER.findall(fresh), strict=True)
    return [
        f"written {old}, now {new}"
        for old, new in pairs
        if not math.isclose(float(old), float(new), rel_tol=1e-3, abs_tol=1e-9)
    ]


def text_of(cell: Any) -> str:
    """Return what a code cell has published or shown, as HTML where it has that: a row's text has
    its last digits too.

    Progress bars write to the other stream.
    """
    printed = [
        out.text for out in cell.outputs if out.output_type == "stream" and out.name == "stdout"
    ]
    shown = [
        out.data for out in cell.outputs if out.output_type in ("execute_result", "display_data")
    ]
    return "".join(printed) + "\n".join(
        data.get("text/html", data.get("text/plain", "")) for data in shown
    )


def code_of(notebook: Any) -> list[Any]:
    """Return the code cells of a notebook."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def stale(kept: Any, fresh: Any) -> list[str]:
    """Return what the outputs of a notebook say that those of a fresh run do not.

    What a cell tagged "varies" says is left out.
    """
    pairs = zip(code_of(kept), code_of(fresh), strict=True)
    return [
        difference
        for old, new in pairs
        if "varies" not in old.metadata.get("tags", ())
        for difference in differences(text_of(old), text_of(new))
    ]


def execute(path: Path) -> Any:
    """Return the notebook with fresh outputs, run from the folder above its own.

    A slider's cell has the first picture of the slider beside it. Raises CellExecutionError for a
    cell that fails, RuntimeError for a slider whose first picture does: widgets keep their errors
    to themselves.
    """
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = []
            cell.execution_count = None
    where = {"metadata": {"path": path.parent.parent}}
    client = NotebookClient(notebook, timeout=300, kernel_name="python3", resources=where)
    waking: list[asyncio.Task] = []  # a task that nobody holds may be collected
    client.on_notebook_start = lambda notebook: waking.append(
        asyncio.ensure_future(_keep_awake(client))
    )
    client.on_notebook_complete = lambda notebook: waking.pop().cancel()
    with patch(LAUNCHER, _fork_kernel) if sys.platform == "linux" else nullcontext():
        client.execute()
    widgets = notebook.metadata.pop("widgets", {}).get(f"{WIDGET}-state+json", {"state": {}})[
        "state"
    ]
    for model in widgets.values():
        for out in model["state"].get("outputs", ()):
            if out["output_type"] == "error":
                raise RuntimeError(
                    f"a slider of {path.name} fails: {out['ename']}: {out['evalue']}"
                )
    for cell in notebook.cells:
        for out in cell.get("outputs", ()):
            if out.output_type == "stream":
                out.text = BANNER.sub("", out.text)
        if cell.cell_type == "code":
            cell.outputs = [out for out in cell.outputs if out.get("text") != ""]
        views = [out.get("data", {}).get(f"{WIDGET}-view+json") for out in cell.get("outputs", ())]
        for view in filter(None, views):
            cell.outputs += _pictures(widgets, view["model_id"])
    return notebook


def _pictures(widgets: dict[str, Any], number: str) -> list[Any]:
    """Return what a slider shows at its start as pictures of their own: a page that runs nothing
    shows these alone.
    """
    inside = [
        child.removeprefix("IPY_MODEL_") for child in widgets[number]["state"].get("children", ())
    ]
    shown = [
        out.get("data", {})
        for child in inside
        for out in widgets[child]["state"].get("outputs", ())
    ]
    return [nbformat.v4.new_output("display_data", data) for data in shown if "image/png" in data]


class _Forked:
    """A process of the fork server, for a caller that expects a subprocess."""

    stdin = stdout = stderr = None

    def __init__(self, process: Any):
        self.pid = process.pid
        self.poll = lambda: process.exitcode
        self.wait = process.join
        self.kill = process.kill
        self.terminate = process.terminate

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)


def _fork_kernel(command: list[str], *, env: dict[str, str], cwd: str, **_: Any) -> _Forked:
    context = get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    ready, report = context.Pipe(duplex=False)
    process = context.Process(
        target=_kernel, args=(report, command[command.index("-f") :], env, cwd)
    )
    process.start()
    report.close()
    ready.recv()  # its signals go to a group of its own from now on
    return _Forked(process)


def _kernel(
    ready: Connection, arguments: list[str], environment: dict[str, str], folder: str
) -> None:
    """Be the kernel that a command would start, with the compiled programs that the tests keep."""
    os.setsid()
    ready.send(None)
    os.chdir(folder)
    os.environ.update(environment)
    sys.path[:] = [
        entry for entry in sys.path if not Path(entry).is_relative_to(Path(__file__).parent)
    ]

    import matplotlib
    from ipykernel.kernelapp import IPKernelApp

    from theory_on_trial.base.compilation_cache import enable_compilation_cache

    matplotlib.rcParams["backend"] = environment.get("MPLBACKEND", INLINE)
    enable_compilation_cache()
    IPKernelApp.launch_instance(arguments)


async def _keep_awake(client: NotebookClient) -> None:
    """Look for a reply of the kernel ten times a second.

    One that arrives while nbclient itself sends a slider's message goes unnoticed until the cell's
    time is up (https://github.com/jupyter/nbclient/issues/312).
    """
    while True:
        client.kc.shell_channel.socket.get(zmq.EVENTS)
        await asyncio.sleep(0.1)


def write(notebook: Any, path: Path) -> None:
    """Write a notebook with its outputs, without what only describes this run."""
    notebook.metadata.language_info = {"name": "python"}
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = [out for out in cell.outputs if out.get("name") != "stderr"]
    nbformat.write(notebook, path)


def main(paths: list[str]) -> None:
    """Renew the outputs of notebooks."""
    for path in paths:
        write(execute(Path(path).absolute()), Path(path))


if __name__ == "__main__":
    main(sys.argv[1:])
