import pytest

from tests.scene_files import Catalogue


@pytest.fixture
def catalogue(tmp_path):
    folder = tmp_path / "catalogue"
    folder.mkdir()
    return Catalogue(folder)
