import pytest
from hypothesis import given
from hypothesis import strategies as st

from store import keys
from store.keys import LayerKey, canonical_json, digest_of


def key(**changed):
    told = {
        "layer": "agbd",
        "region": "r",
        "period": "20200601-20200901",
        "tile": "r000c000",
        "inputs": {"composite": "abc"},
        "settings": {"zone": "x"},
    } | changed
    return LayerKey.of(told.pop("layer"), **told)


@pytest.mark.parametrize(
    "changed",
    [
        {"layer": "composite"},
        {"region": "s"},
        {"period": "20190601-20190901"},
        {"tile": "r000c001"},
        {"inputs": {"composite": "abd"}},
        {"settings": {"zone": "y"}},
    ],
    ids=str,
)
def test_any_difference_is_another_key(changed):
    assert key() == key()
    assert key(**changed).digest != key().digest


def test_other_code_is_another_key(monkeypatch):
    before = key()
    monkeypatch.setattr(keys, "code_digest", lambda: "other")
    assert key().digest != before.digest


@given(st.dictionaries(st.text(), st.integers() | st.text()))
def test_order_does_not_matter(content):
    turned = dict(reversed(content.items()))
    assert canonical_json(content) == canonical_json(turned)
    assert digest_of(content) == digest_of(turned)


def test_what_is_not_a_number_has_no_digest():
    with pytest.raises(ValueError, match="JSON"):
        digest_of({"a": float("nan")})
