"""What cannot be said in the configs: the data, the picture, and looking for files."""
