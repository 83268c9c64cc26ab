"""Several processes that train one network, or share out the images of an evaluation."""
