"""The rules: what a sentence can state about brackets or household power."""
