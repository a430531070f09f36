"""What all figures share: their registration, their style, and the files that they write."""

import importlib
import inspect
import pkgutil
import re
import sys
import textwrap
from collections.abc import Callable, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from theory_on_trial.base.files import beside, write_text
from theory_on_trial.figures.layout import collisions
from theory_on_trial.formula.marks import fault, plain
from theory_on_trial.repository import check_files, import_file, paper_of, root
from theory_on_trial.repository.outline import among, is_called, nearest

if TYPE_CHECKING:
    from matplotlib.figure import Figure as MatplotlibFigure

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito's colours, distinguished with every kind of colour vision."""

_STYLE: dict[Any, Any] = {
    "figure.constrained_layout.use": True,
    "figure.dpi": 150,
    "savefig.dpi": 200,
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "legend.title_fontsize": 7.5,
    "lines.linewidth": 1.2,
    "lines.markersize": 3.5,
    "errorbar.capsize": 1.5,
    "pdf.fonttype": 42,
}

_SMALL = 180  # dots per inch: twice the density of a usual screen for a page of some 600 points

_REGISTERED: dict[str, "Figure"] = {}


@dataclass(frozen=True)
class Figure:
    """A figure of a paper: `draw(**settings)` returns a matplotlib figure; its docstring is the
    caption.

    Attributes:
        paper, name: the module's and the figure's name, e.g. "random_walk_pca", "F1".
        draw: the function; its parameters are the settings, with the published ones as defaults.
        quick: settings of the reduced version (`--quick`).
        claims: names of the paper's claims that decide what the figure shows, e.g. "sim_evr".
        marks: what stands for what, written below the panels where a legend does not name every
            mark; by default what the caption says after "Marks: ".
    """

    paper: str
    name: str
    draw: Callable[..., "MatplotlibFigure"]
    quick: dict[str, Any]
    claims: tuple[str, ...] = ()
    marks: str = ""

    @property
    def file_name(self) -> str:
        """The stem of the files, e.g. "F1_tableau"."""
        return f"{self.name}_{self.draw.__name__}"

    @property
    def title(self) -> str:
        """The first sentence of the caption."""
        return inspect.getdoc(self.draw).split("\n\n")[0].replace("\n", " ")  # type: ignore[union-attr]

    def settings(self, quick: bool) -> dict[str, Any]:
        """Return the settings of the full or the reduced version."""
        defaults = {name: p.default for name, p in inspect.signature(self.draw).parameters.items()}
        return {**defaults, **(self.quick if quick else {})}

    def save(self, folder: Path, quick: bool, small: bool = False) -> tuple[list[Path], list[str]]:
        """Draw the figure and write it with its caption (settings, command, claims).

        As PNG and PDF, or, if `small`, as a WebP of some ten kilobytes. Returns the paths, and a
        sentence for each text that meets another or leaves the figure.
        """
        import matplotlib.pyplot as plt
        from matplotlib.text import Text

        settings = self.settings(quick)
        folder = folder.joinpath(*self.paper.split("."))
        folder.mkdir(parents=True, exist_ok=True)
        suffixes = ("webp", "txt") if small else ("png", "pdf", "txt")
        *pictures, caption = paths = [folder / f"{self.file_name}.{suffix}" for suffix in suffixes]
        with style():
            fig = self.draw(**settings)
            if self.marks:
                marks = textwrap.fill(self.marks, int(17 * fig.get_figwidth()))
                if fig.legends:  # below the panels, too
                    fig.legends[0].set_title(marks)
                else:
                    fig.supxlabel(marks, fontsize=7.5)
            for text in fig.findobj(Text):
                if "$" not in (plain := text.get_text()):  # set κ_n and 2^n as they are meant
                    indices = re.sub(
                        r"(?<!\w)([^\W\d_])_([^\W_²³]+)(?![^\W²³])", r"$\1_{\2}$", plain
                    )
                    text.set_text(re.sub(r"\^(\w+)", r"$^{\1}$", indices))
            overlaps = collisions(fig)
            for picture in pictures:
                with beside(picture) as draft:
                    fig.savefig(draft, dpi=_SMALL if small else None)
        plt.close(fig)
        write_text(caption, self.caption(quick))
        return paths, overlaps

    def caption(self, quick: bool) -> str:
        """The text below the figure: what it shows, its settings, the command that draws it, and
        its claims.
        """
        program = (
            "python -m" if (root() / "figures" / "__main__.py").exists() else "theory-on-trial"
        )
        command = f"{program} figures {self.paper}.{self.name}{' --quick' if quick else ''}"
        settings = ", ".join(f"{name} = {value}" for name, value in self.settings(quick).items())
        text = " ".join(inspect.getdoc(self.draw).split())  # type: ignore[union-attr]
        claims = (
            f"Claims: {', '.join(f'{self.paper}.{claim}' for claim in self.claims)}\n"
            if self.claims
            else ""
        )
        return f"{self.name}. {text}\nSettings: {settings}.\nCommand: {command}\n{claims}"


