"""One file per peer: what it must have installed at its top, and `prepare(scene, stage, threads)`.

`prepare` returns a function of no arguments that does the work once and returns its results by name ("image", "means",
"covariances", "weights"; those it computes). Everything that a user would do once is done before.
"""
