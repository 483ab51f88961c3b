import json

from geo.errors import RasterError
from store.quarantine import quarantine


def test_the_bytes_and_the_reason_are_kept_once(tmp_path):
    bad = tmp_path / "in" / "a.tif"
    bad.parent.mkdir()
    bad.write_bytes(b"<html>")
    error = RasterError("An HTML page.", zh="网页。", file=bad)
    folder = quarantine(tmp_path / "q", "r", error)
    assert (folder / "a.tif").read_bytes() == b"<html>"
    assert json.loads((folder / "reason.json").read_text())["message_zh"] == "网页。"
    assert bad.exists()
    assert quarantine(tmp_path / "q", "r", error) == folder
    bad.write_bytes(b"<html></html>")
    assert quarantine(tmp_path / "q", "r", error) != folder


def test_the_place_of_the_inputs_is_not_in_the_record(tmp_path):
    names = []
    for place in ("one", "two"):
        bad = tmp_path / place / "scenes" / "a.tif"
        bad.parent.mkdir(parents=True)
        bad.write_bytes(b"<html>")
        error = RasterError("An HTML page.", file=bad)
        inputs = tmp_path / place
        names.append(quarantine(tmp_path / "q", "r", error, inputs=inputs).name)
        record = (tmp_path / "q" / "r" / names[-1] / "reason.json").read_text()
        assert json.loads(record)["file"] == "scenes/a.tif"
    assert names[0] == names[1]


def test_a_fault_without_a_file_is_recorded_too(tmp_path):
    folder = quarantine(tmp_path, "r", RasterError("No such item.", item="S2A"))
    assert [p.name for p in folder.iterdir()] == ["reason.json"]
