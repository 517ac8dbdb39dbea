"""The model without Python."""
