"""Files appear whole or not at all, and nothing that is not ours goes."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from rtspec import storage
from rtspec.storage import AtomicFile

HOLDING = """
import sys, time
from rtspec.storage import AtomicFile
whole = AtomicFile(sys.argv[1]); whole.file.write(b"half"); whole.file.flush()
print("ready", flush=True); time.sleep(60)
"""


def parts(folder: Path) -> list[Path]:
    return sorted(folder.glob(".*.part"))


@pytest.fixture
def writer(tmp_path):
    """Another process that is writing a file."""
    child = subprocess.Popen([sys.executable, "-c", HOLDING, tmp_path / "a.wav"], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None and child.stdout.readline() == "ready\n"
    yield child
    child.kill()
    child.wait()


def test_what_a_killed_process_left_goes_and_what_a_living_one_writes_stays(tmp_path, writer):
    (left,) = parts(tmp_path)
    storage._tidied.clear()
    AtomicFile(tmp_path / "b.wav").discard()
    assert parts(tmp_path) == [left]
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    (tmp_path / ".somebody-elses.part").touch()
    storage._tidied.clear()
    AtomicFile(tmp_path / "b.wav").discard()
    assert parts(tmp_path) == [tmp_path / ".somebody-elses.part"]


def test_two_writers_of_one_file_with_one_process_id_do_not_meet(tmp_path):
    first, second = AtomicFile(tmp_path / "a"), AtomicFile(tmp_path / "a")
    first.file.write(b"first")
    second.file.write(b"second")
    first.keep()
    second.keep()
    assert (tmp_path / "a").read_bytes() == b"second" and parts(tmp_path) == []


@pytest.mark.parametrize("name", ["x" * 255, "é" * 127, os.fsdecode(b"n\xe9.wav")], ids=["255", "wide", "latin-1"])
def test_any_name_that_the_system_takes_can_be_written(tmp_path, name):
    with AtomicFile(tmp_path / name) as file:
        file.write(b"all")
    assert (tmp_path / name).read_bytes() == b"all" and parts(tmp_path) == []


def test_modes_are_kept_and_new_files_have_the_usual_one(tmp_path):
    (tmp_path / "private").touch(0o600)
    for name in ("private", "new"):
        with AtomicFile(tmp_path / name) as file:
            file.write(b"all")
    (tmp_path / "plain").touch()
    modes = {name: (tmp_path / name).stat().st_mode & 0o777 for name in ("private", "new", "plain")}
    assert modes["private"] == 0o600 and modes["new"] == modes["plain"]


def test_a_link_is_followed_and_stays_a_link(tmp_path):
    (tmp_path / "file").write_bytes(b"old")
    (tmp_path / "link").symlink_to("file")
    with AtomicFile(tmp_path / "link") as file:
        file.write(b"new")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "file").read_bytes() == b"new"


def read_only(path: Path) -> None:
    path.touch(0o444)


@pytest.mark.parametrize(
    ("make", "match"), [(read_only, "read-only"), (os.mkfifo, "no ordinary file"), (os.mkdir, "directory")]
)
def test_what_may_not_be_replaced_is_refused(tmp_path, make, match):
    make(tmp_path / "a")
    with pytest.raises(OSError, match=match):
        AtomicFile(tmp_path / "a")
    assert parts(tmp_path) == []
