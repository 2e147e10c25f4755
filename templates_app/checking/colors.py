"""Colours of CSS, and how well one can be read on another (WCAG 2.2, section 1.4.3)."""

from __future__ import annotations

import re
from functools import lru_cache

Color = tuple[float, float, float]

WHITE: Color = (255.0, 255.0, 255.0)
BLACK: Color = (0.0, 0.0, 0.0)

_HEX = re.compile(r"#([0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8})$")
_RGB = re.compile(r"rgba?\(([^)]*)\)$")
_NUMBER = re.compile(r"(\d*\.?\d+)(%?)")
_NAMED = {
    "aqua": "00ffff",
    "black": "000000",
    "blue": "0000ff",
    "darkblue": "00008b",
    "darkgray": "a9a9a9",
    "darkgreen": "006400",
    "darkgrey": "a9a9a9",
    "darkred": "8b0000",
    "dimgray": "696969",
    "dimgrey": "696969",
    "fuchsia": "ff00ff",
    "gold": "ffd700",
    "gray": "808080",
    "green": "008000",
    "grey": "808080",
    "lightgray": "d3d3d3",
    "lightgrey": "d3d3d3",
    "lime": "00ff00",
    "magenta": "ff00ff",
    "maroon": "800000",
    "navy": "000080",
    "olive": "808000",
    "orange": "ffa500",
    "pink": "ffc0cb",
    "purple": "800080",
    "red": "ff0000",
    "silver": "c0c0c0",
    "teal": "008080",
    "tomato": "ff6347",
    "white": "ffffff",
    "whitesmoke": "f5f5f5",
    "yellow": "ffff00",
}


@lru_cache(maxsize=1024)
def color_of(text: str) -> Color | None:
    """Return an opaque colour; None for anything else, such as a transparent one."""
    word = text.strip().lower()
    word = f"#{_NAMED[word]}" if word in _NAMED else word
    match = _HEX.match(word)
    if match:
        digits = match[1]
        if len(digits) in (3, 4):
            digits = "".join(digit * 2 for digit in digits)
        if len(digits) == 8 and digits[6:] != "ff":
            return None
        red, green, blue = (float(int(digits[at : at + 2], 16)) for at in (0, 2, 4))
        return red, green, blue
    match = _RGB.match(word)
    if match is None:
        return None
    numbers = _NUMBER.findall(match[1])
    if len(numbers) == 4 and _share(*numbers[3]) < 1:
        return None
    if len(numbers) not in (3, 4):
        return None
    red, green, blue = (
        min(255.0, float(value) * (2.55 if percent else 1))
        for value, percent in numbers[:3]
    )
    return red, green, blue


def _share(value: str, percent: str) -> float:
    return float(value) / (100 if percent else 1)


def hex_of(color: Color) -> str:
    """Return a colour as ``#rrggbb``."""
    return "#" + "".join(f"{round(part):02x}" for part in color)


def ratio(one: Color, other: Color) -> float:
    """Return the contrast of two colours, from 1 to 21."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@lru_cache(maxsize=1024)
def _luminance(color: Color) -> float:
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in (each / 255 for each in color)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
