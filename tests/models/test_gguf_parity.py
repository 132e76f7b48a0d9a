"""GGUF files against transformers' own loading of them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tokenizers

import jaxsample
from jaxsample_models import load
from jaxsample_models._named import locate

from . import gguf_files, reference
from .decoding import run
from .gguf_files import KINDS

pytestmark = pytest.mark.peers
TOLERANCE = 2e-4

# Fields that transformers doesn't read from the file but takes from its default config.
UNREAD = {
    "llama": {},
    "qwen2": {},
    "qwen3": {"head_dim": 16},
    "gemma2": {
        "query_pre_attn_scalar": 16,
        "attn_logit_softcapping": 2.0,
        "final_logit_softcapping": 3.0,
    },
    "gemma3": {
        "query_pre_attn_scalar": 16,
        "layer_types": ["sliding_attention", "full_attention"],
        "rope_parameters": {
            "full_attention": {"rope_type": "default", "rope_theta": 500.0},
            "sliding_attention": {"rope_type": "default", "rope_theta": 100.0},
        },
    },
    "phi3": {"pad_token_id": 0},
    "gpt2": {"n_positions": 64, "vocab_size": 61},
}


@pytest.mark.parametrize("kind", [KINDS.F32, KINDS.Q4_1], ids=lambda kind: kind.name)
@pytest.mark.parametrize("case", UNREAD)
def test_logits_of_tiny_models(case, kind, tmp_path):
    hub = reference.transformers()
    pytest.importorskip("accelerate", reason="transformers loads GGUF files by accelerate")
    file = gguf_files.write(gguf_files.folder_of(case, tmp_path), tmp_path / "model.gguf", kind)
    theirs = hub.AutoModelForCausalLM.from_pretrained(
        tmp_path, gguf_file=file.name, attn_implementation="eager", **UNREAD[case]
    )
    tokens = np.random.default_rng(0).integers(0, 61, 20)
    expected = reference.logits_alone(theirs.eval(), tokens)
    prompts, rest = jnp.asarray(tokens[None, :12]), jnp.asarray(tokens[None, 12:])
    first, steps = run(load(file), prompts, rest, jnp.array([12]))
    found = np.concatenate([first[0], steps[0]])
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE)


@pytest.fixture(scope="module")
def smollm2():
    """Return the file of SmolLM2 and what `load` makes of it."""
    try:
        file = locate("smollm2")
    except ImportError as error:
        pytest.skip(str(error))
    return file, load(file)


TEXTS = [
    "The capital of France is",
    "  two spaces, then 3.14159 and 2026-11-28\n\n\tdef f(x):\n\t\treturn x ** 2  # squares",
    "It's what they'd've SAID: I'M, you'LL, we'Re.",
    "čau, naïve café; 日本語のテキスト, 한국어, Здравствуйте, مرحبا, ไทย",
    "👩‍👩‍👧‍👦 🏳️‍🌈 e\u0301 \u200b\ufeff",
    "<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n",
    "<|endoftext|> <|im_end|><|im_start|>",
    "trailing   \r\n  \n",
    "",
]
NUMERALS = ["a ½ b² Ⅷ ٣٤ １２", "in 1999 or  2000"]


@pytest.mark.slow
def test_the_tokenizer_of_smollm2(smollm2):
    file, ours = smollm2
    theirs = reference.transformers().AutoTokenizer.from_pretrained(
        file.parent, gguf_file=file.name
    )
    random = np.random.default_rng(0)
    letters = [chr(c) for c in (*range(32, 127), 0xE9, 0x10D, 0x4E2D, 0x1F600)]
    texts = TEXTS + ["".join(random.choice(letters, 60)) for _ in range(200)]
    # transformers takes GPT-2's split; SmolLM2's own tokenizer.json splits numerals first.
    pre = tokenizers.pre_tokenizers
    own = pre.Sequence([pre.Digits(individual_digits=True), pre.ByteLevel(add_prefix_space=False)])
    for split, more in ((theirs.backend_tokenizer.pre_tokenizer, []), (own, NUMERALS)):
        theirs.backend_tokenizer.pre_tokenizer = split
        for text in texts + more:
            ids = ours.tokenizer.encode(text).ids
            assert ids == theirs(text).input_ids, text
            assert ours.tokenizer.decode(ids, skip_special_tokens=False) == text
    assert ours.chat_template == theirs.chat_template
    assert ours.special_tokens == {
        key: value for key, value in theirs.special_tokens_map.items() if key in ours.special_tokens
    }


@pytest.mark.slow
def test_smollm2_writes_the_same(smollm2):
    file, ours = smollm2
    hub = reference.transformers()
    pytest.importorskip("accelerate", reason="transformers loads GGUF files by accelerate")
    theirs = hub.AutoModelForCausalLM.from_pretrained(file.parent, gguf_file=file.name).eval()
    prompt = np.array(ours.tokenizer.encode(TEXTS[1]).ids)
    expected = reference.logits_alone(theirs, prompt)
    positions = jnp.arange(len(prompt))[None]
    cache = ours.model.init_cache(1, len(prompt))
    out = jax.jit(ours.model.apply)(ours.params, jnp.asarray(prompt)[None], positions, cache)
    found = ours.model.unembed(ours.params, out.hidden)[0]
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE)

    prompt = ours.tokenizer.encode(TEXTS[0]).ids
    told = jaxsample.generate(
        jax.random.key(0),
        ours.model,
        ours.params,
        jnp.array([prompt]),
        jaxsample.TopK(1),
        max_new_tokens=32,
    )
    # Each token is the likeliest after those before it, by one pass of transformers over the text.
    text = np.array([*prompt, *np.asarray(told.tokens[0])])
    likeliest = reference.logits_alone(theirs, text).argmax(axis=-1)
    np.testing.assert_array_equal(text[len(prompt) :], likeliest[len(prompt) - 1 : -1])
