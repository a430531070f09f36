"""Rows are kept as they are decided, whatever ends the run, and the next run goes on from there."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

from theory_on_trial.base.files import NotWritten, beside, write_text
from theory_on_trial.command import main
from theory_on_trial.ledger import read
from theory_on_trial.ledger.journal import Journal, place, read_journal
from theory_on_trial.trial import registry

pytest_plugins = ["pytester"]

CLAIMS = """
    import os
    import signal
    import time
    from theory_on_trial import claim, paper

    def decide(trial):
        trial.identity(2, 2, ops=0, controls={"three": 3})

    @claim(paper("Section 1"))
    def test_first(trial):
        '''A statement.'''
        trial.identity(2, 2, ops=0, controls={"three": 3})

    @claim(paper("Section 2"))
    def test_second(trial):
        '''A statement.'''
        if number := os.environ.get("NUMBER"):
            if number == "0":
                os._exit(0)
            os.kill(os.getpid(), int(number))
            time.sleep(20)
        trial.identity(2, 2, ops=0, controls={"three": 3})

    @claim(paper("Section 3"))
    def test_third(trial):
        '''A statement.'''
        trial.identity(2, 2, ops=0, controls={"three": 3})

    def test_plain(trial):
        trial.identity(2, 2, ops=0)
"""
SECOND = "test_sums.py::test_second"


def git(*command):
    identity = ("-c", "user.email=a@b.c", "-c", "user.name=a")
    subprocess.run(["git", *identity, *command], check=True, capture_output=True)


@pytest.fixture
def sums(pytester, monkeypatch):
    monkeypatch.setattr(registry, "_REGISTERED", {})
    pytester.makepyfile(test_sums=CLAIMS)
    git("init", "-q")
    git("add", "-A")
    git("commit", "-qm", "claims")
    return pytester


FLAGS = ("-p", "no:cacheprovider", "--trial-ledger", "ledger.json")


def run_here(pytester, *arguments):
    """Run the claims in this process, which nothing ends."""
    done = pytester.runpytest_inprocess(*FLAGS, *arguments)
    return done.ret, str(done.stdout) + str(done.stderr)


def run(*arguments, number=None, **options):
    flags = [*FLAGS, *arguments]
    environment = {**os.environ, **({} if number is None else {"NUMBER": str(int(number))})}
    command = [sys.executable, "-m", "pytest", *flags]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, **options)
    return done, done.stdout + done.stderr


def ledger(pytester):
    return json.loads((pytester.path / "ledger.json").read_text())


def test_sigterm_leaves_the_ledger_and_says_what_was_running(sums):
    done, printed = run(number=signal.SIGTERM)
    assert done.returncode == pytest.ExitCode.INTERRUPTED
    book = ledger(sums)
    assert book["interrupted"]
    assert [row["id"] for row in book["claims"]] == ["sums.first"]
    assert book["not_run"] == [{"id": SECOND, "tier": "", "reason": "running when the run ended"}]
    assert f"not run: 1 running when the run ended ({SECOND})" in printed
    assert not place(sums.path / "ledger.json").exists()


@pytest.mark.parametrize(
    ("number", "workers"), [(signal.SIGKILL, ()), (signal.SIGSEGV, ("-n", "2"))]
)
def test_the_next_run_goes_on_where_one_was_killed(sums, number, workers):
    (sums.path / "ledger.json").write_text("of an earlier run")
    done, printed = run(number=number)
    assert done.returncode == -number
    assert (sums.path / "ledger.json").read_text() == "of an earlier run"
    left = read_journal(place(sums.path / "ledger.json"))
    assert [row["id"] for row in left["claims"]] == ["sums.first"]
    assert [entry["id"] for entry in left["not_run"]] == [SECOND]
    done, printed = run("--trial-resume", "ledger.json", *workers)
    assert done.returncode == 0, printed
    assert f"resumed: 1 row of a run that was ended in {SECOND}" in printed
    assert "3 passed" in printed
    book = ledger(sums)
    assert sorted(row["id"] for row in book["claims"]) == [
        "sums.first",
        "sums.second",
        "sums.third",
        "test_sums.py::test_plain",
    ]
    assert book["interrupted"] is False
    assert not place(sums.path / "ledger.json").exists()
    run_here(sums, "--trial-resume", "ledger.json")  # nothing is left
    assert len(ledger(sums)["claims"]) == 4


def test_a_process_that_died_is_summed_up_as_that(sums):
    done, printed = run("-n", "2", number=signal.SIGKILL)
    assert done.returncode == 1
    assert f"not run: 1 whose process died ({SECOND})" in printed
    book = ledger(sums)
    assert len(book["claims"]) == 3
    assert book["not_run"] == [{"id": SECOND, "tier": "", "reason": "the process that ran it died"}]
    flags = ["-p", "no:cacheprovider", "-n", "2", "--trial-resume", "ledger.json"]
    done = subprocess.run([sys.executable, "-m", "pytest", *flags], capture_output=True, text=True)
    assert (done.returncode, len(ledger(sums)["claims"]), ledger(sums)["not_run"]) == (0, 4, [])


def test_what_a_run_left_that_died_alone_can_be_read_and_is_not_lost(sums, capsys):
    run(number=signal.SIGKILL)
    left = place(sums.path / "ledger.json")
    assert main(["report", "page.html", "--ledger", str(left), "--root", "."]) == 0
    page = (sums.path / "page.html").read_text()
    assert "The run was ended before all claims were tried." in page
    assert f"<li>{SECOND}: running when the run ended</li>" in page
    status, printed = run_here(sums)  # of the same ledger
    aside = sums.path / "ledger.json.unfinished.1"
    sentence = f"{aside.name} keeps 1 row of a run that was ended in {SECOND}"
    assert (status, printed.count(sentence)) == (0, 2)  # at its beginning and at its end
    assert not left.exists()
    capsys.readouterr()
    assert main(["compare", str(aside), "ledger.json", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["claims"], found["added"], found["gone"]) == (1, [], [])
    assert ["interrupted", "True", "False"] in found["circumstances"]
    (sums.path / "ledger.json").unlink()
    status, printed = run_here(sums, "--trial-resume", aside.name)
    assert f"resumed: 1 row of a run that was ended in {SECOND}" in printed
    assert (status, len(ledger(sums)["claims"])) == (0, 4)
    assert list(sums.path.glob("*unfinished*")) == []


@pytest.mark.parametrize("workers", [(), ("-n", "1")])
def test_a_claim_that_exits_as_if_all_were_well_is_named(sums, workers):
    done, printed = run(*workers, number=0)
    assert done.returncode == 1
    assert (SECOND if workers else "sums.second ended pytest by os._exit(0)") in printed
    status, printed = run_here(sums)
    assert status == 0
    is_kept = f"keeps 1 row of a run that was ended in {SECOND}" in printed
    assert is_kept is not bool(workers)  # where a worker dies, the run goes on to its ledger


def test_a_process_that_a_claim_has_forked_ends_as_it_likes(pytester):
    pytester.makepyfile(
        test_fork="""
        import os
        from theory_on_trial import claim, paper

        @claim(paper("Section 1"))
        def test_it(trial):
            "A statement."
            child = os.fork()
            if child == 0:
                os._exit(0)
            trial.identity(os.waitpid(child, 0)[1], 0, ops=0, controls={"one": 1})
        """
    )
    done, printed = run()
    assert done.returncode == 0, printed


def test_two_runs_that_write_one_ledger_at_once_lose_nothing(sums):
    # The second runs to its end while the first waits in its second claim.
    waiting = CLAIMS.replace("os.kill(os.getpid(), int(number))", "pass")
    sums.makepyfile(test_sums=waiting.replace("sleep(20)", "sleep(60)"))
    command = [sys.executable, "-m", "pytest", *FLAGS]
    first = subprocess.Popen(command, env={**os.environ, "NUMBER": "1"}, stdout=subprocess.PIPE)
    journal = place(sums.path / "ledger.json")
    for _ in range(600):
        if journal.exists() and SECOND in journal.read_text():
            break
        time.sleep(0.1)
    status, printed = run_here(sums, "--trial-report", "page.html")
    assert (status, printed.count("another run is writing ledger.json: this one writes")) == (0, 2)
    assert "\nledger: ledger.2.json\nreport: page.2.html\n" in printed
    assert len(read(sums.path / "ledger.2.json").claims) == 4
    status, printed = run_here(sums, "--trial-resume", "ledger.json")
    assert (status, "another run is writing ledger.json" in printed) == (4, True)
    first.terminate()
    first.communicate(timeout=60)
    assert [row["id"] for row in ledger(sums)["claims"]] == ["sums.first"]
    assert {path.name for path in sums.path.glob("*ledger*")} == {"ledger.json", "ledger.2.json"}


def test_a_run_that_decided_nothing_leaves_nothing(tmp_path):
    for _ in range(2):
        journal = Journal(tmp_path / "l.json", {"seed": 0}, [])
        assert journal.left is None
        journal.close(keep=True)
    with pytest.raises(ValueError, match="must be a whole ledger"):
        read(place(tmp_path / "l.json"))


@pytest.mark.parametrize(
    ("change", "arguments", "sentence"),
    [
        (None, ("--trial-seed", "3"), "the seed of ledger.json is 0, that of this run is 3"),
        (
            None,
            ("--trial-tier", "full"),
            "the tier of ledger.json is fast, that of this run is full",
        ),
        (
            None,
            ("--trial-set", "n=3"),
            "the settings of ledger.json is [], that of this run is ['n=3']",
        ),
        ("edit", (), "commit your changes first"),
        ("commit", (), "the commit of ledger.json is "),
        ("dirty", (), "ledger.json is of a run whose files differed from its commit "),
        ("dirty as of schema 1", (), "of a run whose files differed from its commit "),
        ("gone", (), "--trial-resume: ledger.json cannot be read: No such file"),
        ("other", (), "--trial-resume must name a ledger, got ledger.json"),
        ("no git", (), "there is no git repository"),
    ],
)
def test_a_run_resumes_no_other(sums, change, arguments, sentence):
    run_here(sums)
    path = sums.path / "test_sums.py"
    if change in ("edit", "commit"):
        path.write_text(path.read_text() + "\n")
    if change == "commit":
        git("commit", "-qam", "another")
    if change in ("dirty", "dirty as of schema 1"):
        book = ledger(sums)
        both = {"commit": f"{book['commit']}+"} if "1" in change else {"dirty": True}
        (sums.path / "ledger.json").write_text(json.dumps(book | both))
    if change == "gone":
        (sums.path / "ledger.json").unlink()
    if change == "other":
        (sums.path / "ledger.json").write_text("[]")
    if change == "no git":
        (sums.path / ".git").rename(sums.path / "git")
    status, printed = run_here(sums, "--trial-resume", "ledger.json", *arguments)
    assert status == pytest.ExitCode.USAGE_ERROR
    assert sentence in printed
    assert "Traceback" not in printed


@contextmanager
def full_disk():
    """Files of this process and its children may have two kibibytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2048, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_disk_that_is_full_leaves_the_verdicts_on_the_screen_and_the_ledger_before(sums):
    run_here(sums)
    before = (sums.path / "ledger.json").read_text()
    arguments = ("--trial-report", "report.html", "-p", "no:warnings")
    with full_disk():
        done, printed = run(*arguments)
    assert done.returncode == 1
    assert "+ sums.first " in printed
    assert "4 of 4 verdicts as expected" in printed
    assert "ledger.json cannot be written: File too large" in printed
    assert "report.html cannot be written: File too large" in printed
    assert "Traceback" not in printed
    assert (sums.path / "ledger.json").read_text() == before
    assert {p.name for p in sums.path.glob("*unfinished*")} <= {"ledger.json.unfinished"}


