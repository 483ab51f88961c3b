import errno
import subprocess
import sys

import pytest

from geo.errors import BusyError, StoreError
from store.files import FAULTPOINTS, faultpoint, held, is_held, write_json, writing


def write_and_fail(path, error):
    with writing(path) as temporary:
        temporary.write_text("half")
        raise error


def test_a_file_is_whole_or_absent(tmp_path):
    path = tmp_path / "a.txt"
    with pytest.raises(RuntimeError):
        write_and_fail(path, RuntimeError())
    assert list(tmp_path.iterdir()) == []
    with writing(path) as temporary:
        temporary.write_text("whole")
        assert not path.exists()
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_the_old_file_stays_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError):
        write_and_fail(path, RuntimeError())
    assert path.read_text() == "old"


def test_a_full_disk_is_named_and_leaves_nothing(tmp_path):
    with pytest.raises(StoreError, match="No space left"):
        write_and_fail(tmp_path / "a", OSError(errno.ENOSPC, "No space left on device"))
    assert list(tmp_path.iterdir()) == []


def test_json_has_one_spelling(tmp_path):
    one, two = tmp_path / "1.json", tmp_path / "2.json"
    write_json(one, {"b": 1, "a": "小班"})
    write_json(two, {"a": "小班", "b": 1})
    assert one.read_bytes() == two.read_bytes()
    assert "小班" in one.read_text(encoding="utf-8")


def test_a_second_run_is_refused_at_once_and_told_who_holds(tmp_path):
    lock = tmp_path / "region.lock"
    assert not is_held(lock)
    with held(lock, purpose="night 2020-09-01"):
        assert is_held(lock)
        with (
            pytest.raises(BusyError, match=r"process \d+, night 2020-09-01 is running"),
            held(lock, purpose="night 2020-09-02"),
        ):
            pass
    assert not is_held(lock)


def test_a_killed_holder_frees_the_lock(tmp_path):
    lock = tmp_path / "region.lock"
    program = (
        "import os, sys; from pathlib import Path; from store.files import held\n"
        "with held(Path(sys.argv[1]), purpose='x'): os._exit(9)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(lock)], check=False)
    assert done.returncode == 9
    with held(lock, purpose="next"):
        pass


def test_a_fault_point_kills_where_it_is_told(tmp_path):
    program = (
        "import sys; from pathlib import Path; from store.files import write_json\n"
        "write_json(Path(sys.argv[1]), {}); print('survived')"
    )

    def run(point):
        return subprocess.run(
            [sys.executable, "-c", program, str(tmp_path / "a.json")],
            env={"FORESTSINK_DIE_AT": point},
            capture_output=True,
            check=False,
        )

    assert run("file.written").returncode == 137
    assert not (tmp_path / "a.json").exists()
    assert run("file.written:2").stdout == b"survived\n"
    assert run("").stdout == b"survived\n"


def test_fault_points_are_named_in_one_place():
    assert len(set(FAULTPOINTS)) == len(FAULTPOINTS)
    with pytest.raises(ValueError, match="not one of FAULTPOINTS"):
        faultpoint("elsewhere")
