"""Strict JSON, and files that are written whole or not at all."""

import errno
import json
import math
import os
import signal
import stat
import subprocess
import sys
import time
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mlgates as mg
from mlgates import jsonfile
from mlgates.errors import EvidenceError
from mlgates.verdict import Verdict

# what is written


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (None, None),
        (True, True),
        (0, 0),
        (2**53, 2**53),
        (-(2**53), -(2**53)),
        (2**53 + 1, "9007199254740993"),
        (-(2**60), "-1152921504606846976"),
        (0.5, 0.5),
        (1e300, 1e300),
        (math.inf, "Infinity"),
        (-math.inf, "-Infinity"),
        ("NaN", "NaN"),
        (Verdict.FAIL, "fail"),
        (np.float64(0.5), 0.5),
        (np.str_("x"), "x"),
        (IntEnum("E", "A").A, 1),
        ((1, [2, (3,)]), [1, [2, [3]]]),
        (MappingProxyType({"a": {"b": math.inf}}), {"a": {"b": "Infinity"}}),
    ],
    ids=lambda value: f"{type(value).__name__} {value!r}",
)
def test_plain(value, plain):
    found = jsonfile.plain(value)
    assert found == plain
    assert type(found) is type(plain)


@pytest.mark.parametrize(
    "value",
    [math.nan, b"x", {1, 2}, object, 1j, np.int64(1), {1: "a"}, {(1, 2): "a"}, [math.nan]],
    ids=repr,
)
def test_values_without_a_json_form_are_refused(value):
    with pytest.raises(TypeError, match=r"can't be written as JSON$"):
        jsonfile.dumps({"x": value})


def test_message_names_value_and_type():
    with pytest.raises(TypeError) as caught:
        jsonfile.plain(b"x")
    assert str(caught.value) == "b'x' (bytes) can't be written as JSON"


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (None, None),
        (5, 5),
        (0.5, 0.5),
        ("Infinity", math.inf),
        ("-Infinity", -math.inf),
        ("9007199254740993", 2**53 + 1),
        ("-1152921504606846976", -(2**60)),
    ],
)
def test_number(value, number):
    assert jsonfile.number(value, "n") == number


@pytest.mark.parametrize(
    "value",
    [True, "", "5", "0.5", "inf", "NaN", "infinity", "9" * 401, "1" * 16 + "\n", "٣" * 16, [], {}],
    ids=ascii,
)
def test_number_refuses(value):
    with pytest.raises(EvidenceError) as caught:
        jsonfile.number(value, "n")
    assert str(caught.value) == f"`n` must be a number, got {value!r}"


@given(st.integers(-(2**1_000), 2**1_000) | st.floats(allow_nan=False))
def test_numbers_come_back_as_they_were(value):
    found = jsonfile.number(jsonfile.loads(jsonfile.dumps(value)), "n")
    assert (found, type(found)) == (value, type(value))


TEXTS = st.text(st.characters(exclude_categories=()), max_size=20)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | TEXTS
    # (integral floats come back as floats)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_values_come_back_as_they_were(value):
    text = jsonfile.dumps(value)
    assert text.isascii()
    assert jsonfile.loads(text) == value


