"""What a sentence names: brackets, durations, order, certainty."""
