"""A folder with a model of one layer, and a way to run the command line in this process."""

import functools
from typing import NamedTuple

import jax
import pytest
from jax.experimental.compilation_cache import compilation_cache

WORDS = "<s> </s> <unk> a cat dog saw the ran . big , and".split()


class Run(NamedTuple):
    """The exit status of a command and what it printed."""

    status: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def no_cache_of_the_user(tmp_path_factory):
    """Write nothing into the user's cache; use that of the tests if there is one."""
    settings = "jax_compilation_cache_dir", "jax_persistent_cache_min_compile_time_secs"
    before = {name: getattr(jax.config, name) for name in settings}
    if before[settings[0]] is None:
        folder = tmp_path_factory.getbasetemp() / "compiled"
        jax.config.update(settings[0], str(folder))
    yield
    if {name: getattr(jax.config, name) for name in settings} != before:
        for name, value in before.items():
            jax.config.update(name, value)
        compilation_cache.reset_cache()  # or later tests would still write into that folder


@pytest.fixture
def cli(capsys):
    """Run `jaxsample` with some arguments."""
    from jaxsample.cli.main import main

    def run(*arguments):
        capsys.readouterr()
        status = main([str(argument) for argument in arguments])
        return Run(status, *capsys.readouterr())

    return run


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """A folder with a model of 13 words and 48 positions, with random weights."""
    jaxsample_models = pytest.importorskip("jaxsample_models")
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    config = jaxsample_models.TransformerConfig(
        vocab_size=len(WORDS), dim=8, layers=1, heads=2, kv_heads=1, head_dim=4, mlp_dim=16,
        max_length=48,
    )  # fmt: skip
    ids = {word: i for i, word in enumerate(WORDS)}
    tokenizer = Tokenizer(models.WordLevel(ids, unk_token="<unk>"))
    tokenizer.add_special_tokens(WORDS[:3])
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", 0)]
    )
    folder = tmp_path_factory.mktemp("models") / "tiny"
    params = jaxsample_models.init(config, jax.random.key(0))
    params = jax.tree.map(lambda x: 20 * x if x.ndim > 1 else x, params)
    special = {"bos_token_id": 0, "eos_token_id": 1}
    jaxsample_models.save(folder, config, params, tokenizer=tokenizer, generation_config=special)
    return folder


@pytest.fixture(autouse=True)
def loaded_once(request, monkeypatch):
    """Load the tiny model once, so that all tests share its compiled programs."""
    if "tiny" in request.fixturenames:
        import jaxsample_models

        folder, load = request.getfixturevalue("tiny"), jaxsample_models.load
        monkeypatch.setattr(
            jaxsample_models,
            "load",
            lambda path, **more: _loaded(load, path) if path == folder else load(path, **more),
        )


@functools.cache
def _loaded(load, folder):
    return load(folder)


@pytest.fixture(scope="session")
def stories(assets):
    """A model of 260 thousand parameters, trained on children's stories."""
    folder = assets / "stories260K"
    if not folder.is_dir():
        pytest.skip("stories260K is not next to this checkout")
    return folder
