"""The provenance of a run; the commit is read from the files in `.git`."""

import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime

import pytest

import mlgates as mg
from mlgates import provenance as module
from mlgates.evidence import Evidence
from mlgates.provenance import commit, provenance

SHA = "0123456789abcdef0123456789abcdef01234567"
OTHER = "f" * 40


@pytest.fixture(autouse=True)
def _forget():
    commit.cache_clear()
    yield
    commit.cache_clear()


@pytest.fixture
def git(tmp_path):
    """Writes files of a `.git` folder."""
    folder = tmp_path / ".git"

    def write(**files):
        for name, text in files.items():
            path = folder / name.replace("__", "/").replace("_", "-")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    return write


def test_a_branch(git):
    folder = git(HEAD="ref: refs/heads/main\n", refs__heads__main=f"{SHA}\n")
    assert commit(str(folder)) == SHA


def test_a_folder_inside(git):
    folder = git(HEAD="ref: refs/heads/main\n", refs__heads__main=f"{SHA}\n")
    inner = folder / "a" / "b"
    inner.mkdir(parents=True)
    assert commit(str(inner)) == SHA


def test_a_detached_head(git):
    assert commit(str(git(HEAD=f"{SHA}\n"))) == SHA


def test_a_repository_with_sha256(git):
    assert commit(str(git(HEAD="a" * 64))) == "a" * 64


def test_packed_refs(git):
    packed = (
        "# pack-refs with: peeled fully-peeled sorted \n"
        f"{OTHER} refs/heads/not-main\n"
        f"{OTHER} refs/remotes/origin/refs/heads/main2\n"
        f"{SHA} refs/heads/main\n"
        f"^{OTHER}\n"
    )
    folder = git(HEAD="ref: refs/heads/main", packed_refs=packed)
    assert commit(str(folder)) == SHA


def test_a_loose_ref_goes_before_a_packed_one(git):
    folder = git(
        HEAD="ref: refs/heads/main", refs__heads__main=SHA, packed_refs=f"{OTHER} refs/heads/main\n"
    )
    assert commit(str(folder)) == SHA


@pytest.mark.parametrize("packed", [True, False])
def test_a_worktree(git, tmp_path, packed):
    main = {"packed_refs": f"{SHA} refs/heads/side\n"} if packed else {"refs__heads__side": SHA}
    git(
        **main,
        HEAD="ref: refs/heads/main",
        worktrees__w__HEAD="ref: refs/heads/side\n",
        worktrees__w__commondir="../..\n",
    )
    work = tmp_path / "elsewhere" / "w"
    work.mkdir(parents=True)
    (work / ".git").write_text(f"gitdir: {tmp_path}/.git/worktrees/w\n")
    assert commit(str(work)) == SHA


def test_a_submodule_with_a_relative_path(git, tmp_path):
    git(HEAD=OTHER, modules__sub__HEAD=SHA)
    sub = tmp_path / "sub"
    sub.mkdir()
    (sub / ".git").write_text("gitdir: ../.git/modules/sub\n")
    assert commit(str(sub)) == SHA


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"HEAD": ""},
        {"HEAD": "ref: refs/heads/unborn\n"},
        {"HEAD": "not a sha"},
        {"HEAD": "A" * 40},
        {"HEAD": f"{SHA}0"},
        {"HEAD": "ref: refs/heads/main", "refs__heads__main": "ref: refs/heads/other"},
        {"HEAD": "ref: refs/heads/main", "packed_refs": "garbage refs/heads/main\n"},
        {"HEAD": "ref: \0"},
    ],
    ids=range(9),
)
def test_git_files_without_a_commit_give_none(git, tmp_path, files):
    (tmp_path / ".git").mkdir()
    assert commit(str(git(**files))) is None


@pytest.mark.parametrize("name", ["HEAD", "packed-refs", "commondir", "refs/heads/main"])
def test_things_that_are_no_files_are_not_read(tmp_path, name):
    git = tmp_path / ".git"
    (git / "refs" / "heads").mkdir(parents=True)
    (git / "HEAD").write_text("ref: refs/heads/main\n")
    (git / name).unlink(missing_ok=True)
    os.mkfifo(git / name)
    assert commit(str(tmp_path)) is None
    (git / name).unlink()
    (git / name).symlink_to("/dev/zero")
    assert commit(str(git)) is None


