"""HTML fragments that arrive in a context, reduced to harmless formatting.

The only importer of bleach. bleach gets no more security fixes and is slow on long
input, so the input is capped and the result passes through nh3 with the same list.
"""

from __future__ import annotations

import re
from functools import lru_cache

import bleach
import nh3

MAX_CHARACTERS = 16_384

_TAGS = {"a", "b", "br", "em", "i", "li", "ol", "p", "span", "strong", "ul"}
_ATTRIBUTES = {"a": {"href", "title"}}
_PROTOCOLS = {"https", "http", "mailto"}
# What stands inside these is code, not words; bleach would keep it as text.
_DROPPED = {"script", "style", "title", "textarea", "noscript", "iframe"}

_TAG = re.compile(r"""(<[a-z/](?:[^>"]|"[^"]*")*>)""")

_CLEANER = bleach.sanitizer.Cleaner(
    tags=_TAGS,
    attributes={tag: sorted(names) for tag, names in _ATTRIBUTES.items()},
    protocols=_PROTOCOLS,
    strip=True,
    strip_comments=True,
)


@lru_cache(maxsize=256)
def sanitize_fragment(fragment: str) -> str:
    """Return the fragment with only paragraphs, lists, emphasis and safe links left.

    Raises ValueError when it is longer than 16,384 characters.
    """
    if len(fragment) > MAX_CHARACTERS:
        raise ValueError(
            f"rich text of {len(fragment):,} characters; "
            f"at most {MAX_CHARACTERS:,} are allowed"
        )
    without_code = nh3.clean(
        fragment,
        tags=_TAGS,
        clean_content_tags=_DROPPED,
        attributes=_ATTRIBUTES,
        url_schemes=_PROTOCOLS,
        link_rel=None,
    )
    clean = nh3.clean(
        _CLEANER.clean(without_code),
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        url_schemes=_PROTOCOLS,
        link_rel="noopener noreferrer",
    )
    # Quotes in the words become entities, so that no reader takes them for a tag's.
    return "".join(
        piece if index % 2 else piece.replace('"', "&#34;").replace("'", "&#39;")
        for index, piece in enumerate(_TAG.split(clean))
    )
