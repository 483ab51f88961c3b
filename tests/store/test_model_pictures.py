import numpy as np
import pytest

from store.fonts import chinese_font
from store.model_pictures import PICTURES, ModelPictures, draw_model


@pytest.fixture
def pictures():
    generator = np.random.default_rng(0)
    observed = generator.uniform(20, 300, 50)
    x, y = generator.uniform(0, 9000, (2, 50))
    return ModelPictures(
        target="agb_t_ha",
        unit="t/ha",
        headline="RMSE 20",
        headline_zh="分块验证 RMSE 20",
        observed=observed,
        predicted=observed + generator.normal(0, 20, 50),
        sd=np.full(50, 20.0),
        x=x,
        y=y,
        distance_m=np.array([500.0, 1500.0]),
        semivariance=np.array([200.0, 400.0]),
        fitted=np.array([[0.0, 100.0], [3000.0, 400.0]]),
        importance={f"f{i}": float(i) for i in range(40)},
        upper_valid_limit=250.0,
    )


def test_four_pictures_the_same_every_time(pictures, tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        assert draw_model(tmp_path / name, pictures) == list(PICTURES)
    for name in PICTURES:
        content = (tmp_path / "a" / name).read_bytes()
        assert content.startswith(b"\x89PNG")
        assert content == (tmp_path / "b" / name).read_bytes()


def test_without_a_chinese_font_they_are_english(pictures, tmp_path, monkeypatch):
    monkeypatch.setattr("store.model_pictures.chinese_font", lambda: None)
    draw_model(tmp_path, pictures)  # a missing glyph would be a warning, an error here
    assert chinese_font is not None
