"""In-context learning of linear functions: transformers that are built, and transformers that are trained."""

from sims.in_context_learning.activations import gelu, gelu_product, layer_norm, least_product_scale
from sims.in_context_learning.compiler import compile_program
from sims.in_context_learning.error_bound import a_priori_error, prompt_error
from sims.in_context_learning.layer import LayerOutput, LayerWeights, decoder_layer
from sims.in_context_learning.layer_error import Construction
from sims.in_context_learning.network import Layout, Network, Run, Scales, embed, read, run
from sims.in_context_learning.primitives import aff, div, mov, mul
from sims.in_context_learning.programs import (
    Prediction,
    Program,
    gradient_step_program,
    predict,
    prompt_bound,
    prompt_state,
    recursive_ridge_program,
    ridge_update_program,
    sgd_program,
)
from sims.in_context_learning.raw import Division, Raw, reference

__all__ = [
    "Construction",
    "Division",
    "LayerOutput",
    "LayerWeights",
    "Layout",
    "Network",
    "Prediction",
    "Program",
    "Raw",
    "Run",
    "Scales",
    "a_priori_error",
    "aff",
    "compile_program",
    "decoder_layer",
    "div",
    "embed",
    "gelu",
    "gelu_product",
    "gradient_step_program",
    "layer_norm",
    "least_product_scale",
    "mov",
    "mul",
    "predict",
    "prompt_bound",
    "prompt_error",
    "prompt_state",
    "read",
    "recursive_ridge_program",
    "reference",
    "ridge_update_program",
    "run",
    "sgd_program",
]
