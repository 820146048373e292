"""HTML from the files in pages/, with every value escaped unless it is HTML already."""

from functools import cache
from html import escape
from pathlib import Path
from string import Template

from starlette.responses import HTMLResponse

PAGES = Path(__file__).resolve().parent / "pages"


class Html(str):
    """A text that is HTML already."""


@cache
def _template(name: str) -> Template:
    return Template((PAGES / name).read_text(encoding="utf-8"))


def part(name: str, **values: object) -> Html:
    """Fill a file of pages/."""
    return Html(_template(name).substitute({key: _safe(value) for key, value in values.items()}))


def page(title: str, content: Html, layout: str = "one", status: int = 200) -> HTMLResponse:
    """A whole page."""
    headers = {"Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src data:"}
    return HTMLResponse(part("base.html", title=title, content=content, layout=layout), status, headers)


def rows(*cells: tuple[object, object], total: tuple[object, object] | None = None) -> Html:
    """Table rows of a name and a value; the total stands out."""
    body = [f"<tr><th>{_safe(name)}</th><td>{_safe(value)}</td></tr>" for name, value in cells]
    if total:
        body.append(f'<tr class="total"><th>{_safe(total[0])}</th><td>{_safe(total[1])}</td></tr>')
    return Html("\n".join(body))


def error(message: str) -> Html:
    """What went wrong, or nothing."""
    return Html(f'<p class="error" role="alert">{escape(message)}</p>' if message else "")


def button(action: str, words: str, **fields: str) -> Html:
    """A form that is one button."""
    hidden = "".join(
        f'<input type="hidden" name="{_safe(key)}" value="{_safe(value)}">' for key, value in fields.items()
    )
    return Html(f'<form method="post" action="{_safe(action)}">{hidden}<button>{_safe(words)}</button></form>')


def link(url: str, words: str) -> Html:
    """A link."""
    return Html(f'<a href="{_safe(url)}">{_safe(words)}</a>')


def _safe(value: object) -> str:
    return value if isinstance(value, Html) else escape(str(value))