# what is read


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not readable as JSON: Expecting value: line 1 column 1 (char 0)"),
        (
            '{"a": 1',
            "not readable as JSON: Expecting ',' delimiter: line 1 column 8 (char 7)",
        ),
        ("[1] 2", "not readable as JSON: Extra data: line 1 column 5 (char 4)"),
        ("NaN", "not strict JSON: numbers must be finite, got NaN"),
        ("[Infinity]", "not strict JSON: numbers must be finite, got Infinity"),
        ('{"a": -Infinity}', "not strict JSON: numbers must be finite, got -Infinity"),
        ("1e999", "not strict JSON: the number 1e999 is too large for a float"),
        ("-1e999", "not strict JSON: the number -1e999 is too large for a float"),
        (f"{'9' * 400}.5", f"not strict JSON: the number {'9' * 40} is too large for a float"),
        ('{"a": 1, "b": 2, "a": 1}', "not strict JSON: the key 'a' occurs twice"),
        ('[{"x": {"b": 0, "a": 1, "b": 0, "a": 1}}]', "not strict JSON: the key 'a' occurs twice"),
        ("[" * 200_000, "not readable as JSON: nested too deeply"),
        ('{"a":' * 200_000, "not readable as JSON: nested too deeply"),
        (
            "\ufeff1",
            (
                "not readable as JSON: Unexpected UTF-8 BOM (decode using utf-8-sig): "
                "line 1 column 1 (char 0)"
            ),
        ),
    ],
    ids=range(14),
)
def test_loads_refuses(text, message):
    with pytest.raises(EvidenceError) as caught:
        jsonfile.loads(text)
    assert str(caught.value) == message


def test_loads_refuses_integers_that_take_forever():
    with pytest.raises(EvidenceError, match=r"^not readable as JSON: Exceeds the limit"):
        jsonfile.loads("9" * 5_000)


@given(st.text(max_size=40) | st.text('{}[]",:0123456789.eE-+truefalsn \\u', max_size=40))
def test_loads_raises_only_evidence_errors(text):
    try:
        found = jsonfile.loads(text)
    except EvidenceError:
        return
    assert jsonfile.loads(json.dumps(found, allow_nan=False)) == found


def test_read_names_the_file(tmp_path):
    path = tmp_path / "r.json"
    cases = {
        "No such file or directory": None,
        "not UTF-8 text": b"\xff\xfe",
        "not readable as JSON: Expecting value: line 1 column 1 (char 0)": b"",
        "not strict JSON: numbers must be finite, got NaN": b"NaN",
    }
    for message, content in cases.items():
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(EvidenceError) as caught:
            jsonfile.read(path)
        assert str(caught.value) == f"{path}: {message}"
    path.write_text('{"a": 1}')
    assert jsonfile.read(path) == jsonfile.read(str(path)) == {"a": 1}


def test_read_refuses_folders_and_impossible_paths(tmp_path):
    with pytest.raises(EvidenceError) as caught:
        jsonfile.read(tmp_path)
    assert str(caught.value) == f"{tmp_path}: not a file but a folder"
    with pytest.raises(EvidenceError) as caught:
        jsonfile.read("a\0b.json")
    assert str(caught.value) == r"the path 'a\x00b.json' is invalid: embedded null byte"


def test_read_has_a_largest_size(tmp_path):
    path = tmp_path / "r.json"
    path.write_text("[1, 2, 3]")
    assert jsonfile.read(path, max_bytes=9) == [1, 2, 3]
    with pytest.raises(EvidenceError) as caught:
        jsonfile.read(path, max_bytes=8)
    assert str(caught.value) == f"{path}: the file has 9 bytes, at most 8 are allowed"
    with path.open("wb") as file:
        file.truncate(jsonfile.MAX_BYTES + 1)
    with pytest.raises(EvidenceError, match=r"268,435,457 bytes, at most 268,435,456 are allowed$"):
        jsonfile.read(path)


# files written whole


@pytest.mark.parametrize(
    "name", ["r.json", "-r", "x" * 255, "\N{SNAKE}" * 63, "é" * 127], ids=range(5)
)
def test_write_replaces_the_whole_file(tmp_path, name):
    path = tmp_path / name
    for text in ("old, and longer\n", "new\n"):
        jsonfile.write_atomic(path, text)
        assert path.read_bytes() == text.encode()
    assert list(tmp_path.iterdir()) == [path]


