"""Downloads from a loopback server: whole, once, from allowed hosts only."""

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from geo.errors import InputError, ProviderUnavailableError, UnsafePathError
from store.providers.remote import Downloads, Hosts, host_of

CONTENT = bytes(range(256)) * 40


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked = []
        self.content = CONTENT
        self.etag = '"one"'
        self.thread = threading.Thread(target=self.serve_forever, args=(0.01,))
        self.thread.start()

    @property
    def host(self):
        return f"127.0.0.1:{self.server_port}"

    def url(self, path):
        return f"http://{self.host}{path}"

    def handle_error(self, *_):
        """A client that hangs up in the middle is what some tests are about."""

    def stop(self):
        self.shutdown()
        self.thread.join()
        self.server_close()


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        self.server.asked.append(self.path)
        name = self.path.strip("/").split("?")[0]
        getattr(self, "do_" + name.split(".")[0])()

    def answer(self, status, *, content=b"", length=None, **headers):
        self.send_response(status)
        self.send_header("Content-Length", str(length or len(content)))
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)

    def do_good(self):
        self.answer(200, content=self.server.content, ETag=self.server.etag)

    def do_plain(self):
        self.answer(200, content=self.server.content)

    def do_cut(self):
        self.answer(200, content=b"half", length=len(CONTENT))
        self.close_connection = True

    def do_endless(self):
        self.send_response(200)
        self.end_headers()
        for _ in range(3):
            self.wfile.write(b"x" * 2**20)

    def do_large(self):
        self.answer(200, content=b"", length=3 * 2**20)

    def do_moved(self):
        self.answer(302, Location="/good.tif")

    def do_away(self):
        self.answer(302, Location="http://127.0.0.1:9/good.tif")

    def do_circle(self):
        self.answer(302, Location="/circle.tif")

    def do_missing(self):
        self.answer(404)

    def do_forbidden(self):
        self.answer(403)

    def do_busy(self):
        self.answer(503)

    def do_often(self):
        self.answer(429)


@pytest.fixture
def server(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    running = Server()
    yield running
    running.stop()


@pytest.fixture
def downloads(server, tmp_path):
    return Downloads(tmp_path / "cache", Hosts(frozenset({server.host})), 1)


def test_a_file_arrives_whole_with_its_ending(server, downloads):
    path = downloads.get(server.url("/good.tif?key=1"))
    assert path.read_bytes() == CONTENT
    assert path.suffix == ".tif"
    assert not list(downloads.folder.rglob("*.tmp*"))


def test_the_same_version_is_not_downloaded_again(server, downloads):
    first = downloads.get(server.url("/good.tif"))
    touched = first.stat().st_mtime_ns
    assert downloads.get(server.url("/good.tif")) == first
    assert first.stat().st_mtime_ns == touched


def test_other_bytes_under_the_same_name_are_another_file(server, downloads):
    first = downloads.get(server.url("/good.tif"))
    server.content, server.etag = CONTENT[::-1], '"two"'
    second = downloads.get(server.url("/good.tif"))
    assert second != first
    assert second.read_bytes() == CONTENT[::-1]
    assert first.read_bytes() == CONTENT


def test_without_a_version_nothing_is_taken_for_granted(server, downloads):
    downloads.get(server.url("/plain.tif"))
    server.content = CONTENT[::-1]
    assert downloads.get(server.url("/plain.tif")).read_bytes() == CONTENT[::-1]


def test_a_damaged_copy_is_fetched_again(server, downloads):
    path = downloads.get(server.url("/good.tif"))
    path.write_bytes(b"rot")
    assert downloads.get(server.url("/good.tif")).read_bytes() == CONTENT


def test_a_copy_with_the_stated_digest_needs_no_network(server, downloads):
    stated = hashlib.sha256(CONTENT).hexdigest()
    first = downloads.get(server.url("/good.tif"), stated=stated)
    assert downloads.get(server.url("/good.tif"), stated=stated) == first
    assert len(server.asked) == 1


@pytest.mark.parametrize("path", ["/cut.tif", "/busy.tif", "/often.tif"])
def test_what_may_pass_is_tried_again(server, downloads, path):
    with pytest.raises(ProviderUnavailableError) as caught:
        downloads.get(server.url(path))
    assert caught.value.zh
    assert not [p for p in downloads.folder.rglob("*") if p.is_file()]


@pytest.mark.parametrize(
    "path",
    ["/missing.tif", "/forbidden.tif", "/large.tif", "/endless.tif", "/circle.tif"],
)
def test_what_will_not_pass_is_refused(server, downloads, path):
    with pytest.raises(InputError) as caught:
        downloads.get(server.url(path))
    assert path in caught.value.where["file"]
    assert not [p for p in downloads.folder.rglob("*") if p.is_file()]


def test_a_server_that_is_gone_is_tried_again(server, downloads):
    url = server.url("/good.tif")
    server.stop()
    server.stop = lambda: None
    with pytest.raises(ProviderUnavailableError, match="did not deliver"):
        downloads.get(url)


def test_redirects_stay_with_allowed_hosts(server, downloads):
    assert downloads.get(server.url("/moved.tif")).read_bytes() == CONTENT
    with pytest.raises(UnsafePathError, match=r"127\.0\.0\.1:9"):
        downloads.get(server.url("/away.tif"))


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data",
        "file:///etc/passwd",
        "/etc/passwd",
        "ftp://{host}/good.tif",
        "http://{host}@evil.example/good.tif",
        "http://{host}:bad/good.tif",
        "/vsicurl/http://{host}/good.tif",
    ],
)
def test_other_hosts_and_schemes_are_never_asked(server, downloads, url):
    with pytest.raises(UnsafePathError):
        downloads.get(url.format(host=server.host))
    assert server.asked == []


def test_hosts_are_compared_with_their_ports():
    assert host_of("https://Example.org/x") == "example.org"
    assert host_of("https://example.org:443/x") == "example.org"
    assert host_of("https://example.org:8443/x") == "example.org:8443"
