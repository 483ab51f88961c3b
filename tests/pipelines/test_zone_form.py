"""The form of a request: what Prefect's page shows, and the file it stands for."""

import json
import subprocess
import sys
from datetime import date

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from config.environment import CHECKOUT
from config.zone_request import ZoneRequest, read_request
from models.criteria import CRITERIA
from pipelines.zone_form import ZoneForm, request_text

SCHEMA = """
import json
from prefect.utilities.callables import parameter_schema
from pipelines.zone_flow import zone_map
print(json.dumps(parameter_schema(zone_map).model_dump()))
"""


@pytest.fixture(scope="module")
def schema():
    done = subprocess.run(
        [sys.executable, "-c", SCHEMA], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def alternatives(field):
    return [one for one in field.get("anyOf", [field]) if one.get("type") != "null"]


def test_every_field_has_a_chinese_title_and_a_sentence(schema):
    fields = schema["definitions"]["ZoneForm"]["properties"]
    assert fields.keys() == ZoneRequest.model_fields.keys()
    for name, field in fields.items():
        assert any("\u4e00" <= c <= "\u9fff" for c in field["title"]), name
        assert field["description"].startswith(field["title"]), name
    for name in ("region", "request"):
        assert schema["properties"][name]["description"][0] >= "\u4e00"
        assert name in schema["required"]


def test_bounds_are_in_the_schema(schema):
    fields = schema["definitions"]["ZoneForm"]["properties"]
    (budget,) = alternatives(fields["budget_cny"])
    assert budget["exclusiveMinimum"] == 0
    (area,) = alternatives(fields["max_area_ha"])
    assert area["exclusiveMinimum"] == 0
    (planted,) = alternatives(fields["planted"])
    assert (planted["minimum"], planted["maximum"]) == (2000, 2100)
    assert (fields["draws"]["minimum"], fields["draws"]["maximum"]) == (1, 1000)
    assert fields["title_zh"]["maxLength"] == 60


def test_each_criterion_has_its_own_weight(schema):
    fields = schema["definitions"]["ZoneForm"]["properties"]
    (weights,) = alternatives(fields["weights"])
    assert weights["properties"].keys() == CRITERIA.keys()
    for name, field in weights["properties"].items():
        assert (field["minimum"], field["maximum"]) == (0, 1)
        assert field["title"].startswith(CRITERIA[name].title_zh)


def test_the_limits_of_a_township_have_titles_and_bounds(schema):
    fields = schema["definitions"]["ZoneForm"]["properties"]
    limits = fields["townships"]["additionalProperties"]["properties"]
    assert limits["min_share"]["title"] == "最低占比"
    assert limits["max_share"]["maximum"] == 1


def test_the_deployment_names_the_flow():
    told = yaml.safe_load((CHECKOUT / "prefect.yaml").read_text(encoding="utf-8"))
    (one,) = (each for each in told["deployments"] if each["name"] == "zones")
    assert one["entrypoint"] == "pipelines.zone_flow.zone_map"


def test_by_hand():
    form = ZoneForm(
        title_zh='近"源"',
        night=date(2023, 10, 5),
        max_area_ha=40,
        boundary_penalty=0.1,
        locked_in=("P-1", "P-2"),
        weights={"cost": 0.25, "access": 0.75},
        seed=0,
    )
    assert request_text(form) == (
        'title_zh = "近\\"源\\""\n'
        "night = 2023-10-05\n"
        "max_area_ha = 40.0\n"
        "boundary_penalty = 0.1\n"
        'locked_in = ["P-1", "P-2"]\n'
        "[weights]\n"
        "cost = 0.25\n"
        "access = 0.75\n"
    )


TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
PAIRS = st.sampled_from([1.0, 3.0, 1 / 3]).map(
    lambda value: {"carbon_potential / access": value}
)


@given(
    TEXTS,
    st.floats(1e-6, 1e12),
    st.lists(TEXTS, max_size=3),
    st.none() | PAIRS,
    st.none() | st.dates(date(2000, 1, 1), date(2100, 1, 1)),
)
def test_a_form_is_the_request_that_its_file_makes(title, area, locked, pairs, night):
    form = ZoneForm(
        title_zh=title,
        max_area_ha=area,
        locked_in=tuple(locked),
        judgements=pairs,
        night=night,
    )
    made = read_request(request_text(form), file="form")
    assert made.model_dump() == form.model_dump()


def test_tables_in_tables_and_odd_names_have_their_place():
    from pipelines.zone_form import _lines

    found = list(_lines({"a": {"东乡": {"least": 0.1}, "*": {"most": 2}}, "n": 1}, ()))
    assert found == ["n = 1", "[a]", '[a."东乡"]', "least = 0.1", '[a."*"]', "most = 2"]
