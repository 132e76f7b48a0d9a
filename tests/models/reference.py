"""The same models in torch, and their logits."""

import os

import numpy as np
import pytest

SIZES = dict(
    vocab_size=61,
    hidden_size=32,
    intermediate_size=48,
    num_hidden_layers=3,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=64,
    bos_token_id=1,
    eos_token_id=2,
    pad_token_id=0,
    initializer_range=0.2,
)
THETA = {"rope_type": "default", "rope_theta": 500.0}
LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 500.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}
LINEAR = {"rope_type": "linear", "rope_theta": 500.0, "factor": 4.0}
GPT2 = dict(
    vocab_size=61,
    n_embd=32,
    n_layer=3,
    n_head=4,
    n_positions=64,
    bos_token_id=1,
    eos_token_id=2,
    initializer_range=0.2,
)
CASES = {
    "gpt2": ("GPT2", GPT2),
    "llama": ("Llama", SIZES | {"rope_parameters": THETA}),
    "llama-biases": ("Llama", SIZES | {"attention_bias": True, "mlp_bias": True, "head_dim": 12}),
    "llama-llama3": ("Llama", SIZES | {"rope_parameters": LLAMA3, "tie_word_embeddings": True}),
    "llama-linear": ("Llama", SIZES | {"rope_parameters": LINEAR, "hidden_act": "gelu"}),
    "mistral": ("Mistral", SIZES | {"sliding_window": 7}),
    "mistral-full": ("Mistral", SIZES | {"sliding_window": None}),
    "qwen2": ("Qwen2", SIZES),
    "qwen2-windows": (
        "Qwen2",
        SIZES | {"use_sliding_window": True, "sliding_window": 5, "max_window_layers": 1},
    ),
    "qwen3": ("Qwen3", SIZES | {"head_dim": 16}),
    "gemma2": (
        "Gemma2",
        SIZES
        | {
            "head_dim": 16,
            "sliding_window": 6,
            "query_pre_attn_scalar": 24,
            "attn_logit_softcapping": 2.0,
            "final_logit_softcapping": 3.0,
        },
    ),
}


def transformers():
    """Import transformers without its progress bars; skip the test if it is not installed."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    reason = "parity needs torch and transformers: pip install 'jaxsample[parity]'"
    pytest.importorskip("torch", reason=reason)
    module = pytest.importorskip("transformers", reason=reason)
    module.utils.logging.disable_progress_bar()
    return module


def build(case: str):
    """Make the model of a case, with random norms and biases."""
    hub = transformers()
    import torch

    family, fields = CASES[case]
    torch.manual_seed(0)
    model = hub.AutoModelForCausalLM.from_config(
        getattr(hub, f"{family}Config")(**fields), attn_implementation="eager"
    )
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model.eval()


def store(model, folder, **options):
    """Write a model with transformers and return the folder."""
    model.save_pretrained(folder, **options)
    return folder


def logits_alone(model, tokens: np.ndarray) -> np.ndarray:
    """Compute the logits `[T, V]` of one row `[T]`, alone in its batch."""
    import torch

    with torch.no_grad():
        return model(torch.tensor(tokens)[None], use_cache=False).logits[0].float().numpy()
