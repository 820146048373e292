"""What a model writes is a stranger's text: as HTML it can show something, and nothing else (R-SEC5, R-SEC6)."""

from html.parser import HTMLParser

import pytest

from chat import markdown

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "<style>body{display:none}</style>",
    "<iframe src=https://evil.example></iframe>",
    "<form action=https://evil.example><input name=password></form>",
    "text <b onclick=alert(1)>bold</b>",
    "<div\nonclick=alert(1)>\n\n</div>",
    "<!-- --><script>alert(1)</script>",
    "[press](javascript:alert(1))",
    "[press](JaVaScRiPt:alert(1))",
    "[press](java\nscript:alert(1))",
    "[press](&#106;avascript:alert(1))",
    "[press](\x01javascript:alert(1))",
    "[press](data:text/html;base64,PHNjcmlwdD4=)",
    "[press](vbscript:msgbox(1))",
    "[press](file:///etc/passwd)",
    "[press](/accounts/logout/)",
    "[press](//evil.example)",
    "[press]: javascript:alert(1)\n\n[press]",
    "<javascript:alert(1)>",
    "![x](https://evil.example/pixel.png)",
    "![x](data:image/svg+xml;base64,PHN2Zz4=)",
    '![x](https://evil.example/a.png "on" onerror=alert(1))',
    '![" onerror="alert(1)](https://evil.example/a.png)',
    "![x]: https://evil.example/a.png\n\n![x]",
    '```html" onclick="alert(1)\n<script>alert(1)</script>\n```',
    "`<script>alert(1)</script>`",
    "    <script>alert(1)</script>",
    '| a |\n|:-"onclick=alert(1)|\n| <script>alert(1)</script> |',
    '[x](https://ok.example "\\" onclick=alert(1)")',
    '[x](https://ok.example/"onclick=alert(1))',
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "# <script>alert(1)</script>",
]
TAGS = {"p", "br", "strong", "em", "s", "code", "pre", "a", "div", "span", "button", "table", "thead", "tbody", "tr"}
TAGS |= {"th", "td", "h3", "h4", "h5", "h6", "ul", "ol", "li", "blockquote", "hr"}
ATTRIBUTES = {
    "href",
    "rel",
    "target",
    "class",
    "type",
    "tabindex",
    "data-copy-code",
    "data-copy-label",
    "title",
    "start",
}


class Found(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags, self.attributes, self.addresses = set(), set(), []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.addresses += [value for name, value in attrs if name in ("href", "src")]


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_hostile_survives(text):
    found = Found(markdown.render(text))
    assert found.tags <= TAGS
    assert found.attributes <= ATTRIBUTES
    assert all(address.startswith(("https://ok.example", "https://evil.example")) for address in found.addresses)


def test_links_lead_away_without_a_word_about_where_from():
    html = markdown.render("[bees](https://bees.example)")
    assert html == '<p><a href="https://bees.example" rel="nofollow noreferrer noopener" target="_blank">bees</a></p>\n'


def test_a_picture_is_a_link_that_loads_nothing():
    html = markdown.render("![a bee](https://bees.example/bee.png)")
    assert "<img" not in html
    assert '<a href="https://bees.example/bee.png" rel="nofollow noreferrer noopener" target="_blank">a bee</a>' in html


def test_code_keeps_its_text_and_names_its_language():
    html = markdown.render("```python\nif a < b:\n    pass\n```")
    assert "<span>python</span>" in html
    assert "<code>if a &lt; b:\n    pass\n</code>" in html
    assert "data-copy-code" in html


def test_headings_leave_the_first_two_levels_to_the_page():
    assert markdown.render("# One") == "<h3>One</h3>\n"
    assert markdown.render("###### Six") == "<h6>Six</h6>\n"


def test_tables_need_no_inline_style():
    html = markdown.render("| a | b |\n|---|--:|\n| 1 | 2 |")
    assert "style" not in html
    assert '<td class="cell-right">2</td>' in html


@pytest.mark.parametrize(
    ("text", "finished"),
    [
        ("", ""),
        ("One paragraph", ""),
        ("One\n\nTwo", "One\n\n"),
        ("One\r\n\r\nTwo", "One\r\n\r\n"),
        ("- a\n- b", ""),
        ("- a\n- b\n\nThen", "- a\n- b\n\n"),
        ("Text\n\n```\ncode\n\nmore", "Text\n\n"),
        ("Text\n\n```\ncode\n```\n\nEnd", "Text\n\n```\ncode\n```\n\n"),
        ("A\u2028line\n\nB", "A\u2028line\n\n"),
    ],
)
def test_only_blocks_that_cannot_change_are_finished(text, finished):
    assert text[: markdown.finished(text)] == finished


@pytest.mark.parametrize("text", ["[" * 20_000, "*a" * 20_000, "> " * 5_000 + "a", "`" * 20_000, "<" * 20_000])
def test_hostile_shapes_take_no_time(text):
    import time

    before = time.perf_counter()
    markdown.render(text)
    assert time.perf_counter() - before < 5
