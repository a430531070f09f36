"""The folder of the caches and the compiled programs in it."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from theory_on_trial.base.compilation_cache import cache_folder

COMPILE = """
import warnings
warnings.simplefilter("error")
from theory_on_trial.base.compilation_cache import enable_compilation_cache
enable_compilation_cache()
enable_compilation_cache()
import jax
hits = []
jax.monitoring.register_event_listener(lambda event, **_: hits.append(event) if event.endswith("/cache_hits") else None)
jax.jit(lambda x: x * 3 + 1)(2.0).block_until_ready()
print(jax.config.jax_compilation_cache_dir, len(hits))
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


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o703])
def test_a_folder_that_all_may_write_to_is_refused(tmp_path, monkeypatch, mode):
    monkeypatch.setenv("THEORY_ON_TRIAL_CACHE", str(tmp_path))
    tmp_path.chmod(mode)
    with pytest.raises(PermissionError, match=f"^all users may write to {tmp_path}, and could put"):
        cache_folder()
    tmp_path.chmod(0o775)  # a group is of the user's choice
    assert cache_folder() == tmp_path


def test_a_folder_of_another_user_is_refused(tmp_path, monkeypatch):
    """Whether it is the cache's own, or that of the compiled programs in it."""
    monkeypatch.setenv("THEORY_ON_TRIAL_CACHE", str(tmp_path))
    here = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: here + 1)
    with pytest.raises(PermissionError, match=f"^{tmp_path} belongs to another user, who could"):
        cache_folder()
    monkeypatch.undo()
    variables = {"THEORY_ON_TRIAL_CACHE": str(tmp_path)}
    folder, _ = compile_in_a_new_process(**variables)
    folder.chmod(0o777)
    with pytest.raises(subprocess.CalledProcessError) as raised:  # warnings are errors there
        compile_in_a_new_process(**variables)
    sentence = (
        f"UserWarning: compiled programs are not kept (all users may write to {folder}, and could "
        "put programs into it): set THEORY_ON_TRIAL_CACHE"
    )
    assert sentence in raised.value.stderr


def test_the_next_process_finds_what_was_compiled(tmp_path):
    variables = {"THEORY_ON_TRIAL_CACHE": str(tmp_path)}
    folder, hits = compile_in_a_new_process(**variables)
    assert folder.parent == tmp_path
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    entries = list(folder.glob("*-cache"))
    assert entries
    assert hits == 0
    assert compile_in_a_new_process(**variables) == (folder, len(entries))


def test_a_folder_set_by_the_user_is_left_alone(tmp_path):
    own = tmp_path / "own"
    variables = {
        "THEORY_ON_TRIAL_CACHE": str(tmp_path / "mine"),
        "JAX_COMPILATION_CACHE_DIR": str(own),
    }
    assert compile_in_a_new_process(**variables) == (own, 0)
    assert not (tmp_path / "ours").exists()
