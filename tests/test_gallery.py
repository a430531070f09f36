"""The gallery in docs/: it holds every figure and no other."""

from pathlib import Path

from theory_on_trial.figures.drawing import figures

GALLERY = Path(__file__).parent.parent / "docs" / "papers"


def test_the_gallery_holds_every_figure_at_its_full_size_and_no_other():
    expected = {f"{figure.paper.replace('.', '/')}/{figure.file_name}" for figure in figures()}
    for suffix in ("webp", "txt"):
        paths = list(GALLERY.rglob(f"*.{suffix}"))
        assert {str(path.relative_to(GALLERY).with_suffix("")) for path in paths} == expected
    captions = [path.read_text(encoding="utf-8") for path in GALLERY.rglob("*.txt")]
    assert not [text for text in captions if "--quick" in text]
