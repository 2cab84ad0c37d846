"""XML as a list of elements, read by expat, which fetches nothing; what could grow or nest without end is refused."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NoReturn
from xml.parsers import expat

from percpu_fuzz.engine.errors import InputError

DEPTH_MAX = 256
ELEMENTS_MAX = 300_000


@dataclass(slots=True)
class Element:
    """An element: its attributes, its text, and the elements in it."""

    tag: str
    attributes: dict[str, str]
    children: list[Element] = field(default_factory=list)
    text: str = ""


class _Builder:
    def __init__(self, where: str) -> None:
        self.where = where
        self.open: list[Element] = [Element("", {})]
        self.texts: list[list[str]] = [[]]  # of the open elements, in pieces: what stands between their children
        self.count = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self.count += 1
        if len(self.open) > DEPTH_MAX or self.count > ELEMENTS_MAX:
            raise InputError(
                self.where, "XML nested too deep or too long", f"{DEPTH_MAX} levels, {ELEMENTS_MAX} elements"
            )
        element = Element(tag, attributes)
        self.open[-1].children.append(element)
        self.open.append(element)
        self.texts.append([])

    def end(self, _tag: str) -> None:
        self.open.pop().text = "".join(self.texts.pop())

    def data(self, text: str) -> None:
        self.texts[-1].append(text)

    def refuse_entity(self, *_given: object) -> NoReturn:
        raise InputError(self.where, "a DOCTYPE that declares entities", "XML without entities of its own")


def parse_xml(data: bytes, where: str) -> Element:
    """The root element of a document in UTF-8, UTF-16 or ISO-8859-1. A DOCTYPE may name a DTD, which is not read.

    Raises InputError for what is not well-formed, declares entities, or exceeds the limits.
    """
    parser = expat.ParserCreate()
    builder = _Builder(where)
    parser.buffer_text = True
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    parser.EntityDeclHandler = builder.refuse_entity
    parser.UnparsedEntityDeclHandler = builder.refuse_entity
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise InputError(where, f"malformed XML ({error})", "well-formed XML") from None
    except (LookupError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(where, f"an encoding that is not known ({error})", "UTF-8") from None
    return builder.open[0].children[0]
