"""Sentences as unit vectors."""