class Disk:
    """Counts the calls that touch the disk, and fails at one of them."""

    def __init__(self, monkeypatch, fails_at):
        self.calls, self.fails_at = [], fails_at
        self.patch(monkeypatch, os, "open")
        real = os.fdopen
        monkeypatch.setattr(os, "fdopen", lambda *args, **given: self.watch(real(*args, **given)))
        self.patch(monkeypatch, os, "fsync")
        self.patch(monkeypatch, Path, "replace")

    def patch(self, monkeypatch, owner, name):
        real = getattr(owner, name)

        def called(*args, **kwargs):
            self.calls.append(name)
            if len(self.calls) == self.fails_at:
                raise OSError(errno.ENOSPC, "No space left on device")
            return real(*args, **kwargs)

        monkeypatch.setattr(owner, name, called)

    def watch(self, file):
        write = file.write

        def called(text):
            self.calls.append("write")
            if len(self.calls) == self.fails_at:
                write(text[: len(text) // 2])
                raise OSError(errno.EIO, "Input/output error")
            return write(text)

        return FileProxy(file, called)


class FileProxy:
    def __init__(self, file, write):
        self.file, self.write = file, write

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.file.close()

    def __getattr__(self, name):
        return getattr(self.file, name)


@pytest.mark.parametrize(
    ("step", "name"), [(1, "open"), (2, "write"), (3, "fsync"), (4, "replace")]
)
@pytest.mark.parametrize("before", [None, b"old"], ids=["new", "old"])
def test_failure_at_any_step_leaves_the_old_file_and_no_litter(
    tmp_path, monkeypatch, step, name, before
):
    path = tmp_path / "r.json"
    if before is not None:
        path.write_bytes(before)
    disk = Disk(monkeypatch, step)
    with pytest.raises(OSError, match=r"No space left on device|Input/output error"):
        jsonfile.write_atomic(path, "new" * 1_000)
    assert disk.calls[-1] == name
    monkeypatch.undo()
    assert sorted(tmp_path.iterdir()) == ([path] if before is not None else [])
    assert before is None or path.read_bytes() == before


def test_all_steps_are_taken_in_this_order(tmp_path, monkeypatch):
    disk = Disk(monkeypatch, 0)
    jsonfile.write_atomic(tmp_path / "r.json", "new")
    assert disk.calls == ["open", "write", "fsync", "replace"]


def test_an_interrupt_leaves_the_old_file_and_no_litter(tmp_path, monkeypatch):
    path = tmp_path / "r.json"
    path.write_text("old")

    def interrupt(descriptor):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        jsonfile.write_atomic(path, "new")
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_text() == "old"


def test_text_that_no_file_can_hold_leaves_the_old_file(tmp_path):
    path = tmp_path / "r.json"
    path.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        jsonfile.write_atomic(path, "\ud800")
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_text() == "old"


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444, 0o755])
def test_a_file_keeps_its_mode(tmp_path, mode):
    path = tmp_path / "r.json"
    path.write_text("old")
    path.chmod(mode)
    jsonfile.write_atomic(path, "new")
    assert (path.read_text(), mode_of(path)) == ("new", mode)


def test_a_new_file_has_the_mode_of_the_umask(tmp_path):
    before = os.umask(0o027)
    try:
        jsonfile.write_atomic(tmp_path / "r.json", "new")
    finally:
        os.umask(before)
    assert mode_of(tmp_path / "r.json") == 0o640


def test_a_link_still_points_to_its_file(tmp_path):
    folder = tmp_path / "store"
    folder.mkdir()
    link = tmp_path / "latest.json"
    link.symlink_to(folder / "r.json")  # which does not exist yet
    for text in ("old", "new"):
        jsonfile.write_atomic(link, text)
        assert link.is_symlink()
        assert (folder / "r.json").read_text() == text
    assert list(folder.iterdir()) == [folder / "r.json"]


def test_things_that_are_no_files_are_not_replaced(tmp_path):
    pipe = tmp_path / "r.json"
    os.mkfifo(pipe)
    with pytest.raises(OSError, match="not a file but a pipe"):
        jsonfile.write_atomic(pipe, "new")
    with pytest.raises(OSError, match="not a file but a folder"):
        jsonfile.write_atomic(tmp_path, "new")
    with pytest.raises(OSError, match="not a file but a device"):
        jsonfile.write_atomic(os.devnull, "new")
    assert list(tmp_path.iterdir()) == [pipe]


