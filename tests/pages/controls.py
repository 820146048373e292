"""What a browser would send: the successful controls of a form in an HTML page."""

from html.parser import HTMLParser


class Controls(HTMLParser):
    """Collects `(name, value)` of the form `form_id`; what is in a <template> is not part of the form.

    <noscript> counts, as for a browser without scripts: it is the case with more controls.
    """

    def __init__(self, html: str, form_id: str) -> None:
        super().__init__()
        self.form_id, self.pairs = form_id, []
        self.inside, self.templates = False, 0
        self.select, self.first, self.chosen = "", None, None
        self.textarea, self.text = "", ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag == "form":
            self.inside = given.get("id") == self.form_id
        self.templates += tag == "template"
        if self.templates or not self.inside:
            return
        name = given.get("name", "")
        if tag == "input" and name:
            self._input(name, given)
        elif tag == "select":
            self.select, self.first, self.chosen = name, None, None
        elif tag == "option":
            value = given.get("value", "")
            self.first = value if self.first is None else self.first
            self.chosen = value if "selected" in given else self.chosen
        elif tag == "textarea":
            self.textarea, self.text = name, ""

    def _input(self, name, given):
        kind = given.get("type", "text")
        if kind in ("checkbox", "radio") and "checked" not in given:
            return
        if kind not in ("submit", "file"):
            self.pairs.append((name, given.get("value", "")))

    def handle_data(self, data):
        if self.textarea:
            self.text += data

    def handle_endtag(self, tag):
        self.templates -= tag == "template"
        if tag == "form":
            self.inside = False
        elif tag == "select" and self.select:
            self.pairs.append((self.select, self.first or "" if self.chosen is None else self.chosen))
            self.select = ""
        elif tag == "textarea" and self.textarea:
            # A browser drops the newline that follows the opening tag.
            self.pairs.append((self.textarea, self.text.removeprefix("\n")))
            self.textarea = ""


def of_form(response, form_id: str = "input-form") -> dict[str, list[str]]:
    """The data of a form as it would be posted, without its CSRF token."""
    data: dict[str, list[str]] = {}
    for name, value in Controls(response.content.decode(), form_id).pairs:
        data.setdefault(name, []).append(value)
    data.pop("csrfmiddlewaretoken", None)
    return data
