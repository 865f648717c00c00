"""The objects of Kubernetes' API."""
from kubernetes._refuse import refusal
from kubernetes.client.models import *  # noqa: F401,F403

__getattr__ = refusal("kubernetes.client")
