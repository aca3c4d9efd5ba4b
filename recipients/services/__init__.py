"""The writes of this app. Imported at start, so that `advance` finds the steps."""

from recipients.services import endings, entitlements, review

__all__ = ["endings", "entitlements", "review"]
