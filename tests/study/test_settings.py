"""Settings from grids, TOML and Python files, and errors of such files."""

import pytest

from jaxsample import (
    EntropyTemperature,
    KLTemperature,
    RepetitionPenalty,
    Temperature,
    TopP,
    chain,
)
from jaxsample.study import Setting, grid, read_settings

TOML = """
[[settings]]
name = "plain"
chain = []

[[settings]]
name = "T {t}, p {p}"
grid = { t = [0.5, 1.0], p = [0.9, 1.0] }
chain = [{ transform = "Temperature", value = "{t}" }, { transform = "TopP", p = "{p}" }]

[[settings]]
name = "guided"
chain = []
combiner = { transform = "KLTemperature", temperature = 0.7, sigma = 1.0 }
"""


NAMED = '[[settings]]\nname = "a"\n'


def hot_nucleus(t, p):
    return chain(Temperature(t), TopP(p))


def same(a, b):
    return [(s.name, repr(s.sampler), repr(s.combiner)) for s in a] == [
        (s.name, repr(s.sampler), repr(s.combiner)) for s in b
    ]


def test_a_grid_runs_through_every_combination():
    made = grid("{t}-{p}", hot_nucleus, t=[1, 2], p=[0.5, 0.9])
    assert [s.name for s in made] == ["1-0.5", "1-0.9", "2-0.5", "2-0.9"]
    assert repr(made[3].sampler) == "chain(Temperature(value=2.0), TopP(p=0.9))"


def test_toml_and_python_files_give_the_same_settings(tmp_path):
    path = tmp_path / "s.toml"
    path.write_text(TOML)
    wanted = [
        Setting("plain", chain()),
        *grid(
            "T {t}, p {p}", lambda t, p: chain(Temperature(t), TopP(p)), t=[0.5, 1.0], p=[0.9, 1.0]
        ),
        Setting("guided", chain(), KLTemperature(0.7, 1.0)),
    ]
    assert same(read_settings(path), wanted)
    path = tmp_path / "s.py"
    path.write_text("from jaxsample import *\nsettings = {'a': Temperature(0.5), 'b': TopP(0.5)}\n")
    assert same(read_settings(path), [Setting("a", Temperature(0.5)), Setting("b", TopP(0.5))])


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("s.toml", "[[settings", "s.toml is not TOML: "),
        ("s.toml", "a = " + "[" * 100_000, "s.toml is not TOML: it is nested too deep"),
        ("s.toml", b"name = '\xe9'", "s.toml is not UTF-8 at byte 9"),
        ("s.toml", "[[setting]]", "s.toml: no table 'setting'; write [[settings]]"),
        ("s.toml", "settings = 5", "settings must be a list, got 5"),
        ("s.toml", "settings = [5]", "settings[0] must be an object, got 5"),
        ("s.toml", "[[settings]]\nname = 5", "settings[0].name must be a text, got 5"),
        ("s.toml", "[[settings]]\nchain = []", "settings[0].name is missing"),
        ("s.toml", NAMED + "chain = 5", "settings[0].chain must be a list, got 5"),
        ("s.toml", NAMED + "chain = [5]", "settings[0].chain[0] must be an object, got 5"),
        ("s.toml", NAMED + "chain = []\ngrid = 5", "settings[0].grid must be an object, got 5"),
        ("s.toml", NAMED + "chain = []\ngrid.t = 5", "settings[0].grid.t must be a list, got 5"),
        ("s.toml", NAMED + "chain = []\ngrid.t = []", "'a': grid.t has no values"),
        ("s.toml", NAMED + "policy = 5", "settings[0].policy must be a text, got 5"),
        ("s.toml", NAMED + "policy = 'absent'", "'a': "),
        ("s.toml", NAMED + "chain = []\ncombiner = 5", "settings[0].combiner must be an object"),
        ("s.toml", NAMED + "chain = [{transform = 'TopP', p = ['x']}]", "'a': TopP: p must be"),
        (
            "s.toml",
            NAMED + "chain = [{transform = 'Guidance', scale = 1.5}]",
            "Guidance(scale=1.5) is not a transform; write it as `combiner`",
        ),
        (
            "s.toml",
            NAMED + "chain = []\ncombiner = {transform = 'TopP', p = 0.5}",
            "'a' needs a combiner or None, got TopP(p=0.5)",
        ),
        ("s.toml", "[[settings]]\nname = '{q}'\nchain = []", "'{q}': the name '{q}' cannot be"),
        ("s.toml", "[[settings]]\nname = '{}'\nchain = []", "'{}': the name '{}' cannot be"),
        ("s.toml", "", "no settings"),
        ("s.toml", '[[settings]]\nname = "a"', "'a': a setting has a name, and a chain"),
        ("s.toml", '[[settings]]\nname = "a"\nchains = []', "no field 'chains'"),
        ("s.toml", '[[settings]]\nname = "a"\nchain = [{transform = "TopX"}]', "named 'TopX'"),
        (
            "s.toml",
            '[[settings]]\nname = "a"\nchain = [{transform = "TopP", p = "{q}"}]',
            "{q} is not a name of the grid",
        ),
        (
            "s.toml",
            '[[settings]]\nname = "a"\nchain = []\n[[settings]]\nname = "a"\nchain = []',
            "two settings are named 'a'",
        ),
        ("s.py", "x = 1", "must define `settings`"),
        ("s.py", "settings = {'a': 5}", "s.py: setting 'a' needs a transform, got 5"),
        ("s.py", "settings = ['a']", "s.py: a setting is Setting(name, sampler), got 'a'"),
        ("s.py", "settings = {5: 5}", "s.py: a setting is Setting(name, sampler), got"),
        ("s.py", "\nsettings = x", "s.py, line 2: NameError: name 'x' is not defined"),
        ("s.py", "settings = (", "SyntaxError: "),
        ("s.py", "raise SystemExit(3)", "s.py, line 1: SystemExit: 3"),
        ("s.json", "{}", ".toml and .py"),
    ],
)
def test_a_wrong_file_is_named_with_its_fault(tmp_path, name, text, message):
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(ValueError) as error:
        read_settings(path)
    assert str(path) in str(error.value) and message in str(error.value)


@pytest.mark.parametrize("name", ["absent.toml", "absent.py"])
def test_a_missing_file_is_named(tmp_path, name):
    with pytest.raises(ValueError, match=f"{name}: there is no such file"):
        read_settings(tmp_path / name)


def test_toml_may_leave_out_a_field_with_a_default(tmp_path):
    path = tmp_path / "s.toml"
    path.write_text(
        NAMED + "chain = [{transform = 'EntropyTemperature', t0 = 0.8, theta = 0.5}, "
        "{transform = 'RepetitionPenalty', penalty = 1.2}]"
    )
    wanted = chain(EntropyTemperature(0.8, 0.5), RepetitionPenalty(1.2))
    assert same(read_settings(path), [Setting("a", wanted)])
