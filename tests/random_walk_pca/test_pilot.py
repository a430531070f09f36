import importlib
from theory_on_trial.audits.promises import promises, Case
M=[importlib.import_module(f"theory.random_walk_pca.{m}") for m in ("momentum","drift","processes")]
test_a, test_b, test_c, test_d = promises(M, {"momentum_crossover_index": Case(infinite="at gamma = 0")})
