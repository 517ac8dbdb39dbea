"""Tokens, cell by cell."""
