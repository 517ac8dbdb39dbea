"""Training runs: from options to a folder with a model.

Models and tokenizers are made here, for `training` knows models only as Keras
does.
"""
