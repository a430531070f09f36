"""The command that renews what a change made old, on a paper of one figure and one notebook."""

import importlib
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from theory_on_trial.figures.drawing import Figure

ROOT = Path(__file__).parent.parent


def parabola(width: int = 3):
    """A parabola."""


@pytest.fixture
def renew(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "path", [str(ROOT / "docs"), str(ROOT / "tests"), *sys.path])
    module = importlib.import_module("renew")
    drawn = [Figure("toy", "F1", parabola, {}, claims=("mean",))]
    folder = tmp_path / "docs" / "papers" / "toy"
    folder.mkdir(parents=True)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "figures", lambda: drawn)
    monkeypatch.setattr(module, "picture", lambda figure: folder / f"{figure.file_name}.webp")
    monkeypatch.setattr(module, "_draw", lambda figure: (folder / "F1_parabola.webp").touch())
    monkeypatch.setattr(module, "pages", lambda papers: iter(()))
    monkeypatch.setattr(module, "by_hand", lambda papers: [])
    monkeypatch.setattr(module.outline, "papers", lambda root: ["toy"])
    return module


def files(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_is_old_is_named_by_one_mode_and_renewed_by_the_other_in_the_same_words(
    renew, tmp_path, capsys
):
    leftover = tmp_path / "docs" / "papers" / "toy" / "F2_old.webp"
    leftover.touch()
    before = files(tmp_path)
    assert renew.main(["--check"]) == 1
    old = capsys.readouterr().out.splitlines()
    assert files(tmp_path) == before
    assert renew.main([]) == 0
    renewed = capsys.readouterr().out.splitlines()
    words = [
        "docs/papers/toy/F1_parabola.webp, which is missing",
        "docs/papers/toy/F2_old.webp, which belongs to no figure",
        "docs/papers/toy/F1_parabola.txt, whose text has changed",
    ]
    assert old == [*(f"old: {each}" for each in words), "`python docs/renew.py` renews what is old"]
    assert renewed == [f"renewed: {each}" for each in words]
    assert not leftover.exists()
    caption = leftover.with_name("F1_parabola.txt").read_text(encoding="utf-8")
    assert caption.startswith("F1. A parabola.\nSettings: width = 3.\n")
    for arguments in ([], ["--check"]):
        assert renew.main(arguments) == 0
        assert capsys.readouterr().out == "nothing is old\n"


def test_a_picture_whose_code_has_changed_is_drawn_again(renew, monkeypatch, tmp_path):
    picture = tmp_path / "docs" / "papers" / "toy" / "F1_parabola.webp"
    picture.touch()
    monkeypatch.setattr(renew, "_dotted", lambda figure: "figures.toy.parabola")
    for names, count in (({"figures.toy.other"}, 0), ({"figures.toy.parabola"}, 1)):
        monkeypatch.setattr(renew.changed, "definitions", lambda root, names=names: names)
        assert len(list(renew.redrawn(["toy"]))) == count


def test_outputs_of_a_notebook_that_a_change_touches_are_renewed(renew, monkeypatch, tmp_path):
    def notebook(printed):
        outputs = [new_output("stream", name="stdout", text=printed)]
        return new_notebook(cells=[new_code_cell("", outputs=outputs, execution_count=1)])

    import outputs

    path = tmp_path / "notebooks" / "toy.ipynb"
    path.parent.mkdir()
    nbformat.write(notebook("0.25"), path)
    monkeypatch.setattr(outputs, "execute", lambda path: notebook("0.26"))
    monkeypatch.setattr(renew, "files_of", lambda paper, root: {Path("theory/toy.py"): ""})
    monkeypatch.setattr(renew.changed, "files", lambda root: [Path("theory/other.py")])
    assert list(renew.notebooks(["toy"])) == []
    monkeypatch.setattr(renew.changed, "files", lambda root: [Path("theory/toy.py")])
    ((words, write),) = renew.notebooks(["toy"])
    assert words == "notebooks/toy.ipynb, whose outputs have changed"
    write()
    assert "0.26" in path.read_text(encoding="utf-8")
    assert list(renew.notebooks(["toy"])) == []


def test_the_name_of_a_claim_that_is_gone_is_left_to_hand_and_fails_both_modes(
    renew, monkeypatch, capsys
):
    sentence = "figure toy.F1: there is no claim toy.mean"
    renew.main([])
    monkeypatch.undo()
    for name in ("catalogue", "renew"):
        sys.modules.pop(name, None)
    monkeypatch.setattr(sys, "path", [str(ROOT / "docs"), str(ROOT / "tests"), *sys.path])
    module = importlib.import_module("renew")
    monkeypatch.setattr(module, "figures", lambda: [Figure("toy", "F1", parabola, {}, ("mean",))])
    assert module.by_hand(["toy"]) == [sentence]
    for stage in ("pictures", "redrawn", "captions", "pages", "notebooks"):
        monkeypatch.setattr(module, stage, lambda papers: iter(()))
    monkeypatch.setattr(module, "by_hand", lambda papers: [sentence])
    for arguments in ([], ["--check"]):
        capsys.readouterr()
        assert module.main(arguments) == 1
        assert capsys.readouterr().out == f"by hand: {sentence}\n"


def test_a_paper_that_is_not_there_is_refused_with_a_similar_name(renew, capsys):
    with pytest.raises(SystemExit):
        renew.main(["toys"])
    assert "PAPER must be the name of a paper, got 'toys' (similar: toy)" in capsys.readouterr().err


def test_without_a_picture_the_pages_are_not_written_and_one_sentence_says_so(
    monkeypatch, tmp_path
):
    monkeypatch.setattr(sys, "path", [str(ROOT / "docs"), *sys.path])
    pages = importlib.import_module("write_pages")
    figure_pages = importlib.import_module("figure_pages")
    monkeypatch.setattr(figure_pages, "ROOT", tmp_path)
    gone = tmp_path / "docs" / "papers" / "toy" / "F1_parabola.webp"
    monkeypatch.setattr(pages, "kept", lambda: {tmp_path / "x": str(figure_pages.size(gone))})
    with pytest.raises(SystemExit) as ended:
        pages.main()
    assert ended.value.code == (
        "write_pages: docs/papers/toy/F1_parabola.webp is missing: `python docs/renew.py` draws it"
    )
    assert not (tmp_path / "x").exists()