KILLED_WRITER = """
import os, signal
import mlgates as mg
from mlgates import jsonfile
os.fsync = lambda descriptor: os.kill(os.getpid(), signal.SIGKILL)
jsonfile.write_atomic("r.json", "new")
"""


def test_temporary_files_of_killed_writers_are_removed_and_others_kept(tmp_path):
    path, alike = tmp_path / "r.json", tmp_path / ".r.json.notes"
    path.write_text("old")
    alike.write_text("mine")
    killed = subprocess.run([sys.executable, "-c", KILLED_WRITER], cwd=tmp_path, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert len(list(tmp_path.iterdir())) == 3
    assert path.read_text() == "old"
    real = os.fsync

    def other_writer(descriptor):
        with patched(os, "fsync", real):
            jsonfile.write_atomic(path, "other")
        real(descriptor)

    with patched(os, "fsync", other_writer):
        jsonfile.write_atomic(path, "new")
    assert path.read_text() == "new"
    assert sorted(tmp_path.iterdir()) == [alike, path]


@contextmanager
def patched(owner, name, value):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, name, value)
        yield


@pytest.mark.parametrize(
    "read",
    [jsonfile.read, mg.Report.load, mg.Baseline.load],
    ids=["read", "report", "baseline"],
)
def test_pipes_devices_and_folders_are_refused(tmp_path, read):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path, said in (
        (pipe, "not a file but a pipe"),
        ("/dev/zero", "not a file but a device"),
        (tmp_path, "not a file but a folder"),
    ):
        with pytest.raises(EvidenceError, match=f"^{path}.*: {said}"):
            read(path)


def test_a_file_is_bounded_also_where_its_size_is_not_known():
    path = "/proc/self/maps"  # its size is 0
    with pytest.raises(EvidenceError, match="at most 100 are allowed"):
        jsonfile.read_bounded(path, 100)
    assert len(jsonfile.read_bounded(path, 2**20)) > 100


def test_repeated_keys_of_a_large_object_are_found_in_linear_time():
    keys = ", ".join(f'"{i}": 0' for i in range(200_000))
    with pytest.raises(EvidenceError, match="the key '7' occurs twice"):
        jsonfile.loads(f'{{{keys}, "7": 1}}')


def test_a_folder_that_is_absent(tmp_path):
    with pytest.raises(FileNotFoundError):
        jsonfile.write_atomic(tmp_path / "absent" / "r.json", "new")
    assert list(tmp_path.iterdir()) == []


WRITER = """
import sys
import mlgates as mg
from mlgates import jsonfile
version = 0
while True:
    version += 1
    jsonfile.write_atomic(sys.argv[1], jsonfile.dumps([version] * 20_000))
    print(version, flush=True)
"""


def test_a_kill_while_saving_leaves_a_whole_file(tmp_path):
    path = tmp_path / "r.json"
    for pause in (0.0, 0.003, 0.007, 0.013, 0.02):
        child = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE)
        child.stdout.readline()
        time.sleep(pause)
        child.send_signal(signal.SIGKILL)
        child.wait(timeout=30)
        child.stdout.close()
        found = jsonfile.read(path)
        assert len(found) == 20_000
        assert len(set(found)) == 1


def test_two_writers_never_interleave(tmp_path):
    path = tmp_path / "r.json"
    jsonfile.write_atomic(path, jsonfile.dumps([0] * 20_000))
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.DEVNULL)
        for _ in range(2)
    ]
    try:
        versions = set()
        while len(versions) < 20:
            found = jsonfile.read(path)
            assert len(found) == 20_000
            versions |= set(found)
            assert len(set(found)) == 1
    finally:
        for writer in writers:
            writer.kill()
            writer.wait(timeout=30)
