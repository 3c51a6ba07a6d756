"""Household power -> is somebody at home: the second domain, which has nothing to do with brackets."""
