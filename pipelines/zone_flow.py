"""The planner's door as a Prefect flow: a form in, the same folder as the command's."""

from prefect import flow
from pydantic import Field

from config.settings import load
from config.zone_request import read_request
from pipelines.nightly import as_task
from pipelines.twin.ready import make_ready
from pipelines.zone_form import ZoneForm, request_text
from pipelines.zones import make_zones
from store.lockdown import lock_down

REGION = Field(description="区域 Region, see `forestsink regions`.")
REQUEST = Field(description="规划请求 What is asked.")


@flow(name="zone-map", persist_result=False)
def zone_map(
    region: str = REGION,
    request: ZoneForm = REQUEST,
) -> str:
    """Rank priority zones of a region; return the folder of maps and tables.

    碳汇优先发展区：填写请求，得到分区图、表格与报告。结果与
    `forestsink zones` 相同，位于数据目录 zones/<region>/<answer>。
    """
    lock_down()
    text = request_text(request)
    asked = read_request(text, file="form")
    settings = load(region)
    as_task(make_ready, settings)
    return str(as_task(make_zones, settings, asked, text))
