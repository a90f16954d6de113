"""The environment of a run: the commit is read from the files in `.git`, changes by git."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import mlgates as mg
from mlgates import environment as module
from mlgates.environment import commit, environment, is_dirty

SHA = "0123456789abcdef0123456789abcdef01234567"
OTHER = "f" * 40


@pytest.fixture(autouse=True)
def _forget():
    for cached in (commit, is_dirty):
        cached.cache_clear()
    yield
    for cached in (commit, is_dirty):
        cached.cache_clear()


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


@pytest.fixture
def repository(tmp_path):
    """A repository with one commit of `a.txt`; returns a function that runs git in it."""
    program = shutil.which("git")
    if program is None:
        pytest.exit("these tests need git")

    def git(*arguments):
        identity = ["-c", "user.name=n", "-c", "user.email=n@example.org"]
        command = [program, "-C", str(tmp_path), *identity, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    git("init", "-q")
    Path(tmp_path, "a.txt").write_text("1\n")
    git("add", "a.txt")
    git("commit", "-q", "-m", "one")
    return git


def dirty(folder):
    commit.cache_clear()
    is_dirty.cache_clear()
    return is_dirty(str(folder))


def test_a_tree_is_dirty_if_tracked_files_differ(repository, tmp_path):
    assert dirty(tmp_path) is False
    Path(tmp_path, "untracked.txt").write_text("x")
    assert dirty(tmp_path) is False
    Path(tmp_path, "a.txt").write_text("2\n")
    assert dirty(tmp_path) is True
    repository("add", "a.txt")
    assert dirty(tmp_path) is True
    repository("checkout", "-q", "HEAD", "--", "a.txt")
    assert dirty(tmp_path) is False
    Path(tmp_path, "a.txt").unlink()
    assert dirty(tmp_path) is True


def test_a_folder_inside_and_a_detached_head_can_be_dirty(repository, tmp_path):
    repository("checkout", "-q", "--detach")
    inner = tmp_path / "inner"
    inner.mkdir()
    assert dirty(inner) is False
    Path(tmp_path, "a.txt").write_text("2\n")
    assert dirty(inner) is True


def test_a_file_that_was_only_touched_is_not_dirty(repository, tmp_path):
    os.utime(tmp_path / "a.txt", (0, 0))
    index = Path(tmp_path, ".git", "index").read_bytes()
    assert dirty(tmp_path) is False
    assert Path(tmp_path, ".git", "index").read_bytes() == index


def test_a_monitor_of_files_in_the_settings_is_not_run(repository, tmp_path):
    monitor = tmp_path / "monitor"
    monitor.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    monitor.chmod(0o755)
    repository("config", "core.fsmonitor", str(monitor))
    assert dirty(tmp_path) is False
    assert not Path(tmp_path, "ran").exists()


def test_without_a_commit_nothing_is_dirty_and_git_is_not_run(git, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "subprocess", None)
    assert dirty(git(HEAD="ref: refs/heads/unborn\n")) is None
    assert dirty(tmp_path / "absent") is None


@pytest.mark.parametrize("script", ["", "exec sleep 60", "exit 1", "echo '# branch.oid 0'"])
def test_unknown_if_git_is_absent_hangs_fails_or_finds_another_commit(
    git, tmp_path, monkeypatch, script
):
    folder = git(HEAD=SHA)
    programs = tmp_path / "programs"
    programs.mkdir()
    if script:
        (programs / "git").write_text(f"#!/bin/sh\n{script}\n")
        (programs / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/bin" if "sleep" in script else str(programs))
    monkeypatch.setattr(module, "_TIMEOUT", 0.5)
    assert dirty(folder) is None


def test_a_repository_named_by_a_variable_is_not_confused(repository, tmp_path, monkeypatch):
    other = tmp_path / "other"
    other.mkdir()
    (other / ".git").mkdir()
    (other / ".git" / "HEAD").write_text(SHA)
    monkeypatch.setenv("GIT_DIR", str(tmp_path / ".git"))
    assert commit(str(other)) == SHA
    assert dirty(other) is None


def test_versions_are_those_of_what_is_loaded(monkeypatch):
    class Raises(ModuleType):
        @property
        def __version__(self):
            raise SystemExit

    monkeypatch.setitem(sys.modules, "polars", None)
    for name, version in (("mine", "1.2"), ("odd", 3), ("long", "1" * 101), ("empty", "")):
        made = ModuleType(name)
        made.__version__ = version
        monkeypatch.setitem(sys.modules, name, made)
    monkeypatch.setitem(sys.modules, "pandas", Raises("pandas"))
    monkeypatch.setitem(sys.modules, "object", 5)
    found = environment()["versions"]
    assert found["python"] == ".".join(map(str, sys.version_info[:3]))
    assert found["mlgates"] == mg.__version__
    assert found["numpy"] == sys.modules["numpy"].__version__
    assert found["mine"] == "1.2"
    absent = {"polars", "pandas", "odd", "long", "empty", "object", "json", "numpy.linalg"}
    assert absent.isdisjoint(found)
    assert all(isinstance(value, str) and value for value in found.values())


def test_a_version_that_a_module_computes_is_not_asked_for(monkeypatch):
    def computed(name):
        pytest.fail(f"{name} was read")

    made = ModuleType("lazy")
    made.__getattr__ = computed
    monkeypatch.setitem(sys.modules, "lazy", made)
    assert "lazy" not in environment()["versions"]


def test_the_environment_in_full(monkeypatch, git):
    monkeypatch.chdir(git(HEAD=SHA))
    monkeypatch.setattr(module, "_versions", lambda: {"python": "3"})
    monkeypatch.setattr(module, "machine", lambda: "m68k")
    monkeypatch.setattr(module.sys, "platform", "beos")
    monkeypatch.setattr(module, "is_dirty", lambda _: True)
    assert environment() == {
        "commit": SHA,
        "dirty": True,
        "versions": {"python": "3"},
        "platform": "beos m68k",
    }


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
