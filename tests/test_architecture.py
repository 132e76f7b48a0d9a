"""The floors of the house: who may import whom."""

import ast
import inspect
from pathlib import Path

import pytest

import jaxsample
from jaxsample import learn

ROOT = Path(__file__).resolve().parent.parent
FLOORS = {
    "kernels": 0,
    "transforms": 1,
    "decode": 2,
    "interop": 2,
    "learn": 3,
    "study": 4,
    "cli": 5,
}
LIBRARY = sorted((ROOT / "jaxsample").rglob("*.py"))
MODELS = sorted((ROOT / "models" / "jaxsample_models").rglob("*.py"))
ABOVE_ALL = {"benchmarks", "docs", "tests"}


def imports(path):
    """Every module a file imports, anywhere in it, relative names resolved."""
    base = ROOT / "models" if path in MODELS else ROOT
    package = path.relative_to(base).with_suffix("").parts[:-1]
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            up = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*up, *(node.module or "").split(".")]).strip(".")
            known = base / Path(*module.split("."))
            for alias in node.names:  # `from package import module` imports the module
                inner = known / alias.name
                found.append(
                    f"{module}.{alias.name}"
                    if inner.is_dir() or inner.with_suffix(".py").exists()
                    else module
                )
    return found


def name(path):
    return str(path.relative_to(ROOT))


def floor(module):
    parts = module.split(".")
    return parts[1] if parts[0] == "jaxsample" and len(parts) > 1 else None


@pytest.mark.parametrize("path", LIBRARY, ids=name)
def test_nothing_imports_upward(path):
    here = path.relative_to(ROOT / "jaxsample").parts
    for module in imports(path):
        assert module.split(".")[0] not in ABOVE_ALL, module
        if module.split(".")[0] != "jaxsample" or len(here) == 1:
            continue  # the top level gathers the names of every floor
        there = floor(module)
        # The top level stands on `decode` and `interop`: those above them may read its names.
        height = FLOORS["decode"] if there is None else FLOORS[there]
        assert there == here[0] or height < FLOORS[here[0]], f"{here[0]} imports {module}"


def test_every_folder_of_the_library_has_a_floor():
    folders = {path.relative_to(ROOT / "jaxsample").parts[0] for path in LIBRARY}
    assert {part for part in folders if not part.endswith(".py")} <= set(FLOORS)


def test_the_top_level_gathers_the_lower_floors_only():
    """`learn`, `study` and `cli` are imported on their own: jaxsample alone needs no flax."""
    reached = {floor(module) for module in imports(ROOT / "jaxsample" / "__init__.py")}
    assert not reached & {"learn", "study", "cli"}


@pytest.mark.parametrize("path", MODELS, ids=name)
def test_models_know_the_model_interface_alone(path):
    for module in imports(path):
        if module.split(".")[0] == "jaxsample":
            assert module == "jaxsample", module


@pytest.mark.parametrize("path", LIBRARY, ids=name)
def test_heavy_libraries_stay_where_they_belong(path):
    here = path.relative_to(ROOT / "jaxsample").parts[0]
    roots = {module.split(".")[0] for module in imports(path)}
    if here != "learn":
        assert "flax" not in roots
    if here not in ("study", "cli"):
        assert not roots & {"matplotlib", "typer"}
    if here not in ("study", "cli", "learn"):  # training shows a bar
        assert "rich" not in roots
    if here != "cli":
        assert "jaxsample_models" not in roots


@pytest.mark.parametrize("path", LIBRARY, ids=name)
def test_the_command_line_imports_the_models_lazily(path):
    top = ast.parse(path.read_text()).body
    for node in top:
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            names.append(node.module or "")
        assert not any(module.startswith("jaxsample_models") for module in names)


PUBLIC = {name: getattr(jaxsample, name) for name in jaxsample.__all__}
PUBLIC |= {f"learn.{k}": v for k, v in vars(learn).items() if callable(v)}


@pytest.mark.parametrize("public", PUBLIC)
def test_every_public_name_has_a_docstring(public):
    thing = PUBLIC[public]
    written = thing.__doc__ or ""
    assert written.strip(), public
    # dataclass and NamedTuple write one of their own: the signature, no explanation.
    assert not written.startswith(f"{public.rpartition('.')[2]}("), public
    assert inspect.getdoc(thing).splitlines()[0].rstrip().endswith((".", ":")), public


def test_the_public_names_are_sorted_and_there():
    assert sorted(jaxsample.__all__) == list(jaxsample.__all__)
    assert len(set(jaxsample.__all__)) == len(jaxsample.__all__)
