"""The rules of the packages: layers, public modules, and where heavy libraries may be imported."""

import ast
import inspect
import re
import sys
from pathlib import Path

import jaxsample
from jaxsample import learn
from tests.doors import DOORS, LOOPS

ROOT = Path(__file__).resolve().parent.parent
FLOORS = {
    "drawing": 0,
    "kernels": 0,
    "transforms": 1,
    "decode": 2,
    "interop": 3,
    "learn": 4,
    "show": 4,
    "study": 5,
    "cli": 6,
}
# Modules that are commands: `python -m`, and the application.
COMMANDS = {"jaxsample/__main__.py"} | {
    f"{world}/{name}.py" for world in ("arithmetic", "stories") for name in ("train", "card")
}
LIBRARY = sorted((ROOT / "jaxsample").rglob("*.py"))
MODELS = sorted((ROOT / "models" / "jaxsample_models").rglob("*.py"))
ABOVE_ALL = {"benchmarks", "docs", "tests"}


def imports(path, tree=None):
    """Every module that a file imports, anywhere in it, with relative names resolved."""
    base = ROOT / "models" if path in MODELS else ROOT
    package = path.relative_to(base).with_suffix("").parts[:-1]
    found = []
    for node in ast.walk(tree or ast.parse(path.read_text())):
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


IMPORTS = {path: imports(path) for path in [*LIBRARY, *MODELS]}


def name(path):
    return str(path.relative_to(ROOT))


def floor(module):
    parts = module.split(".")
    return parts[1] if parts[0] == "jaxsample" and len(parts) > 1 else None


def room(path):
    return path.relative_to(ROOT / "jaxsample").parts[0]


def private(module):
    """Whether a module lies behind a door."""
    ours = module.split(".")[0] in ("jaxsample", "jaxsample_models")
    return ours and module not in (*DOORS, *LOOPS)


def test_nothing_imports_upward():
    wrong = []
    for path in LIBRARY:
        inside = path.parent != ROOT / "jaxsample"
        for module in IMPORTS[path]:
            if module.split(".")[0] in ABOVE_ALL:
                wrong.append((name(path), module))
            if module.split(".")[0] != "jaxsample" or not inside:
                continue  # the top level gathers the names of every floor
            there = floor(module)
            # The top level imports `decode` and `interop`, so higher layers may import it.
            height = FLOORS["decode"] if there is None else FLOORS[there]
            if there != room(path) and height >= FLOORS[room(path)]:
                wrong.append((name(path), module))
    assert not wrong


def test_every_folder_of_the_library_has_a_floor():
    folders = {room(path) for path in LIBRARY}
    assert {part for part in folders if not part.endswith(".py")} <= set(FLOORS)


def test_the_top_level_gathers_the_lower_floors_only():
    """`learn`, `study` and `cli` are imported on their own: jaxsample alone needs no flax."""
    reached = {floor(module) for module in imports(ROOT / "jaxsample" / "_door.py")}
    assert not reached & {"learn", "study", "cli"}


def test_modules_behind_a_door_look_private():
    public = [
        name(path)
        for path in [*LIBRARY, *MODELS]
        if not path.name.startswith("_")
        and "/cli/" not in name(path)
        and not name(path).endswith(tuple(f"/{loop.split('.')[-1]}.py" for loop in LOOPS))
        and not name(path).endswith(tuple(COMMANDS))
    ]
    assert not public


def test_modules_for_other_libraries_are_imported_on_their_own():
    """`jaxsample.interop` needs none of these libraries."""
    importing = {name(path) for path in LIBRARY if set(IMPORTS[path]) & set(LOOPS)}
    assert importing <= {"jaxsample/cli/evaluated.py"}, "only what lm-eval itself loads"


def test_models_import_the_door_of_the_library_alone():
    wrong = [
        (name(path), module)
        for path in MODELS
        for module in IMPORTS[path]
        if module.split(".")[0] == "jaxsample" and module != "jaxsample"
    ]
    assert not wrong


def test_heavy_libraries_stay_where_they_belong():
    homes = {
        "flax": {"learn", "interop"},  # for modules of flax
        "matplotlib": {"study", "cli"},
        "typer": {"study", "cli"},
        "rich": {"study", "cli", "learn"},  # training shows a bar
        "jaxsample_models": {"cli"},
    }
    wrong = [
        (name(path), module)
        for path in LIBRARY
        for module in IMPORTS[path]
        if room(path) not in homes.get(module.split(".")[0], {room(path)})
    ]
    assert not wrong


def at_the_top(path):
    """Every module that a file imports as soon as it is imported itself."""
    body = ast.parse(path.read_text()).body
    body = [node for node in body if isinstance(node, ast.Import | ast.ImportFrom)]
    return imports(path, ast.Module(body, []))


