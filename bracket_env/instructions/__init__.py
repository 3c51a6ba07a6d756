"""Sentences that ask for an answer, and what they mean."""
