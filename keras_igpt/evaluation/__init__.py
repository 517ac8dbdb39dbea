"""Figures: how likely, how alike, how well recognised."""
