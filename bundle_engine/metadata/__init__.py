"""What a bundle's metadata says, and whether it is so."""
