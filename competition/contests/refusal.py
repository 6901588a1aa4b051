"""`Refusal` under the name that the rules of contests use; it lives where `accounts`, below, reaches it too."""

from competition.refusal import Refusal

__all__ = ["Refusal"]
