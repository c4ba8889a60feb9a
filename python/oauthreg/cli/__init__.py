"""The command line, ``python -m oauthreg``: one module a command, loaded when it is needed.

stdout holds data only; notes and errors go to stderr. Exit codes are in ``exits``.
"""
