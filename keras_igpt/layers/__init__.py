"""Keras layers; knows no images."""
