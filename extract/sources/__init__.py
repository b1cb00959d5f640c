"""Kinds of export, one module each. `contract` is what all of them give to the run."""
