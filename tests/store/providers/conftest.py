import pytest

from store.lockdown import lock_down


@pytest.fixture(scope="session", autouse=True)
def _locked_down():
    lock_down()


@pytest.fixture
def catalogue(tmp_path):
    from tests.scene_files import Catalogue

    folder = tmp_path / "catalogue"
    folder.mkdir()
    return Catalogue(folder)
