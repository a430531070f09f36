"""In-context learning of linear functions: transformers that are built, and transformers that are
trained.

`programs` are the paper's constructions as data, `compiler` turns them into the weights of a
`network`, and `error_bound` says how exact these are. `training` trains a transformer on `prompts`,
`baselines` are the textbook learners to compare it with, and `probes` read its hidden states.
"""
