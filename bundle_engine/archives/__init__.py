"""Archives that somebody else made, read with care, and zip archives that are always the same bytes."""
