"""The page of `keras-igpt demo`."""
