"""XMP that describes bytes of the file it came in: a gain map, a motion photo, a depth map.

Phones append such things to a photograph and name them in its XMP, with their length. A coloured
picture is another file, without them: what names them must go, or readers look for what is not
there. All other words stay. The XMP of ISO 16684-1, as RDF; namespaces are those of Adobe's gain
maps, Google's containers (Ultra HDR, motion photos, dynamic depth) and Apple's gain maps.
"""

from __future__ import annotations

from collections.abc import Iterator
from xml.dom.minidom import Attr, Document, Element, parseString
from xml.parsers.expat import ExpatError

from filmcolor.events import Notice

_GOOGLE = "http://ns.google.com/photos/"
_PARTS = {
    "http://ns.adobe.com/hdr-gain-map/1.0/": "gain map",
    "http://ns.apple.com/HDRGainMap/1.0/": "gain map",
    f"{_GOOGLE}1.0/depthmap/": "depth map",
    f"{_GOOGLE}dd/": "depth map",
    f"{_GOOGLE}1.0/image/": "original picture",
    f"{_GOOGLE}1.0/audio/": "sound",
}
"""Beginnings of namespaces, and what they describe."""
_CONTAINER = f"{_GOOGLE}1.0/container/"
_CAMERA = f"{_GOOGLE}1.0/camera/"  # of which only some names describe the file
_NOTE = "http://ns.adobe.com/xmp/note/"
_MOTION = ("MicroVideo", "MotionPhoto")
_SEMANTICS = {"GainMap": "gain map", "MotionPhoto": "motion photo", "Depth": "depth map"}
_XMLNS = "http://www.w3.org/2000/xmlns/"
_MARKS = tuple(space.encode() for space in (*_PARTS, _CONTAINER, _CAMERA, _NOTE))


def mended(xmp: bytes | None) -> tuple[bytes | None, Notice | None]:
    """XMP without what describes parts of the old file, and a word on that; as it is if it has
    nothing of the kind.
    """
    if xmp is None or not any(mark in xmp for mark in _MARKS):
        return xmp, None
    try:
        if b"<!DOCTYPE" in xmp:
            raise ValueError("entities")
        document = parseString(xmp.strip(b"\0 \r\n\t"))
        parts = _mend(document)
        kept = "".join(node.toxml() for node in document.childNodes).encode()
    except (ExpatError, ValueError, RecursionError):
        text = "its XMP describes parts of the old file and cannot be read: left out"
        return None, Notice(text, warning=True)
    if parts is None:
        return xmp, None
    if not parts:
        return kept, None
    text = f"left out: its {' and '.join(sorted(parts))}, which its XMP names no longer"
    return kept, Notice(text, warning=True)


def _mend(document: Document) -> set[str] | None:
    """Take out what describes parts of the file; the names of these, or None if there was none."""
    parts: set[str] = set()
    is_changed = False
    root = document.documentElement
    for node in [] if root is None else list(_nodes(root)):
        space, name = node.namespaceURI or "", node.localName or ""
        if space == _XMLNS:
            lost = any((node.nodeValue or "").startswith(each) for each in (*_PARTS, _CONTAINER))
        else:
            if space.startswith(_CONTAINER) and name == "Semantic":
                parts.update(filter(None, [_SEMANTICS.get(_text(node))]))
            lost = _describes_file(space, name)
            parts.update(what for each, what in _PARTS.items() if space.startswith(each))
            if space == _CAMERA and name.startswith(_MOTION):
                parts.add("motion photo")
        if lost:
            is_changed = True
            _remove(node)
    return parts if is_changed else None


def _describes_file(space: str, name: str) -> bool:
    if space.startswith((*_PARTS, _CONTAINER)):
        return True
    return (space == _CAMERA and name.startswith(_MOTION)) or (
        space == _NOTE and name == "HasExtendedXMP"
    )


def _nodes(element: Element) -> Iterator[Element | Attr]:
    """An element, its attributes, and those within it."""
    yield element
    yield from element.attributes.values()
    for child in element.childNodes:
        if isinstance(child, Element):
            yield from _nodes(child)


def _text(node: Element | Attr) -> str:
    if isinstance(node, Attr):
        return node.value
    return "".join(each.nodeValue or "" for each in node.childNodes)


def _remove(node: Element | Attr) -> None:
    if isinstance(node, Element):
        if node.parentNode is not None:
            node.parentNode.removeChild(node)
    elif isinstance(node.ownerElement, Element):
        node.ownerElement.removeAttributeNode(node)
