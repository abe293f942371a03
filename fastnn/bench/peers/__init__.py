"""The peers: each file does the work in one library, in every variant worth measuring.

Invariant: a peer module has `version()`, and what it can of

    train(workload, variant, threads)           trains `workload.epochs` epochs, each shuffled anew;
                                                returns the mean loss of the last
    predict(workload, variant, threads, rows)   turns rows in the layout it likes best into an array
                                                of probabilities that NumPy can read
    kernel(task, variant, threads)              computes the task once; a Job

The first two return a function without arguments that waits until its work is done.  A peer raises
`Unsupported` for what it cannot do.  contest.py names the variants.
"""
