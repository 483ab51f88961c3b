"""A STAC API on the loopback: search with pages, download, load."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest

from geo.errors import (
    InputError,
    ProviderUnavailableError,
    SettingsError,
    UnsafePathError,
)
from geo.period import Period
from tests.scene_files import GRID, SIX

JULY = Period.parse("20200701-20200801")
CONFORMS = [
    "https://api.stacspec.org/v1.0.0/core",
    "https://api.stacspec.org/v1.0.0/item-search",
]


class Api(ThreadingHTTPServer):
    """Serves the items of a folder, two to a page, and their files."""

    daemon_threads = True

    def __init__(self, folder):
        super().__init__(("127.0.0.1", 0), Handler)
        self.folder = folder
        self.searches = []
        self.files = []
        self.status = 200
        self.next_host = self.root
        self.thread = threading.Thread(target=self.serve_forever, args=(0.01,))
        self.thread.start()

    @property
    def host(self):
        return f"127.0.0.1:{self.server_port}"

    @property
    def root(self):
        return f"http://{self.host}"

    def stop(self):
        self.shutdown()
        self.thread.join()
        self.server_close()

    def handle_error(self, *_):
        """A client that hangs up in the middle is what some tests are about."""

    def items(self):
        for path in sorted(self.folder.glob("*/item.json")):
            item = json.loads(path.read_text())
            for asset in item["assets"].values():
                if asset["href"].startswith("./"):
                    name = asset["href"][2:]
                    asset["href"] = f"{self.root}/files/{path.parent.name}/{name}"
            yield item


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def answer(self, content, kind="application/json", status=200):
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        url = urlsplit(self.path)
        if url.path == "/":
            self.answer(self.landing())
        elif url.path == "/search":
            self.search({key: value[0] for key, value in parse_qs(url.query).items()})
        else:
            self.server.files.append(url.path)
            path = self.server.folder / url.path.removeprefix("/files/")
            if path.is_file():
                self.answer(path.read_bytes(), "image/tiff")
            else:
                self.answer(b"", status=404)

    def do_POST(self):
        length = int(self.headers["Content-Length"])
        self.search(json.loads(self.rfile.read(length)))

    def landing(self):
        root = self.server.root
        search = {"rel": "search", "href": f"{root}/search", "method": "POST"}
        links = [{"rel": "self", "href": root}, {"rel": "root", "href": root}]
        return {
            "type": "Catalog",
            "stac_version": "1.0.0",
            "id": "api",
            "description": "test",
            "conformsTo": CONFORMS,
            "links": [*links, search | {"type": "application/geo+json"}],
        }

    def search(self, asked):
        self.server.searches.append(asked)
        if self.server.status != 200:
            self.answer({"detail": "no"}, status=self.server.status)
            return
        first = int(asked.get("token", 0))
        items = list(self.server.items())
        page = {"type": "FeatureCollection", "features": items[first : first + 2]}
        page["links"] = []
        if first + 2 < len(items):
            link = {"rel": "next", "href": f"{self.server.next_host}/search"}
            body = {**asked, "token": first + 2}
            page["links"] = [link | {"method": "POST", "body": body}]
        self.answer(page)


@pytest.fixture
def api(catalogue, monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for day in range(1, 6):
        catalogue.add(f"item{day}", when=f"2020-07-{day:02d}T09:30:00Z")
    running = Api(catalogue.folder)
    yield running
    running.stop()


@pytest.fixture
def provider(api, catalogue, tmp_path):
    return catalogue.provider(href=api.root, roots=(), cache=tmp_path / "cache")


def test_all_pages_are_read(api, provider):
    search = provider.search(GRID, JULY)
    assert [scene.items for scene in search.scenes] == [
        (f"item{day}",) for day in range(1, 6)
    ]
    assert not search.rejected
    assert len(api.searches) == 3


def test_place_and_local_days_are_asked_for(api, provider):
    provider.search(GRID, JULY)
    asked = api.searches[0]
    # Midnight in Bucharest is three hours before that in Greenwich, in summer.
    assert asked["datetime"] == "2020-06-30T21:00:00Z/2020-07-31T20:59:59Z"
    assert np.allclose(asked["bbox"], [22.2739, 45.2320, 22.2822, 45.2364], atol=1e-4)


def test_a_scene_from_the_api_is_the_scene_from_the_disk(api, provider, catalogue):
    local = catalogue.provider()
    remote_scene = provider.fetch(provider.search(GRID, JULY).scenes[0])
    local_scene = local.fetch(local.search(GRID, JULY).scenes[0])
    assert remote_scene.digest() == local_scene.digest()
    remote = provider.load(remote_scene, GRID, bands=SIX, chunk_cells=32).compute()
    expected = local.load(local_scene, GRID, bands=SIX, chunk_cells=32).compute()
    assert remote.equals(expected)
    assert len(api.files) == 5


def test_only_what_is_fetched_is_downloaded(api, provider):
    provider.search(GRID, JULY)
    assert api.files == []


@pytest.mark.parametrize("status", [500, 503, 429])
def test_an_api_that_fails_is_tried_again(api, provider, status):
    api.status = status
    with pytest.raises(ProviderUnavailableError, match=str(status)):
        provider.search(GRID, JULY)


@pytest.mark.parametrize("status", [400, 401, 404])
def test_an_api_that_refuses_is_a_setting_to_correct(api, provider, status):
    api.status = status
    with pytest.raises(SettingsError, match=str(status)):
        provider.search(GRID, JULY)


def test_an_api_that_is_gone_is_tried_again(api, provider):
    api.stop()
    api.stop = lambda: None
    with pytest.raises(ProviderUnavailableError):
        provider.search(GRID, JULY)


def test_the_next_page_is_not_asked_from_another_host(api, provider):
    api.next_host = "http://169.254.169.254"
    with pytest.raises(UnsafePathError, match=r"169\.254"):
        provider.search(GRID, JULY)


@pytest.mark.parametrize(
    "href",
    [
        "http://169.254.169.254/B04.tif",
        "http://127.0.0.1:9/B04.tif",
        "file:///etc/passwd",
        "s3://bucket/B04.tif",
        "MEM:::DATAPOINTER=1",
    ],
)
def test_an_asset_elsewhere_rejects_its_item_alone(provider, catalogue, href):
    path = catalogue.folder / "item2" / "item.json"
    item = json.loads(path.read_text())
    item["assets"]["B04"]["href"] = href
    path.write_text(json.dumps(item))
    served = provider.search(GRID, JULY)
    assert len(served.scenes) == 4
    (error,) = served.rejected
    assert isinstance(error, UnsafePathError)
    assert error.where["item"] == "item2"


@pytest.mark.parametrize(
    "href", ["/nowhere/x.tif", "/vsicurl/http://127.0.0.1:9/x", "<V/>"]
)
def test_what_looks_like_a_local_name_is_looked_for_at_the_api(
    api, provider, catalogue, href
):
    path = catalogue.folder / "item2" / "item.json"
    item = json.loads(path.read_text())
    item["assets"]["B04"]["href"] = href
    path.write_text(json.dumps(item))
    scene = provider.search(GRID, JULY).scenes[1]
    assert all(asset.href.startswith(api.root) for asset in scene.assets)
    with pytest.raises(InputError, match="404"):
        provider.fetch(scene)


def test_allowed_hosts_are_asked_too(api, catalogue, tmp_path):
    path = catalogue.folder / "item2" / "item.json"
    item = json.loads(path.read_text())
    item["assets"]["B04"]["href"] = f"http://localhost:{api.server_port}/files/x/y.tif"
    path.write_text(json.dumps(item))
    trusting = catalogue.provider(
        href=api.root,
        cache=tmp_path / "cache",
        asset_hosts=(f"localhost:{api.server_port}",),
    )
    assert len(trusting.search(GRID, JULY).scenes) == 5


def test_a_missing_file_rejects_its_scene(provider, catalogue):
    (catalogue.folder / "item3" / "B04.tif").rename(catalogue.folder / "B04.tif")
    scenes = provider.search(GRID, JULY).scenes
    provider.fetch(scenes[0])
    with pytest.raises(InputError, match="404") as caught:
        provider.fetch(scenes[2])
    assert caught.value.where["item"] == "item3"


def test_a_page_of_html_is_no_answer(provider, monkeypatch):
    monkeypatch.setattr(Handler, "landing", lambda _: b"<html>log in</html>")
    with pytest.raises(ProviderUnavailableError, match="JSON"):
        provider.search(GRID, JULY)


def test_a_catalogue_that_cannot_be_searched(provider, monkeypatch):
    monkeypatch.setattr(Handler, "landing", lambda _: {"hello": 1})
    with pytest.raises(SettingsError, match="no STAC API"):
        provider.search(GRID, JULY)


def test_large_assets_are_left_where_they_are(catalogue, api, tmp_path):
    catalogue.add(
        "item9",
        when="2020-07-09T09:30:00Z",
        pixels={
            "B04": np.random.default_rng(0).integers(1, 9999, (800, 800), "uint16")
        },
    )
    small = catalogue.provider(href=api.root, cache=tmp_path / "c", max_asset_mb=1)
    last = small.search(GRID, JULY).scenes[-1]
    with pytest.raises(InputError, match="MiB"):
        small.fetch(last)
