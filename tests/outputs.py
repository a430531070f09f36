"""Outputs that are written down: compared with fresh ones here, and renewed by `python tests/outputs.py NOTEBOOK …`."""

import asyncio
import math
import re
import sys
from pathlib import Path
from typing import Any

import nbformat
import zmq
from nbclient import NotebookClient

NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
PADDING = re.compile(r"(?<=[\[(]) | (?=[\])])")  # of an array, whose columns are as wide as their longest number
TIME = re.compile(r"seconds=[\d.e-]+")  # in a row of the ledger


def differences(written: str, fresh: str) -> list[str]:
    """Return a sentence for the first difference in words, or one for each number that differs.

    Whitespace does not count, as a digit more may shift a table, nor do seconds. Numbers may differ by 1 in 1000, or by
    1e-9: the last digits depend on the machine's linear algebra.
    """
    written, fresh = (TIME.sub("seconds", text) for text in (written, fresh))
    words = [PADDING.sub("", re.sub(r"\s+", " ", NUMBER.sub("#", text))).strip() for text in (written, fresh)]
    if words[0] != words[1]:
        return [f"written {words[0]!r}, now {words[1]!r}"]
    pairs = zip(NUMBER.findall(written), NUMBER.findall(fresh), strict=True)
    return [
        f"written {old}, now {new}"
        for old, new in pairs
        if not math.isclose(float(old), float(new), rel_tol=1e-3, abs_tol=1e-9)
    ]


def text_of(cell: Any) -> str:
    """Return what a code cell has printed or shown as text; progress bars write to the other stream."""
    printed = [out.text for out in cell.outputs if out.output_type == "stream" and out.name == "stdout"]
    shown = [
        out.data.get("text/plain", "") for out in cell.outputs if out.output_type in ("execute_result", "display_data")
    ]
    return "".join(printed) + "\n".join(shown)


def execute(path: Path) -> Any:
    """Return the notebook with fresh outputs, run from the folder above its own.

    Raises CellExecutionError for a cell that fails, RuntimeError for a slider whose first picture does: widgets keep
    their errors to themselves.
    """
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    where = {"metadata": {"path": path.parent.parent}}
    client = NotebookClient(notebook, timeout=300, kernel_name="python3", resources=where)
    waking: list[asyncio.Task] = []  # a task that nobody holds may be collected
    client.on_notebook_start = lambda notebook: waking.append(asyncio.ensure_future(_keep_awake(client)))
    client.on_notebook_complete = lambda notebook: waking.pop().cancel()
    client.execute()
    widgets = notebook.metadata.pop("widgets", {}).get("application/vnd.jupyter.widget-state+json", {"state": {}})
    for model in widgets["state"].values():
        for out in model["state"].get("outputs", ()):
            if out["output_type"] == "error":
                raise RuntimeError(f"a slider of {path.name} fails: {out['ename']}: {out['evalue']}")
    return notebook


async def _keep_awake(client: NotebookClient) -> None:
    """Look for a reply of the kernel ten times a second.

    One that arrives while nbclient itself sends a slider's message goes unnoticed until the cell's time is up
    (https://github.com/jupyter/nbclient/issues/312).
    """
    while True:
        client.kc.shell_channel.socket.get(zmq.EVENTS)
        await asyncio.sleep(0.1)


def main(paths: list[str]) -> None:
    """Renew the outputs of notebooks, without what only describes this run."""
    for path in paths:
        notebook = execute(Path(path).absolute())
        notebook.metadata.language_info = {"name": "python"}
        for cell in notebook.cells:
            cell.metadata.pop("execution", None)
            if cell.cell_type == "code":
                cell.outputs = [out for out in cell.outputs if out.get("name") != "stderr"]
        nbformat.write(notebook, path)


if __name__ == "__main__":
    main(sys.argv[1:])
