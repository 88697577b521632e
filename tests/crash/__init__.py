"""Killing rawat at every point where it touches the world."""
