"""Images that were tokenised once: many rows, in a few large files.

A folder of shards has ArrayRecord files, what TFDS needs to open them, and
`manifest.json`, which says what the rows are.
"""
