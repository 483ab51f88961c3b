from datetime import date

from store.published import Published, published_damages


def build(folder):
    (folder / "night.json").write_text("{}")
    return {}


def test_pointers_lead_to_the_newest_night_and_the_newest_run(tmp_path):
    published = Published(tmp_path / "r")
    published.publish(date(2020, 9, 1), "bbb", build)
    published.publish(date(2019, 9, 1), "ccc", build)
    published.publish(date(2020, 9, 1), "aaa", build)
    latest = (tmp_path / "r" / "latest").resolve()
    assert latest == tmp_path / "r" / "2020-09-01" / "aaa"
    older = (tmp_path / "r" / "2019-09-01" / "current").resolve()
    assert older.name == "ccc"
    assert (tmp_path / "r" / "2020-09-01" / "bbb" / "night.json").exists()


def test_a_changed_file_is_named_and_not_taken_for_done(tmp_path):
    published = Published(tmp_path / "r")
    folder = published.publish(date(2020, 9, 1), "aaa", build)
    assert published.find(date(2020, 9, 1), "aaa") == folder
    count, damages = published_damages(tmp_path)
    assert (count, list(damages)) == (1, [])
    (folder / "night.json").write_text("[]")
    assert published.find(date(2020, 9, 1), "aaa") is None
    _, damages = published_damages(tmp_path)
    assert [d.file for d in damages] == [folder / "night.json"]


def test_a_run_that_is_not_there_is_not_found(tmp_path):
    assert Published(tmp_path).find(date(2020, 9, 1), "aaa") is None
