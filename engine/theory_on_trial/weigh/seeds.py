"""Replaces the seeds of a test by drawn ones, in the process in which it runs.

The functions that take a seed are wrapped where they are found: in `random`, `numpy.random`, and,
as soon as they are imported, `torch` and `jax.random`. Equal seeds of one run become equal drawn
seeds, so that a test that seeds twice to compare still does. A call without a seed gets one, too:
the whole command repeats under one seed.
"""

import contextlib
import hashlib
import importlib.abc
import importlib.machinery
import importlib.util
import random
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

import numpy as np

_PACKAGE = str(Path(__file__).parent)
_BITS = 31  # JAX in single precision and `np.random.seed` take no more


class Seeds:
    """The seeds that a test sets, and what is drawn in their place.

    Attributes:
        active: whether seeds are replaced; a test runs first as it stands.
        replaced: how often each call with a seed of its own was met, by its text and place.
        met: how many generators, seeded or not, were asked for.
    """

    def __init__(self, folder: Path, base: int):
        self.active = False
        self.replaced: Counter[tuple[str, str]] = Counter()
        self.met = 0
        self._folder = folder
        self._base = base
        self._run: int | str = "import"
        self._unseeded = 0

    def begin(self, run: int, active: bool) -> None:
        """Seed the global generators for a run; as it stands, they are left alone."""
        self._run = run
        self.active = active
        self._unseeded = 0
        if not active:
            return
        _SEED_PYTHON(self._drawn("python"))
        _SEED_NUMPY(self._drawn("numpy"))
        if (torch := sys.modules.get("torch")) is not None and hasattr(torch, "default_generator"):
            torch.default_generator.manual_seed(self._drawn("torch"))

    def states(self) -> dict[str, Any]:
        """Return what changes if a global generator draws, or if a generator is asked for."""
        numpy = np.random.get_state()  # noqa: NPY002 -- the generator of whoever has no other
        found = {
            "met": self.met,
            "random": random.getstate(),
            "np.random": (numpy[2], bytes(numpy[1])),  # type: ignore[index]
        }
        if (torch := sys.modules.get("torch")) is not None and hasattr(torch, "get_rng_state"):
            found["torch"] = bytes(torch.get_rng_state().numpy())
        return found

    def new(self, what: str, seed: Any) -> Any:
        """Return the seed that a call gets in place of the given one; None is no seed."""
        if seed is not None and not _is_seed(seed):
            return seed  # a generator, or a key: what it was made of has been replaced
        place = self._place(sys._getframe(1))
        if not place:
            return seed
        self.met += 1
        if seed is not None:
            self.replaced[f"{what}({_shown(seed)})", place] += 1
        if not self.active:
            return seed
        if seed is None:
            self._unseeded += 1
            return self._drawn(f"unseeded {self._unseeded}")
        return self._drawn(_shown(seed))

    def _drawn(self, name: str) -> int:
        text = f"{self._base}/{self._run}/{name}".encode()
        return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest()) >> (64 - _BITS)

    def _place(self, frame: FrameType | None) -> str:
        """Return file and line of the nearest caller in the user's repository, or else outside of
        this package; "" for what an installed package does while it is imported.
        """
        outside = ""
        while frame is not None:
            file = frame.f_code.co_filename
            if file.startswith("<frozen importlib"):
                return ""
            if not file.startswith(_PACKAGE):
                place = Path(file)
                if place.is_relative_to(self._folder) and "site-packages" not in place.parts:
                    return f"{place.relative_to(self._folder)}:{frame.f_lineno}"
                outside = outside or f"{place.name}:{frame.f_lineno}"
            frame = frame.f_back
        return outside

    def install(self) -> None:
        """Wrap the functions that take seeds; those of packages not yet loaded, once they are."""
        _wrap_python(self)
        _wrap_numpy(self)
        later: dict[str, Callable[[Seeds], None]] = {"torch": _wrap_torch, "jax": _wrap_jax}
        for name in [name for name in later if name in sys.modules]:
            later.pop(name)(self)
        sys.meta_path.insert(0, _Later({name: partial(wrap, self) for name, wrap in later.items()}))


_SEED_PYTHON = random.seed
_SEED_NUMPY = np.random.seed


def _is_seed(value: Any) -> bool:
    if isinstance(value, int | float | str | bytes | np.integer):
        return True
    if isinstance(value, list | tuple):
        return all(isinstance(part, int | np.integer) for part in value)
    return isinstance(value, np.ndarray) and value.dtype.kind in "iu"


def _shown(seed: Any) -> str:
    return repr(seed.tolist() if isinstance(seed, np.ndarray | np.integer) else seed)[:40]


