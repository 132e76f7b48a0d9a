"""The reference: every public name is on a page of it, with a docstring and an example."""

import ast
import doctest
import importlib
import inspect
import re
from pathlib import Path

import pytest

from tests.doors import DOORS, LOOPS

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "docs" / "api").glob("*.md"))
ENTRY = re.compile(r"\.\. (?:auto[a-z]+|py:data):: (\S+)\n((?:[ ].*\n|\n)*)")


def public(module):
    """Return `__all__`, or else the functions and classes that a module defines or re-exports."""
    if hasattr(module, "__all__"):
        return list(module.__all__)
    names = []
    for node in ast.parse(Path(module.__file__).read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.append(node.name)
        elif isinstance(node, ast.ImportFrom):
            names += [alias.name for alias in node.names if alias.asname == alias.name]
    return [name for name in names if not name.startswith("_")]


def listed():
    """The full names that the pages of the reference show, each with what is written under it."""
    for page in PAGES:
        for block in page.read_text().split(".. currentmodule:: ")[1:]:
            module = block.split()[0]
            yield from ((f"{module}.{name}", words) for name, words in ENTRY.findall(block))


PUBLIC = [(module, name) for module in DOORS for name in public(importlib.import_module(module))]


@pytest.mark.parametrize("module", DOORS)
def test_every_public_name_is_in_the_reference_once(module):
    shown = [name for name, _ in listed()]
    names = [f"{module}.{name}" for name in public(importlib.import_module(module))]
    assert {name: shown.count(name) for name in names} == dict.fromkeys(names, 1)


@pytest.mark.parametrize(("module", "name"), PUBLIC)
def test_every_public_name_has_a_docstring_and_an_example(module, name):
    thing = getattr(importlib.import_module(module), name)
    if inspect.isclass(thing) or inspect.isroutine(thing):
        text = thing.__doc__ or ""
        assert text and not text.startswith(f"{name}("), "Python's own docstring at best"
    else:  # a constant has no docstring of its own; its example is on the page
        text = dict(listed())[f"{module}.{name}"]
    assert doctest.DocTestParser().get_examples(text)


@pytest.mark.parametrize("module", LOOPS)
def test_modules_for_other_libraries_are_in_the_reference(module):
    """They are read, not imported: their libraries are not installed everywhere."""
    tree = ast.parse((ROOT / module.replace(".", "/")).with_suffix(".py").read_text())
    defined = [n for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef)]
    things = {n.name: ast.get_docstring(n) for n in defined if not n.name.startswith("_")}
    shown = [name for name, _ in listed()]
    assert things and all(shown.count(f"{module}.{name}") == 1 for name in things)
    assert all(doctest.DocTestParser().get_examples(text or "") for text in things.values())
