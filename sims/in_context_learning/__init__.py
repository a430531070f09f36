"""In-context learning of linear functions: transformers that are built, and transformers that are
trained.
"""

from sims.in_context_learning.activations import gelu, gelu_product, layer_norm, least_product_scale
from sims.in_context_learning.attention_flow import (
    ExpectedLoss,
    FullWeights,
    ReducedWeights,
    balanced_start,
    full_loss,
    gradient_flow,
    reduced_loss,
)
from sims.in_context_learning.attention_training import (
    TrainedAttention,
    effective_map,
    train_linear_attention,
)
from sims.in_context_learning.baselines import (
    Rule,
    gradient_step,
    label_weights,
    nearest_neighbours,
    ols,
    predict_all,
    ridge,
    sgd,
    weights_all,
)
from sims.in_context_learning.compiler import compile_program
from sims.in_context_learning.error_bound import prompt_error
from sims.in_context_learning.layer import LayerOutput, LayerWeights, decoder_layer
from sims.in_context_learning.learned_descent import (
    LearnedDescent,
    descent_losses,
    learn_descent,
    task_spectra,
)
from sims.in_context_learning.learner import Transformer
from sims.in_context_learning.linear_attention import (
    AttentionLayer,
    attend,
    attention_prediction,
    contracting_layers,
    descent_layers,
    joined_tokens,
    preconditioned_prediction,
)
from sims.in_context_learning.metrics import (
    LinearFit,
    answer_queries,
    gram_eigenvalues,
    implicit_fit,
)
from sims.in_context_learning.network import Layout, Network, Run, Scales, embed, run
from sims.in_context_learning.primitives import aff, div, mov, mul
from sims.in_context_learning.probes import (
    Probe,
    TrainedProbe,
    hidden_states,
    moment_targets,
    ols_targets,
    probe_errors,
    train_probe,
)
from sims.in_context_learning.programs import (
    Prediction,
    Program,
    gradient_step_program,
    predict,
    prompt_state,
    recursive_ridge_program,
    ridge_update_program,
    sgd_program,
)
from sims.in_context_learning.prompts import Prompts, sample_prompts, tokens
from sims.in_context_learning.raw import Division, Raw, reference
from sims.in_context_learning.training import (
    Evaluation,
    TrainedLearner,
    TrainingSettings,
    evaluate,
    in_context_predictions,
    train,
    train_together,
)
