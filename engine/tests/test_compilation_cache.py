"""The folder of the caches and the compiled programs in it."""

import os
import stat
import subprocess
import sys
import time
import zlib
from pathlib import Path
from types import SimpleNamespace

import pytest

from theory_on_trial.base.compilation_cache import cache_folder, remove_broken_entries

COMPILE = """
import warnings
warnings.simplefilter("error")
from theory_on_trial.base.compilation_cache import enable_compilation_cache, compilation_cache_in_use
enable_compilation_cache()
enable_compilation_cache()
import jax
hits = []
jax.monitoring.register_event_listener(lambda event, **_: hits.append(event) if event.endswith("/cache_hits") else None)
jax.jit(lambda x: x * 3 + 1)(2.0).block_until_ready()
print(compilation_cache_in_use(), len(hits))
"""


def compile_in_a_new_process(**variables):
    """Return the folder in which it keeps compiled programs, and how many it found there."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("JAX_")
    } | variables
    command = [sys.executable, "-c", COMPILE]
    output = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=120, check=True
    ).stdout
    folder, hits = output.split()
    return Path(folder), int(hits)


def test_cache_folder_is_the_named_one_and_private(tmp_path, monkeypatch):
    monkeypatch.setenv("THEORY_ON_TRIAL_CACHE", str(tmp_path / "deep" / "cache"))
    assert cache_folder() == tmp_path / "deep" / "cache"
    assert stat.S_IMODE(cache_folder().stat().st_mode) == 0o700
    monkeypatch.setenv("THEORY_ON_TRIAL_CACHE", "~/cache")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "cache"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("THEORY_ON_TRIAL_CACHE", "relative")
    assert cache_folder() == tmp_path / "relative"


def test_cache_folder_without_a_name_is_the_platforms(tmp_path, monkeypatch):
    monkeypatch.delenv("THEORY_ON_TRIAL_CACHE", raising=False)
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name: tmp_path / name)
    assert cache_folder() == tmp_path / "theory-on-trial"
    assert stat.S_IMODE(cache_folder().stat().st_mode) == 0o700


def test_the_next_process_finds_what_was_compiled_and_heals_what_was_cut_short(tmp_path):
    variables = {"THEORY_ON_TRIAL_CACHE": str(tmp_path)}
    folder, hits = compile_in_a_new_process(**variables)
    assert folder.parent == tmp_path
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    entries = sorted(folder.glob("*-cache"))
    assert entries
    assert hits == 0
    assert compile_in_a_new_process(**variables) == (folder, len(entries))
    sizes = {entry: entry.stat().st_size for entry in entries}
    for entry in entries:
        entry.write_bytes(entry.read_bytes()[:300])
    # warnings are errors there: a broken entry that JAX came to read would end it
    assert compile_in_a_new_process(**variables) == (folder, 0)
    assert {entry: entry.stat().st_size for entry in sorted(folder.glob("*-cache"))} == sizes


def test_a_folder_set_by_the_user_is_left_alone(tmp_path):
    own = tmp_path / "own"
    variables = {
        "THEORY_ON_TRIAL_CACHE": str(tmp_path / "mine"),
        "JAX_COMPILATION_CACHE_DIR": str(own),
    }
    assert compile_in_a_new_process(**variables) == (own, 0)
    assert not (tmp_path / "mine").exists()


@pytest.mark.parametrize("damage", ["cut", "empty", "flipped"])
def test_broken_entries_are_removed_and_whole_ones_are_not(tmp_path, damage):
    whole = zlib.compress(os.urandom(5000))
    flipped = whole[:2500] + bytes([whole[2500] ^ 1]) + whole[2501:]
    broken = {"cut": whole[:-1], "empty": b"", "flipped": flipped}[damage]
    (tmp_path / "a-cache").write_bytes(whole)
    (tmp_path / "b-cache").write_bytes(broken)
    (tmp_path / "notes.txt").write_bytes(broken)
    assert remove_broken_entries(tmp_path) == [tmp_path / "b-cache"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a-cache", "checked", "notes.txt"]


def test_frames_of_zstd_are_read_where_that_library_is_and_kept_where_it_is_not(
    tmp_path, monkeypatch
):
    """A stand-in for the library, under the name that it has in this Python."""

    def decompress(content):
        if not content.endswith(b"end"):
            raise ArithmeticError

    magic = b"\x28\xb5\x2f\xfd"
    name = "compression.zstd" if sys.version_info >= (3, 14) else "zstandard"
    (tmp_path / "a-cache").write_bytes(magic + b"end")
    (tmp_path / "b-cache").write_bytes(magic + b"e")
    monkeypatch.setitem(sys.modules, name, None)
    assert remove_broken_entries(tmp_path) == []
    (tmp_path / "checked").unlink()
    monkeypatch.setitem(
        sys.modules, name, SimpleNamespace(decompress=decompress, ZstdError=ArithmeticError)
    )
    assert remove_broken_entries(tmp_path) == [tmp_path / "b-cache"]


def test_only_entries_written_since_the_last_check_are_read_again(tmp_path):
    remove_broken_entries(tmp_path)
    old = tmp_path / "old-cache"
    new = tmp_path / "new-cache"
    for entry in (old, new):
        entry.write_bytes(b"broken")
    os.utime(old, (time.time() - 3600,) * 2)
    assert remove_broken_entries(tmp_path) == [new]
