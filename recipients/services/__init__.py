"""The writes of this app. Imported at start, so that `advance` finds the steps."""

from recipients.services import entitlements, review

__all__ = ["entitlements", "review"]
