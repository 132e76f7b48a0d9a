"""Importing jaxsample.study needs no package of the extra, and a missing package is named."""

import ast
import sys
from pathlib import Path

import pytest

from jaxsample.study import bleu, edit_distance, rouge_l, self_bleu

STUDY = Path(__file__).resolve().parents[2] / "jaxsample" / "study"
LIGHT = {*sys.stdlib_module_names, "jax", "numpy", "jaxsample"}


@pytest.mark.parametrize(
    "path", sorted(STUDY.rglob("*.py")), ids=lambda p: str(p.relative_to(STUDY))
)
def test_a_module_imports_heavy_packages_inside_functions(path):
    for node in ast.parse(path.read_text()).body:
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        assert {name.partition(".")[0] for name in names} <= LIGHT


CALLS = {
    "rouge_score": lambda: rouge_l(["a"], [["a"]]),
    "rapidfuzz": lambda: edit_distance("a", "b"),
    "sacrebleu": lambda: (self_bleu(["a", "b"]), bleu(["a"], [["a"]])),
}


@pytest.mark.parametrize("package", CALLS)
def test_a_missing_package_is_named_with_its_remedy(package, monkeypatch):
    for module in [package, *(name for name in sys.modules if name.startswith(package + "."))]:
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=rf"needs {package}: pip install 'jaxsample\[study\]'"):
        CALLS[package]()
