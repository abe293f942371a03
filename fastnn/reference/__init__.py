"""The NumPy twin of every operation, and the interpreter that runs any program with them."""
