"""A bundle as a folder, an archive and a download."""
