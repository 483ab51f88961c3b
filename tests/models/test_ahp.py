import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.siting_tables import random_index
from geo.errors import SettingsError
from models.ahp import ahp_weights, given_weights, judgement_matrix, worst_judgement

RI = random_index()
ABC = ("carbon", "erosion", "access")


def matrix(ab, ac, bc):
    return np.array([[1, ab, ac], [1 / ab, 1, bc], [1 / ac, 1 / bc, 1]])


def test_a_consistent_matrix_by_hand():
    found = ahp_weights(ABC, matrix(2, 4, 2), random_index=RI)
    expected = dict(zip(ABC, (4 / 7, 2 / 7, 1 / 7), strict=True))
    assert found.weights == pytest.approx(expected, abs=1e-12)
    assert found.consistency_ratio == pytest.approx(0, abs=1e-12)


@given(st.lists(st.floats(1, 3), min_size=2, max_size=9))
def test_consistent_judgements_give_their_weights_exactly(raw):
    weights = np.array(raw) / sum(raw)
    names = [f"c{n}" for n in range(len(raw))]
    found = ahp_weights(names, weights[:, None] / weights, random_index=RI)
    assert list(found.weights.values()) == pytest.approx(list(weights), rel=1e-9)
    assert found.consistency_ratio == pytest.approx(0, abs=1e-9)


def test_saatys_house_of_three():
    """a_12 = 3, a_13 = 5, a_23 = 3: lambda_max 3.0385, CR 0.033 (a textbook case)."""
    found = ahp_weights(ABC, matrix(3, 5, 3), random_index=RI)
    assert found.lambda_max == pytest.approx(3.0385, abs=1e-4)
    assert found.consistency_ratio == pytest.approx(0.0332, abs=1e-4)
    expected = (0.637, 0.258, 0.105)
    assert list(found.weights.values()) == pytest.approx(expected, abs=1e-3)


def test_a_contradiction_is_named_with_its_cure():
    """Four criteria, consistent but for the first against the last: 8, typed 1/8."""
    weights = np.array([8.0, 4.0, 2.0, 1.0])
    judgements = weights[:, None] / weights
    judgements[0, 3], judgements[3, 0] = 1 / 8, 8
    names = ("a", "b", "c", "d")
    with pytest.raises(SettingsError, match=r"ratio 1\.\d+.*a / d = 0\.125") as error:
        ahp_weights(names, judgements, random_index=RI)
    assert error.value.where["expected"] == "8"
    assert "a / d" in error.value.zh
    worst = worst_judgement(names, judgements, RI)
    assert worst.consistent == pytest.approx(8, rel=1e-9)
    assert worst.ratio_then == pytest.approx(0, abs=1e-9)


@given(st.integers(0, 2**32 - 1), st.integers(3, 6))
def test_the_named_cure_never_makes_it_worse(seed, count):
    generator = np.random.default_rng(seed)
    scale = np.array([1 / 9, 1 / 5, 1 / 3, 1, 3, 5, 9])
    judgements = np.eye(count)
    for i in range(count):
        for j in range(i + 1, count):
            judgements[i, j] = generator.choice(scale)
            judgements[j, i] = 1 / judgements[i, j]
    names = [f"c{n}" for n in range(count)]
    worst = worst_judgement(names, judgements, RI)
    try:
        before = ahp_weights(names, judgements, random_index=RI).consistency_ratio
        assert before < 0.1
    except SettingsError as error:
        told = float(error.what.split("ratio ")[1].split(",")[0])
        assert worst.ratio_then <= told + 1e-3


@pytest.mark.parametrize(
    ("judgements", "what"),
    [
        (np.ones((2, 2)), "3 x 3"),
        (matrix(2, 12, 2), "1/9 to 9"),
        (matrix(2, 4, np.nan), "nan"),
        (matrix(2, 4, -2), "-2"),
        (np.array([[1, 2, 4], [2, 1, 2], [0.25, 0.5, 1]]), "2 one way and 2"),
    ],
)
def test_what_is_no_matrix_of_judgements(judgements, what):
    with pytest.raises(SettingsError, match=what):
        ahp_weights(ABC, judgements, random_index=RI)


def test_a_third_may_be_typed_with_two_digits():
    typed = np.array([[1, 3, 3], [0.33, 1, 1], [0.33, 1, 1]])
    found = ahp_weights(ABC, typed, random_index=RI)
    assert found.weights["carbon"] == pytest.approx(0.6, rel=1e-9)


def test_pairs_make_a_matrix():
    pairs = {
        ("carbon", "erosion"): 2,
        ("access", "carbon"): 0.25,
        ("erosion", "access"): 2,
    }
    np.testing.assert_allclose(judgement_matrix(ABC, pairs), matrix(2, 4, 2))
    with pytest.raises(SettingsError, match="no judgement of erosion against access"):
        judgement_matrix(ABC, dict(list(pairs.items())[:2]))
    with pytest.raises(SettingsError, match="beauty"):
        judgement_matrix(ABC, {("carbon", "beauty"): 2})
    both = judgement_matrix(ABC, pairs | {("erosion", "carbon"): 2})
    with pytest.raises(SettingsError, match="one way"):
        ahp_weights(ABC, both, random_index=RI)


def test_weights_given_directly():
    assert given_weights(ABC, {"carbon": 0.7, "access": 0.3}) == {
        "carbon": 0.7,
        "erosion": 0.0,
        "access": 0.3,
    }
    given_weights(ABC, {"carbon": 0.7, "access": 0.3 + 9e-7})


@pytest.mark.parametrize(
    ("weights", "what", "cure"),
    [
        ({"carbon": 0.7, "access": 0.5}, "add up to 1.2", "carbon = 0.5833"),
        ({"carbon": 0.7, "access": 0.3 + 3e-6}, "add up to 1", "carbon"),
        ({"carbon": 1.5, "access": -0.5}, "access is -0.5", ""),
        ({"carbon": float("nan")}, "nan", ""),
        ({"beauty": 1.0}, "no criterion beauty", "carbon"),
        ({"carbon": 0.0}, "add up to 0", ""),
        ({}, "add up to 0", ""),
    ],
)
def test_weights_that_are_none(weights, what, cure):
    with pytest.raises(SettingsError, match=what) as error:
        given_weights(ABC, weights)
    assert cure in error.value.cure
    assert error.value.zh
