"""The peers: each file trains a workload in one framework, in every variant worth measuring.

Invariant: a peer module has `version()` and `build(workload, variant, threads)`, which returns a
function that trains one epoch, shuffled anew, waits until it is done and returns the epoch's mean
loss.  run.py names the variants.
"""
