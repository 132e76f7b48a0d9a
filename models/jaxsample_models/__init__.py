"""Flax (nnx) transformers for jaxsample, and the story model that runs without a download."""

from .checkpoints import Checkpoint as Checkpoint
from .checkpoints import embedded as embedded
from .checkpoints import load as load
from .config import RopeScaling as RopeScaling
from .config import TransformerConfig as TransformerConfig
from .errors import CheckpointError as CheckpointError
from .saving import save as save
from .transformer import Transformer as Transformer
from .transformer import as_model as as_model
from .transformer import bind as bind
from .transformer import init as init
from .transformer import shapes as shapes
