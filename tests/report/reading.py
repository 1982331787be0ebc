"""A page as a browser reads it: elements, not characters."""

from __future__ import annotations

import json
from html.parser import HTMLParser

VOID = {"meta", "br", "hr", "img", "input", "link", "wbr"}


class Page(HTMLParser):
    """What stands on a page.

    Attributes:
        elements: name and attributes of every one, in order.
        headings: level and text, in order.
        data: what the figures are drawn from, by the name of each.
        scripts: how many scripts run.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.headings: list[tuple[int, str]] = []
        self.data: dict[str, dict] = {}
        self.scripts = 0
        self._texts: dict[str, list[str]] = {}
        self._open: list[tuple[str, str | None]] = []
        self._continues = False  # a word that may be broken here
        self.feed(text)
        self.close()
        assert not self._open, "an element is not closed"

    def text(self, section: str) -> str:
        """What people read in the element of that id, with single spaces."""
        return " ".join(" ".join(self._texts[section]).split())

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.elements.append((tag, attributes))
        self._continues = tag == "wbr"
        if tag in VOID:
            return
        self._open.append((tag, attributes.get("id")))
        if attributes.get("id"):
            assert attributes["id"] not in self._texts, f"two elements have the id {attributes['id']}"
            self._texts[attributes["id"]] = []
        if tag == "script" and attributes.get("type") != "application/json":
            self.scripts += 1
        if len(tag) == 2 and tag[0] == "h" and tag[1].isdigit():
            self.headings.append((int(tag[1]), ""))

    def handle_endtag(self, tag):
        opened, _ = self._open.pop()
        assert opened == tag, f"</{tag}> closes <{opened}>"

    def handle_data(self, data):
        tags = [tag for tag, _ in self._open]
        if "script" in tags or "style" in tags:
            name = self._open[-1][1] or ""
            if name.startswith("data-"):
                self.data[name.removeprefix("data-")] = json.loads(data)
            return
        for id in [id for _, id in self._open if id]:
            if self._continues and self._texts[id]:
                self._texts[id][-1] += data
            else:
                self._texts[id].append(data)
        self._continues = False
        if self.headings and self._open and self._open[-1][0] == f"h{self.headings[-1][0]}":
            level, text = self.headings[-1]
            self.headings[-1] = (level, text + data)
