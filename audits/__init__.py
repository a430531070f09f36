"""The audits of this house: what measures it, knows its folders, and is not installed.

`theory-on-trial audit NAME` finds them here, beside the engine's own, which serve any repository.
"""

AUDITS = {
    "benchmarks": "side by side with what people would otherwise run",
    "fast_tier": "where does the time of the fast tier go?",
    "independence": "does the measured side of a claim share code with the predicted side?",
    "mutants": "does anything notice when the code is wrong?",
    "scaling": "what does a figure cost at a hundred times its size, on one worker and on many?",
    "tools": "what do the tools say of data that nobody prepared?",
}
"""Name and question of every audit, each a module of this package with a function
`main(arguments)`.
"""