def test_a_folder_that_is_gone_is_one_sentence(sums):
    (sums.path / "out").mkdir()
    (sums.path / "test_zzz.py").write_text(
        "import shutil\ndef test_it():\n    shutil.rmtree('out')\n"
    )
    status, printed = run_here(sums, "--trial-ledger", "out/l.json", "--trial-report", "out/r.html")
    assert status == 1
    assert "4 of 4 verdicts as expected" in printed
    assert "out/l.json cannot be written: No such file or directory" in printed
    assert "out/r.html cannot be written: No such file or directory" in printed
    assert "Traceback" not in printed


def test_sigterm_from_outside_reaches_a_run_of_workers(sums):
    slow = CLAIMS.replace("os.kill(os.getpid(), int(number))", "open('second', 'w').close()")
    sums.makepyfile(test_sums=slow)
    flags = ["-p", "no:cacheprovider", "-n", "2", "--trial-ledger", "ledger.json"]
    environment = {**os.environ, "NUMBER": "1"}
    command = [sys.executable, "-m", "pytest", *flags]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    left = place(sums.path / "ledger.json")
    for _ in range(600):
        kept = left.read_text() if left.exists() else ""
        begun = (sums.path / "second").exists()
        if begun and '"sums.first"' in kept and '"sums.third"' in kept:
            break
        time.sleep(0.1)
    time.sleep(1)  # the workers' messages are read
    process.terminate()
    printed, _ = process.communicate(timeout=60)
    assert process.returncode == pytest.ExitCode.INTERRUPTED, printed
    book = ledger(sums)
    assert {"sums.first", "sums.third"} <= {row["id"] for row in book["claims"]}
    assert SECOND in [entry["id"] for entry in book["not_run"]]


