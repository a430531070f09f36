"""The server of `theory-on-trial mcp`, as a client of the protocol sees it."""

import asyncio
import subprocess
import sys

import pytest

CLAIM = '''
from theory_on_trial import claim, derived
from typing import Annotated
from theory_on_trial.contract import Interval


@claim(derived("add them up"), kind="identity")
def test_sum(trial, n: Annotated[int, Interval(1, 50)] = 10):
    """The numbers 1 to n add up to n (n + 1) / 2, up to n = 40."""
    wrong = {"n squared over two": n * n / 2}
    trial.identity(sum(range(n + 1)) + (n > 40), n * (n + 1) / 2, ops=0, controls=wrong)
'''


@pytest.fixture
def repository(tmp_path):
    (tmp_path / "pytest.ini").touch()
    (tmp_path / "test_sums.py").write_text(CLAIM)
    return tmp_path


def answers(folder, *calls):
    """What the tools answer in one session, with whether each answer is an error."""
    mcp = pytest.importorskip("mcp")

    async def session():
        start = mcp.StdioServerParameters(
            command=sys.executable, args=["-m", "theory_on_trial", "mcp"], cwd=str(folder)
        )
        async with mcp.stdio_client(start) as streams, mcp.ClientSession(*streams) as client:
            begun = await client.initialize()
            names = {tool.name: tool.description for tool in (await client.list_tools()).tools}
            results = [await client.call_tool(name, given) for name, given in calls]
            return begun, names, results

    begun, names, results = asyncio.run(asyncio.wait_for(session(), 120))
    return begun, names, [(result.is_error, result.content[0].text) for result in results]


def test_the_tools_do_what_the_command_does(repository):
    command = [sys.executable, "-m", "pytest", "-q", "--trial-ledger", "ledger.json"]
    assert subprocess.run(command, cwd=repository, capture_output=True).returncode == 0
    begun, names, results = answers(
        repository,
        ("list", {}),
        ("show", {"claim": "sums.sum"}),
        ("run", {"claim": "sums.sum", "settings": {"n": "7"}}),
        ("run", {"claim": "sums.sum", "settings": {"n": "45"}}),
        ("search", {"claim": "sums.sum", "seconds": 5}),
        ("ledger", {"path": "ledger.json"}),
        ("ledger", {"path": "../ledger.json"}),
        ("show", {"claim": "sums.product"}),
    )
    assert set(names) == {"list", "show", "run", "search", "ledger"}
    assert "execute the code of that folder" in begun.instructions
    assert str(repository) in begun.instructions
    assert all("execute" in names[name] for name in ("list", "show", "run", "search"))
    assert [is_error for is_error, _ in results] == [False] * 6 + [True] * 2
    listed, shown, right, wrong, searched, ledger, outside, unknown = (text for _, text in results)
    assert "sums.sum [identity, fast]" in listed
    assert "The numbers 1 to n add up" in shown
    assert "verdict  VERIFIED" in right
    assert "verdict  REFUTED" in wrong
    assert "n=41" in searched.replace(" ", "")
    assert "sums.sum: VERIFIED, predicted 55, measured 55" in ledger
    assert "must lie below" in outside
    assert "sums.product" in unknown


def test_the_command_says_whose_code_it_executes(repository):
    pytest.importorskip("mcp")
    done = subprocess.run(
        [sys.executable, "-m", "theory_on_trial", "mcp"],
        cwd=repository,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0
    assert f"the tools execute code of {repository}" in done.stderr


def test_without_the_extra_one_sentence_says_what_to_install(repository, monkeypatch, capsys):
    from theory_on_trial.command import main

    for name in [
        name for name in sys.modules if name.startswith(("mcp.", "theory_on_trial.server"))
    ]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "mcp", None)
    with pytest.raises(SystemExit) as end:
        main(["mcp", "--root", str(repository)])
    assert end.value.code == 2
    assert "pip install 'theory-on-trial[mcp]'" in capsys.readouterr().err
