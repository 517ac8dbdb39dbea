"""Methods that generate images, side by side."""
