"""The page of a bundle whose inference config is given by the caller."""
