"""Reading and writing one mail: bytes to values and back. Pure."""
