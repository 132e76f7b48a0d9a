"""Pictures, read back."""

from html.parser import HTMLParser
from xml.etree import ElementTree

NAMESPACE = "{http://www.w3.org/2000/svg}"


def read(picture):
    """The root of a picture's SVG, which must be whole XML."""
    return ElementTree.fromstring(picture.svg())


def texts(node):
    return [element.text or "" for element in node.iter(f"{NAMESPACE}text")]


def all_of(node, tag):
    return list(node.iter(f"{NAMESPACE}{tag}"))


class Spans(HTMLParser):
    """Elements of HTML, each with its attributes and the text directly in it; all are closed."""

    def __init__(self, source):
        super().__init__()
        self.found, self.open = [], []
        self.feed(source)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.open.append({"tag": tag, **dict(attrs), "text": ""})
        self.found.append(self.open[-1])

    def handle_endtag(self, tag):
        assert self.open.pop()["tag"] == tag

    def handle_data(self, data):
        self.open[-1]["text"] += data
