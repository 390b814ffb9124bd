"""Pictures of products: checked, drawn anew without their metadata, kept in the data directory.

A picture is two files with a name nobody can guess: as large as a page shows it, and a thumbnail.
They lie in a folder of their merchant, so a name of one merchant leads nowhere for another.
"""

from __future__ import annotations

import io
import re
import secrets
import warnings
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _
from PIL import Image, ImageOps

from kogge.backoffice.models import Product
from kogge.backoffice.refusal import Refusal

FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
MOST_BYTES = 10 * 1024 * 1024
MOST_PIXELS = 40_000_000
LARGE, SMALL = 1200, 160  # pixels of the longer side
QUALITY = 82

_NAME = re.compile(r"[A-Za-z0-9_-]{22}(-small)?\.webp")
# What a file that is no picture, or a broken one, raises while it is read.
_UNREADABLE = (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError)


def store_picture(product: Product, data: bytes) -> None:
    """Make this the picture of the product; the one before is removed. Raises `Refusal`."""
    picture = _read(data)
    name = f"{secrets.token_urlsafe(16)}.webp"
    _write(product, name, picture, LARGE)
    _write(product, small_name(name), picture, SMALL)
    _exchange(product, name)


def remove_picture(product: Product) -> None:
    """Take the picture away."""
    _exchange(product, "")


def small_name(name: str) -> str:
    """The file name of a picture's thumbnail."""
    return name.removesuffix(".webp") + "-small.webp"


def picture_file(merchant_id: int, name: str) -> Path | None:
    """The file of a picture of this merchant; None if there is none of that name."""
    if not _NAME.fullmatch(name):
        return None
    path = _folder(merchant_id) / name
    return path if path.is_file() else None


def _read(data: bytes) -> Image.Image:
    """The picture upright and without whatever else was in the file. Raises `Refusal`."""
    if len(data) > MOST_BYTES:
        raise Refusal(_("Das Bild ist größer als 10 MB."))
    try:
        with warnings.catch_warnings(), Image.open(io.BytesIO(data), formats=FORMATS) as found:
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # we look ourselves
            if found.width * found.height > MOST_PIXELS:
                raise Refusal(_("Das Bild hat mehr als 40 Millionen Bildpunkte."))
            found.draft("RGB", (LARGE, LARGE))  # a JPEG decodes at the size that is needed
            upright = ImageOps.exif_transpose(found)
            return upright.convert("RGBA" if upright.has_transparency_data else "RGB")
    except _UNREADABLE:
        raise Refusal(_("Das ist kein lesbares Bild. Möglich sind JPEG, PNG, WebP und GIF.")) from None


def _write(product: Product, name: str, picture: Image.Image, side: int) -> None:
    """Pixels only: a fresh picture has none of the place and camera that the file told."""
    sized = picture.copy()
    sized.thumbnail((side, side))
    bare = Image.new(sized.mode, sized.size)
    bare.paste(sized)
    folder = _folder(product.merchant_id)
    folder.mkdir(parents=True, exist_ok=True)
    bare.save(folder / name, "WEBP", quality=QUALITY)


def _exchange(product: Product, name: str) -> None:
    """The files of the picture before go when it is certain that nobody shows them any more."""
    with transaction.atomic():
        known = Product.objects.of_id(product.merchant_id).select_for_update().get(pk=product.pk)
        before = known.image
        product.image = known.image = name
        known.save(update_fields=["image"])
        if before:
            transaction.on_commit(lambda: _delete(product.merchant_id, before))


def _delete(merchant_id: int, name: str) -> None:
    for each in (name, small_name(name)):
        (_folder(merchant_id) / each).unlink(missing_ok=True)


def _folder(merchant_id: int) -> Path:
    return Path(settings.DATA_DIR) / "pictures" / str(merchant_id)
