"""The network, the public model, and what is made of it."""