@pytest.mark.parametrize("away", ["raise SystemExit(0)", "pytest.skip('no data')"])
def test_what_ends_a_sampler_loses_no_row(pytester, away):
    pytester.makepyfile(
        test_away=f"""
        import pytest
        from theory_on_trial import claim, paper
        from theory_on_trial.laws import Bounded

        def draw(rng, n):
            {away}

        @claim(paper("Section 1"))
        def test_it(trial):
            '''A statement.'''
            trial.mean(draw, 0.5, law=Bounded(0, 1), margin=0.1, controls={{"one": 1.0}})
        """
    )
    assert run_here(pytester)[0] == 1
    (row,) = ledger(pytester)["claims"]
    assert row["verdict"] == "INCONCLUSIVE"
    assert ("SystemExit" if "Exit" in away else "no data") in row["note"]


def test_a_file_is_whole_or_as_it_was(tmp_path):
    path = tmp_path / "page.html"
    write_text(path, "first")

    def fail_half_way():
        with beside(path) as draft:
            draft.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    assert path.read_text() == "first"
    assert [p.name for p in tmp_path.iterdir()] == ["page.html"]
    with pytest.raises(NotWritten, match=r"x.txt cannot be written: No such file or directory"):
        write_text(tmp_path / "gone" / "x.txt", "text")


def test_a_line_that_was_cut_short_costs_that_line_alone(tmp_path):
    journal = Journal(tmp_path / "l.json", {"seed": 0}, [{"id": "a"}])
    journal.begin("b")
    journal.keep([{"id": "b"}], [])
    journal.end("b")
    journal.close(keep=True)
    path = place(tmp_path / "l.json")
    path.write_text(path.read_text() + '{"rows": [{"id": "c"')
    book = read_journal(path)
    assert ([row["id"] for row in book["claims"]], book["not_run"]) == (["a", "b"], [])
    path.write_text("nonsense")
    with pytest.raises(ValueError, match="must hold the rows of a run"):
        read_journal(path)
