"""The template of a bundle for a task of one's own: a network, and images of noise in the place of data."""
