"""Colours computed from those that an author chose, so that words stay readable.

Contrast as WCAG 2.2 defines it (relative luminance of sRGB).
"""

from __future__ import annotations

Rgb = tuple[int, int, int]

READABLE = 4.5  # WCAG 2.2, success criterion 1.4.3
_STEPS = 20


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours such as ``#0f6d57``, from 1 to 21."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def mixed(one: str, other: str, share: float) -> str:
    """Return a colour between two; `share` of the other, from 0 to 1."""
    pairs = zip(_rgb(one), _rgb(other), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


def readable(color: str, *, on: str) -> str:
    """Return the colour, moved towards white or black until it reads on another."""
    goal = best_on(on)
    steps = (mixed(color, goal, step / _STEPS) for step in range(_STEPS))
    return next((each for each in steps if contrast(each, on) >= READABLE), goal)


def muted(color: str, *, on: str) -> str:
    """Return the palest colour on the way to `on` that still reads on it."""
    steps = (mixed(color, on, step / _STEPS) for step in range(_STEPS // 2, -1, -1))
    found = (each for each in steps if contrast(each, on) >= READABLE)
    return next(found, readable(color, on=on))


def best_on(background: str) -> str:
    """Return white or black, whichever reads better."""
    white = contrast("#ffffff", background)
    return "#ffffff" if white >= contrast("#000000", background) else "#000000"


def _rgb(color: str) -> Rgb:
    digits = color.removeprefix("#")
    if len(digits) == 3:
        digits = "".join(digit * 2 for digit in digits)
    return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)


def _luminance(color: str) -> float:
    red, green, blue = (_linear(value / 255) for value in _rgb(color))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
