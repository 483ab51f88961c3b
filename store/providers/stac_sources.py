"""Where STAC items come from: files under known roots, or an API at one host."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from urllib.parse import urljoin

from pystac.errors import STACError, STACTypeError
from pystac_client import Client
from pystac_client.errors import ClientTypeError
from pystac_client.exceptions import APIError
from pystac_client.stac_api_io import StacApiIO
from requests import PreparedRequest
from requests.adapters import HTTPAdapter

from geo.errors import InputError, ProviderUnavailableError, SettingsError
from store.providers.remote import TIMEOUT_S, Hosts, host_of
from store.safe import checked_path

MAX_ITEMS = 100_000
"""A search that meets more than this runs in a circle, or needs a narrower region."""

_NO_API = (
    STACError,
    STACTypeError,
    ClientTypeError,
    NotImplementedError,
    KeyError,
    TypeError,
)
"""What the client raises when a server answers, but not as a STAC API would."""

Json = Mapping[str, object]
Found = tuple[str, Json]
"""Where an item was read, and its content."""


def items_of_catalogue(
    href: str, *, roots: Sequence[Path], rejected: list[InputError]
) -> Iterator[Found]:
    """Yield the items below a catalogue or collection file, never from a network.

    Links that cannot be followed are added to ``rejected``; the others go on.

    Raises
    ------
    SettingsError
        If there is no such catalogue.
    """
    if not Path(href).is_file():
        raise SettingsError(
            f"There is no STAC catalogue at {href}.",
            zh=f"{href} 处没有 STAC 目录文件。请核对区域文件中的 href。",
            cure="Correct the provider's href in the region file.",
            field="href",
            value=href,
        )
    waiting, seen = [str(Path(href).absolute())], set[str]()
    while waiting and len(seen) < MAX_ITEMS:
        place = waiting.pop()
        if place in seen:
            continue
        seen.add(place)
        try:
            content = _read(place, roots)
        except InputError as error:
            rejected.append(error.at(file=place))
            continue
        if content.get("type") == "Feature":
            yield place, content
        else:
            waiting += reversed(list(_linked(place, content)))


def locate_file(base: str, href: str) -> str:
    """Complete a relative ``href`` by the file that holds it; leave others as given.

    What it may name is for ``store.safe`` to say.
    """
    if ":" in href or href.startswith(("/", "<")):
        return href
    return str(Path(urljoin(Path(base).as_posix(), href)))


def _read(place: str, roots: Sequence[Path]) -> Json:
    path = checked_path(place, roots=roots)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"The STAC file cannot be read: {error}.",
            zh=f"STAC 文件无法读取：{error}。请重新生成或获取该文件。",
            cure="Deliver the file again.",
        ) from error
    if not isinstance(content, dict):
        raise InputError(
            "The STAC file holds no object.",
            zh="STAC 文件内容不是 JSON 对象。请重新生成该文件。",
            cure="Deliver the file again.",
        )
    return content


def _linked(place: str, content: Json) -> Iterator[str]:
    links = content.get("links")
    for link in links if isinstance(links, list) else []:
        if isinstance(link, dict) and link.get("rel") in {"item", "child"}:
            yield locate_file(place, str(link.get("href", "")))


def items_of_api(
    href: str,
    *,
    hosts: Hosts,
    collections: Sequence[str],
    bbox: tuple[float, float, float, float],
    span: tuple[datetime, datetime],
) -> Iterator[Found]:
    """Yield the items that a STAC API finds, page by page.

    Raises
    ------
    ProviderUnavailableError
        If the API does not answer, answers 408, 429 or 5xx, or anything but JSON.
    SettingsError
        If it refuses the search, or is no STAC API.
    """
    with _translated(href):
        client = Client.open(href, stac_io=_guarded(hosts))
        search = client.search(
            collections=list(collections) or None,
            bbox=list(bbox),
            datetime=list(span),
            max_items=MAX_ITEMS,
        )
        for content in search.items_as_dicts():
            yield _self_link(content) or href, content


def _self_link(content: Json) -> str:
    links = content.get("links")
    for link in links if isinstance(links, list) else []:
        if isinstance(link, dict) and link.get("rel") == "self":
            return str(link.get("href", ""))
    return ""


def _guarded(hosts: Hosts) -> StacApiIO:
    connection = StacApiIO(timeout=TIMEOUT_S, max_retries=None)
    adapter = _GuardedAdapter(hosts)
    connection.session.mount("http://", adapter)
    connection.session.mount("https://", adapter)
    return connection


class _GuardedAdapter(HTTPAdapter):
    """Asks allowed hosts only, also after a redirect and for the next page."""

    def __init__(self, hosts: Hosts) -> None:
        super().__init__()
        self._hosts = hosts

    def request_url(
        self, request: PreparedRequest, proxies: dict[str, str] | None
    ) -> str:
        self._hosts.require(request.url or "")
        return super().request_url(request, proxies)


@contextmanager
def _translated(href: str) -> Iterator[None]:
    try:
        yield
    except APIError as error:
        if isinstance(error.__context__, InputError):
            raise error.__context__ from error
        raise _refusal(href, error) from error
    except json.JSONDecodeError as error:
        raise ProviderUnavailableError(
            f"{host_of(href)} answers something else than JSON: a login page?",
            zh=f"{host_of(href)} 返回的不是 JSON，可能是登录页面。请检查网络；"
            "稍后将自动重试。",
            cure="Check the network; it is tried again.",
            file=href,
        ) from error
    except _NO_API as error:
        raise SettingsError(
            f"{href} is no STAC API that can be searched: {error}.",
            zh=f"{href} 不是可检索的 STAC API：{error}。请核对区域文件中的 href。",
            cure="Correct the provider's href in the region file.",
            field="href",
            value=href,
        ) from error


def _refusal(href: str, error: APIError) -> ProviderUnavailableError | SettingsError:
    status = getattr(error, "status_code", None)
    if status is None or status in {408, 429} or status >= 500:
        return ProviderUnavailableError(
            f"{host_of(href)} does not answer the search ({status or error}).",
            zh=f"{host_of(href)} 未响应检索（{status or error}）。稍后将自动重试。",
            cure="It is tried again; check the network if it stays so.",
            file=href,
        )
    return SettingsError(
        f"{host_of(href)} refuses the search with {status}: {str(error)[:200]}.",
        zh=f"{host_of(href)} 拒绝检索（{status}）。"
        "请核对区域文件中的 href 与 collections。",
        cure="Correct href and collections in the region file.",
        field="collections",
        value=status,
    )
