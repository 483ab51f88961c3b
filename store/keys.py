"""Same inputs, same name: a layer's key is computed from what it is made of."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Self

CODE_FOLDERS = ("geo", "models", "store")
"""Code that can change a product's bytes; part of every key."""


def canonical_json(content: object) -> str:
    """Return one text for equal content: sorted keys, no spaces, no NaN."""
    return json.dumps(
        content,
        ensure_ascii=False,
        sort_keys=True,
        separators=(",", ":"),
        allow_nan=False,
    )


def digest_of(content: object) -> str:
    """Return the SHA-256 of ``content`` as canonical JSON."""
    return hashlib.sha256(canonical_json(content).encode()).hexdigest()


@cache
def code_digest() -> str:
    """Return the SHA-256 over the source of ``CODE_FOLDERS``."""
    root = Path(__file__).parent.parent
    total = hashlib.sha256()
    for folder in CODE_FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in {".py", ".html", ".j2", ".css"}:
                total.update(path.relative_to(root).as_posix().encode())
                total.update(path.read_bytes().replace(b"\r\n", b"\n"))
    return total.hexdigest()


@dataclass(frozen=True, slots=True, order=True)
class LayerKey:
    """What a layer is (name, region, tile, period) and what it is made from (digest).

    ``tile`` is ``all`` for things that are not rasters.
    """

    layer: str
    region: str
    tile: str
    period: str
    digest: str

    @classmethod
    def of(
        cls,
        layer: str,
        *,
        region: str,
        period: str,
        tile: str = "all",
        inputs: Mapping[str, object],
        settings: Mapping[str, object],
    ) -> Self:
        """Compute the key from the digests of the inputs and the settings used."""
        digest = digest_of(
            {
                "layer": layer,
                "region": region,
                "tile": tile,
                "period": period,
                "inputs": inputs,
                "settings": settings,
                "code": code_digest(),
            }
        )
        return cls(layer, region, tile, period, digest)

    @property
    def folder(self) -> str:
        """Where it lies below the store's root."""
        return "/".join(
            (self.region, self.layer, self.period, f"{self.tile}-{self.digest[:16]}")
        )

    def __str__(self) -> str:
        return f"{self.layer}/{self.region}/{self.tile}/{self.period}"
