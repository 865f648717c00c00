"""Kubernetes' client for Python, where it is not installed: the objects that arguments and pod overrides are made of.

Nothing here talks to a cluster.
"""
