"""What fastnn takes beside its peers and beside the machine: the command `fastnn bench`.

Invariant: modules of this package import each other relatively, and the package itself imports
nothing: a worker process runs it under a name of its own, without fastnn (see contest.py).
"""
