from datetime import date

import pytest

from geo.errors import BusyError
from pipelines.journal import Journal

NIGHT = date(2020, 9, 1)


def states(journal):
    return [(entry.region, entry.night, entry.state) for entry in journal.entries()]


def test_a_night_runs_and_ends(tmp_path):
    journal = Journal(tmp_path)
    assert journal.entries() == []
    with journal.running("r", NIGHT):
        assert states(journal) == [("r", NIGHT, "running")]
        journal.note("r", NIGHT, "complete", run_id="abc")
    assert states(journal) == [("r", NIGHT, "complete")]


def test_a_failed_night_says_why(tmp_path):
    journal = Journal(tmp_path)
    with pytest.raises(RuntimeError), journal.running("r", NIGHT):
        raise RuntimeError("disk full")
    (entry,) = journal.entries()
    assert (entry.state, entry.detail) == ("failed", "disk full")


def test_a_killed_night_reads_as_interrupted(tmp_path):
    journal = Journal(tmp_path)
    journal.note("r", NIGHT, "running")
    assert states(journal) == [("r", NIGHT, "interrupted")]


def test_a_killed_night_says_in_which_step_and_what_may_help(tmp_path):
    journal = Journal(tmp_path)
    with journal.running("r", NIGHT):
        journal.began("r", NIGHT, "build_composite")
        (entry,) = journal.entries()
        assert (entry.state, entry.detail) == ("running", "build_composite")
    (entry,) = journal.entries()
    assert entry.state == "interrupted"
    assert "build_composite" in entry.detail
    assert "memory_mb" in entry.detail


def test_an_error_that_nobody_foresaw_says_where_it_was(tmp_path):
    journal = Journal(tmp_path)
    error = KeyError("x")
    error.add_note("step ingest")
    with pytest.raises(KeyError), journal.running("r", NIGHT):
        raise error
    assert journal.entries()[0].detail == "'x'; step ingest"


def test_one_night_at_a_time_for_a_region(tmp_path):
    journal = Journal(tmp_path)
    with journal.running("r", NIGHT):
        with pytest.raises(BusyError), journal.running("r", date(2020, 9, 2)):
            pass
        with journal.running("s", NIGHT):
            pass
