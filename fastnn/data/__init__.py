"""Data on its way into a model, and the files of the embedded data sets."""
