"""Models of other libraries, samplers in the formats of other systems, and automata."""

from jaxsample.interop._presets import PRESETS as PRESETS
from jaxsample.interop._presets import Preset as Preset
from jaxsample.interop._presets import preset as preset
from jaxsample.interop._serial import from_dict as from_dict
from jaxsample.interop._serial import to_dict as to_dict
from jaxsample.interop.automaton._compile import from_grammar as from_grammar
from jaxsample.interop.automaton._compile import from_json_schema as from_json_schema
from jaxsample.interop.automaton._compile import from_regex as from_regex
from jaxsample.interop.automaton._stop import stop_strings as stop_strings
from jaxsample.interop.automaton._vocabulary import vocabulary_of as vocabulary_of
from jaxsample.interop.models._batch_axis import batch_axis as batch_axis
from jaxsample.interop.models._check import check_model as check_model
from jaxsample.interop.models._linen import from_linen as from_linen
from jaxsample.interop.models._nnx import from_nnx as from_nnx
from jaxsample.interop.models._one_row import one_row as one_row
from jaxsample.interop.models._one_token import one_token as one_token
from jaxsample.interop.models._whole_text import without_cache as without_cache
from jaxsample.interop.settings._generation_config import beam_arguments as beam_arguments
from jaxsample.interop.settings._generation_config import (
    from_generation_config as from_generation_config,
)
from jaxsample.interop.settings._generation_config import generate_arguments as generate_arguments
from jaxsample.interop.settings._generation_config import (
    to_generation_config as to_generation_config,
)
from jaxsample.interop.settings._llama_cpp import from_llama_options as from_llama_options
from jaxsample.interop.settings._llama_cpp import to_llama_options as to_llama_options
from jaxsample.interop.settings._mlx import from_mlx_arguments as from_mlx_arguments
from jaxsample.interop.settings._mlx import to_mlx_arguments as to_mlx_arguments
from jaxsample.interop.settings._ollama import from_ollama_options as from_ollama_options
from jaxsample.interop.settings._ollama import to_ollama_options as to_ollama_options
from jaxsample.interop.settings._sampling_params import (
    from_sampling_params as from_sampling_params,
)
from jaxsample.interop.settings._sampling_params import to_sampling_params as to_sampling_params
from jaxsample.interop.settings._sglang import from_sglang_params as from_sglang_params
from jaxsample.interop.settings._sglang import to_sglang_params as to_sglang_params
from jaxsample.interop.settings._webui import from_webui_preset as from_webui_preset
from jaxsample.interop.settings._webui import to_webui_preset as to_webui_preset
from jaxsample.interop.settings._whisper import decoder_prompt as decoder_prompt
from jaxsample.interop.text._stops import cut as cut
from jaxsample.interop.text._text import Text as Text
from jaxsample.interop.text._transcript import Transcript as Transcript
