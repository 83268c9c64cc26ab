"""What cannot be said in the configs: the lists of images, and images to begin with."""
