"""Pictures: what is one, what is left of it, and where it lies."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from kogge.backoffice import pictures
from kogge.backoffice.models import Product
from kogge.backoffice.refusal import Refusal
from kogge.merchants.models import Merchant
from tests.backoffice.shop import drawn, product


@pytest.fixture
def folder(settings: Any) -> Path:
    """Where this test's pictures lie."""
    return Path(settings.DATA_DIR) / "pictures"


@pytest.fixture
def tea(merchant: Merchant) -> Product:
    return product(merchant)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF"])
def test_every_usual_picture_becomes_a_large_and_a_small_one(tea: Product, form: str) -> None:
    pictures.store_picture(tea, drawn(form, (2400, 1600)))

    tea.refresh_from_db()
    large, small = _open(tea, tea.image), _open(tea, pictures.small_name(tea.image))
    assert (large.format, large.size) == ("WEBP", (1200, 800))
    assert (small.format, small.size) == ("WEBP", (160, 107))
    assert [_colour(large, (100, 400)), _colour(large, (1100, 400))] == ["red", "blue"]


def test_a_small_picture_is_not_blown_up(tea: Product) -> None:
    pictures.store_picture(tea, drawn(size=(40, 30)))

    assert _open(tea, tea.image).size == (40, 30)


def test_what_is_see_through_stays_so(tea: Product) -> None:
    file = io.BytesIO()
    Image.new("RGBA", (20, 20), (0, 0, 0, 0)).save(file, "PNG")

    pictures.store_picture(tea, file.getvalue())

    assert _open(tea, tea.image).convert("RGBA").getpixel((5, 5))[3] == 0  # type: ignore[index]


def test_a_photo_stands_upright_and_tells_neither_place_nor_camera(tea: Product) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    exif[0x010F] = "Kamera von Erika"
    photo = drawn("JPEG", (400, 200), exif=exif, comment=b"Beispielweg 7")

    pictures.store_picture(tea, photo)

    stored = _file(tea, tea.image).read_bytes()
    large = _open(tea, tea.image)
    assert large.size == (200, 400)
    assert [_colour(large, (100, 50)), _colour(large, (100, 350))] == ["red", "blue"]
    assert not large.getexif()
    assert b"Erika" not in stored
    assert b"Beispielweg" not in stored


@pytest.mark.parametrize(
    ("data", "part"),
    [
        (b"", "kein lesbares Bild"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "kein lesbares Bild"),
        (drawn("BMP"), "kein lesbares Bild"),
        (drawn("PNG")[:60], "kein lesbares Bild"),
        (drawn("GIF", (8000, 5001)), "mehr als 40 Millionen Bildpunkte"),
        (b"x" * (10 * 1024 * 1024 + 1), "größer als 10 MB"),
    ],
    ids=["empty", "svg", "bmp", "broken", "huge", "heavy"],
)
def test_what_is_no_picture_is_refused_and_the_one_before_stays(
    tea: Product, folder: Path, data: bytes, part: str
) -> None:
    pictures.store_picture(tea, drawn())
    before = sorted(folder.rglob("*.webp"))

    with pytest.raises(Refusal, match=part):
        pictures.store_picture(tea, data)

    assert len(before) == 2
    assert sorted(folder.rglob("*.webp")) == before


def test_a_picture_that_is_replaced_or_removed_is_gone(
    tea: Product, folder: Path, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        pictures.store_picture(tea, drawn())
        first = tea.image
        pictures.store_picture(tea, drawn())
    replaced = {path.name for path in folder.rglob("*.webp")}
    second = tea.image
    with django_capture_on_commit_callbacks(execute=True):
        pictures.remove_picture(tea)

    assert first != second
    assert replaced == {second, pictures.small_name(second)}
    assert list(folder.rglob("*.webp")) == []
    tea.refresh_from_db()
    assert tea.image == ""


@pytest.mark.parametrize("name", ["../../keys", "..", "a.webp", "kogge.sqlite3", "x" * 22 + ".webp/.."])
def test_only_pictures_are_found_by_name(tea: Product, name: str) -> None:
    assert pictures.picture_file(tea.merchant_id, name) is None


def test_a_picture_is_its_merchants_alone(tea: Product, other_merchant: Merchant) -> None:
    pictures.store_picture(tea, drawn())

    assert pictures.picture_file(other_merchant.pk, tea.image) is None


def _file(tea: Product, name: str) -> Path:
    path = pictures.picture_file(tea.merchant_id, name)
    assert path is not None
    return path


def _open(tea: Product, name: str) -> Image.Image:
    with Image.open(_file(tea, name)) as picture:
        picture.load()
        return picture


def _colour(picture: Image.Image, at: tuple[int, int]) -> str:
    red, _green, blue = picture.convert("RGB").getpixel(at)  # type: ignore[misc]
    return "red" if red > blue else "blue"
