"""`python -m keras_igpt.cli` is `keras-igpt`."""

from keras_igpt.cli import main

main()
