"""Reading pages in tests: structure, ids, links, and what a strict content policy would refuse."""

from __future__ import annotations

from html.parser import HTMLParser

VOID = {"area", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"}
ADDRESSES = {"href", "src", "action"}


class Page(HTMLParser):
    """One parsed page; ``faults`` lists everything that is wrong with its markup."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.faults: list[str] = []
        self.ids: set[str] = set()
        self.addresses: list[str] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(html)
        self.close()
        if self._open:
            self.faults.append(f"never closed: {self._open}")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.elements.append((tag, values))
        if len(values) != len(attrs):
            self.faults.append(f"attribute given twice on {tag}")
        if tag not in VOID:
            self._open.append(tag)
        if "id" in values:
            if values["id"] in self.ids:
                self.faults.append(f"id {values['id']!r} occurs twice")
            self.ids.add(values["id"])
        if "style" in values:
            self.faults.append(f"inline style on {tag}")
        self.faults += [f"{name} on {tag}" for name in values if name.startswith("on")]
        if tag == "style":
            self.faults.append("inline style sheet")
        if tag == "script" and "src" not in values and values.get("type") != "application/json":
            self.faults.append("inline script")
        if tag == "img" and "alt" not in values:
            self.faults.append(f"no alt on {values.get('src')}")
        self.addresses += [values[name] for name in ADDRESSES if name in values]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        if not self._open or self._open[-1] != tag:
            self.faults.append(f"</{tag}> closes {self._open[-1:] or 'nothing'}")
            if tag in self._open:
                while self._open.pop() != tag:
                    pass
        else:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        if self._open[-1:] != ["script"]:
            self.text += data

    def having(self, name: str) -> list[dict[str, str]]:
        """Attributes of all elements that carry this attribute."""
        return [values for _, values in self.elements if name in values]

    def of_class(self, css: str) -> list[dict[str, str]]:
        """Attributes of all elements of a CSS class."""
        return [v for _, v in self.elements if css in v.get("class", "").split()]

    def words(self) -> str:
        """The text with single spaces, thin and unbreakable ones included."""
        return " ".join(self.text.split())
