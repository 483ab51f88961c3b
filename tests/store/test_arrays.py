import time

import numpy as np
import pytest

from store.arrays import read_arrays, write_arrays


def test_arrays_come_back(tmp_path):
    arrays = {"a": np.arange(6.0).reshape(2, 3), "小班": np.array(["001", "一"])}
    write_arrays(tmp_path / "x.npz", arrays)
    back = read_arrays(tmp_path / "x.npz")
    assert back.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(back[name], array)


def test_the_clock_is_not_in_the_bytes(tmp_path, monkeypatch):
    write_arrays(tmp_path / "1.npz", {"b": np.ones(2), "a": np.zeros(3)})
    monkeypatch.setattr(time, "time", lambda: 2e9)
    write_arrays(tmp_path / "2.npz", {"a": np.zeros(3), "b": np.ones(2)})
    assert (tmp_path / "1.npz").read_bytes() == (tmp_path / "2.npz").read_bytes()


def test_objects_are_refused_both_ways(tmp_path):
    with pytest.raises(ValueError, match="allow_pickle"):
        write_arrays(tmp_path / "x.npz", {"a": np.array([{}], dtype=object)})
    np.savez(tmp_path / "y.npz", a=np.array([{}], dtype=object))
    with pytest.raises(ValueError, match="allow_pickle"):
        read_arrays(tmp_path / "y.npz")
