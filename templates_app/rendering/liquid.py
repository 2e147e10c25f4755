"""Liquid, closed: parse a template, render it, and say in plain words what is wrong.

Two environments: HTML escapes every value, plain text none. Both have the same closed
lists of tags and filters, no access to anything but plain data, and limits on work.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any, Self

from liquid import Environment
from liquid.ast import Node
from liquid.builtin import content, illegal
from liquid.builtin.tags import (
    assign_tag,
    capture_tag,
    comment_tag,
    doc_tag,
    for_tag,
    inline_comment_tag,
)
from liquid.exceptions import (
    LiquidError,
    LiquidInterrupt,
    LiquidSyntaxError,
    ResourceLimitError,
    UndefinedError,
    UnknownFilterError,
)
from liquid.template import BoundTemplate
from liquid.token import TOKEN_TAG
from liquid.undefined import FalsyStrictUndefined

from templates_app.rendering import filters
from templates_app.rendering.compiled import Compiled, compiled
from templates_app.rendering.compiled.addresses import is_encodable
from templates_app.rendering.errors import RenderError, error_at
from templates_app.rendering.formatting import Formats
from templates_app.rendering.nodes import OWN_TAGS, BadValueError, prepare
from templates_app.rendering.runtime import (
    MAX_ITERATIONS,
    MAX_OUTPUT,
    CountedBuffer,
    RunContext,
)
from templates_app.rendering.scanning import check_closed, check_places

logger = logging.getLogger(__name__)

MAX_SOURCE = 400_000

_BLOCKS = frozenset({"if", "unless", "case", "for", "capture", "comment"})
_LIBRARY_TAGS = (
    content.Literal,
    illegal.Illegal,
    assign_tag.AssignTag,
    capture_tag.CaptureTag,
    comment_tag.CommentTag,
    doc_tag.DocTag,
    for_tag.BreakTag,
    for_tag.ContinueTag,
    inline_comment_tag.InlineCommentTag,
)


class ClosedEnvironment(Environment):
    """Liquid with our tags and filters, strict about names, limited in work."""

    block_nesting_limit = 30
    context_depth_limit = 40
    loop_iteration_limit = MAX_ITERATIONS
    local_namespace_limit = 2_000_000
    output_stream_limit = MAX_OUTPUT

    def __init__(self, *, html: bool) -> None:
        super().__init__(
            undefined=FalsyStrictUndefined, strict_filters=True, autoescape=html
        )

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        """Register the closed lists; `extra` is never wanted."""
        for tag in (*_LIBRARY_TAGS, *OWN_TAGS):
            self.add_tag(tag)
        self.filters = filters.build(self)


_HTML = ClosedEnvironment(html=True)
_PLAIN = ClosedEnvironment(html=False)
FILTER_NAMES = frozenset(_PLAIN.filters)


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed template of one part of a message."""

    source: str
    part: str
    bound: BoundTemplate
    _functions: list[Compiled | None] = field(
        default_factory=list, repr=False, compare=False
    )

    @property
    def nodes(self) -> list[Node]:
        """The parse tree, for the contract check."""
        return self.bound.nodes

    @property
    def function(self) -> Compiled | None:
        """What renders it as long as nothing goes wrong, once it is prepared."""
        return self._functions[0] if self._functions else None

    @property
    def fixed(self) -> str | None:
        """The text of a template that holds no Liquid; None for any other."""
        nodes = self.bound.nodes
        if not all(isinstance(node, content.ContentNode) for node in nodes):
            return None
        return _encodable("".join(str(node) for node in nodes))

    def prepare(self) -> Self:
        """Make the function that renders it, for a template that is used again."""
        if not self._functions:
            html = self.bound.env.autoescape
            self._functions.append(
                compiled(self.bound.nodes, html=html, name=self.part)
            )
        return self

    def render(self, variables: Mapping[str, Any], formats: Formats) -> str:
        """Return the text for one delivery; raise RenderError with the place."""
        return self.rendered(variables, formats)[0]

    def rendered(
        self, variables: Mapping[str, Any], formats: Formats
    ) -> tuple[str, bool]:
        """Return the text, and whether its addresses are known to be harmless."""
        function = self.function
        if function is not None:
            try:
                text, is_harmless = function.render(variables, formats)
            except Exception as error:  # python-liquid says which
                logger.debug("%s is rendered again: %r", self.part, error)
            else:
                return (text if is_harmless else _encodable(text)), is_harmless
        return self.interpreted(variables, formats), False

    def interpreted(self, variables: Mapping[str, Any], formats: Formats) -> str:
        """Return the text as python-liquid renders it; raise RenderError."""
        context = RunContext(self.bound, variables=variables, formats=formats)
        buffer = CountedBuffer(context)
        node: Node | None = None
        try:
            for node in self.bound.nodes:
                node.render_to_output(context, buffer)
        except (LiquidError, LiquidInterrupt) as error:
            raise self._explained(error, node) from error
        except (TypeError, ValueError, ArithmeticError, RecursionError) as error:
            raise self._explained(
                LiquidError(f"this cannot be computed: {error}", token=None), node
            ) from error
        return _encodable(buffer.getvalue())

    def _explained(
        self, error: LiquidError | LiquidInterrupt, node: Node | None
    ) -> RenderError:
        token = getattr(error, "token", None) or (node.token if node else None)
        offset = token.start_index if token else 0
        message = str(getattr(error, "message", None) or error)
        path = ""
        code = "bad_value"
        if isinstance(error, UndefinedError):
            code, path = "undefined_variable", message
            message = f"{path} is not in this event's data"
        elif isinstance(error, ResourceLimitError):
            code = "render_limit"
        elif isinstance(error, LiquidInterrupt):
            code, message = "syntax_error", f"{{% {error} %}} stands outside of a loop"
        elif isinstance(error, BadValueError):
            path = error.path
        return error_at(
            self.source, offset, message, code=code, part=self.part, path=path
        )


