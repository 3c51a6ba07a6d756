"""What people type: values read as they are meant, and what they may have meant where that is not sure."""