def test_no_text_at_all_is_none(tmp_path):
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_bytes(b"\xff\xfe")
    assert commit(str(tmp_path)) is None


def test_a_git_file_that_leads_nowhere_is_none(tmp_path):
    (tmp_path / ".git").write_text("gitdir: /nowhere/at/all\n")
    assert commit(str(tmp_path)) is None


def test_no_repository_and_no_folder_are_none(tmp_path):
    assert commit(str(tmp_path / "absent")) is None
    found = commit(str(tmp_path))
    assert found is None or re.fullmatch(r"[0-9a-f]{40}", found)


def test_a_folder_is_read_once(git):
    folder = git(HEAD=SHA)
    assert commit(str(folder)) == SHA
    shutil.rmtree(folder / ".git")
    assert commit(str(folder)) == SHA


def test_as_git_itself_says(tmp_path):
    program = shutil.which("git")
    if program is None:
        return

    def git(*arguments):
        identity = ["-c", "user.name=n", "-c", "user.email=n@example.org"]
        done = subprocess.run(
            [program, "-C", str(tmp_path / "repo"), *identity, *arguments],
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    (tmp_path / "repo").mkdir()
    git("init", "-q")
    git("commit", "-q", "--allow-empty", "-m", "one")
    first = git("rev-parse", "HEAD")
    assert commit(str(tmp_path / "repo")) == first
    commit.cache_clear()
    git("pack-refs", "--all")
    assert commit(str(tmp_path / "repo")) == first
    git("worktree", "add", "-q", "-b", "side/branch", str(tmp_path / "tree"))
    assert commit(str(tmp_path / "tree")) == first
    git("commit", "-q", "--allow-empty", "-m", "two")
    commit.cache_clear()
    assert commit(str(tmp_path / "repo")) == git("rev-parse", "HEAD") != first
    assert commit(str(tmp_path / "tree")) == first
    git("checkout", "-q", "--detach", first)
    commit.cache_clear()
    assert commit(str(tmp_path / "repo")) == first


def test_versions_are_those_of_what_is_loaded(monkeypatch):
    monkeypatch.setitem(sys.modules, "polars", None)
    found = provenance(Evidence({}), "GateSuite([])", datetime.now(UTC), 0.5)["versions"]
    assert found["python"] == ".".join(map(str, sys.version_info[:3]))
    assert found["mlgates"] == mg.__version__
    assert found["numpy"] == sys.modules["numpy"].__version__
    assert "polars" not in found
    assert all(isinstance(value, str) and value for value in found.values())


def test_provenance_in_full(monkeypatch, git):
    monkeypatch.chdir(git(HEAD=SHA))
    monkeypatch.setattr(module, "_PACKAGES", ())
    monkeypatch.setattr(module, "python_version", lambda: "3")
    monkeypatch.setattr(mg, "__version__", "0", raising=False)
    moment = datetime(2024, 1, 31, 12, 30, tzinfo=UTC)
    found = provenance(Evidence({"now": moment}), "GateSuite([])", moment, 0.5)
    assert found == {
        "started": "2024-01-31T12:30:00+00:00",
        "seconds": 0.5,
        "now": "2024-01-31T12:30:00+00:00",
        "commit": SHA,
        "versions": {"python": "3", "mlgates": "0"},
        "tables": {},
        "seed": None,
        "suite": "GateSuite([])",
    }
    assert provenance(Evidence({"now": 5}), "s", moment, 0.5)["now"] is None


def test_a_working_folder_that_is_gone(tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    found = mg.GateSuite([mg.Completeness()]).run(data={"x": [1]})
    monkeypatch.chdir(tmp_path)
    assert found.passed
    assert found.provenance["commit"] is None


def test_each_working_folder_has_its_own_commit(tmp_path, monkeypatch):
    for name, sha in (("a", "a" * 40), ("b", "b" * 40)):
        (tmp_path / name / ".git").mkdir(parents=True)
        (tmp_path / name / ".git" / "HEAD").write_text(f"{sha}\n")
    suite = mg.GateSuite([mg.Completeness()])
    commits = []
    for name in ("a", "b"):
        monkeypatch.chdir(tmp_path / name)
        commits.append(suite.run(data={"x": [1]}).provenance["commit"])
    assert commits == ["a" * 40, "b" * 40]
