"""What `fit` needs; knows models only as Keras does."""
