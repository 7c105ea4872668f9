"""State files: what OpenMM wrote is read, and nothing else reaches OpenMM."""

import itertools
import pickle
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import openmm
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openmm_thermalnet.errors import InputError
from openmm_thermalnet.integrators import NAMES, create_integrator
from openmm_thermalnet.portable import read_state


class Intruder:
    """A force's function whose pickle makes a file when it is read."""

    def __init__(self, marker):
        self._marker = marker

    def __call__(self, state):
        return 0.0, np.zeros((2, 3))

    def __reduce__(self):
        return Path.touch, (self._marker,)


def context(name):
    """A Context that was moved a little."""
    system = openmm.System()
    for _ in range(2):
        system.addParticle(1.0)
    force = openmm.CustomExternalForce("k*(x*x+y*y)")
    force.addGlobalParameter("k", 1.5)
    force.addParticle(0)
    system.addForce(force)
    thermostat = create_integrator(name, kT=0.1, friction=0.1)
    if thermostat.force is not None:
        system.addForce(thermostat.force)
    made = openmm.Context(
        system, thermostat.integrator, openmm.Platform.getPlatformByName("Reference")
    )
    made.setPositions(np.ones((2, 3)))
    thermostat.integrator.step(3)
    return made, thermostat


def state_text(made):
    state = made.getState(
        positions=True, velocities=True, parameters=True, integratorParameters=True
    )
    return openmm.XmlSerializer.serialize(state)


@pytest.mark.parametrize("name", NAMES)
def test_a_state_is_read_as_openmm_reads_it(tmp_path, name):
    made, thermostat = context(name)
    text = state_text(made)
    (tmp_path / "state.xml").write_text(text)
    read = read_state(tmp_path / "state.xml")
    assert openmm.XmlSerializer.serialize(read) == text
    thermostat.integrator.step(2)
    made.setState(read)
    assert state_text(made) == text


def intruding(marker):
    """A System, and a force of one, that touch a file when OpenMM reads them."""
    system = openmm.System()
    system.addParticle(1.0)
    system.addForce(openmm.PythonForce(Intruder(marker)))
    return [openmm.XmlSerializer.serialize(each) for each in (system, system.getForce(0))]


def test_the_intruder_is_one(tmp_path):
    """OpenMM runs it: what the next tests show would be nothing otherwise."""
    for number, text in enumerate(intruding(tmp_path / "marker")):
        openmm.XmlSerializer.deserialize(text)
        assert (tmp_path / "marker").exists(), number
        (tmp_path / "marker").unlink()


def test_what_is_no_state_is_refused_before_openmm_sees_it(tmp_path, refused):
    path, marker = tmp_path / "state.xml", tmp_path / "marker"
    state = state_text(context("verlet")[0])
    for text in intruding(marker):
        body = text.split("?>", 1)[1].strip()
        renamed = body.replace("<System", "<State").replace("</System>", "</State>")
        inside = state.replace("</State>", f"{body}</State>")
        entity = f"<!DOCTYPE State [<!ENTITY e '{body}'>]>"
        for attack in (
            text,
            renamed,
            inside,
            state + body,
            body + state,
            f"<!-- <State type='State'/> -->{text}",
            state.replace("<State", f"{entity}<State", 1).replace("</State>", "&e;</State>"),
        ):
            path.write_text(attack)
            refused(lambda: read_state(path), str(path))
            path.write_bytes(attack.encode("utf-16"))
            refused(lambda: read_state(path), str(path))
    assert not marker.exists()


@pytest.mark.parametrize(
    "change",
    [
        ("</State>", "text</State>"),
        ("</State>", "<Positions/></State>"),
        ("</State>", "<Forces/></State>"),
        ("<Positions>", "<Positions type='System'>"),
        ("k=", "type="),
        ('k="1.5"', 'k="nan"'),
        ('k="1.5"', 'k="1e999"'),
        ('k="1.5"', 'k="import os"'),
        ("<State ", "<State extra='1' "),
        ('version="1"', 'version="one"'),
        ('version="1"', 'version="1.5"'),
        ('k="1.5"', 'k="1_5"'),
        ('k="1.5"', 'k=" 1.5"'),
        ('k="1.5"', 'k=""'),
        ('stepCount="3"', f'stepCount="{2**63}"'),
        ('stepCount="3"', 'stepCount="1_0"'),
        ('stepCount="3"', 'stepCount="-1"'),
    ],
)
def test_what_does_not_belong_to_a_state_is_refused(tmp_path, refused, change):
    text = state_text(context("verlet")[0])
    assert change[0] in text
    (tmp_path / "state.xml").write_text(text.replace(*change))
    refused(lambda: read_state(tmp_path / "state.xml"), str(tmp_path / "state.xml"))


