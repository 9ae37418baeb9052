"""Effective rank of starts, and how fast training is from them."""
