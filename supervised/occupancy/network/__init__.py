"""The network that labels slots: what it sees, what it is, how it is trained."""