def _encodable(text: str) -> str:
    """Return the text with lone surrogates, which no channel can carry, replaced."""
    if is_encodable(text):
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def parse(source: str, *, html: bool, part: str) -> Template:
    """Return the template of a source; the same source is parsed once.

    Raises RenderError with line and column for a syntax error, an unclosed block, an
    unknown tag or filter, and, in HTML, a value where it cannot be made safe.
    """
    return _parse(source, html, part)


@lru_cache(maxsize=512)
def _parse(source: str, html: bool, part: str) -> Template:
    if len(source) > MAX_SOURCE:
        raise RenderError(
            f"the template is longer than {MAX_SOURCE:,} characters",
            code="too_long",
            part=part,
        )
    check_closed(source, part=part)
    env = _HTML if html else _PLAIN
    try:
        bound = env.from_string(source)
        for node in bound.nodes:
            prepare(node, env=env)
    except (LiquidError, RecursionError) as error:
        _check_blocks(source, env, part=part)
        raise _parse_error(source, error, part=part) from error
    if html:
        check_places(source, part=part)
    return Template(source, part, bound)


def _parse_error(source: str, error: Exception, *, part: str) -> RenderError:
    token = getattr(error, "token", None)
    offset = token.start_index if token and token.start_index >= 0 else len(source)
    message = str(getattr(error, "message", None) or error)
    code = "syntax_error"
    if isinstance(error, UnknownFilterError):
        code = "unknown_filter"
    elif message.startswith("unexpected tag"):
        name = message.split("'")[1]
        if name.startswith("end") or name in {"else", "elsif", "when"}:
            message = f"{{% {name} %}} has no beginning"
        else:
            code, message = "unknown_tag", f"there is no tag {{% {name} %}}"
    elif isinstance(error, ResourceLimitError):
        code, message = "render_limit", "blocks are nested too deep"
    elif isinstance(error, RecursionError) or "unexpected liquid parsing" in message:
        message = "this is nested too deep to be read"
    return error_at(source, offset, message, code=code, part=part)


def _check_blocks(source: str, env: Environment, *, part: str) -> None:
    """Raise for the block that is not closed, or closed in the wrong order."""
    opened: list[tuple[str, int]] = []
    fail: Callable[..., RenderError] = partial(
        error_at, source, code="syntax_error", part=part
    )
    try:
        tags = [t for t in env.tokenizer()(source) if t.kind == TOKEN_TAG]
    except LiquidSyntaxError:
        return  # a token is not closed: the parser's own error has its place
    for tag in tags:
        name = tag.value
        if name in _BLOCKS:
            opened.append((name, tag.start_index))
        elif name.startswith("end") and name[3:] in _BLOCKS:
            if opened and opened[-1][0] == name[3:]:
                opened.pop()
            elif not opened:
                raise fail(tag.start_index, f"{{% {name} %}} has no beginning")
            else:
                last, start = opened[-1]
                raise fail(start, f"{{% {last} %}} is not closed before {{% {name} %}}")
    if opened:
        name, start = opened[-1]
        raise fail(
            start, f"{{% {name} %}} is never closed: {{% end{name} %}} is missing"
        )
