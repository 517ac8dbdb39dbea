"""Football images that the package draws, with their facts."""
