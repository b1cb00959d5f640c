"""Pictures within RTF: PNG and JPEG as they are; all others are passed on."""

from __future__ import annotations

import binascii
import io
import warnings

from PIL import Image

from archive.normalise.contract import PassedOn
from archive.normalise.rtfread.model import Look, Picture
from archive.normalise.rtfread.words import named

_MOST_PIXELS = 40_000_000
_WITHOUT_EFFECT = frozenset(("bliptag", "blipupi", "picscaled", "defshp", "pngblip", "jpegblip"))
_CROPS = frozenset(("piccropl", "piccropr", "piccropt", "piccropb"))
_ORIENTATION = 0x0112
_FORMATS = {"PNG": "png", "JPEG": "jpg"}


class PictureSource:
    """A `\\pict` as it is read."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._kind = ""
        self._parts: list[bytes] = []
        self._binary = b""

    def word(self, name: str, number: int | None) -> None:
        """A control word within it."""
        if name in ("pngblip", "jpegblip"):
            self._kind = name
        elif name in ("picw", "pich", "picwgoal", "pichgoal", "picscalex", "picscaley"):
            self._numbers[name] = number or 0
        elif name not in _WITHOUT_EFFECT and not (name in _CROPS and number == 0):
            raise PassedOn(named(name))

    def hexadecimal(self, data: bytes) -> None:
        """Its bytes as digits."""
        self._parts.append(data)

    def binary(self, data: bytes) -> None:
        """Its bytes as they are (`\\bin`)."""
        self._binary += data

    def made(self, look: Look) -> Picture:
        """The picture. Raises PassedOn where it is none that is proven, or broken."""
        digits = b"".join(self._parts).replace(b" ", b"")
        if bool(digits) == bool(self._binary):
            raise PassedOn("a picture without bytes")
        try:
            data = binascii.unhexlify(digits) if digits else self._binary
        except (ValueError, binascii.Error):
            raise PassedOn("a picture whose bytes are not hexadecimal") from None
        width, height = (self._side(f"pic{side}goal", f"picscale{axis}") for side, axis in (("w", "x"), ("h", "y")))
        return Picture(data, _checked(data), width, height, look)

    def _side(self, goal: str, scale: str) -> int:
        length = self._numbers.get(goal, 0) * self._numbers.get(scale, 100) // 100
        if not self._kind or not 20 <= length <= 31_680:
            raise PassedOn("a picture of a kind or size that is not proven")
        return length


def _checked(data: bytes) -> str:
    """What kind of picture it is, after decoding it."""
    try:
        with warnings.catch_warnings(), Image.open(io.BytesIO(data), formats=list(_FORMATS)) as image:
            warnings.simplefilter("ignore")
            if image.width * image.height > _MOST_PIXELS or getattr(image, "n_frames", 1) != 1:
                raise PassedOn("a picture that is too large")
            if image.format == "JPEG" and image.mode not in ("L", "RGB"):
                raise PassedOn("a JPEG that is not in grey or RGB")
            if image.getexif().get(_ORIENTATION, 1) != 1:
                raise PassedOn("a picture that is turned")
            kind = _FORMATS[image.format or ""]
            image.load()
            return kind
    except PassedOn:
        raise
    except Exception:
        raise PassedOn("a broken picture") from None
