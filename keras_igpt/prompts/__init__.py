"""What is asked: classes and captions."""
