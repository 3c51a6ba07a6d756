"""Files of power meters: what is in them is recognised, shown, and can be said with an option each."""
