"""Reading OpenMM State files that may come from anywhere.

OpenMM's XmlSerializer makes whatever object a file names, and a System that holds a `PythonForce`
holds a pickle, which runs code when it is read. So a file is parsed here first, and OpenMM gets a
copy written anew from what is known to belong to a State: nothing else reaches it.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import openmm

from openmm_thermalnet.errors import InputError

_VECTOR = ("x", "y", "z")
_BOX: dict[str, Any] = {name: (_VECTOR, {}) for name in "ABC"}

# Element: the attributes it may have (None: any name), and the elements it may hold.
_CONTENT: dict[str, Any] = {
    "PeriodicBoxVectors": ((), _BOX),
    "Parameters": (None, {}),
    "Positions": ((), {"Position": (_VECTOR, {})}),
    "Velocities": ((), {"Velocity": (_VECTOR, {})}),
    "IntegratorParameters": (
        ("version",),
        {"Chain": ((), {"Bead": (("position", "velocity"), {})})},
    ),
}
_ROOT = ("openmmVersion", "stepCount", "time", "type", "version")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_VERSION = re.compile(r"[0-9A-Za-z.+-]{1,40}")
_REAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_COUNT = re.compile(r"[0-9]{1,18}")  # what fits into 64 bits


class _Builder(ElementTree.TreeBuilder):
    """Elements of a document without a document type, hence without entities of its own."""

    def doctype(self, name: str, public: str | None, system: str | None) -> None:
        """Refuse it."""
        raise ValueError("it declares a document type")


def read_state(path: Path) -> openmm.State:
    """State of a file that OpenMM's XmlSerializer wrote.

    Parameters
    ----------
    path : Path
        With positions, velocities, and perhaps parameters and integrator parameters of a Context.

    Returns
    -------
    openmm.State

    Raises
    ------
    InputError
        If the file cannot be read, or holds anything but a State with finite numbers, or lacks
        positions or velocities. Nothing of it has then reached OpenMM.
    """
    try:
        parser = ElementTree.XMLParser(target=_Builder())
        root = ElementTree.fromstring(path.read_bytes(), parser)
        if root.tag != "State" or root.get("type") != "State":
            raise ValueError(f"it holds a {root.get('type') or root.tag!r}")
        _check_root(root)
        return openmm.XmlSerializer.deserialize(ElementTree.tostring(root, encoding="unicode"))
    except (
        OSError,
        ValueError,
        LookupError,  # of an encoding
        ElementTree.ParseError,
        openmm.OpenMMException,
    ) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{path} is no State that can be used: {reason}") from error


def _check_root(root: ElementTree.Element) -> None:
    """Refuse what does not belong to a State."""
    if sorted(root.attrib) != sorted(_ROOT):
        raise ValueError(f"its attributes are {', '.join(sorted(root.attrib))}")
    if not _VERSION.fullmatch(root.attrib["openmmVersion"]):
        raise ValueError("its openmmVersion is none")
    _check_number("time", root.attrib["time"])
    for name in ("stepCount", "version"):
        if not _COUNT.fullmatch(root.attrib[name]):
            raise ValueError(f"{name} is {root.attrib[name]!r}")
    _check_children(root, _CONTENT)
    names = [child.tag for child in root]
    if len(names) != len(set(names)):
        raise ValueError("it has two elements of one name")
    for needed in ("Positions", "Velocities"):
        if needed not in names:
            raise ValueError(f"it has no {needed}")


def _check_children(element: ElementTree.Element, known: dict[str, Any]) -> None:
    """Refuse unknown elements and attributes, text, and what is not a finite number."""
    _check_blank(element.tag, element.text)
    for child in element:
        if child.tag not in known:
            raise ValueError(f"it has an element {child.tag!r} in {element.tag!r}")
        attributes, content = known[child.tag]
        if attributes is not None and set(child.attrib) - set(attributes):
            raise ValueError(f"the attributes of a {child.tag!r} are {', '.join(child.attrib)}")
        for name, value in child.attrib.items():
            if not _NAME.fullmatch(name) or name == "type":
                raise ValueError(f"a {child.tag!r} has an attribute {name!r}")
            _check_number(name, value)
        _check_blank(child.tag, child.tail)
        _check_children(child, content)


def _check_blank(where: str, text: str | None) -> None:
    if text is not None and text.strip():
        raise ValueError(f"there is text in {where!r}")


def _check_number(name: str, value: str) -> None:
    # Python's float takes more than OpenMM does, which reads 1 where Python reads 1_0.
    if not (_REAL.fullmatch(value) and math.isfinite(float(value))):
        raise ValueError(f"{name} is {value!r}")
