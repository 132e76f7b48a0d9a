"""Named settings: grids, TOML, Python, and what is wrong with a file."""

import pytest

from jaxsample import KLTemperature, Temperature, TopP, chain
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


def test_toml_and_python_say_the_same(tmp_path):
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
        ("s.toml", "[[settings", "s.toml: "),
        ("s.toml", "", "no settings"),
        ("s.toml", '[[settings]]\nname = "a"', "'a': a setting has a name, and a chain"),
        ("s.toml", '[[settings]]\nname = "a"\nchains = []', "no field 'chains'"),
        ("s.toml", '[[settings]]\nname = "a"\nchain = [{transform = "TopX"}]', "named 'TopX'"),
        (
            "s.toml",
            '[[settings]]\nname = "a"\nchain = [{transform = "TopP", p = "{q}"}]',
            "{q} is no name of the grid",
        ),
        (
            "s.toml",
            '[[settings]]\nname = "a"\nchain = []\n[[settings]]\nname = "a"\nchain = []',
            "two settings are named 'a'",
        ),
        ("s.py", "x = 1", "must define `settings`"),
        ("s.json", "{}", ".toml and .py"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, name, text, message):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(ValueError) as error:
        read_settings(path)
    assert message in str(error.value)