@pytest.mark.parametrize("part", ["Positions", "Velocities"])
def test_a_state_without_positions_or_velocities_is_refused(tmp_path, refused, part):
    """OpenMM would go on with those that the Context has."""
    text = re.sub(f"<{part}>.*</{part}>", "", state_text(context("verlet")[0]), flags=re.S)
    (tmp_path / "state.xml").write_text(text)
    refused(lambda: read_state(tmp_path / "state.xml"), f"it has no {part}")


@pytest.mark.parametrize("encoding", ["none-such", "rot13", "hex", "zip", "utf-7", "utf-32"])
def test_a_file_in_an_encoding_that_cannot_be_read_is_refused(tmp_path, refused, encoding):
    text = state_text(context("verlet")[0]).replace("?>", f'encoding="{encoding}"?>', 1)
    (tmp_path / "state.xml").write_text(text)
    refused(lambda: read_state(tmp_path / "state.xml"), str(tmp_path / "state.xml"))


def test_entities_that_grow_without_end_and_elements_without_end_are_refused(tmp_path, refused):
    names = "abcdefghi"
    entities = '<!ENTITY a "aaaaaaaaaa">' + "".join(
        f'<!ENTITY {name} "{f"&{before};" * 10}">' for before, name in itertools.pairwise(names)
    )
    for text in (
        f'<!DOCTYPE State [{entities}]><State type="State">&i;</State>',
        '<State type="State">' * 100_000 + "</State>" * 100_000,
        STATE.replace("</State>", "<A>" * 100_000 + "</A>" * 100_000 + "</State>"),
    ):
        (tmp_path / "state.xml").write_text(text)
        refused(lambda: read_state(tmp_path / "state.xml"), str(tmp_path / "state.xml"))


def test_a_file_that_is_not_there_is_refused(tmp_path, refused):
    refused(lambda: read_state(tmp_path / "state.xml"), "state.xml")
    refused(lambda: read_state(tmp_path), str(tmp_path))


STATE = state_text(context("nose-hoover")[0])


@given(st.data())
def test_a_state_damaged_anywhere_is_a_state_or_refused(tmp_path_factory, data):
    """Bytes changed, cut or put in: never anything but a State, never another error."""
    content = bytearray(STATE.encode())
    for _ in range(data.draw(st.integers(1, 3))):
        where = data.draw(st.integers(0, len(content) - 1))
        piece = data.draw(st.sampled_from([b"", b"<", b">", b"&lt;", b'"', b"type=", b"\0", b"9"]))
        length = data.draw(st.integers(0, 3))
        content[where : where + length] = piece
    path = tmp_path_factory.getbasetemp() / "damaged.xml"
    path.write_bytes(bytes(content))
    said = ""
    try:
        assert isinstance(read_state(path), openmm.State)
    except InputError as error:
        said = str(error)
    assert not said or (str(path) in said and "\n" not in said)


@given(st.recursive(st.sampled_from(["State", "System", "Force", "Positions"]), st.lists))
def test_trees_of_other_elements_are_refused(tmp_path_factory, tree):
    def element(node, depth=0):
        made = ElementTree.Element(node if isinstance(node, str) else "State", type="State")
        if depth:
            made.set("type", "PythonForce")
            made.set("callable", pickle.dumps(1).hex())
        if not isinstance(node, str):
            made.extend([element(child, depth + 1) for child in node])
        return made

    path = tmp_path_factory.getbasetemp() / "tree.xml"
    path.write_bytes(ElementTree.tostring(element(tree)))
    with pytest.raises(InputError, match=r"tree\.xml"):
        read_state(path)
