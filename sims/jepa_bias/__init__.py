"""The simulators of JEPA and MAE in deep linear networks: the scalar equation of one feature, and
the whole network.

`scalar_flow` steps equations (7) and (8) through time, or integrates them over strengths.
`factor_flow` keeps encoder, predictor and target apart. `networks` has encoders, starts and losses,
`matrix_flow` trains them and linearises their flow, `sampled_views` draws their data, and `relu`
trains a nonlinear encoder.
"""
