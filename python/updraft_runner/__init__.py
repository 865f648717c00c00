"""The Python side of Updraft's workers: runs callables, one process each.

main.py starts either the parent (zygote.py), which only forks, or one
attempt in a fresh interpreter (child.py). Only the standard library is used,
and nothing here may need more than Python 3.9.
"""
