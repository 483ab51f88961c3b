"""Downloads: only from hosts that the operator named, whole or not at all.

GDAL never touches the network; what it opens is a file in the cache.
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import urljoin, urlsplit

import httpx

from geo.errors import InputError, ProviderUnavailableError, UnsafePathError
from store.files import sha256_file, write_json, writing
from store.keys import digest_of

TIMEOUT_S = 30.0
_MAX_REDIRECTS = 3
_CHUNK = 2**20


@dataclass(frozen=True, slots=True)
class Hosts:
    """The hosts that may be asked: ``example.org`` or ``example.org:8443``."""

    allowed: frozenset[str]

    def require(self, url: str) -> None:
        """Raise ``UnsafePathError`` unless ``url`` is http(s) to an allowed host."""
        parts = urlsplit(url)
        if parts.scheme in {"http", "https"} and host_of(url) in self.allowed:
            return
        raise UnsafePathError(
            f"{url[:200]} is not at a host that may be asked.",
            zh=f"{url[:200]} 不在允许访问的主机之内。如确需访问，"
            "请在区域文件 asset_hosts 中加入该主机。",
            cure="Add the host to asset_hosts in the region file, if it is trusted.",
            value=url[:200],
            expected=sorted(self.allowed),
        )


def host_of(url: str) -> str:
    """Return the host of ``url`` with its port, unless that is the scheme's own."""
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        return ""
    usual = {"http": 80, "https": 443}.get(parts.scheme)
    host = parts.hostname or ""
    return host if port in (None, usual) else f"{host}:{port}"


@dataclass(frozen=True, slots=True)
class Downloads:
    """A cache of remote files, one name per delivery: a changed file is another."""

    folder: Path
    hosts: Hosts
    max_mb: int

    def get(self, url: str, *, stated: str = "") -> Path:
        """Return a local copy of ``url``.

        A copy is used again if the server states the same version of the same size
        and the copy still has its digest. ``stated`` is a SHA-256 that the catalogue
        gives; a copy that has it needs no network.

        Raises
        ------
        ProviderUnavailableError
            If the server does not answer, breaks off, or answers 408, 429 or 5xx.
        InputError
            If it answers anything else but the file, or the file is too large.
        """
        if stated and (known := self._with_digest(url, stated)):
            return known
        try:
            with self._answer(url) as response:
                return self._kept(url, response)
        except httpx.HTTPError as error:
            raise ProviderUnavailableError(
                f"{host_of(url)} did not deliver: {type(error).__name__}: {error}.",
                zh=f"{host_of(url)} 未能完成下载：{error}。稍后将自动重试。",
                cure="It is tried again; check the network if it stays so.",
                file=url,
            ) from error

    @contextmanager
    def _answer(self, url: str) -> Iterator[httpx.Response]:
        with httpx.Client(timeout=TIMEOUT_S, follow_redirects=False) as client:
            for _ in range(_MAX_REDIRECTS + 1):
                self.hosts.require(url)
                headers = {"Accept-Encoding": "identity"}
                with client.stream("GET", url, headers=headers) as response:
                    if response.has_redirect_location:
                        url = urljoin(url, response.headers["location"])
                        continue
                    _require_success(url, response)
                    yield response
                    return
        raise InputError(
            f"More than {_MAX_REDIRECTS} redirects.",
            zh=f"重定向超过 {_MAX_REDIRECTS} 次。请核对资产地址。",
            cure="Correct the address of the asset.",
            file=url,
        )

    def _kept(self, url: str, response: httpx.Response) -> Path:
        path = self._path(url, response)
        if (size := _length(response)) is not None and size > self.max_mb * 2**20:
            raise self._too_large(url, size)
        if _names_its_version(response) and _is_sound(path):
            return path
        with writing(path) as temporary:
            digest, received = self._streamed(url, response, temporary)
            if size not in (None, received):
                raise ProviderUnavailableError(
                    f"{received:,} of {size:,} bytes arrived.",
                    zh=f"仅收到 {size:,} 字节中的 {received:,} 字节。稍后将自动重试。",
                    cure="It is tried again.",
                    file=url,
                )
        write_json(_side(path), {"sha256": digest, "size": received, "url": url})
        return path

    def _streamed(
        self, url: str, response: httpx.Response, path: Path
    ) -> tuple[str, int]:
        total, received = hashlib.sha256(), 0
        with path.open("wb") as stream:
            for part in response.iter_bytes(_CHUNK):
                received += len(part)
                if received > self.max_mb * 2**20:
                    raise self._too_large(url, received)
                total.update(part)
                stream.write(part)
        return total.hexdigest(), received

    def _path(self, url: str, response: httpx.Response) -> Path:
        version = [
            response.headers.get(name, "")
            for name in ("etag", "last-modified", "content-length")
        ]
        return self._folder(url) / f"{digest_of(version)[:16]}{_suffix(url)}"

    def _folder(self, url: str) -> Path:
        return self.folder / digest_of(url)[:32]

    def _with_digest(self, url: str, stated: str) -> Path | None:
        for path in sorted(self._folder(url).glob(f"*{_suffix(url)}")):
            if _recorded(path) == stated and _is_sound(path):
                return path
        return None

    def _too_large(self, url: str, size: int) -> InputError:
        return InputError(
            f"The file has {size / 2**20:.0f} MiB or more; {self.max_mb} are allowed.",
            zh=f"文件达 {size / 2**20:.0f} MiB，超过上限 {self.max_mb} MiB。"
            "如确需下载，请提高 max_asset_mb。",
            cure="Raise max_asset_mb in the region file, if that size is right.",
            file=url,
            value=size,
        )


def _require_success(url: str, response: httpx.Response) -> None:
    status = response.status_code
    if response.is_success:
        return
    if status in {408, 429} or status >= 500:
        raise ProviderUnavailableError(
            f"{host_of(url)} answers {status}.",
            zh=f"{host_of(url)} 返回 {status}。稍后将自动重试。",
            cure="It is tried again.",
            file=url,
            value=status,
        )
    raise InputError(
        f"The server answers {status} for this file.",
        zh=f"服务器对该文件返回 {status}。请核对地址与访问权限。",
        cure="Check the address in the catalogue, and the right to read it.",
        file=url,
        value=status,
    )


def _names_its_version(response: httpx.Response) -> bool:
    return "etag" in response.headers or "last-modified" in response.headers


def _length(response: httpx.Response) -> int | None:
    stated = response.headers.get("content-length", "")
    return int(stated) if stated.isdecimal() else None


def _suffix(url: str) -> str:
    return PurePosixPath(urlsplit(url).path).suffix.lower()


def _side(path: Path) -> Path:
    return path.with_name(path.name + ".json")


def _recorded(path: Path) -> str:
    try:
        return str(json.loads(_side(path).read_text(encoding="utf-8"))["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _is_sound(path: Path) -> bool:
    return path.is_file() and _recorded(path) == sha256_file(path)
