"""The last look at a rendered email: no address in it may start anything but a visit.

Autoescape makes a value harmless as text, not as a link. Every attribute that holds an
address, and every url() of a style, is read as a browser reads it. A plain search for
the names, and no parser: this runs for every message.
"""

from __future__ import annotations

import html as entities
import re

from templates_app.rendering.errors import RenderError

_ALLOWED = frozenset({"http", "https", "mailto", "tel", "sms", "cid"})
# What is searched for; the attribute's name may be longer (xlink:href, srcset).
_NAMES = (
    "href",
    "src",
    "action",
    "background",
    "poster",
    "cite",
    "longdesc",
    "data",
    "ping",
)
ADDRESS_ATTRIBUTES = frozenset(
    {
        *("href", "xlink:href", "src", "srcset", "lowsrc", "dynsrc", "action"),
        *("formaction", "background", "poster", "cite", "longdesc", "data", "ping"),
    }
)
_NAME_BEFORE = re.compile(r"[\w:.-]*\Z")
_REST = re.compile(r"[\w:.-]*\s*=\s*")
INVISIBLE = re.compile(r"[\x00-\x20\x7f-\xa0\u200b-\u200f\u2028-\u202e\u2060\ufeff]+")
_SCHEME = re.compile(r"([^/?#:]*):")
URL = re.compile(r"""url\(\s*(?:"([^"]*)"|'([^']*)'|([^)]*))""", re.IGNORECASE)
_ESCAPE = re.compile(r"\\([0-9a-f]{1,6})\s?|\\(.)", re.IGNORECASE)
_CSS = re.compile(
    r"""<style\b[^>]*>(.*?)</style|\bstyle\s*=\s*(?:"([^"]*)"|'([^']*)')""",
    re.IGNORECASE | re.DOTALL,
)
QUOTED = re.compile(r""""[^"]*"|'[^']*'""")
_LONGEST_NAME = 12


def check_urls(html: str, *, part: str = "html") -> None:
    """Raise RenderError unless every address is http, https, mailto, tel or cid.

    `data:image/…` is allowed as the source of an image. An address without a scheme is
    harmless, and so is a masked one.
    """
    lowered = _lowered(html)
    for name in _NAMES:
        start = lowered.find(name)
        while start >= 0:
            end = start + len(name)
            following = lowered[end : end + 1]
            if following in "= \t\r\n\f" or following.isalpha():
                _check_attribute(html, lowered, start, part=part)
            start = lowered.find(name, end)
    if "url(" in lowered:
        _check_styles(lowered, html, part=part)
    if "\\" in html or "/*" in html:
        _check_hidden_styles(html, part=part)


def _lowered(html: str) -> str:
    """Return HTML with A to Z as small letters, each letter at its index.

    So are the two other letters whose small form is one of a to z. Python's own lower()
    takes ten times as long for text beyond ASCII.
    """
    if html.isascii():
        return html.lower()
    plain = html.replace("\u0130", "i").replace("\u212a", "k")
    return (
        plain.encode("utf-8", "surrogatepass").lower().decode("utf-8", "surrogatepass")
    )


def _check_attribute(html: str, lowered: str, start: int, *, part: str) -> None:
    rest = _REST.match(lowered, start)
    if rest is None:
        return
    before = _NAME_BEFORE.search(lowered, max(0, start - _LONGEST_NAME), start)
    name_start = before.start() if before else start
    name = lowered[name_start : rest.end()].partition("=")[0].strip()
    if name not in ADDRESS_ATTRIBUTES:
        return
    begin = rest.end()
    quote = html[begin : begin + 1]
    if quote in {'"', "'"}:
        end = html.find(quote, begin + 1)
        value = html[begin + 1 : end if end >= 0 else len(html)]
    elif _is_in_tag(html, name_start):
        value = re.split(r"[\s>]", html[begin : begin + 4096], maxsplit=1)[0]
    else:
        return
    if name == "srcset":
        for candidate in value.split(","):
            check_address(candidate, part=part, name=name)
    else:
        check_address(value, part=part, name=name)


def _is_in_tag(html: str, position: int) -> bool:
    """Return whether an unquoted name stands in a tag and not in a quoted value."""
    opening = html.rfind("<", 0, position)
    if opening < 0:
        return False
    before = QUOTED.sub("", html[opening:position])
    return ">" not in before and '"' not in before and "'" not in before


def _check_styles(lowered: str, html: str, *, part: str) -> None:
    start = lowered.find("url(")
    while start >= 0:
        match = URL.match(html, start)
        if match:
            value = next((group for group in match.groups() if group is not None), "")
            check_address(value, part=part, name="url()")
        start = lowered.find("url(", start + 4)


def _check_hidden_styles(html: str, *, part: str) -> None:
    """Check styles whose url() is written with escapes or comments."""
    for match in _CSS.finditer(html):
        css = match.group(1) or match.group(2) or match.group(3) or ""
        plain = css if match.group(1) else entities.unescape(css)
        plain = re.sub(r"/\*.*?\*/", "", plain, flags=re.DOTALL)
        plain = _ESCAPE.sub(_unescaped, plain)
        if plain != css:
            _check_styles(plain.lower(), plain, part=part)


def _unescaped(match: re.Match[str]) -> str:
    if match.group(1):
        code = int(match.group(1), 16)
        return chr(code) if 0 < code < 0x110000 else "\ufffd"
    return match.group(2)


def check_address(value: str, *, part: str, name: str) -> None:
    if value.startswith(("https:", "http:")):  # most are: no need to look closer
        return
    if ":" not in value and "&" not in value:
        return
    address = INVISIBLE.sub("", entities.unescape(value)).strip("'\"")
    match = _SCHEME.match(address)
    if match is None:
        return
    scheme = match.group(1).lower()
    if scheme in _ALLOWED:
        return
    is_picture = name in {"src", "srcset", "background", "url()"}
    if scheme == "data" and is_picture and address[5:11].lower() == "image/":
        return
    raise RenderError(
        f"the address in {name} begins with {scheme[:30] + ':'!r}; only http, https, "
        "mailto, tel and cid are allowed",
        code="unsafe_url",
        part=part,
    )
