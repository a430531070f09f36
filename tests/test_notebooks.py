"""Every notebook runs from top to bottom; outputs that one is kept with are those of a fresh run.

A notebook is kept without any output or with all: `python docs/renew.py` or `python tests/outputs.py notebooks/<name>.ipynb`
renews them. What a cell tagged "varies" says depends on the machine, and pictures are not compared.
"""

from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from outputs import code_of, execute, stale

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs_and_its_outputs_are_fresh(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    runs = [cell.execution_count is not None for cell in code_of(notebook)]
    assert all(runs) or not (any(runs) or path.stem == "start_here"), (
        "outputs are kept for all cells or for none"
    )
    assert all(runs) or not any(cell.outputs for cell in code_of(notebook))
    fresh = execute(path)
    assert all(cell.execution_count for cell in code_of(fresh))
    if all(runs):
        assert stale(notebook, fresh) == []


def notebook_of(source, *printed):
    outputs = [nbformat.v4.new_output("stream", name="stdout", text=text) for text in printed]
    return new_notebook(cells=[new_code_cell(source, outputs=outputs, execution_count=1)])


def test_a_stale_output_is_found():
    written = notebook_of("", "0.60793 VERIFIED after seconds=1.5")
    assert stale(written, notebook_of("", "0.607930001  VERIFIED after seconds=0.2")) == []
    rows = [notebook_of("") for _ in range(3)]
    for row, measured, seconds in zip(
        rows, ("0.25", "0.25", "0.26"), ("0.10", "2.51", "0.10"), strict=True
    ):
        html = f"<td>{measured} in [0.2, 0.3]</td><td>60 samples, 1 looks, {seconds} s</td>"
        data = {"text/html": html, "text/plain": f"Row(distance=1.5{seconds})"}
        row.cells[0].outputs = [nbformat.v4.new_output("execute_result", data)]
    assert stale(rows[0], rows[1]) == []
    assert stale(rows[0], rows[2]) == ["written 0.25, now 0.26"]
    padded = notebook_of("", "[ 0.5 1.25 ]\n[[ 1. 2.]]")
    assert stale(padded, notebook_of("", "[0.5  1.25]\n[[1. 2.]]")) == []
    assert stale(padded, notebook_of("", "[0.5  1.26]\n[[1. 2.]]")) == ["written 1.25, now 1.26"]
    assert stale(written, notebook_of("", "0.61 VERIFIED after seconds=1.5")) == [
        "written 0.60793, now 0.61"
    ]
    assert len(stale(written, notebook_of("", "0.60793 REFUTED after seconds=1.5"))) == 1
    assert len(stale(written, notebook_of(""))) == 1


def test_a_broken_slider_is_found(tmp_path):
    (tmp_path / "notebooks").mkdir()
    path = tmp_path / "notebooks" / "broken.ipynb"
    source = "from ipywidgets import interact\ninteract(lambda x: 1 / x, x=(0.0, 1.0, 0.5));"
    nbformat.write(notebook_of(source.replace("1 / x", "1 / (x - x)")), path)
    with pytest.raises(RuntimeError, match=r"a slider of broken\.ipynb fails: ZeroDivisionError"):
        execute(path)
    nbformat.write(notebook_of(source.replace("1 / x", "1 + x")), path)
    execute(path)
