"""Flax (nnx) transformers for jaxsample, and the story model that runs without a download."""

from . import _packages as _packages  # first, for its error
from ._checkpoints import Checkpoint as Checkpoint
from ._checkpoints import embedded as embedded
from ._checkpoints import embedded_arithmetic as embedded_arithmetic
from ._checkpoints import load as load
from ._config import TransformerConfig as TransformerConfig
from ._errors import CheckpointError as CheckpointError
from ._layer_kinds import Delta as Delta
from ._layer_kinds import GlobalHeads as GlobalHeads
from ._layer_kinds import LayerInputs as LayerInputs
from ._layer_kinds import RopeScaling as RopeScaling
from ._layer_kinds import Routing as Routing
from ._layer_kinds import SharedKeys as SharedKeys
from ._saving import save as save
from ._shardings import Shardings as Shardings
from ._shardings import shardings as shardings
from ._transformer import Transformer as Transformer
from ._transformer import as_model as as_model
from ._transformer import bind as bind
from ._transformer import init as init
from ._transformer import shapes as shapes