def _in_place_of(original: type, members: dict[str, Any]) -> type:
    """Return a subclass that stands for a class: instances of the class are its instances, too."""

    class Same(type(original)):  # type: ignore[misc]
        def __instancecheck__(cls, instance: Any) -> bool:
            return isinstance(instance, original)

        def __subclasscheck__(cls, other: type) -> bool:
            return issubclass(other, original)

    names = {"__module__": original.__module__, "__doc__": original.__doc__}
    stand_in: type = Same(original.__name__, (original,), {**names, **members})
    return stand_in


def _wrap_python(seeds: Seeds) -> None:
    original = random.Random

    def seed(self: Any, a: Any = None, version: int = 2) -> None:
        original.seed(self, seeds.new("random.Random", a), version)

    def seed_global(a: Any = None, version: int = 2) -> None:
        _SEED_PYTHON(seeds.new("random.seed", a), version)

    def new(cls: type, *given: Any) -> Any:
        return original.__new__(cls)

    random.seed = seed_global
    stand_in: Any = _in_place_of(original, {"seed": seed, "__new__": new})
    random.Random = stand_in  # type: ignore[misc]


def _wrap_numpy(seeds: Seeds) -> None:
    module = np.random

    def seeded(original: type) -> type:
        what = f"np.random.{original.__name__}"

        def made(self: Any, seed: Any = None, **named: Any) -> None:
            # A BitGenerator and a Generator are no seeds: they go through as they are.
            original.__init__(self, seeds.new(what, seed), **named)  # type: ignore[misc]

        members: dict[str, Any] = {"__init__": made}
        if original is np.random.RandomState:
            members["seed"] = lambda self, seed=None: original.seed(
                self, seeds.new(f"{what}.seed", seed)
            )
        return _in_place_of(original, members)

    default_rng = module.default_rng
    module.default_rng = lambda seed=None: default_rng(seeds.new("np.random.default_rng", seed))
    module.seed = lambda seed=None: _SEED_NUMPY(seeds.new("np.random.seed", seed))
    for name in ("RandomState", "PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64"):
        setattr(module, name, seeded(getattr(module, name)))
    sequence = module.SeedSequence

    class Sequence_(sequence):  # type: ignore[misc, valid-type]
        def __init__(self, entropy: Any = None, *, spawn_key: Sequence[int] = (), **named: Any):
            if not spawn_key:  # a child has its parent's entropy, which is drawn
                entropy = seeds.new("np.random.SeedSequence", entropy)
            super().__init__(entropy, spawn_key=spawn_key, **named)

    Sequence_.__name__ = "SeedSequence"
    module.SeedSequence = Sequence_  # type: ignore[misc]


def _wrap_torch(seeds: Seeds) -> None:
    torch = sys.modules["torch"]
    for home, name in (
        (torch, "manual_seed"),
        (getattr(torch, "random", None), "manual_seed"),
        (getattr(torch, "cuda", None), "manual_seed"),
        (getattr(torch, "cuda", None), "manual_seed_all"),
    ):
        if home is not None and hasattr(home, name):
            setattr(home, name, _with_new(seeds, "torch.manual_seed", getattr(home, name)))
    if hasattr(torch, "Generator"):
        original = torch.Generator

        def manual_seed(self: Any, seed: int) -> Any:
            return original.manual_seed(self, seeds.new("torch.Generator.manual_seed", seed))

        with contextlib.suppress(TypeError):  # of a version whose class has no subclasses
            torch.Generator = _in_place_of(  # type: ignore[attr-defined]
                original, {"manual_seed": manual_seed}
            )


def _wrap_jax(seeds: Seeds) -> None:
    import jax.random

    for name in ("key", "PRNGKey"):
        setattr(jax.random, name, _with_new(seeds, f"jax.random.{name}", getattr(jax.random, name)))


def _with_new(seeds: Seeds, what: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def seeded(seed: Any, **named: Any) -> Any:
        return function(seeds.new(what, seed), **named)

    return seeded


class _Later(importlib.abc.MetaPathFinder):
    """Wraps a package's functions as soon as the package has been imported."""

    def __init__(self, wraps: dict[str, Callable[[], None]]):
        self._wraps = wraps

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name not in self._wraps:
            return None
        wrap = self._wraps.pop(name)
        spec = importlib.util.find_spec(name)
        if spec is None or spec.loader is None:
            return None
        execute = spec.loader.exec_module

        def executed(module: ModuleType) -> None:
            execute(module)
            wrap()

        spec.loader.exec_module = executed  # type: ignore[method-assign]
        return spec
