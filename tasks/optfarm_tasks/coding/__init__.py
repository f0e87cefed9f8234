"""Entropy coding of models: `.coded` files, which decode bit for bit into the files that they were made from."""
