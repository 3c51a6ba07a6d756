"""The house as its laws see it: modules, imports, commands and their options, read from the syntax tree.

``PYTHONPATH=tests/helpers python -m house`` prints every measure beside its limit; with a folder it measures another
checkout.
"""
