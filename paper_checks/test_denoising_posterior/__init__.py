"""Manor & Michaeli 2024, "On the Posterior Distribution in Denoising", ICLR 2024, arXiv 2309.13598.

Its abstract and its released code were read, the univariate recursion in a public summary; what is
printed of tensors and directions is recalled, and put on trial as a statement of ours.
"""
