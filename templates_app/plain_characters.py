"""What an SMS can say instead of a character that its short alphabet lacks."""

from __future__ import annotations

import unicodedata

from templates_app.rendering.sms import segments

_INSTEAD = {
    # Quotation marks, dashes, blanks, and what is not seen at all.
    **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u00b4", "'"),
    **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb", '"'),
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"),
    **dict.fromkeys("\u00a0\u2009\u202f\u2002\u2003\t", " "),
    **dict.fromkeys("\u200b\u200c\u200d\ufeff\u00ad\u2060", ""),
    "`": "'",
    "\u2026": "...",
    "\u2022": "-",
    "\u00b7": ".",
    "\u00d7": "x",
    "\u00a9": "(c)",
    "\u00ae": "(R)",
    "\u2122": "(TM)",
    "\u0142": "l",
    "\u0141": "L",
    "\u0111": "d",
    "\u0110": "D",
    "\u0131": "i",
    "\u0153": "oe",
    "\u0152": "OE",
}


def plain_form(character: str) -> str | None:
    """Return what GSM 03.38 can say instead; None if there is nothing like it."""
    if character in _INSTEAD:
        return _INSTEAD[character]
    parts = unicodedata.normalize("NFKD", character)
    letters = "".join(each for each in parts if not unicodedata.combining(each))
    is_plain = letters and not segments(letters).guilty
    return letters if is_plain and letters != character else None
