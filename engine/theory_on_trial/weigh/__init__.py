"""What is a stochastic test worth? `theory-on-trial weigh FILE::TEST` reads a test that exists,
says how often it fails although the code is right and which fault it would notice, and writes the
better one.

`reading` finds value, expected value and tolerance in the syntax tree, `recorder` notes them while
the test runs, `moved` repeats a p-value with another sample, `seeds` replaces seeds by drawn ones,
`child` runs the test many times in a process of its own, `worth` turns what was recorded into
shares, `better` writes the test with a trial by means of `lines`, and `command` puts these in a
row. No file of the user is changed.
"""
