"""Wrong values in every field of every family's config.json."""

import json
import math

import pytest

from jaxsample_models import CheckpointError, load
from jaxsample_models._schema import CONFIG

from . import families

VALUES = [5, "x", None, [], {}, 1.5, -1, 0, 1e9, 10**9, 10**400, True, math.nan, [None], {"a": []}]


@pytest.fixture
def folder(tmp_path):
    """Return a function that writes a case and returns its folder."""
    return lambda case: families.write(case, tmp_path)


def nested(fields):
    """Yield for each field, nested ones too, a function from its value to the changed fields."""
    for key, kind in CONFIG.items():
        yield lambda value, key=key: {key: value}
        for inner in kind.fields if key != "text_config" else ():
            yield lambda value, key=key, inner=inner: {
                key: {**fields.get(key, {}), "rope_type": "llama3", inner: value}
            }


@pytest.mark.parametrize("case", families.swept(quick=["gpt2", "gemma2"]))
def test_a_field_loads_or_is_refused(case, folder, monkeypatch):
    """No other error is raised, and no model of another size is built."""

    class Accepted(Exception):
        pass

    def build(config):
        layers = fields.get("num_hidden_layers", 2)
        assert (config.layers, config.vocab_size, config.dim) == (layers, 61, 32)
        raise Accepted

    folder, fields, refused = folder(case), families.config_json(case), 0
    monkeypatch.setattr("jaxsample_models._parameters.shapes", build)
    with pytest.raises(Accepted):
        load(folder)
    for replaced in nested(fields):
        for value in VALUES:
            (folder / "config.json").write_text(json.dumps(fields | replaced(value)))
            try:
                load(folder)
            except Accepted:
                continue
            except CheckpointError as error:
                assert str(folder) in str(error) and "\n" not in str(error)
                assert len(str(error)) < 500
                refused += 1
    assert refused > 100


@pytest.mark.parametrize("case", families.CASES)
def test_a_folder_of_each_family_loads(case, folder):
    assert load(folder(case)).config.layers in (2, 4)
