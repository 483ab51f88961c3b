from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.period import Period, Season

SUMMER = Season((6, 1), (9, 1))


def test_a_period_is_half_open():
    period = Period(date(2020, 6, 1), date(2020, 9, 1))
    assert date(2020, 6, 1) in period
    assert date(2020, 8, 31) in period
    assert date(2020, 9, 1) not in period
    assert period.days == 92


def test_an_empty_period_cannot_be_built():
    with pytest.raises(ValueError, match="at least one day, got 20200601-20200601"):
        Period(date(2020, 6, 1), date(2020, 6, 1))


@given(st.dates(min_value=date(1985, 1, 1)), st.integers(1, 500))
def test_a_period_reads_what_it_writes(night, days):
    period = Period.ending(night, days=days)
    assert Period.parse(str(period)) == period
    assert period.days == days
    assert night not in period


@pytest.mark.parametrize(
    ("night", "expected"),
    [
        (date(2020, 9, 1), "20200601-20200901"),  # the season just ended
        (date(2020, 12, 31), "20200601-20200901"),
        (date(2021, 6, 1), "20200601-20200901"),  # nothing seen of the new one yet
        (date(2021, 6, 2), "20210601-20210602"),  # one day of it
        (date(2020, 7, 15), "20200601-20200715"),
    ],
)
def test_a_night_uses_the_newest_season_it_has_seen(night, expected):
    assert str(SUMMER.before(night)) == expected


def test_a_season_replaces_the_last_once_enough_of_it_has_passed():
    assert str(SUMMER.before(date(2020, 6, 30), min_days=30)) == "20190601-20190901"
    assert str(SUMMER.before(date(2020, 7, 1), min_days=30)) == "20200601-20200701"


def test_the_year_ends_with_the_season():
    assert str(SUMMER.year_to(SUMMER.of(2020))) == "20190901-20200901"
    running = SUMMER.before(date(2020, 7, 15))
    assert str(SUMMER.year_to(running)) == "20190901-20200715"


def test_a_season_may_not_cross_new_year():
    with pytest.raises(ValueError, match="start before it stops"):
        Season((11, 1), (3, 1))
