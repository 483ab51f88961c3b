"""A font that has Chinese characters, wherever the machine keeps one."""

from collections.abc import Iterable
from pathlib import Path

from store.record import Attention

FOLDERS: tuple[Path, ...] = (
    Path("/usr/share/fonts"),
    Path("/usr/local/share/fonts"),
    Path.home() / ".local/share/fonts",
    Path.home() / ".fonts",
    Path("/System/Library/Fonts"),
    Path("/Library/Fonts"),
    Path("C:/Windows/Fonts"),
)

FILES: tuple[str, ...] = (
    "NotoSansCJK-Regular.ttc",
    "NotoSansCJKsc-Regular.otf",
    "NotoSansSC-Regular.otf",
    "SourceHanSansSC-Regular.otf",
    "SourceHanSans-Regular.ttc",
    "SourceHanSansCN-Regular.otf",
    "wqy-microhei.ttc",
    "wqy-zenhei.ttc",
    "msyh.ttc",
    "simhei.ttf",
    "PingFang.ttc",
)
"""File names, in any case, in the order of preference."""


def chinese_font(folders: Iterable[Path] = FOLDERS) -> Path | None:
    """Return the preferred Chinese font below ``folders``, or None if there is none.

    The same files give the same answer whatever order the disk lists them in.
    """
    found: dict[str, Path] = {}
    for folder in folders:
        if folder.is_dir():
            for path in sorted(folder.rglob("*.*")):
                found.setdefault(path.name.lower(), path)
    wanted = (name.lower() for name in FILES)
    return next((found[name] for name in wanted if name in found), None)


def missing_font(folders: Iterable[Path] = FOLDERS) -> Attention | None:
    """Return the warning that pictures are in English only, or None if they are not."""
    if chinese_font(folders) is not None:
        return None
    return Attention(
        subject="fonts",
        code="font.missing",
        message="No Chinese font was found: the maps are labelled in English only.",
        message_zh="未找到中文字体，地图仅有英文标注；请安装一种中文字体。",
        cure="Install one, such as fonts-noto-cjk or fonts-wqy-microhei.",
    )
