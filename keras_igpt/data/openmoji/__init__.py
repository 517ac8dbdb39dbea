"""Drawings of OpenMoji, with captions."""
