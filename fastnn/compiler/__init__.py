"""The compiler: small pure passes from a graph of operations to a bound program."""
