from geo.errors import InputError, RasterError, VectorError


def test_an_error_says_what_where_and_what_to_do():
    error = RasterError(
        "a.tif has no CRS.", zh="a.tif 缺少坐标系。", cure="Declare it.", file="a.tif"
    )
    assert str(error) == "a.tif has no CRS. [file: a.tif] Declare it."
    assert error.record() == {
        "code": "input.raster",
        "message": "a.tif has no CRS.",
        "message_zh": "a.tif 缺少坐标系。",
        "cure": "Declare it.",
        "file": "a.tif",
    }


def test_only_the_caller_knows_the_file():
    error = VectorError("Ring crosses itself.", item="7").at(file="p.gpkg")
    assert error.where == {"item": "7", "file": "p.gpkg"}


def test_an_error_survives_the_trip_between_processes():
    error = RasterError("Bad.", zh="坏。", cure="Mend it.", value=3)
    rebuild, arguments = error.__reduce__()
    twin = rebuild(*arguments)
    assert type(twin) is RasterError
    assert twin.record() == error.record()
    assert isinstance(twin, InputError)
