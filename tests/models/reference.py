"""The same models in torch, and their logits."""

import os
from typing import Any

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
YARN = {
    "rope_type": "yarn",
    "rope_theta": 500.0,
    "factor": 4.0,
    "beta_fast": 2.0,
    "beta_slow": 0.5,
    "original_max_position_embeddings": 16,
}
LONGROPE = {
    "rope_type": "longrope",
    "rope_theta": 500.0,
    "partial_rotary_factor": 0.75,
    "short_factor": [1.0, 1.5, 2.0],
    "long_factor": [1.0, 3.0, 7.0],
}
LAYERED = {
    "full_attention": YARN,
    "sliding_attention": {"rope_type": "default", "rope_theta": 50.0},
}
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
GEMMA4 = dict(
    head_dim=16,
    global_head_dim=24,
    num_global_key_value_heads=1,
    sliding_window=6,
    layer_types=["sliding_attention", "full_attention", "full_attention"],
    hidden_size_per_layer_input=0,
    rope_parameters={
        "full_attention": {
            "rope_type": "proportional",
            "rope_theta": 500.0,
            "partial_rotary_factor": 0.5,
        },
        "sliding_attention": {"rope_type": "default", "rope_theta": 50.0},
    },
)
CASES: dict[str, tuple[str, dict[str, Any]]] = {
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
    "gemma3": (
        "Gemma3Text",
        SIZES
        | {
            "head_dim": 16,
            "sliding_window": 6,
            "sliding_window_pattern": 2,
            "query_pre_attn_scalar": 24,
            "rope_parameters": LAYERED | {"full_attention": LINEAR},
        },
    ),
    "gemma4": ("Gemma4Text", SIZES | GEMMA4 | {"attention_k_eq_v": True}),
    "gemma4-shared": (
        "Gemma4Text",
        SIZES
        | GEMMA4
        | {
            "num_hidden_layers": 4,
            "layer_types": ["sliding_attention", "full_attention"] * 2,
            "num_kv_shared_layers": 2,
            "use_double_wide_mlp": True,
            "hidden_size_per_layer_input": 12,
            "vocab_size_per_layer_input": 61,
            "final_logit_softcapping": 3.0,
        },
    ),
    "smollm3": ("SmolLM3", SIZES | {"no_rope_layer_interval": 2, "rope_parameters": THETA}),
    "granite": (
        "Granite",
        SIZES
        | {
            "embedding_multiplier": 3.0,
            "residual_multiplier": 0.5,
            "attention_multiplier": 0.25,
            "logits_scaling": 2.0,
            "attention_bias": True,
        },
    ),
    "olmo2": ("Olmo2", SIZES | {"rope_parameters": THETA}),
    "olmo3": (
        "Olmo3",
        SIZES
        | {
            "sliding_window": 6,
            "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
            "rope_parameters": LAYERED,
        },
    ),
    "phi3": (
        "Phi3",
        SIZES | {"original_max_position_embeddings": 7, "rope_parameters": LONGROPE},
    ),
    "phi3-short": (
        "Phi3",
        SIZES | {"original_max_position_embeddings": 48, "rope_parameters": LONGROPE},
    ),
    "ministral3": (
        "Ministral3",
        SIZES | {"head_dim": 8, "rope_parameters": YARN | {"llama_4_scaling_beta": 0.3}},
    ),
    "llama-yarn": ("Llama", SIZES | {"rope_parameters": YARN | {"truncate": False}}),
    "gpt_neox": ("GPTNeoX", SIZES | {"rope_parameters": THETA | {"partial_rotary_factor": 0.5}}),
    "gpt_neox-serial": (
        "GPTNeoX",
        SIZES | {"use_parallel_residual": False, "attention_bias": False},
    ),
    "lfm2": (
        "Lfm2",
        SIZES
        | {
            "layer_types": ["conv", "full_attention", "conv"],
            "conv_bias": True,
            "block_multiple_of": 8,
            "rope_parameters": THETA,
        },
    ),
    "qwen3_5": (
        "Qwen3_5Text",
        SIZES
        | {
            "head_dim": 16,
            "layer_types": ["linear_attention", "full_attention", "linear_attention"],
            "linear_num_value_heads": 4,
            "linear_num_key_heads": 2,
            "linear_key_head_dim": 8,
            "linear_value_head_dim": 12,
            "rope_parameters": THETA | {"partial_rotary_factor": 0.5},
        },
    ),
    "mixtral": ("Mixtral", SIZES | {"num_local_experts": 5, "num_experts_per_tok": 2}),
    "gpt_oss": (
        "GptOss",
        SIZES
        | {
            "head_dim": 16,
            "sliding_window": 6,
            "swiglu_limit": 0.5,
            "num_local_experts": 5,
            "num_experts_per_tok": 2,
            "rope_parameters": YARN | {"truncate": False},
        },
    ),
    "qwen3_moe": (
        "Qwen3Moe",
        SIZES
        | {
            "head_dim": 16,
            "num_experts": 6,
            "num_experts_per_tok": 3,
            "moe_intermediate_size": 24,
            "mlp_only_layers": [0],
            "norm_topk_prob": True,
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
