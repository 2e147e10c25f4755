"""The elements of MJML 4: where each may stand, and the attributes it has.

https://documentation.mjml.io lists them; only what our compiler knows is here.
"""

from __future__ import annotations

_PADDING = (
    "padding padding-top padding-right padding-bottom padding-left "
    "container-background-color"
)
_FONT = (
    "color font-family font-size font-style font-weight letter-spacing line-height "
    "text-decoration text-transform"
)
_BACKGROUND = (
    "background-color background-url background-repeat background-size "
    "background-position background-position-x background-position-y"
)
_INNER_BORDER = (
    "inner-border inner-border-top inner-border-right inner-border-bottom "
    "inner-border-left inner-border-radius inner-background-color"
)
_BORDER = "border border-top border-right border-bottom border-left border-radius"
_LINK = "href rel target title name"
_ICON = (
    "icon-align icon-height icon-position icon-width icon-wrapped-alt "
    "icon-wrapped-url icon-unwrapped-alt icon-unwrapped-url"
)
_HAMBURGER = (
    "ico-align ico-close ico-color ico-font-family ico-font-size ico-line-height "
    "ico-open ico-padding ico-padding-bottom ico-padding-left ico-padding-right "
    "ico-padding-top ico-text-decoration ico-text-transform"
)
_SOCIAL = (
    "border-radius icon-height icon-padding icon-size text-padding color font-family "
    "font-size font-style font-weight line-height text-decoration"
)

# What every element of the body may have.
GLOBAL = frozenset({"css-class", "mj-class"})

_IN_COLUMN = frozenset({"mj-column", "mj-hero"})
_IN_BODY = frozenset({"mj-body", "mj-wrapper"})

# Element: the elements it may stand in, and its attributes.
_TABLE: dict[str, tuple[frozenset[str], str]] = {
    "mjml": (frozenset(), "lang dir owa"),
    "mj-head": (frozenset({"mjml"}), ""),
    "mj-body": (frozenset({"mjml"}), "background-color width lang dir"),
    "mj-attributes": (frozenset({"mj-head"}), ""),
    "mj-all": (frozenset({"mj-attributes"}), "*"),
    "mj-class": (frozenset({"mj-attributes"}), "*"),
    "mj-breakpoint": (frozenset({"mj-head"}), "width"),
    "mj-font": (frozenset({"mj-head"}), "name href"),
    "mj-preview": (frozenset({"mj-head"}), ""),
    "mj-style": (frozenset({"mj-head"}), "inline"),
    "mj-title": (frozenset({"mj-head"}), ""),
    "mj-raw": (
        frozenset(
            {
                *("mjml", "mj-head", "mj-body", "mj-wrapper", "mj-section", "mj-group"),
                *("mj-column", "mj-hero", "mj-accordion", "mj-accordion-element"),
                *("mj-navbar", "mj-social"),
            }
        ),
        "position",
    ),
    "mj-wrapper": (
        frozenset({"mj-body"}),
        f"{_BACKGROUND} {_BORDER} {_PADDING} full-width text-align direction gap",
    ),
    "mj-section": (
        _IN_BODY,
        f"{_BACKGROUND} {_BORDER} {_PADDING} full-width text-align direction",
    ),
    "mj-hero": (
        _IN_BODY,
        f"{_PADDING} background-color background-height background-position "
        "background-url background-width border-radius height mode vertical-align "
        "width inner-background-color inner-padding inner-padding-top "
        "inner-padding-right inner-padding-bottom inner-padding-left align",
    ),
    "mj-group": (
        frozenset({"mj-section"}),
        "background-color direction vertical-align width",
    ),
    "mj-column": (
        frozenset({"mj-section", "mj-group"}),
        f"{_BORDER} {_INNER_BORDER} {_PADDING} background-color direction "
        "vertical-align width",
    ),
    "mj-text": (_IN_COLUMN, f"{_FONT} {_PADDING} align height background-color"),
    "mj-button": (
        _IN_COLUMN,
        f"{_FONT} {_PADDING} {_BORDER} {_LINK} align background-color height "
        "inner-padding text-align vertical-align width",
    ),
    "mj-image": (
        _IN_COLUMN,
        f"{_PADDING} {_BORDER} {_LINK} align alt fluid-on-mobile font-size height "
        "max-height sizes src srcset usemap width",
    ),
    "mj-divider": (
        _IN_COLUMN,
        f"{_PADDING} align border-color border-style border-width width",
    ),
    "mj-spacer": (_IN_COLUMN, f"{_PADDING} height"),
    "mj-table": (
        _IN_COLUMN,
        f"{_PADDING} align border cellpadding cellspacing color font-family font-size "
        "line-height role table-layout vertical-align width",
    ),
    "mj-accordion": (
        _IN_COLUMN,
        f"{_PADDING} {_ICON} border font-family",
    ),
    "mj-accordion-element": (
        frozenset({"mj-accordion"}),
        f"{_ICON} background-color border font-family",
    ),
    "mj-accordion-title": (
        frozenset({"mj-accordion-element"}),
        f"{_FONT} {_PADDING} background-color",
    ),
    "mj-accordion-text": (
        frozenset({"mj-accordion-element"}),
        f"{_FONT} {_PADDING} background-color",
    ),
    "mj-carousel": (
        _IN_COLUMN,
        f"{_PADDING} align border-radius icon-width left-icon right-icon tb-border "
        "tb-border-radius tb-hover-border-color tb-selected-border-color tb-width "
        "thumbnails",
    ),
    "mj-carousel-image": (
        frozenset({"mj-carousel"}),
        "alt border-radius href rel src target tb-border tb-border-radius "
        "thumbnails-src title",
    ),
    "mj-navbar": (
        _IN_COLUMN,
        f"{_PADDING} {_HAMBURGER} align base-url hamburger",
    ),
    "mj-navbar-link": (
        frozenset({"mj-navbar"}),
        f"{_FONT} {_PADDING} {_LINK}",
    ),
    "mj-social": (
        _IN_COLUMN,
        f"{_PADDING} {_SOCIAL} align inner-padding mode table-layout text-mode",
    ),
    "mj-social-element": (
        frozenset({"mj-social"}),
        f"{_PADDING} {_SOCIAL} align alt background-color href icon-position name rel "
        "sizes src srcset target title vertical-align",
    ),
}

ELEMENTS = frozenset(_TABLE)
PARENTS = {name: parents for name, (parents, _) in _TABLE.items()}
ATTRIBUTES = {
    name: None if words == "*" else frozenset(words.split()) | GLOBAL
    for name, (_, words) in _TABLE.items()
}

# Elements that hold other elements only: HTML and text have no place in them.
STRUCTURE = frozenset(
    {
        *("mjml", "mj-head", "mj-body", "mj-attributes", "mj-wrapper", "mj-section"),
        *("mj-group", "mj-column", "mj-hero", "mj-accordion", "mj-accordion-element"),
        *("mj-carousel", "mj-navbar", "mj-social"),
    }
)

VOID = frozenset(
    {
        *("area", "base", "br", "col", "embed", "hr", "img", "input", "link"),
        *("meta", "source", "track", "wbr"),
    }
)