@contextmanager
def style() -> Any:
    """Apply the common style, on a canvas that needs no display."""
    import matplotlib
    import matplotlib.pyplot as plt

    matplotlib.use("Agg")
    with plt.rc_context(_STYLE):
        yield


def figure(
    name: str, *, quick: dict[str, Any] | None = None, claims: tuple[str, ...] = (), marks: str = ""
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a drawing function as figure `name` of the paper its module is named after, in
    `figures` or a check.

    `quick` overrides its settings for the reduced version; `claims` names the claims of that paper
    which decide what it shows; `marks`, or else the docstring after "Marks: ", says in a line below
    the panels what no legend names. Raises `ValueError` for no caption (docstring), a setting
    without a default, or a quick setting that it lacks,
    and for a formula of the caption that cannot be read or whose mark does not close.
    """
    overrides = quick or {}

    def register(draw: Callable[..., Any]) -> Callable[..., Any]:
        parameters = inspect.signature(draw).parameters
        if not draw.__doc__:
            raise ValueError(f"figure {name} needs a docstring: its caption")
        if any(p.default is inspect.Parameter.empty for p in parameters.values()) or set(
            overrides
        ) - set(parameters):
            raise ValueError(
                f"figure {name}: every setting needs a default, and quick settings must be among "
                "them"
            )
        paper = _paper(draw)
        caption = " ".join(draw.__doc__.split())
        if sentence := fault(caption):
            raise ValueError(f"figure {name}: in its caption, {sentence}")
        written = marks or plain(caption.partition("Marks: ")[2].rstrip("."))
        _REGISTERED[f"{paper}.{name}"] = Figure(paper, name, draw, overrides, claims, written)
        return draw

    return register


def figures(selection: str | None = None) -> list[Figure]:
    """Return all figures of the repository, those of a paper ("mixup"), or one ("mixup.F3"), in
    their order.

    They are in the package `figures` or among the checks. Raises `ValueError` for a selection that
    matches nothing.
    """
    homes = _homes()
    if selection is None:
        for load in homes.values():
            load()
        return _in_order(_REGISTERED.values())
    # A paper, or a paper and one of its figures.
    paper = selection.rpartition(".")[0]
    papers = [home for home in homes if is_called(selection, home) or is_called(paper, home)]
    for home in papers:
        homes[home]()
    chosen = [
        f
        for key, f in _REGISTERED.items()
        if f.paper in papers and (is_called(selection, f.paper) or is_called(selection, key))
    ]
    if not chosen:
        names = [f.name for f in _in_order(_REGISTERED.values()) if f.paper in papers]
        known = among(nearest(selection, homes) or homes, "python -m figures --list")
        hint = f"its figures are {', '.join(names)}" if names else f"papers with figures: {known}"
        raise ValueError(f"no figure {selection!r}; {hint}")
    return _in_order(chosen)


def _homes() -> dict[str, Callable[[], Any]]:
    """Return what loads the figures of each paper: its module in the package `figures`, or its
    check.
    """
    folder = root() / "figures"
    papers = sorted(
        module.name
        for module in pkgutil.iter_modules([str(folder)])
        if not module.name.startswith("_")
    )
    if papers and str(folder.parent) not in sys.path:
        sys.path.insert(0, str(folder.parent))
    homes: dict[str, Callable[[], Any]] = {
        p: partial(importlib.import_module, f"figures.{p}") for p in papers
    }
    drawing = (
        file for file in check_files(root()) if "\n@figure(" in file.read_text(encoding="utf-8")
    )
    return homes | {paper_of(file): partial(import_file, file) for file in drawing}


def _paper(draw: Callable[..., Any]) -> str:
    """Return the paper of a drawing function: that of its module in `figures`, or of the check that
    it stands in.
    """
    module = sys.modules[draw.__module__]
    if draw.__module__.startswith("figures.") or not module.__file__:
        return draw.__module__.removeprefix("figures.").split(".")[0]
    return paper_of(Path(module.__file__))


def _in_order(unordered: Iterable[Figure]) -> list[Figure]:
    """Sort by paper and number: F2 comes before F10."""
    return sorted(
        unordered,
        key=lambda f: (f.paper, [int(part) for part in re.findall(r"\d+", f.name)], f.name),
    )
