import numpy as np
import pytest

from models.learning.candidates import Rows, Tuned
from models.learning.columns import Standard
from models.learning.selection import (
    INNER_FOLDS,
    Compared,
    Split,
    Trial,
    cheapest,
    compare,
    nested_choice,
    unseen,
)
from models.learning.table import PlotTable


class Costs:
    kind = "basis"

    def __init__(self, cost):
        self.cost = cost

    def cost_ns(self):
        return self.cost


def _trial(name, mean, cost, inner=(1.0,)):
    mean = np.array(mean, dtype=float)
    final = Tuned(Costs(cost), {}, 1.0)
    return Trial(name, mean, np.zeros_like(mean), np.array(inner), final)


def test_the_difference_from_the_best_by_hand():
    observed = np.zeros(4)
    block = np.array([0, 0, 1, 1])
    best = _trial("best", [1, 1, 1, 1], 100)
    other = _trial("other", [2, 0, 2, 2], 10)
    told = {
        one.name: one
        for one in compare([best, other], observed, block, eligible={"best", "other"})
    }
    # squared: 4 0 4 4 against 1 1 1 1, so worse by 3 -1 3 3, mean 2; about the mean
    # 1 -3 1 1, block sums -2 and 2; sqrt(2/1 x 8) / 4 = 1
    assert told["other"].worse_by == 2.0
    assert told["other"].error_of_difference == 1.0
    assert not told["other"].keeps_up
    assert told["best"].worse_by == told["best"].error_of_difference == 0.0
    assert told["other"].rmse == pytest.approx(np.sqrt(3), rel=1e-5)


def test_the_cheapest_that_keeps_up_is_chosen():
    def one(name, worse, error, cost):
        return Compared(name, 1.0, worse, error, cost)

    found = [
        one("best", 0, 0, 900),
        one("close", 1, 2, 50),
        one("closer", 0.1, 2, 60),
        one("cheap", 3, 2, 5),
    ]
    assert cheapest(found).name == "close"


def test_who_tuned_best_inside_predicts_each_fold():
    folds = np.array([0, 0, 1])
    first = _trial("a", [1, 2, 3], 1, inner=(1.0, 9.0))
    second = _trial("b", [10, 20, 30], 1, inner=(2.0, 3.0))
    assert nested_choice([first, second], folds).tolist() == [1, 2, 30]


def test_nothing_of_a_fold_is_seen_before_it_is_predicted():
    n = 40
    fold = np.arange(n) % 5
    table = PlotTable.of(
        {"f": np.arange(n, dtype=float)},
        np.arange(n, dtype=float),
        x=np.arange(n, dtype=float),
        y=np.zeros(n),
    )
    split = Split(table, fold, np.arange(n))
    seen = []

    class Remembers:
        name = "remembers"

        def fit(self, rows: Rows, *, seed):
            assert seed == 0
            seen.append(set(rows.observed.tolist()))
            assert len(rows.folds()) == INNER_FOLDS
            assert abs(float(rows.columns.mean())) < 1e-3  # standardised on these rows
            return Tuned(self, {}, float(len(seen)))

        def predict(self, columns):
            return np.full(columns.shape[1], float(len(seen))), np.zeros(
                columns.shape[1]
            )

    mean, _, inner = unseen(Remembers(), split, seed=0)
    assert inner.tolist() == [1, 2, 3, 4, 5]
    for number in range(5):
        test = set(table.observed[fold == number].tolist())
        assert not test & seen[number]
        assert set(mean[fold == number]) == {number + 1.0}


def test_rows_are_in_standard_units_and_few_inner_folds():
    table = PlotTable.of(
        {"f": np.arange(24.0)}, np.arange(24.0), x=np.arange(24.0), y=np.zeros(24)
    )
    split = Split(table, np.arange(24) % 8, np.arange(24))
    rows = split.whole(Standard.of(table.features))
    assert rows.folds() == list(range(INNER_FOLDS))
    assert float(rows.columns.std()) == pytest.approx(1.0, rel=1e-3)