def test_the_command_line_imports_the_models_lazily():
    tops = {name(path): at_the_top(path) for path in LIBRARY}
    assert not [path for path, top in tops.items() if "jaxsample_models" in " ".join(top)]


def test_adapters_of_models_import_other_libraries_lazily():
    """`jaxsample.interop` needs none of them."""
    adapters = [path for path in LIBRARY if path.parent == ROOT / "jaxsample/interop/models"]
    tops = {module.split(".")[0] for path in adapters for module in at_the_top(path)}
    assert tops - set(sys.stdlib_module_names) == {"jax", "jaxsample", "numpy"}


# They time parts of the library one by one, which no user does.
BENCHMARKS_OF_PARTS = {"benchmarks/kernels.py", "benchmarks/learning.py"}


def opened(path):
    """The private modules that a file imports."""
    return {m for m in imports(path) if private(m) and not m.startswith("jaxsample.cli")}


def test_users_import_from_doors_alone():
    """README, docs, benchmarks and the command line import public modules only."""
    wrong = []
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        for module in re.findall(r"(?m)^\W*(?:from|import) (jaxsample[\w.]*)", page.read_text()):
            if private(module):
                wrong.append((name(page), module))
    for folder in ("benchmarks", "jaxsample/cli"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if name(path) not in BENCHMARKS_OF_PARTS:
                wrong += [(name(path), module) for module in opened(path)]
    assert not wrong


# Tests of private parts. All other tests import public modules only.
TESTS_OF_PARTS = {
    "tests/decode/test_errors.py",
    "tests/decode/test_filters.py",
    "tests/decode/test_vocabularies.py",
    "tests/decode/test_watermark.py",
    "tests/decode/test_whole_rows.py",
    "tests/decode/unknowing.py",
    "tests/hosts/program.py",
    "tests/interop/test_automaton_assertions.py",
    "tests/interop/test_automaton_cache.py",
    "tests/interop/test_automaton_regex.py",
    "tests/interop/test_automaton_states.py",
    "tests/interop/test_automaton_tokens.py",
    "tests/interop/test_batches.py",
    "tests/interop/test_files.py",
    "tests/kernels",
    "tests/learn/enumerated.py",
    "tests/learn/test_policy_gradient.py",
    "tests/learned/test_exact.py",
    "tests/models/families.py",
    "tests/models/test_attend.py",
    "tests/models/test_chat_templates.py",
    "tests/models/test_config_fields.py",
    "tests/models/test_delta.py",
    "tests/models/test_experts.py",
    "tests/models/test_families.py",
    "tests/models/test_gguf.py",
    "tests/models/test_gguf_parity.py",
    "tests/models/test_gguf_tokenizer.py",
    "tests/models/test_placement.py",
    "tests/models/test_product.py",
    "tests/models/test_saved_tokenizers.py",
    "tests/stories/test_grammar.py",
    "tests/stories/test_weights.py",
    "tests/study/example.py",
    "tests/study/sweep_program.py",
    "tests/study/test_charts.py",
    "tests/study/test_creativity.py",
    "tests/study/test_edt.py",
    "tests/study/test_few_shot.py",
    "tests/study/test_measures.py",
    "tests/study/test_nuclei.py",
    "tests/study/test_presets.py",
    "tests/study/test_protocols.py",
    "tests/study/test_report.py",
    "tests/study/test_report_page.py",
    "tests/study/test_surface.py",
    "tests/study/test_sweep.py",
    "tests/table",
    "tests/transforms",
}


def test_tests_of_behaviour_import_from_doors_alone():
    opening = {}
    for path in sorted((ROOT / "tests").rglob("*.py")):
        for module in opened(path):
            part = name(path.parent) if name(path.parent) in TESTS_OF_PARTS else name(path)
            opening.setdefault(part, set()).add(module)
    assert sorted(opening.keys() - TESTS_OF_PARTS) == []
    assert sorted(TESTS_OF_PARTS - opening.keys()) == [], "these need not be on the list"


PUBLIC = {name: getattr(jaxsample, name) for name in jaxsample.__all__}
PUBLIC |= {f"learn.{k}": v for k, v in vars(learn).items() if callable(v)}


def test_every_public_name_has_a_docstring():
    wrong = []
    for public, thing in PUBLIC.items():
        written = thing.__doc__ or ""
        # dataclass and NamedTuple generate a docstring that holds only the signature.
        if not written.strip() or written.startswith(f"{public.rpartition('.')[2]}("):
            wrong.append(public)
        elif not inspect.getdoc(thing).splitlines()[0].rstrip().endswith((".", ":")):
            wrong.append(public)
    assert not wrong


def test_the_public_names_are_sorted_and_there():
    assert sorted(jaxsample.__all__) == list(jaxsample.__all__)
    assert len(set(jaxsample.__all__)) == len(jaxsample.__all__)
