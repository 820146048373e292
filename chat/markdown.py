"""Answers as HTML. What a model writes is a stranger's text: nothing in it can run, load or pose as ours.

Raw HTML stays text, links lead only to web and mail addresses, and pictures become links, for a remote picture would
tell its host who reads the conversation and when.
"""

import functools
import re
from collections.abc import Sequence
from typing import Any

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.token import Token

_LINK = re.compile(r"(?:https?://|mailto:)", re.IGNORECASE)
_NEWLINE = re.compile(r"\r\n?|\n")
_LANGUAGE = re.compile(r"[\w+#.-]{1,30}")
# A page has its own first two levels of headings.
_HEADINGS_DOWN = 2


def _links_safely(url: str) -> bool:
    return bool(_LINK.match(url.strip()))


def _link_open(self: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    token = tokens[index]
    token.attrSet("rel", "nofollow noreferrer noopener")
    token.attrSet("target", "_blank")
    return str(self.renderToken(tokens, index, options, env))


def _image(self: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    token = tokens[index]
    words = self.renderInlineAsText(token.children or [], options, env) or "picture"
    address = escape(str(token.attrGet("src") or ""))
    return f'<a href="{address}" rel="nofollow noreferrer noopener" target="_blank">{escape(words)}</a>'


def _code(self: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    token = tokens[index]
    language = _LANGUAGE.match(token.info.strip())
    return (
        f'<div class="code-block"><div class="code-head"><span>{escape(language[0] if language else "code")}</span>'
        '<button type="button" class="btn btn-sm" data-copy-code><span data-copy-label>Copy</span></button></div>'
        f'<pre tabindex="0"><code>{escape(token.content)}</code></pre></div>\n'
    )


def _heading(self: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    level = min(6, int(tokens[index].tag[1:]) + _HEADINGS_DOWN)
    slash = "/" if tokens[index].nesting < 0 else ""
    return f"<{slash}h{level}>" + ("\n" if slash else "")


def _table_open(self: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    return '<div class="table-scroll" tabindex="0"><table>\n'


def _table_close(self: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    return "</table></div>\n"


def _cell(self: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    # How a column is aligned comes as a style attribute, which the policy forbids.
    aligned = re.search(r"left|center|right", str(tokens[index].attrGet("style") or ""))
    kind = f' class="cell-{aligned[0]}"' if aligned else ""
    return f"<{tokens[index].tag}{kind}>"


@functools.cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable(["table", "strikethrough"])
    parser.validateLink = _links_safely  # type: ignore[method-assign]
    rules = {
        "link_open": _link_open,
        "image": _image,
        "fence": _code,
        "code_block": _code,
        "heading_open": _heading,
        "heading_close": _heading,
        "table_open": _table_open,
        "table_close": _table_close,
        "th_open": _cell,
        "td_open": _cell,
    }
    for name, rule in rules.items():
        parser.add_render_rule(name, rule)
    return parser


@functools.lru_cache(maxsize=512)
def render(text: str) -> SafeString:
    """The whole answer as HTML."""
    return mark_safe(_parser().render(text))  # noqa: S308  (the parser escapes all but its own tags)


def finished(text: str) -> int:
    """How many characters of an answer that is still being written belong to blocks that can no longer change.

    A block (paragraph, list, code, table) is finished when another one has begun after it.
    """
    starts = [token.map[0] for token in _parser().parse(text) if token.level == 0 and token.map and token.nesting >= 0]
    if len(starts) < 2:
        return 0
    return [line.end() for line in _NEWLINE.finditer(text)][starts[-1] - 1]
