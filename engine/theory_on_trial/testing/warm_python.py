"""A Python that starts in a moment: its programs run in forks of a process that has imported what
they need.

`started` gives the path of a stand-in for `sys.executable`, for tests that start many programs. It
hands its arguments, folder, environment and standard streams to that process, and ends as the fork
ends; a stand-in that is killed takes the fork along. What a test says of imports, or of signals,
wants a true Python.
"""

import contextlib
import gc
import importlib
import importlib.machinery
import json
import os
import runpy
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import types
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

CLIENT = """#!{python} -IS
import json, os, signal, socket, sys

with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    asked = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
    socket.send_fds(server, [len(asked).to_bytes(8, "big")], [0, 1, 2])
    server.sendall(asked)
    status = int.from_bytes(server.recv(4), "big", signed=True)
if status < 0:
    if -status != signal.SIGKILL:
        signal.signal(-status, signal.SIG_DFL)
    os.kill(os.getpid(), -status)
sys.exit(status)
"""
ENGINE = "theory_on_trial"
CORE = (
    *("base.compilation_cache", "base.mapping", "decide.tracing", "page.report"),
    *("sweep", "trial.decisions", "trial.registry"),
)
IMPORTED = [
    "dask.array",
    "jax",
    "scipy.optimize",
    "scipy.stats",
    *(f"{ENGINE}.{name}" for name in CORE),
]
"""Beside pytest and its plugins."""
TRUE_FOR = (
    "multiprocessing.spawn"  # it remembers `sys.executable`, and its children are handed open files
)


@contextlib.contextmanager
def started() -> Iterator[str]:
    """The stand-in's path, for as long as the block runs; Python's own where the system cannot wait
    for forks so.
    """
    if not hasattr(os, "pidfd_open"):
        yield sys.executable
        return
    folder = Path(tempfile.mkdtemp())
    address = str(folder / "address")
    client = folder / "python"
    client.write_text(CLIENT.format(python=sys.executable, address=address), encoding="utf-8")
    client.chmod(0o700)
    # `-P`: what lies beside this file is not in its way. In a session of its own: Ctrl-C is for the
    # tests; it ends as its input does, however these end.
    process = subprocess.Popen(
        [sys.executable, "-P", __file__, address, str(client)],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        if process.stdout is None or process.stdout.readline() != b"ready\n":
            raise RuntimeError("the process that imports for others has died, as it says above")
        yield str(client)
    finally:
        process.communicate()
        shutil.rmtree(folder)


def import_plugins() -> None:
    """Import pytest's plugins by a run over nothing: it wants to be the first, and to rewrite
    them.
    """
    import pytest

    with (
        tempfile.TemporaryDirectory() as folder,
        open(os.devnull, "w", encoding="utf-8") as nowhere,
        contextlib.redirect_stdout(nowhere),
    ):
        pytest.main(["-p", "no:cacheprovider", f"--rootdir={folder}", folder])


def keep_examples_in(folder: str | Path) -> None:
    """Have Hypothesis keep them there: by itself it does so in the folder in which it was
    imported.
    """
    os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", str(Path(folder, ".hypothesis")))


def serve(address: str, client: str) -> Callable[[], object]:
    """Fork for every client until the input ends; return, in the forks, what they are to run."""
    import_plugins()
    for name in [*IMPORTED, TRUE_FOR]:
        with contextlib.suppress(ImportError):  # Dask is no part of the engine
            importlib.import_module(name)
    gc.freeze()
    search_path = list(sys.path)
    sys.executable = client
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(address)
        server.listen(16)
        print("ready", flush=True)
        while sys.stdin.fileno() not in select.select([server, sys.stdin.fileno()], [], [])[0]:
            connection, _ = server.accept()
            if os.fork() == 0:
                server.detach()
                return answer(connection, search_path)
            connection.close()
            with contextlib.suppress(ChildProcessError):  # forks that have ended
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
    return sys.exit


def answer(asking: socket.socket, found: list[str]) -> Callable[[], object]:
    """Fork what a client asks for, and tell it how that ended; return, in the fork, what it is to
    run.
    """
    head, files, _, _ = socket.recv_fds(asking, 8, 3)
    with asking.makefile("rb") as stream:
        arguments, folder, environment = json.loads(stream.read(int.from_bytes(head, "big")))
    worker = os.fork()
    if worker == 0:
        asking.detach()
        for number, file in enumerate(files):
            os.dup2(file, number)
        os.closerange(3, max(files) + 16)
        return program(arguments, folder, environment, found)
    for file in files:
        os.close(file)
    over = os.pidfd_open(worker)
    if asking.fileno() in select.select([asking.fileno(), over], [], [])[0]:  # the client is gone
        os.kill(worker, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1])
    with contextlib.suppress(BrokenPipeError):
        asking.sendall(status.to_bytes(4, "big", signed=True))
    os._exit(0)


def program(
    arguments: list[str], folder: str, environment: dict[str, str], found: list[str]
) -> Callable[[], object]:
    """What Python runs for these arguments, in this folder and environment."""
    os.chdir(folder)
    configure_jax(
        {name: value for name, value in environment.items() if os.environ.get(name) != value}
    )
    os.environ.clear()
    os.environ.update(environment)
    sys.dont_write_bytecode = bool(environment.get("PYTHONDONTWRITEBYTECODE"))
    keep_examples_in(folder)
    first, *rest = arguments[1:] if arguments[0] == "-u" else arguments
    run: Callable[[], object]
    if first.startswith("-m"):
        name, *rest = [first[2:], *rest] if first[2:] else rest
        run = partial(runpy.run_module, name, None, "__main__", True)
        sys.argv = [name, *rest]
        place = folder
    elif first == "-c":
        main = sys.modules["__main__"] = types.ModuleType("__main__")
        run = partial(exec, rest[0], vars(main))
        sys.argv = ["-c", *rest[1:]]
        place = ""
    else:
        run, sys.argv, place = (
            partial(runpy.run_path, first, None, "__main__"),
            [first, *rest],
            str(Path(first).parent),
        )
    given = [path for path in environment.get("PYTHONPATH", "").split(os.pathsep) if path]
    sys.path[:] = [place, *given, *(path for path in found if path not in given)]
    # A copy of the engine hides the one that is installed.
    engine = importlib.machinery.PathFinder.find_spec(ENGINE, sys.path)
    if engine is None or engine.origin != sys.modules[ENGINE].__file__:
        for name in [name for name in sys.modules if name.partition(".")[0] == ENGINE]:
            del sys.modules[name]
    return run


def configure_jax(variables: dict[str, str]) -> None:
    """Do as JAX does with these variables when it is imported."""
    import jax

    for name, value in variables.items():
        if name.startswith("JAX_"):
            kind = type(getattr(jax.config, name.lower()))
            jax.config.update(
                name.lower(), kind(float(value)) if kind in (bool, int, float) else value
            )


if __name__ == "__main__":
    serve(*sys.argv[1:])()
