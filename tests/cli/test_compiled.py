"""The folder of compiled programs."""

import os

import jax

from jaxsample.cli import compiled


def write(path, size, age):
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(bytes(size))
    os.utime(path, (1e9 - age, 1e9 - age))
    return path


def test_the_oldest_files_go_until_the_rest_fits(tmp_path):
    old = write(tmp_path / "old", 40, age=300)
    used = write(tmp_path / "gpu" / "used", 40, age=200)
    new = write(tmp_path / "new", 40, age=100)
    compiled.prune(tmp_path, 120)
    assert old.exists() and used.exists() and new.exists()
    compiled.prune(tmp_path, 119)
    assert not old.exists() and used.exists() and new.exists()
    compiled.prune(tmp_path, 0)
    assert not used.exists() and not new.exists()


def test_the_user_s_folder_is_bounded_and_another_one_left_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(compiled, "LARGEST", 10)
    theirs = write(tmp_path / "theirs" / "program", 40, age=0)
    jax.config.update("jax_compilation_cache_dir", str(theirs.parent))
    compiled.keep_compiled()
    assert theirs.exists()
    ours = write(tmp_path / "jaxsample" / "program", 40, age=0)
    jax.config.update("jax_compilation_cache_dir", None)
    compiled.keep_compiled()
    assert jax.config.jax_compilation_cache_dir == str(ours.parent)
    assert not ours.exists()
