"""Arrays of pixels; knows no model."""
