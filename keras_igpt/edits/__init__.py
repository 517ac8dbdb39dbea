"""What is known of an image, what is hidden and what is kept."""
