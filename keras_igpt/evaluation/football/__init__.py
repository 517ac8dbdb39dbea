"""Football images read, and what they say."""
