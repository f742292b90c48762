"""The reference, made from the declarations in the code."""
